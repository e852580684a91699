package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cairn/mailstore/wake"
	"cairn/node/acme/acmetest"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/keyroll"
	"cairn/smtpgw/dnstest"
)

// oneTLS is what there is to say of the one name.
func oneTLS(t *testing.T, l *api.TLSKeys, err error) api.TLSKey {
	t.Helper()
	if err != nil || len(l.Keys) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	return l.Keys[0]
}

// codeOf is the code of an error of the API.
func codeOf(err error) api.Code {
	if e, ok := err.(*api.Error); ok {
		return e.Code
	}
	return ""
}

// TestRealDNSKeyRoll: the next key of the node's own certificate is used when real servers have had
// the records of both keys for two TTLs, and not sooner, over a restart; then the record of the
// former one may go, until it is gone.
func TestRealDNSKeyRoll(t *testing.T) {
	dir := filepath.Join(shortDir(t), "alpha")
	c := DefaultConfig("Alpha", []string{"example.org"})
	c.Hostname = "mail.example.org"
	o := InitOptions{Dir: dir, Config: c, Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, nil)
	var later atomic.Int64
	published := func(n *Node, records ...string) {
		t.Helper()
		zone := "@ MX 10 mail\nmail A 127.0.0.1\n"
		for _, r := range records {
			zone += "_25._tcp.mail 7200 TLSA " + r + "\n"
		}
		dns := dnstest.Start(t,
			dnstest.Zone{Name: "example.org", Signed: true, Records: zone},
			dnstest.Zone{Name: "broken.example.com", Signed: true, Records: "@ TXT nothing", Forge: "root.broken.", By: "evil.broken."})
		toServers(t, dns, "", nil)
		n.outside.signed = newSignedDNS(&OutboundConfig{ValidatingResolver: dns})
	}
	started := func() (*Node, func()) {
		n, err := Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		n.now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
		return n, func() { n.Close() }
	}
	n, end := started()
	was := oneTLS(t, must(n.TLSKeys(t.Context(), "")), nil)
	if was.Source != "own" || was.Next != nil || was.Owner != "_25._tcp.mail.example.org" {
		t.Fatalf("%+v", was)
	}
	published(n, was.Record)
	rolled := oneTLS(t, must(n.RollTLS(t.Context(), "Mail.example.org.")), nil)
	if rolled.Record != was.Record || rolled.Next == nil || rolled.Next.State != "missing" || !rolled.Next.Ready.IsZero() || rolled.Next.TTL < 7000 {
		t.Fatalf("%+v, %+v", rolled, rolled.Next)
	}
	if _, err := n.RollTLS(t.Context(), ""); codeOf(err) != api.CodeExists {
		t.Errorf("a second time: %v", err)
	}
	end()
	n, end = started()
	defer func() { end() }()
	published(n, was.Record, rolled.Next.Record)
	seen := oneTLS(t, must(n.TLSKeys(t.Context(), "")), nil)
	if seen.Next == nil || seen.Next.State != "seen" || seen.Next.Record != rolled.Next.Record || seen.Next.Ready.Sub(seen.Next.Since) < 14000*time.Second {
		t.Fatalf("%+v, %+v", seen, seen.Next)
	}
	later.Store(int64(seen.Next.Ready.Sub(seen.Next.Since) - time.Minute))
	if k := oneTLS(t, must(n.TLSKeys(t.Context(), "")), nil); k.Record != was.Record || k.Next == nil {
		t.Errorf("too soon: %+v", k)
	}
	later.Add(int64(5 * time.Minute))
	used := oneTLS(t, must(n.TLSKeys(t.Context(), "")), nil)
	if used.Record != rolled.Next.Record || used.Next != nil || used.Former == nil || used.Former.Record != was.Record {
		t.Fatalf("%+v", used)
	}
	if shown := n.certificate.shown(nil); keyroll.Record(shown.Leaf.PublicKey) != used.Record || shown.Leaf.VerifyHostname(c.Hostname) != nil {
		t.Error("the listeners show another key, or another name")
	}
	end()
	n, end = started()
	published(n, used.Record)
	if k := oneTLS(t, must(n.TLSKeys(t.Context(), "")), nil); k.Record != used.Record || k.Former != nil || k.Next != nil {
		t.Errorf("after a restart, and without the record of before: %+v", k)
	}
}

