package smtpgw

import (
	"fmt"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
)

// Submission takes what is asked about reports and keeps it with the entries, each for its own
// recipients; nodes are not offered it.
func TestDSNIsTaken(t *testing.T) {
	st := localStore(t)
	addr, q := submission(t, testConfig, st)
	d := dial(t, addr)
	d.expect("^220 ")
	if all := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(all, "250-DSN\r\n") {
		t.Errorf("offered are %q", all)
	}
	const mail = "MAIL FROM:<user@local.example>"
	for _, tt := range []struct{ mail, rcpt, want string }{
		{" RET=SOME", "", "^501 5.5.4 "}, {" RET=", "", "^501 5.5.4 a parameter lacks"}, {" RET", "", "^501 5.5.4 a parameter lacks"},
		{" RET=FULL ret=HDRS", "", "^501 5.5.4 .*twice"}, {" ENVID=" + strings.Repeat("x", 101), "", "^501 5.5.4 ENVID is longer than 100 "},
		{" ENVID=+4", "", "^501 5.5.4 "}, {" NOTIFY=NEVER", "", "^555 5.5.4 "},
		{"", " NOTIFY=NEVER,FAILURE", "^501 5.5.4 "}, {"", " NOTIFY=", "^501 5.5.4 a parameter lacks"}, {"", " NOTIFY=LATER", "^501 5.5.4 "},
		{"", " NOTIFY=DELAY NOTIFY=DELAY", "^501 5.5.4 .*twice"}, {"", " ORCPT=bob@far.example", "^501 5.5.4 "},
		{"", " ORCPT=rfc822;" + strings.Repeat("x", 500), "^501 5.5.4 ORCPT is longer than 500 "}, {"", " RET=FULL", "^555 5.5.4 "},
		{"", " ORCPT=rfc822;j+C3+B6rg@far.example", "^250 "}, {"", " NOTIFY=NEVER ORCPT=rfc822;j+C3+B6rg@far.example", "^250 "},
		{"", " ORCPT=rfc822;j+C3+B6rg@far.example NOTIFY=LATER", "^501 5.5.4 "},
	} {
		if tt.rcpt == "" {
			d.say(mail+tt.mail+"\r\n", tt.want)
		} else {
			d.say(mail+"\r\n", "^250 ")
			d.say("RCPT TO:<bob@far.example>"+tt.rcpt+"\r\n", tt.want)
		}
		d.say("RSET\r\n", "^250 ")
	}
	d.say(mail+" RET=HDRS ENVID=QQ+2B1\r\n", "^250 ")
	d.say("RCPT TO:<bob@far.example> NOTIFY=success,failure ORCPT=rfc822;Bob+2Bx@old.example\r\n", "^250 ")
	d.say("RCPT TO:<BOB@far.example> NOTIFY=NEVER\r\n", "^250 ")
	d.say("RCPT TO:<eve@two.example>\r\n", "^250 ")
	d.say("DATA\r\n", "^354 ")
	d.say(mailText("asked")+".\r\n", "^250 ")
	es := must(q.List(0, 10))(t)
	want := outbox.DSN{HDRS: true, EnvID: "QQ+1", Asked: []outbox.Asked{{
		Recipient: "bob@far.example", Notify: outbox.NotifySuccess | outbox.NotifyFailure, Original: "rfc822;Bob+x@old.example",
	}}}
	if len(es) != 2 || fmt.Sprint(es[0].DSN) != fmt.Sprint(want) || es[1].DSN.EnvID != "QQ+1" || len(es[1].DSN.Asked) != 0 {
		t.Errorf("queued are %+v", es)
	}
	cfg := testConfig
	cfg.NodeKey = by(consensus.Key{9})
	in := dial(t, inbound(t, cfg, st, &deliverytest.Verifier{}))
	in.expect("^220 ")
	if all := in.say("EHLO client.example\r\n", "^250 "); strings.Contains(all, "DSN") || !strings.Contains(all, "250-SIZE") {
		t.Errorf("nodes are offered %q", all)
	}
	in.say("MAIL FROM:<a@far.example> ENVID=x\r\n", "^555 5.5.4 ")
}
