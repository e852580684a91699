package courier

import (
	"net"
	"regexp"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
)

// TestLifeOfAMail: by the id in the 250 the logs of both sides tell all that became of a mail, in a
// line each.
func TestLifeOfAMail(t *testing.T) {
	var near, farLog gatewaytest.Lines
	farStore := storeWith(t, "bob=bob@far.example", "carol=carol@far.example")
	farCfg := smtpgw.Config{Hostname: "mx.far.example", Domains: only("far.example"), Postmaster: "bob@far.example", Log: farLog.Log()}
	key := consensus.Key{7}
	farCfg.NodeKey = func(net.Conn) *consensus.Key { return &key }
	found := &deliverytest.Verifier{Found: screen.Finding{Verdict: record.Verified}}
	far := &node{addr: gatewaytest.Serve(t, smtpgw.NewInbound(farCfg, farStore, testDelivery(farCfg, farStore, found), farLog.Log()))}

	n := nearNode(t, far)
	cfg := testConfig
	cfg.Log = near.Log()
	n.courier.log, n.courier.delivery = near.Log(), testDelivery(cfg, n.store, n.checker)
	d := greeted(t, gatewaytest.Serve(t, smtpgw.NewSubmission(cfg, n.store, n.queue, near.Log())))
	d.Say("MAIL FROM:<user@local.example>\r\n", "^250")
	d.Say("RCPT TO:<bob@far.example>\r\n", "^250")
	d.Say("RCPT TO:<other@local.example>\r\n", "^250")
	d.Say("DATA\r\n", "^354")
	id := regexp.MustCompile(`[0-9a-f]{16}`).FindString(d.Say(mailText("secret words")+".\r\n", "^250 2.0.0 "))

	near.Line(t, `msg="mail submitted"`, `mail=`+id+` peer=127\.0\.0\.1:\d+ from=user@local.example to="bob@far.example and 1 more" size=\d+ took=`)
	n.run(t)
	n.drained(t)
	sent := near.Line(t, "domain=far.example", `msg="mail delivered" mail=`+id+` entry=1 domain=far.example from=user@local.example to=bob@far.example size=\d+ attempt=1 waiting=0 failed=0 reported=false result="250 2.0.0 accepted and stored as [0-9a-f]{16}" took=`)
	theirs := regexp.MustCompile(`stored as ([0-9a-f]{16})`).FindStringSubmatch(sent)[1]
	farLog.Line(t, `msg="mail filed"`, `mail=`+theirs+` sent_as=`+id+` peer=127\.0\.0\.1:\d+ from=user@local.example to=bob@far.example size=\d+ verdict=verified filed="bob/1 inbox" took=`)
	near.Line(t, `msg="mail filed"`, `mail=`+id+` sent_as="" peer=local from=user@local.example to=other@local.example size=\d+ verdict=pending filed="other/1 inbox" took=`)
	for _, log := range []string{near.Text(), farLog.Text()} {
		if strings.Contains(log, "secret words") || strings.Contains(log, "token-") {
			t.Errorf("the log has text of the mail:\n%s", log)
		}
	}
}

// TestReturnedMailInTheLog: a mail that comes back has its id in each line, and so has the report.
func TestReturnedMailInTheLog(t *testing.T) {
	var log gatewaytest.Lines
	n := nearNode(t, nil)
	cfg := testConfig
	cfg.Log = log.Log()
	n.courier.log, n.courier.delivery = log.Log(), testDelivery(cfg, n.store, n.checker)
	_, err := n.queue.Submit(t.Context(), outbox.Envelope{Ref: "0123456789abcdef", From: "user@local.example", Account: 2, Recipients: []string{"x@nowhere.example"}}, []byte(mailText("a")))
	if err != nil {
		t.Fatal(err)
	}
	n.run(t)
	n.drained(t)
	log.Line(t, `msg="mail returned"`, `mail=0123456789abcdef entry=1 domain=nowhere.example from=user@local.example to=x@nowhere.example size=\d+ attempt=1 waiting=0 failed=1 reported=true result="550 5.1.2 `)
	log.Line(t, `msg="mail filed"`, `mail=0123456789abcdef sent_as="" peer=local from="" to=user@local.example .*filed="user/2 inbox"`)
	log.Line(t, `msg="mail delivered"`, `mail=0123456789abcdef entry=2 domain=local.example from="" to=user@local.example `)
}
