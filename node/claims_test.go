package node

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
)

// key matches what "cairn org trust" could be given.
var key = regexp.MustCompile(`[0-9a-fA-F]{16}`)

func TestClaimsNameAllAndNoKey(t *testing.T) {
	org := func(name string, height uint64, b byte) *consensus.Org {
		return &consensus.Org{Name: name, Height: height, ID: consensus.Hash{b, b, b, b, b}, Key: consensus.Key{0xee, b}}
	}
	since := func(height uint64) time.Time {
		if height == 404 {
			return time.Time{}
		}
		return time.Date(2026, 11, int(height), 23, 0, 0, 0, time.UTC)
	}
	var many []*consensus.Org
	for i := range 20 {
		many = append(many, org(strings.Repeat("é", 64), uint64(20-i), byte(i)))
	}
	for _, tt := range []struct {
		claims []*consensus.Org
		want   []string
	}{
		{[]*consensus.Org{org("Bravo", 9, 0xab)}, []string{`1 member claims this domain`, `: "Bravo" (id abababab, since block 9 of 2026-11-09)`}},
		{
			[]*consensus.Org{org("Late", 12, 1), org("Early", 3, 2)},
			[]string{`2 members claim this domain`, `: "Early" (id 02020202, since block 3 of 2026-11-03), "Late" (id 01010101, since block 12 of 2026-11-12)`},
		},
		{[]*consensus.Org{org(`cairn org trust "x"`, 404, 3)}, []string{`"cairn org trust \"x\"" (id 03030303, since block 404)`}},
		{many, []string{"20 members claim this domain", "(id 13131313, since block 1 of", "(id 0f0f0f0f, since block 5 of", ", 15 more", `é..."`}},
	} {
		got := claimsOn("bravo.example", tt.claims, since)
		for _, want := range append(tt.want, "over another way", "telephone", `"cairn org trust bravo.example"`) {
			if !strings.Contains(got, want) {
				t.Errorf("%q does not say %q", got, want)
			}
		}
		for _, c := range tt.claims {
			if strings.Contains(got, c.Key.String()) {
				t.Errorf("%q offers a key", got)
			}
		}
		if key.MatchString(got) || len(got) > 900 {
			t.Errorf("%d octets: %q", len(got), got)
		}
	}
	if got := fmt.Sprint(claimsOn("bravo.example", many, since)); strings.Contains(got, "since block 6") {
		t.Errorf("more than %d: %q", maxClaims, got)
	}
}
