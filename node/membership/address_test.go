package membership

import (
	"testing"

	"cairn/consensus"
	"cairn/mailstore"
)

// What can be enrolled has the form that accounts and envelopes have; only the
// "may" is narrower.
func TestCanonicalDomainAddsOnlyWhatMayBe(t *testing.T) {
	for in, may := range map[string]bool{
		"Example.ORG": true, "example.org.": true, "ab--cd.example": true, "Bücher.example": true, "localhost": true,
		"foo_bar.example": false, "a..b": false, "alpha": false, "192.0.2.1": false, "[192.0.2.1]": false, "": false,
	} {
		form, _ := mailstore.CanonicalDomain(in)
		got, err := CanonicalDomain(in)
		if (err == nil) != may || may && (got != form || !consensus.ValidDomain(got)) {
			t.Errorf("%q became %q (%v), elsewhere it is %q", in, got, err, form)
		}
	}
}
