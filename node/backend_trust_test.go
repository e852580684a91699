package node

import (
	"context"
	"net"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/consensus/verifier"
	"cairn/node/api"
)

// What the DNS says is told as it is, by the list of claims and when a pin is taken back.
func TestClaimsTellWhatTheDNSSays(t *testing.T) {
	n, alpha := invited(t)
	for _, tt := range []struct {
		name    string
		records []string
		err     error
		dns     string
	}{
		{"named", []string{verifier.FormatTXT(alpha.Key)}, nil, "names"},
		{"named among others", []string{"v=spf1 -all", verifier.FormatTXT(consensus.Key{3}), verifier.FormatTXT(alpha.Key)}, nil, "names"},
		{"another is named", []string{verifier.FormatTXT(consensus.Key{3})}, nil, "names-not"},
		{"no such name", nil, &net.DNSError{Err: "no such host", IsNotFound: true}, "names-not"},
		{"no answer", nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}, "no-answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trust, err := verifier.OpenTrust(n.store, func(context.Context, string) ([]string, error) { return tt.records, tt.err })
			if err != nil {
				t.Fatal(err)
			}
			n.trust = trust
			pin := verifier.Pin{Domain: "alpha.test", Key: alpha.Key, Source: verifier.SourceInvite, Since: time.Now()}
			if err := n.trust.Pin(t.Context(), pin, true); err != nil {
				t.Fatal(err)
			}
			check := func(when string, pinned, trusted bool) {
				t.Helper()
				l, err := n.Claims(t.Context(), "Alpha.test")
				if err != nil || len(l.Claims) != 1 {
					t.Fatalf("%s: %+v, %v", when, l, err)
				}
				c := l.Claims[0]
				if c.DNS != tt.dns || c.Pinned != pinned || c.Trusted != trusted || (l.Pin != nil) != pinned || c.Fingerprint != fingerprint.Of(alpha.Key) {
					t.Errorf("%s: %+v, pin %+v", when, c, l.Pin)
				}
			}
			check("pinned", true, true)
			u, err := n.Untrust(t.Context(), "alpha.test")
			if err != nil {
				t.Fatal(err)
			}
			named := tt.dns == "names"
			if u.DNS != tt.dns || u.Pin.Org != alpha.Name || (u.Trusted != nil) != named || named && u.Trusted.Key != alpha.Key.String() {
				t.Errorf("taken back: %+v", u)
			}
			check("taken back", false, named)
			want := map[string]string{"names": api.MailMember, "names-not": api.MailReturned, "no-answer": api.MailWaits}[tt.dns]
			if u.Mail != want { // alpha.test is no name of the DNS
				t.Errorf("mail for it: %s, want %s", u.Mail, want)
			}
		})
	}
}

// The node refuses, whoever asks.
func TestTrustIsRefused(t *testing.T) {
	n, alpha := invited(t)
	stranger := consensus.Key{1, 2, 3}
	for _, tt := range []struct {
		name string
		r    api.TrustRequest
		code api.Code // empty: it is pinned
	}{
		{"no domain", api.TrustRequest{Domain: "a@b", Key: alpha.Key.String()}, api.CodeInvalid},
		{"no key", api.TrustRequest{Domain: "alpha.test", Key: "00"}, api.CodeInvalid},
		{"our own domain", api.TrustRequest{Domain: "beta.test", Key: alpha.Key.String(), Replace: true, EvenSo: true}, api.CodeNotAllowed},
		{"nobody has the key", api.TrustRequest{Domain: "soon.test", Key: stranger.String(), Replace: true}, api.CodeNotAllowed},
		{"who has it claims other domains", api.TrustRequest{Domain: "soon.test", Key: alpha.Key.String(), Replace: true}, api.CodeNotAllowed},
		{"pinned to another", api.TrustRequest{Domain: "alpha.test", Key: stranger.String(), EvenSo: true}, api.CodeExists},
		{"pinned as it is", api.TrustRequest{Domain: "alpha.test", Key: alpha.Key.String()}, ""},
		{"even so", api.TrustRequest{Domain: "soon.test", Key: stranger.String(), EvenSo: true}, ""},
		{"in its place", api.TrustRequest{Domain: "alpha.test", Key: stranger.String(), EvenSo: true, Replace: true}, ""},
	} {
		before := n.trust.Pins()
		p, err := n.Trust(t.Context(), tt.r)
		if tt.code == "" {
			if err != nil || p.Key != tt.r.Key {
				t.Errorf("%s: %+v, %v", tt.name, p, err)
			}
			continue
		}
		if e := api.AsError(err); e == nil || e.Code != tt.code || e.Hint == "" {
			t.Errorf("%s: %+v", tt.name, e)
		}
		if len(n.trust.Pins()) != len(before) {
			t.Errorf("%s: pinned all the same", tt.name)
		}
	}
	if p, _ := n.trust.PinOf("alpha.test"); p.Key != stranger || p.Source != verifier.SourceTrust {
		t.Errorf("in the end: %+v", p)
	}
}
