package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/client"
	"cairn/smtpgw/dane"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/dnstest"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/mx"
	"cairn/smtpgw/tlsa"
)

// validating starts a resolver that validates, and knows of each name what dns does: unsigned, as
// most of the world is.
func validating(t *testing.T, dns mx.Resolver) string {
	t.Helper()
	was := exchange.probes
	exchange.probes = dnssec.Probes{Signed: "signed.example.", Broken: "broken.example."}
	t.Cleanup(func() { exchange.probes = was })
	return dnstest.Answering(t, func(_ string, m dnsmessage.Message) []byte {
		m.Response, m.AuthenticData, m.Additionals = true, false, nil
		resolve(t.Context(), dns, &m)
		b, err := m.Pack()
		if err != nil {
			t.Errorf("%v: %v", m.Questions, err)
		}
		return b
	})
}

// resolve answers a message.
func resolve(ctx context.Context, dns mx.Resolver, m *dnsmessage.Message) {
	q := m.Questions[0]
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}
	switch name := q.Name.String(); {
	case name == exchange.probes.Signed:
		m.AuthenticData = true
	case name == exchange.probes.Broken:
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeMX:
		list, _ := dns.LookupMX(ctx, name)
		for _, r := range list {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.MXResource{Pref: r.Pref, MX: dnsmessage.MustNewName(r.Host)}})
		}
	case q.Type == dnsmessage.TypeA:
		list, _ := dns.LookupNetIP(ctx, "ip4", name)
		for _, a := range list {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		}
	}
}

// TestKeysAndPolicies: which hosts may have the mail of a domain, and what they have to show, by
// the keys that the DNS names and by its MTA-STS policy.
func TestKeysAndPolicies(t *testing.T) {
	key := publishedKey{server: &tlsa.Server{Base: "mx1.far.org", Records: []dane.Record{dane.OfKey([]byte("key"))}}}
	unusable := publishedKey{server: &tlsa.Server{Base: "mx1.far.org", Records: []dane.Record{{Usage: dane.PKIXEE}}}}
	none, silent := publishedKey{}, publishedKey{err: dnssec.ErrFails}
	enforce := func(hosts ...string) *mtasts.Policy { return &mtasts.Policy{Mode: mtasts.Enforce, MX: hosts} }
	const silence = "the DNS does not answer, or not as it was signed, which keys the mail servers of far.org have (TLSA)"
	for _, tt := range []struct {
		name   string
		keys   []publishedKey
		policy *mtasts.Policy
		to     string
		tls    []client.TLSUse
		err    string
	}{
		{"a key of one", []publishedKey{key, none}, nil, "mail servers mx1.far.org (TLSA) mx2.far.org", []client.TLSUse{client.TLSRequired, client.TLSIfOffered}, ""},
		{"no key that counts", []publishedKey{unusable, none}, nil, "mail servers mx1.far.org (TLSA) mx2.far.org", []client.TLSUse{client.TLSRequired, client.TLSIfOffered}, ""},
		{"no key that counts, and a policy", []publishedKey{unusable, none}, enforce("mx1.far.org"), "mail servers, with TLS, mx1.far.org", []client.TLSUse{client.TLSRequired}, ""},
		{"a key before a policy", []publishedKey{key, none}, enforce("mx2.far.org"), "mail servers, with TLS, mx1.far.org (TLSA) mx2.far.org", []client.TLSUse{client.TLSRequired, client.TLSRequired}, ""},
		{"a policy for others", []publishedKey{none, none}, enforce("mx.org"), "", nil, "none of the mail exchangers of far.org is one that its MTA-STS policy names"},
		{"one of which nothing is known", []publishedKey{silent, none}, nil, "mail servers mx2.far.org", []client.TLSUse{client.TLSIfOffered}, ""},
		{"nothing is known of any", []publishedKey{silent, silent}, nil, "", nil, silence},
		{"nothing is known of one, and the policy is for it", []publishedKey{silent, none}, enforce("mx1.far.org"), "", nil, silence},
	} {
		t.Run(tt.name, func(t *testing.T) {
			route, err := new(outsideRouter).route("far.org", []mx.Host{{Name: "mx1.far.org"}, {Name: "mx2.far.org"}}, tt.keys, tt.policy)
			why, known := errors.AsType[client.Reason](err)
			if route.To != tt.to || string(why) != tt.err || known != (tt.err != "") || len(route.Hosts) != len(tt.tls) {
				t.Fatalf("%q, %v", route.To, err)
			}
			if lacking := len(tt.tls) > 0 && tt.keys[0] == silent; strings.HasPrefix(fmt.Sprint(route.Lacking), silence) != lacking {
				t.Errorf("hosts are lacking: %v", route.Lacking)
			}
			for i, h := range route.Hosts {
				if want := tt.keys[i].server == unusable.server && tt.policy == nil; h.Unproved != want {
					t.Errorf("%s proves nothing: %v", h.Name, h.Unproved)
				}
				if h.TLS != tt.tls[i] || (h.Verify != nil) != strings.Contains(route.To, h.Name+" (TLSA)") {
					t.Errorf("%s: TLS %d, held to a key: %v", h.Name, h.TLS, h.Verify != nil)
				}
			}
		})
	}
}
