package smtpgw

import (
	"bufio"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/forwarders"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// authenticating is a delivery that finds no record on anything, and asks dns.
func authenticating(st *mailstore.Store, dns *lookuptest.Zone, now func() time.Time, verdict record.Verdict, from string) *Delivery {
	cfg := testConfig
	cfg.Clock.Now = now
	found := screen.Finding{Verdict: verdict, From: from}
	source := NewAuthentication(cfg, dns, func(netip.Addr) bool { return true }, nil)
	return NewDelivery(cfg, st, &deliverytest.Verifier{Found: found}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{source}})
}

// bring hands a message to an inbound listener over TCP and wants that reply.
func bring(t *testing.T, addr, from, text, want string) {
	t.Helper()
	c := greeted(t, addr)
	c.say("MAIL FROM:<"+from+">\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
	c.expect("^250")
	c.expect("^354")
	c.say(text+".\r\n", want)
}

// Mail that comes over TCP says in its Authentication-Results what the DNS says of it, and is put
// where its domain wants it.
func TestAuthentication(t *testing.T) {
	letter := func(from string) string {
		return "From: Jo <" + from + ">\r\nTo: user@local.example\r\nSubject: hello\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@peer.example>\r\n\r\nHello.\r\n"
	}
	for _, c := range []struct {
		name, from, author, text string
		verdict                  record.Verdict
		label                    string
		says                     []string
	}{
		{"signed", "bounce@list.example", "jo@org.example", deliverytest.DKIMSigned(t, "org.example", letter("jo@org.example")), record.Unrecorded, mailstore.LabelInbox,
			[]string{"spf=none", "dkim=pass header.d=org.example", "dmarc=pass header.from=org.example"}},
		{"sent by its own server", "jo@here.example", "jo@here.example", letter("jo@here.example"), record.Unrecorded, mailstore.LabelInbox,
			[]string{"spf=pass", "smtp.mailfrom=jo@here.example", "dkim=none", "dmarc=pass header.from=here.example", "iprev=pass reason=\"mx.here.example\" policy.iprev=127.0.0.1"}},
		{"forged", "jo@org.example", "jo@org.example", letter("jo@org.example"), record.Unrecorded, mailstore.LabelQuarantine,
			[]string{"spf=fail", "dkim=none", "dmarc=fail", "its policy is reject"}},
		{"signed and changed", "jo@org.example", "jo@org.example", strings.Replace(deliverytest.DKIMSigned(t, "org.example", letter("jo@org.example")), "Hello", "Give", 1), record.Unrecorded, mailstore.LabelQuarantine,
			[]string{"dkim=fail reason=\"the body was changed\" header.d=org.example", "dmarc=fail"}},
		{"forged, to be put aside", "jo@peer.example", "jo@aside.example", letter("jo@aside.example"), record.Unrecorded, mailstore.LabelSpam, []string{"dmarc=fail", "quarantine"}},
		{"forged, the policy is tried out", "jo@peer.example", "jo@trying.example", letter("jo@trying.example"), record.Unrecorded, mailstore.LabelInbox, []string{"dmarc=fail", "not to be applied"}},
		{"no policy", "jo@peer.example", "jo@peer.example", letter("jo@peer.example"), record.Unrecorded, mailstore.LabelInbox, []string{"spf=none", "dmarc=none"}},
		{"recorded, though its domain disowns it", "jo@org.example", "jo@org.example", letter("jo@org.example"), record.Pending, mailstore.LabelInbox, []string{"dmarc=fail"}},
		{"recorded, though the DNS is silent", "jo@x.silent.example", "jo@x.silent.example", letter("jo@x.silent.example"), record.Verified, mailstore.LabelInbox, []string{"spf=temperror", "dmarc=temperror"}},
		{"with results that it claims to have of us", "jo@org.example", "jo@org.example", "Authentication-Results: mx.local.example; dmarc=pass header.from=org.example\r\n" + letter("jo@org.example"), record.Unrecorded, mailstore.LabelQuarantine,
			[]string{"dmarc=fail"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := localStore(t)
			d := authenticating(st, deliverytest.OutsideDNS(), time.Now, c.verdict, c.author)
			bring(t, gatewaytest.Serve(t, NewInbound(testConfig, st, d, discard())), c.from, c.text, "^250")
			got := inboxOf(t, st, "user@local.example", c.label)
			if len(got) != 1 {
				t.Fatalf("%d in %s", len(got), c.label)
			}
			unfolded := strings.NewReplacer("\r\n\t", " ", "\r\n ", " ").Replace(got[0])
			header, _, _ := strings.Cut(unfolded, "\r\n\r\n")
			if n := strings.Count(header, "Authentication-Results: mx.local.example"); n != 1 {
				t.Errorf("%d fields in %s", n, header)
			}
			for _, s := range c.says {
				if !strings.Contains(header, s) {
					t.Errorf("%q is not in %s", s, header)
				}
			}
		})
	}
}

// Mail that its domain may want kept away is put off while the DNS is silent, and taken
// in the end, not to the inbox.
func TestSilentDNS(t *testing.T) {
	for name, author := range map[string]string{"about the policy": "jo@x.silent.example", "about the key": "jo@halfway.example"} {
		t.Run(name, func(t *testing.T) {
			st := localStore(t)
			now := time.Unix(1700000000, 0)
			d := authenticating(st, deliverytest.OutsideDNS(), func() time.Time { return now }, record.Unrecorded, author)
			addr := gatewaytest.Serve(t, NewInbound(testConfig, st, d, discard()))
			domain := author[strings.IndexByte(author, '@')+1:]
			text := deliverytest.DKIMSigned(t, domain, strings.Replace(mailText("x"), "user@local.example", author, 1))
			silent := "^451 4.7.0 whether this message is from " + domain + " is not known at present"
			bring(t, addr, "jo@peer.example", text, silent)
			now = now.Add(unsurePatience - time.Second)
			bring(t, addr, "jo@peer.example", text, silent)
			now = now.Add(time.Second)
			bring(t, addr, "other@peer.example", text, silent)
			bring(t, addr, "jo@peer.example", text, "^250")
			got := inboxOf(t, st, "user@local.example", mailstore.LabelSpam)
			if len(got) != 1 || !strings.Contains(got[0], "dmarc=temperror") {
				t.Errorf("%q", got)
			}
		})
	}
}

// What a list changed is in the inbox by the word of its seal, once its domain is trusted.
func TestTrustedSealer(t *testing.T) {
	texts, cases := lookuptest.Generated(t)
	i := slices.IndexFunc(cases, func(c lookuptest.Case) bool { return c.File == "msg/036.eml" })
	raw := cases[i].Raw
	for label, sealers := range map[string][]string{mailstore.LabelInbox: {"beta.example"}, mailstore.LabelQuarantine: {"other.example"}} {
		st := localStore(t)
		source := NewAuthentication(testConfig, &lookuptest.Zone{TXTs: texts}, func(netip.Addr) bool { return true }, sealers)
		found := screen.Finding{Verdict: record.Unrecorded, From: "jo@alpha.example"}
		d := NewDelivery(testConfig, st, &deliverytest.Verifier{Found: found}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{source}})
		bring(t, gatewaytest.Serve(t, NewInbound(testConfig, st, d, discard())), "owner@beta.example", string(raw), "^250")
		got := inboxOf(t, st, "user@local.example", label)
		if len(got) != 1 || !strings.Contains(got[0], "dmarc=fail") || strings.Contains(got[0], "arc=pass reason") != (label == mailstore.LabelInbox) {
			t.Errorf("%v: %.900q", sealers, got)
		}
	}
}

