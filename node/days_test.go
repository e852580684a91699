package node

import (
	"testing"
	"time"

	"cairn/node/api"
)

// The days of a query are those of the time zone that the node runs in.
func TestDaysOfQueriesAreThoseOfTheNode(t *testing.T) {
	n, _ := alone(t)
	east := time.FixedZone("", 2*60*60)
	n.now = func() time.Time { return time.Date(2026, 5, 10, 1, 0, 0, 0, east) }
	for query, want := range map[string]string{
		"date:today":        "date:2026-05-09T22:00:00Z..2026-05-10T22:00:00Z",
		"after:2026-05-10":  "after:2026-05-09T22:00:00Z",
		"before:2026-05-10": "before:2026-05-09T22:00:00Z",
	} {
		found, err := n.Search(t.Context(), api.SearchRequest{Query: query})
		if err != nil || found.Query != want {
			t.Errorf("%s is understood as %+v, %v, want %s", query, found, err, want)
		}
	}
}
