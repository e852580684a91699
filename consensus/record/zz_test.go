package record_test

import (
	"strings"
	"testing"
)

func TestZZ(t *testing.T) {
	for _, p := range transitPairs(t, corpus(t)) {
		if strings.HasPrefix(p.name, "mta-pgen-044") {
			t.Log(mapBetween(p.sent, p.received))
			t.Log(string(p.sent[:200]))
			t.Log(string(p.received[:400]))
		}
	}
}
