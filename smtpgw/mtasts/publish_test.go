package mtasts

import (
	"reflect"
	"testing"
	"time"
)

// TestPublished: what is published is read as it is meant, and another policy has another id.
func TestPublished(t *testing.T) {
	ids := make(map[string]bool)
	for _, p := range []Policy{
		{Enforce, []string{"mail.example.org"}, 7 * 24 * time.Hour},
		{Testing, []string{"mail.example.org", "*.example.net"}, 24 * time.Hour},
		{None, nil, time.Minute},
		{None, []string{"mail.example.org"}, time.Minute},
	} {
		got, err := parsePolicy(p.Text())
		if err != nil || !reflect.DeepEqual(*got, p) {
			t.Errorf("%q: %+v, %v", p.Text(), got, err)
		}
		id, ok := parseRecord([]string{p.Record()})
		if !ok || ids[id] {
			t.Errorf("%q", p.Record())
		}
		ids[id] = true
	}
}