// TestKeyRollOfAnAuthority: without records that count the next key is certified a day later, and
// used then; a renewal before is with the key of before.
func TestKeyRollOfAnAuthority(t *testing.T) {
	t.Parallel()
	const name = "mail.example.org"
	c := newCertified(t, acmetest.Options{}, func(cfg *Config) { cfg.Outbound.ValidatingResolver = resolverNone })
	c.log.wait(t, "a certificate was issued", "name="+name)
	was := oneTLS(t, must(c.TLSKeys(t.Context(), "")), nil)
	k := oneTLS(t, must(c.RollTLS(t.Context(), "")), nil)
	if k.Source != "acme" || k.Record != was.Record || k.Next == nil || k.Next.State != "unpublished" || k.Next.Using ||
		k.Next.Ready.Sub(k.Next.Since) != keyroll.Unseen || !strings.Contains(k.Next.Why, "no resolver here") {
		t.Fatalf("%+v, %+v", k, k.Next)
	}
	back := func() {
		c.tlsKeys.changes.Lock()
		defer c.tlsKeys.changes.Unlock()
		ring := c.tlsKeys.ring.Load()
		next := *ring.Of(name).Next
		next.Since = next.Since.Add(-keyroll.Unseen)
		if err := c.tlsKeys.keep(ring.With(name, keyroll.Name{Next: &next})); err != nil {
			t.Error(err)
		}
	}
	back()
	wake.Up(c.tlsKeys.again)
	c.log.wait(t, "the next TLS key is in use", "name="+name)
	now := oneTLS(t, must(c.TLSKeys(t.Context(), name)), nil)
	if now.Record != k.Next.Record || now.Source != "acme" || now.Next != nil || now.Former == nil || now.Former.Record != was.Record {
		t.Errorf("%+v", now)
	}
}

// TestKeyRollGivenUp: a next key that was given up is not used, and who has no say in a key is told
// so.
func TestKeyRollGivenUp(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	if _, err := n.CancelRollTLS(t.Context(), ""); codeOf(err) != api.CodeNotFound {
		t.Errorf("there is nothing to be given up: %v", err)
	}
	if _, err := n.RollTLS(t.Context(), "other.test"); codeOf(err) != api.CodeNotFound {
		t.Errorf("another's name: %v", err)
	}
	k := oneTLS(t, must(n.RollTLS(t.Context(), "")), nil)
	if k.Next == nil || !strings.Contains(k.Next.Why, "kept out of the DNS") {
		t.Fatalf("%+v", k)
	}
	if text := must(os.ReadFile(filepath.Join(dir, home.TLSKeys))); !strings.Contains(string(text), "PRIVATE KEY") {
		t.Error("the key is not on the disk")
	}
	if k = oneTLS(t, must(n.CancelRollTLS(t.Context(), "")), nil); k.Next != nil {
		t.Errorf("%+v", k)
	}
	if key, use := n.tlsKeys.next(k.Name); key != nil || use {
		t.Error("it is to be used all the same")
	}
	n.cfg.TLS.CertificateFile = "a"
	if _, err := n.RollTLS(t.Context(), ""); codeOf(err) != api.CodeNotAllowed || !strings.Contains(fmt.Sprint(err), "tls.key_file") {
		t.Errorf("with a file: %v", err)
	}
	n.cfg.TLS.CertificateFile, n.cfg.TLS.ACME = "", true
	if _, err := n.RollTLS(t.Context(), ""); codeOf(err) != api.CodeNotAllowed {
		t.Errorf("with nothing issued yet: %v", err)
	}
}

// TestTLSKeysThatAreDamaged: what cannot be read is told of with what helps, before anything else
// is shown.
func TestTLSKeysThatAreDamaged(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	if err := os.WriteFile(filepath.Join(dir, home.TLSKeys), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, nil)
	if _, err := Open(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "is damaged") || !strings.Contains(hintOf(err), "move it away") {
		t.Errorf("%v", err)
	}
}