// What a list that the account has named signs is in its inbox, though its author's domain disowns
// it; in that of others it is not.
func TestSentOnByWhoIsNamed(t *testing.T) {
	st := localStore(t)
	update(t, st, func(tx *mailstore.Tx) error {
		a, err := tx.AccountByAddress("user@local.example")
		if err != nil {
			return err
		}
		_, err = forwarders.Add(tx, a.ID, forwarders.Forwarder{Address: "all@org.example", Kind: forwarders.List})
		return err
	})
	d := authenticating(st, deliverytest.OutsideDNS(), time.Now, record.Unrecorded, "jo@aside.example")
	d.sources.Account = []arrival.AccountSource{SentOnBy{}}
	letter := strings.Replace(mailText("x"), "user@local.example", "jo@aside.example", 1)
	c := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, d, discard())))
	c.say("MAIL FROM:<owner@org.example>\r\nRCPT TO:<user@local.example>\r\nRCPT TO:<other@local.example>\r\nDATA\r\n", "^250")
	c.expect("^250")
	c.expect("^250")
	c.expect("^354")
	c.say(deliverytest.DKIMSigned(t, "org.example", letter)+".\r\n", "^250")
	for address, label := range map[string]string{"user@local.example": mailstore.LabelInbox, "other@local.example": mailstore.LabelSpam} {
		if got := inboxOf(t, st, address, label); len(got) != 1 || strings.Contains(got[0], screen.MethodForwarder) {
			t.Errorf("%s: %q", address, got)
		}
	}
}

