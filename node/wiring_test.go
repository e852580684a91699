package node

import (
	"context"
	"net"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore/message"
	"cairn/smtpgw"
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

// Mail of the largest size that one node takes must not be too large for the
// next one, which has the same limit.
func TestLargestMailFitsWithItsRecord(t *testing.T) {
	n := storeOnly(t)
	gw := n.gatewayConfig()
	if err := n.ensurePostmaster(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw := []byte("From: postmaster@alpha.test\r\nSubject: large\r\n\r\n")
	submitter := smtpgw.NewSubmitter(gw, n.store, smtpgw.NewQueue(n.store))
	peer := smtpgw.Peer{Addr: "127.0.0.1:1", Helo: strings.Repeat("h", 255), Protocol: "UTF8SMTP"}
	sent, err := submitter.Submit(t.Context(), peer, "postmaster@alpha.test", []string{"bob@bravo.test"}, raw)
	if err != nil {
		t.Fatal(err)
	}
	token := record.Token{
		Version: record.TokenVersion, Count: 1024, Path: make([]consensus.Hash, 10),
		Record: record.Record{
			Commitments: make([]record.Commitment, message.MaxComponents),
			Tags:        make([]record.Tag, record.MaxTags),
		},
	}
	added := int64(len(sent.Raw) - len(raw) + len(token.Header()))
	if room := inboundConfig(gw).Limits.MessageBytes - gw.Limits.MessageBytes; added > room {
		t.Errorf("%d octets are added, there is room for %d", added, room)
	}
}
