package node

import (
	"context"
	"net"
	"testing"

	"cairn/consensus"
	"cairn/consensus/verifier"
)

// Mail may be returned only when the DNS says that nobody is trusted, not when
// it says nothing.
func TestSilentDNSDoesNotReturnMail(t *testing.T) {
	claims := []*consensus.Org{{Key: consensus.Key{1}}, {Key: consensus.Key{2}}}
	for _, tt := range []struct {
		name    string
		records []string
		err     error
		wait    bool
	}{
		{"no records", nil, nil, false},
		{"no such name", nil, &net.DNSError{Err: "no such host", IsNotFound: true}, false},
		{"names another", []string{"v=spf1 -all", verifier.FormatTXT(consensus.Key{3})}, nil, false},
		{"names one that claims it", []string{verifier.FormatTXT(consensus.Key{2})}, nil, true},
		{"server fails", nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}, true},
		{"no answer", nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}, true},
		{"interrupted", nil, context.Canceled, true},
	} {
		lookup := func(_ context.Context, name string) ([]string, error) {
			if name != "_cairn.bravo.example" {
				t.Errorf("%s: asked for %q", tt.name, name)
			}
			return tt.records, tt.err
		}
		if err := dnsMayName(t.Context(), lookup, "bravo.example", claims); (err != nil) != tt.wait {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