// It is remembered of so many senders, for so long.
func TestUnsureIsBounded(t *testing.T) {
	now := time.Unix(1700000000, 0)
	u := newUnsure(func() time.Time { return now })
	for i := range unsureMost {
		if !u.putOff(fmt.Sprintf("192.0.%d.1:25", i/unsureOfNetwork), fmt.Sprintf("%d@peer.example", i), "org.example") {
			t.Fatal(i)
		}
	}
	const elsewhere = "198.51.100.1:25"
	if u.putOff(elsewhere, "more@peer.example", "org.example") {
		t.Error("put off without room to remember it")
	}
	now = now.Add(unsureKept)
	if !u.putOff(elsewhere, "more@peer.example", "org.example") || len(u.since) != 1 || len(u.of) != 1 {
		t.Errorf("%d are remembered, of %d networks", len(u.since), len(u.of))
	}
	now = now.Add(-time.Hour) // the clock was set
	if !u.putOff(elsewhere, "more@peer.example", "org.example") {
		t.Error("taken by a clock that was set back")
	}
}

// However many senders one network names, others have room; and its own mail is put off for as long
// as that of one sender, then taken.
func TestUnsureOfOneNetworkIsBounded(t *testing.T) {
	for name, from := range map[string]func(i int) string{
		"IPv4":       func(i int) string { return fmt.Sprintf("192.0.2.%d:25", i%256) },
		"IPv6":       func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:25", i) },
		"no address": func(int) string { return "x" },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1700000000, 0)
			u := newUnsure(func() time.Time { return now })
			sender := func(i int) string { return fmt.Sprintf("%d@peer.example", i) }
			for i := range unsureMost + 1 {
				if !u.putOff(from(i), sender(i), "org.example") {
					t.Fatalf("%d is taken at once", i)
				}
			}
			if most := unsureOfNetwork + 1; len(u.since) != most {
				t.Errorf("%d are remembered, want %d", len(u.since), most)
			}
			now = now.Add(unsurePatience - time.Second)
			if !u.putOff(from(0), sender(unsureMost+1), "org.example") || !u.putOff("198.51.100.1:25", "jo@other.example", "org.example") {
				t.Error("taken too early")
			}
			now = now.Add(time.Second)
			if u.putOff(from(0), sender(0), "org.example") || u.putOff(from(0), sender(unsureMost+1), "org.example") {
				t.Error("put off for longer")
			}
			if !u.putOff("198.51.100.1:25", "jo@other.example", "org.example") {
				t.Error("another network's mail is taken too early")
			}
			now = now.Add(unsureKept)
			if !u.putOff(from(0), sender(unsureMost+2), "org.example") {
				t.Error("its room is never free again")
			}
		})
	}
}

// What is sent again from another network takes no second room, and gives back the first.
func TestUnsureSenderMoves(t *testing.T) {
	now := time.Unix(1700000000, 0)
	u := newUnsure(func() time.Time { return now })
	const sender, first, second = "jo@peer.example", "192.0.2.1:25", "198.51.100.1:25"
	u.putOff(first, sender, "org.example")
	u.putOff(second, sender, "org.example")
	now = now.Add(unsureKept)
	u.putOff(second, sender, "org.example")
	if len(u.since) != 1 || len(u.of) != 1 || u.of[networkOf(second)] != 1 {
		t.Errorf("%d are remembered, of %v", len(u.since), u.of)
	}
}

