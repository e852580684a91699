package record

import (
	"strings"
	"testing"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// TestTops: the names are top-level domains of the public suffix list, in the form in which words
// are compared.
func TestTops(t *testing.T) {
	for _, name := range strings.Fields(tops) {
		ascii, err := idna.ToASCII(name)
		if suffix, icann := publicsuffix.PublicSuffix("host." + ascii); err != nil || !icann || !strings.HasSuffix(suffix, ascii) {
			// of some, such as ck, all names below are suffixes
			t.Errorf("%q is no top-level domain: %q, %v", name, suffix, err)
		}
		if norm.NFKC.String(strings.ToLower(name)) != name {
			t.Errorf("%q would be compared as another", name)
		}
	}
}
