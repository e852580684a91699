package smtpgw

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
)

// TestSuccessReports: who asks for it is told of what came into an inbox, once for each message,
// and only where SPF passes for him.
func TestSuccessReports(t *testing.T) {
	const ask = " NOTIFY=SUCCESS,FAILURE"
	for _, tt := range []struct {
		name       string
		spf        deliverytest.SPFSays
		found      screen.Finding
		from       string
		user, also string // what is asked about user@ and other@
		want       string // the recipients in the report, in order; empty: there is none
	}{
		{"asked", screen.Pass, screen.Finding{}, "a@far.example", ask, "", "user"},
		{"asked about both", screen.Pass, screen.Finding{}, "a@far.example", ask, ask, "user other"},
		{"asked about one, never about the other", screen.Pass, screen.Finding{}, "a@far.example", ask, " NOTIFY=NEVER", "user"},
		{"never", screen.Pass, screen.Finding{}, "a@far.example", " NOTIFY=NEVER", "", ""},
		{"failures alone", screen.Pass, screen.Finding{}, "a@far.example", " NOTIFY=FAILURE,DELAY", "", ""},
		{"nothing asked", screen.Pass, screen.Finding{}, "a@far.example", "", "", ""},
		{"null sender", screen.Pass, screen.Finding{}, "", ask, "", ""},
		{"a forged sender", screen.Fail, screen.Finding{}, "a@far.example", ask, "", ""},
		{"a sender that may be forged", screen.Neutral, screen.Finding{}, "a@far.example", ask, "", ""},
		{"a DNS that does not answer", screen.TempError, screen.Finding{}, "a@far.example", ask, "", ""},
		{"nobody looked", "", screen.Finding{}, "a@far.example", ask, "", ""},
		{"spam", screen.Pass, screen.Finding{Verdict: record.Missing}, "a@far.example", ask, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := localStore(t)
			queue := outbox.New(st)
			d := NewDelivery(testConfig, st, &deliverytest.Verifier{Found: tt.found}, NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{tt.spf}})
			d.ReportTo(queue)
			c := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, d, discard())))
			c.say("MAIL FROM:<"+tt.from+"> RET=FULL ENVID=QQ+2B1\r\n", "^250 ")
			rcpt := tt.user
			if rcpt != "" {
				rcpt += " ORCPT=rfc822;old+2Bx@far.example"
			}
			c.say("RCPT TO:<user@local.example>"+rcpt+"\r\n", "^250 ")
			c.say("RCPT TO:<other@local.example>"+tt.also+"\r\n", "^250 ")
			c.say("DATA\r\n", "^354 ")
			c.say(mailText("wanted")+".\r\n", "^250 ")
			reports := queued(t, queue)
			if tt.want == "" {
				if len(reports) > 0 {
					t.Errorf("reported: %q", reports)
				}
				return
			}
			if len(reports) != 1 {
				t.Fatalf("%d reports", len(reports))
			}
			var told []string
			for _, m := range regexp.MustCompile(`(?m)^Final-Recipient: rfc822; (.*)@local\.example\r\nAction: delivered\r\nStatus: 2\.0\.0\r$`).FindAllStringSubmatch(reports[0], -1) {
				told = append(told, m[1])
			}
			if strings.Join(told, " ") != tt.want {
				t.Errorf("told of %q, want %q: %s", told, tt.want, reports[0])
			}
			for _, want := range []string{"To: <a@far.example>\r\n", "Original-Envelope-Id: QQ+1\r\n", "Original-Recipient: rfc822; old+x@far.example\r\n", "Subject: Mail delivered", "text/rfc822-headers"} {
				if !strings.Contains(reports[0], want) {
					t.Errorf("the report lacks %q: %s", want, reports[0])
				}
			}
			if list := must(queue.List(0, 10))(t); list[0].From != "" || fmt.Sprint(list[0].Recipients) != "[a@far.example]" {
				t.Errorf("it is from %q to %q", list[0].From, list[0].Recipients)
			}
		})
	}
}

// TestInboundOffersDSN: what other servers ask is taken, with its mistakes told as at submission.
func TestInboundOffersDSN(t *testing.T) {
	st, v := localStore(t), &deliverytest.Verifier{}
	d := dial(t, inbound(t, testConfig, st, v))
	d.expect("^220 ")
	if all := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(all, "250-DSN\r\n") {
		t.Errorf("offered are %q", all)
	}
	d.say("MAIL FROM:<a@far.example> RET=SOME\r\n", "^501 5.5.4 ")
	d.say("MAIL FROM:<a@far.example> ENVID="+strings.Repeat("x", 101)+"\r\n", "^501 5.5.4 ")
	d.say("MAIL FROM:<a@far.example> RET=HDRS ENVID=id\r\n", "^250 ")
	d.say("RCPT TO:<user@local.example> NOTIFY=NEVER,SUCCESS\r\n", "^501 5.5.4 ")
	d.say("RCPT TO:<user@local.example> NOTIFY=NEVER ORCPT=rfc822;u@old.example\r\n", "^250 ")
	d.say("DATA\r\n", "^354 ")
	d.say(mailText("kept")+".\r\n", "^250 ")
	want := outbox.DSN{HDRS: true, EnvID: "id", Asked: []outbox.Asked{{Recipient: "user@local.example", Notify: outbox.NotifyNever, Original: "rfc822;u@old.example"}}}
	if got := v.Seen(); len(got) != 1 || fmt.Sprint(got[0].DSN) != fmt.Sprint(want) {
		t.Errorf("it arrived as %+v", got)
	}
}