// TestStrangersOverStreams: what a node brings that is not enrolled is mail from outside like any,
// by whatever way: anybody has a key.
func TestStrangersOverStreams(t *testing.T) {
	for label, key := range map[string]consensus.Key{mailstore.LabelInbox: {1}, mailstore.LabelQuarantine: {2}} {
		var lists blocklists
		cfg := membersConfig()
		cfg.Blocklists = lists.ask
		st := localStore(t)
		dns := &lookuptest.Zone{TXTs: map[string][]string{"_dmarc.bank.example": {"v=DMARC1; p=reject"}, "bank.example": {"v=spf1 ip4:192.0.2.7 -all"}}}
		source := NewAuthentication(cfg, dns, func(netip.Addr) bool { return true }, nil)
		found := screen.Finding{Verdict: record.Unrecorded, From: "jo@bank.example"}
		d := NewDelivery(cfg, st, &deliverytest.Verifier{Found: found}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{source}})
		l := servePipes(t, NewInbound(cfg, st, d, discard()))
		for ip, in := range map[string]string{"192.0.2.8": label, "192.0.2.7": mailstore.LabelInbox} {
			before := len(inboxOf(t, st, "user@local.example", in))
			conn := l.visit(netip.MustParseAddr(ip), &key)
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			c := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
			c.expect("^220")
			c.say("EHLO mx.bank.example\r\n", "^250")
			c.say("MAIL FROM:<jo@bank.example>\r\n", "^250")
			c.say("RCPT TO:<user@local.example>\r\n", "^250")
			text := "From: jo@bank.example\r\nSubject: x\r\n\r\nx\r\n"
			c.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text), text), "^250")
			got := inboxOf(t, st, "user@local.example", in)
			if len(got) != before+1 {
				t.Errorf("by %x from %s: %d are in %s, %d were", key[0], ip, len(got), in, before)
			} else if asked := strings.Contains(got[len(got)-1], "smtp.mailfrom=jo@bank.example"); asked != (key[0] == 2) {
				t.Errorf("by %x from %s: the DNS was asked: %v", key[0], ip, asked)
			}
			if asked := slices.Contains(lists.asked, ip); asked != (key[0] == 2) {
				t.Errorf("by %x from %s: lists were asked: %v", key[0], ip, asked)
			}
		}
	}
}

// A stranger's stream of which nobody knows where it comes from is not taken for a relay of ours.
func TestStrangersFromNowhere(t *testing.T) {
	dns := &lookuptest.Zone{TXTs: map[string][]string{"_dmarc.bank.example": {"v=DMARC1; p=reject"}, "bank.example": {"v=spf1 ip4:192.0.2.7 -all"}}}
	source := NewAuthentication(testConfig, dns, func(a netip.Addr) bool { return a.IsGlobalUnicast() }, nil)
	a := &arrival.Arrival{Raw: []byte("From: jo@bank.example\r\nSubject: x\r\n\r\nx\r\n"), From: "jo@bank.example", Peer: trace.Peer{Node: new(consensus.Key), Addr: "12D3", Stranger: true}}
	e, err := source.Gather(t.Context(), a)
	fails := 0
	for _, r := range e {
		if r.Result == screen.Fail && (r.Method == screen.MethodDMARC || r.Method == "spf") {
			fails++
		}
	}
	if err != nil || fails != 2 {
		t.Errorf("%v, %v", e, err)
	}
}

// Of mail by nodes, and of what this node brings, the DNS is not asked.
func TestAuthenticationIsOfServersOutside(t *testing.T) {
	source := NewAuthentication(testConfig, deliverytest.OutsideDNS(), func(a netip.Addr) bool { return !a.IsLoopback() }, nil)
	raw := []byte(mailText("x"))
	for name, peer := range map[string]trace.Peer{"a node": {Node: new(consensus.Key), Addr: "12D3"}, "this node": {Protocol: trace.ProtocolLocal}} {
		if e, err := source.Gather(t.Context(), &arrival.Arrival{Raw: raw, Peer: peer}); e != nil || err != nil {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
	for name, addr := range map[string]string{"a relay of our own": "127.0.0.1:25", "no address": "x", "none": ""} {
		e, err := source.Gather(t.Context(), &arrival.Arrival{Raw: raw, From: "jo@here.example", Peer: trace.Peer{Addr: addr}})
		if err != nil || len(e) == 0 || e[0].Result != screen.None || e[0].Reason == "" {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
}
