package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/node/api"
)

// TestWaits holds the words for what an entry waits for, in the list and behind a retry.
func TestWaits(t *testing.T) {
	now := time.Now()
	for want, e := range map[string]api.QueueEntry{
		"its record":         {WaitsFor: api.WaitsRecord},
		"its record: no key": {WaitsFor: api.WaitsRecord, Why: "no key"},
		"its delivery here, without a record: no key":      {WaitsFor: api.WaitsDelivery, Why: "no key"},
		"its block: it is held until its record is in one": {WaitsFor: api.WaitsBlock},
		"its block: in doubt":                              {WaitsFor: api.WaitsHeld, Why: "in doubt"},
		"the next attempt, in 2 min":                       {WaitsFor: api.WaitsAttempt, NextAttempt: now.Add(2 * time.Minute)},
		"nothing, it is on its way":                        {WaitsFor: api.WaitsNothing},
	} {
		if got := waits(&e, now); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

// TestFewHints: below a long list stands what to do about some of its entries.
func TestFewHints(t *testing.T) {
	l := &api.QueueList{Total: 1000}
	for i := range l.Total {
		l.Entries = append(l.Entries, api.QueueEntry{ID: uint64(i + 1), Domain: "beta.example", WaitsFor: api.WaitsRelease, Next: fmt.Sprintf("cairn queue release %d", i+1)})
	}
	var b bytes.Buffer
	showQueue(&b, l, &api.QueueSelection{})
	if n := strings.Count(b.String(), "\nfor beta.example: "); n != mostHints || !strings.HasSuffix(b.String(), "\nand 995 more, as queue show tells of each\n") {
		t.Errorf("%d hints, and %q", n, b.String()[b.Len()-100:])
	}
}
