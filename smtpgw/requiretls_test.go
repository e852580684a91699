package smtpgw

import (
	"crypto/tls"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/tlstest"
	"cairn/smtpgw/trace"
)

// TestRequireTLSIsTaken: REQUIRETLS is offered within TLS and to nodes alone, and kept with what is
// queued; reports on such mail have no body, whatever RET says.
func TestRequireTLSIsTaken(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.local.example")
	cfg := testConfig
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	st := localStore(t)
	seen := &deliverytest.Verifier{}
	posting, q := submission(t, cfg, st)
	const mail = "MAIL FROM:<user@local.example>"
	for addr, to := range map[string]string{posting: "bob@far.example", inbound(t, cfg, st, seen): "other@local.example"} {
		d := dial(t, addr)
		d.expect("^220 ")
		if offers := d.say("EHLO client.example\r\n", "^250 "); strings.Contains(offers, "REQUIRETLS") {
			t.Errorf("offered in clear: %q", offers)
		}
		d.say(mail+" REQUIRETLS\r\n", "^555 5.5.4 ")
		d.say("STARTTLS\r\n", "^220 ")
		d.encrypt(&tls.Config{ServerName: "mx.local.example", RootCAs: roots})
		if offers := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-REQUIRETLS\r\n") {
			t.Errorf("offered within TLS: %q", offers)
		}
		d.say(mail+" REQUIRETLS=1\r\n", "^501 5.5.4 a parameter lacks")
		d.say(mail+" REQUIRETLS requiretls\r\n", "^501 5.5.4 .*twice")
		d.say(mail+" requiretls RET=FULL\r\n", "^250 ")
		d.say("RCPT TO:<"+to+"> REQUIRETLS\r\n", "^555 5.5.4 ")
		d.say("RCPT TO:<"+to+">\r\n", "^250 ")
		d.say("DATA\r\n", "^354 ")
		d.say(mailText("required")+".\r\n", "^250 ")
		d.say(mail+" RET=FULL\r\n", "^250 ")
		d.say("RCPT TO:<"+to+">\r\n", "^250 ")
		d.say("DATA\r\n", "^354 ")
		d.say(mailText("as usual")+".\r\n", "^250 ")
	}
	es := must(q.List(0, 10))(t)
	if len(es) != 2 || !es[0].RequireTLS || es[0].DSN.Full || !es[0].DSN.HDRS || es[1].RequireTLS || !es[1].DSN.Full {
		t.Errorf("queued are %+v", es)
	}
	if all := seen.Seen(); len(all) != 2 || !all[0].RequireTLS || all[1].RequireTLS {
		t.Errorf("arrived are %+v", all)
	}
	cfg.NodeKey = by(consensus.Key{9})
	in := dial(t, inbound(t, cfg, st, &deliverytest.Verifier{}))
	in.expect("^220 ")
	if offers := in.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-REQUIRETLS\r\n") {
		t.Errorf("nodes are offered %q", offers)
	}
	in.say(mail+" REQUIRETLS\r\n", "^250 ")
}

// TestRequireTLSBySubmitters: what a program asks of the node itself, and what a mail server beside
// it has taken so, goes with REQUIRETLS, and is reported on without its text.
func TestRequireTLSBySubmitters(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	s := NewSubmitter(testConfig, st, q)
	peer, from, to, raw := trace.Peer{Protocol: trace.ProtocolLocal}, "user@local.example", "bob@far.example", []byte(mailText("x"))
	must(s.Submit(t.Context(), peer, from, []string{to}, raw))(t)
	must(s.SubmitRequiringTLS(t.Context(), peer, from, []string{to}, raw))(t)
	for _, given := range []map[string]string{{"RET": "FULL"}, {"RET": "FULL", "REQUIRETLS": ""}} {
		mail := func(name string) (string, bool) { v, ok := given[name]; return v, ok }
		none := func(string) (string, bool) { return "", false }
		must(s.SubmitFor(t.Context(), peer, from, mail, []To{{to, none}}, false, raw))(t)
	}
	for i, e := range must(q.List(0, 10))(t) {
		if want := i%2 == 1; e.RequireTLS != want || e.DSN.HDRS != want || e.DSN.Full != (i == 2) {
			t.Errorf("queued is %+v", e)
		}
	}
}
