package cli

import (
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
