package courier

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
)

// reportOn is what a server outside reports of a recipient.
func reportOn(id, rcpt, status, said string) string {
	return "From: <postmaster@far.example>\r\nTo: <user@local.example>\r\nSubject: Undelivered\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\n" +
		"Message-ID: <" + id + "@far.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nNo.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; in.far.example\r\n\r\n" +
		"Final-Recipient: rfc822; " + rcpt + "\r\nAction: failed\r\nStatus: " + status + "\r\nDiagnostic-Code: smtp; " + said + "\r\n--b--\r\n"
}

// returning is a node that has sent mail to a server that is no node, with its inbound server.
type returning struct {
	*node
	outside *gatewaytest.Foreign
	in      string // address of the inbound server
	clock   *movable
}

func newReturning(t *testing.T, host client.Host, sources ...arrival.Source) *returning {
	t.Helper()
	n := &returning{node: nearNode(t, nil), outside: (&gatewaytest.Foreign{}).Listen(t), clock: new(movable)}
	host.Name, host.Dial = cmp.Or(host.Name, "mx.far.example"), gatewaytest.DialTo(n.outside.Addr)
	cfg := testConfig
	cfg.Suppress, cfg.Clock.Now = 720*time.Hour, n.clock.now
	carrying := configOf(cfg)
	carrying.Sending.FirstRetry = time.Hour
	delivery := smtpgw.NewDelivery(cfg, n.store, n.checker, smtpgw.NewFiling(screen.Policy{}), arrival.Sources{Arrival: sources})
	n.courier = New(carrying, n.queue, routes{"far.example": {To: "outside", Hosts: []client.Host{host}}, "local.example": {Local: true}}, delivery, discard())
	n.in = gatewaytest.Serve(t, smtpgw.NewInbound(cfg, n.store, delivery, discard()))
	return n
}

// sender is the envelope sender of the last mail that has left.
func (n *returning) sender(t *testing.T) string {
	t.Helper()
	n.outside.Mu.Lock()
	defer n.outside.Mu.Unlock()
	from := ""
	for _, line := range n.outside.Told {
		if m := regexp.MustCompile(`MAIL FROM:<([^>]*)>`).FindStringSubmatch(line); m != nil {
			from = m[1]
		}
	}
	return from
}

// became is what is known of the recipients of the first mail that user has sent.
func (n *returning) became(t *testing.T) (said string) {
	t.Helper()
	err := n.store.View(func(r *mailstore.Reader) error {
		s, err := n.queue.SentOf(r, mailstore.Ref{Account: 2, Message: 1})
		for _, o := range s.Outcomes {
			said += fmt.Sprintf("%s %s by %s: %s\n", o.Recipient, o.State, o.By, o.Reply)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// report brings a message to the inbound server, which answers the recipient and the text so.
func (n *returning) report(t *testing.T, from, to, raw, rcpt, text string) {
	t.Helper()
	d := greeted(t, n.in)
	d.Say("MAIL FROM:<"+from+">\r\n", "^250 ")
	d.Say("RCPT TO:<"+to+">\r\n", rcpt)
	if text != "" {
		d.Say("DATA\r\n", "^354 ")
		d.Say(raw+".\r\n", text)
	}
	d.Say("QUIT\r\n", "^221 ")
}

// What a server outside reports to the return path of a mail is what became of its recipient; what
// comes to any other address, from anybody or too late changes nothing.
func TestReportToReturnPath(t *testing.T) {
	n := newReturning(t, client.Host{})
	stop := n.run(t)
	n.send(t, "user@local.example", "To: bob@far.example, carol@far.example, dave@far.example\r\n"+mailText("first"), "bob@far.example", "carol@far.example", "dave@far.example")
	sealAll(t, n.store, n.queue)
	n.drained(t)
	path := n.sender(t)
	if !regexp.MustCompile(`^user\+b=[a-z2-7]+@local\.example$`).MatchString(path) {
		t.Fatalf("envelope sender %q", path)
	}
	accepted := n.became(t)
	if strings.Count(accepted, " accepted by mx.far.example: 250 taken") != 3 {
		t.Fatalf("before a report: %s", accepted)
	}
	gone := reportOn("one", "bob@far.example", "5.1.1", "550 5.1.1 no such user")
	n.report(t, "", "user@local.example", gone, "^250 ", "^250 ")       // not signed
	n.report(t, "mallory@far.example", path, gone, "^250 ", "^250 ")    // no null sender
	n.report(t, "", "alias"+path[len("user"):], gone, "^250 ", "^250 ") // another address of the account
	n.report(t, "", path, mailText("an answer"), "^250 ", "^250 ")      // no report
	n.report(t, "", path, reportOn("two", "eve@far.example", "5.1.1", "550 5.1.1 no"), "^250 ", "^250 ")
	n.report(t, "", "other"+path[len("user"):], gone, "^550 5.7.1 ", "") // another account
	n.report(t, "", "user+b=a"+path[len("user+b=a"):], gone, "^550 5.7.1 ", "")
	n.report(t, "", "user+b=@local.example", gone, "^550 5.7.1 ", "")
	n.report(t, "", "user+shop@local.example", gone, "^250 ", "^250 ")
	want := strings.Replace(accepted, "bob@far.example accepted by mx.far.example: 250 taken", "bob@far.example refused by in.far.example: 550 5.1.1 no such user", 1)
	if got := n.became(t); got != want { // the alias is of the same account
		t.Errorf("after reports that do not count, and one to an alias: %swant %s", got, want)
	}
	before := len(inboxOf(t, n.store, "user@local.example", "inbox"))
	n.report(t, "", strings.ToUpper(path), reportOn("three", "Carol@FAR.example", "5.7.1", "554 not from you"), "^250 ", "^250 ")
	n.report(t, "", path, reportOn("three", "carol@far.example", "5.1.1", "550 5.1.1 now gone"), "^250 ", "^250 ")
	n.report(t, "", path, reportOn("four", "dave@far.example", "4.4.7", "451 4.4.1 he is away"), "^250 ", "^250 ")
	want = strings.Replace(want, "carol@far.example accepted by mx.far.example: 250 taken", "carol@far.example refused by in.far.example: 554 5.7.1 not from you", 1)
	want = strings.Replace(want, "dave@far.example accepted by mx.far.example: 250 taken", "dave@far.example given-up by in.far.example: 550 4.4.7 451 4.4.1 he is away", 1)
	if got := n.became(t); got != want {
		t.Errorf("after reports: %swant %s", got, want)
	}
	if got := len(inboxOf(t, n.store, "user@local.example", "inbox")); got != before+3 {
		t.Errorf("%d reports are in the inbox, want 3", got-before)
	}
	if got := suppressedNow(t, n.store, n.clock.now()); len(got) > 0 {
		t.Errorf("suppressed are %s, and each of the three knows the path", got)
	}
	if left := n.queued(t); left != 0 {
		t.Errorf("reports made %d entries", left)
	}
	n.clock.advance(10 * 24 * time.Hour)
	n.report(t, "", path, gone, "^250 ", "^250 ")
	n.clock.advance(24 * time.Hour)
	n.report(t, "", path, gone, "^550 5.7.1 .*no return path of mail that was sent from here in the last ten days", "")
	stop()
}

// Who is said to be gone by a report on a mail that went to him alone is suppressed if the report
// is proven to come from where the mail went: a return path stands in what a list outside sends on,
// for all its readers. A report that contradicts itself says nothing.
func TestReportSuppresses(t *testing.T) {
	dns := deliverytest.OutsideDNS()
	for _, name := range []string{"out.far.example", "out.far-mail.example", "stranger.example"} {
		dns.TXTs[name] = []string{"v=spf1 ip4:127.0.0.1 -all"}
	}
	for _, name := range []string{"far.example", "stranger.example"} {
		dns.TXTs["s._domainkey."+name] = dns.TXTs["s._domainkey.org.example"]
	}
	for _, name := range []string{"mx1.far-mail.example", "client7.far-mail.example"} {
		dns.Addrs[name] = []string{"127.0.0.1"}
	}
	gone := reportOn("two", "bob@far.example", "5.1.1", "550 5.1.1 no such user")
	from := func(author string) string { return strings.Replace(gone, "postmaster@far.example", author, 1) }
	// Who sends mail says how its recipient is called, in ORCPT.
	another := strings.Replace(gone, "Final-Recipient: rfc822; bob@", "Original-Recipient: rfc822; bob@far.example\r\nFinal-Recipient: rfc822; nobody@", 1)
	const suppressed = "[2 bob@far.example]"
	const itself = "mx1.far-mail.example"
	called := map[string]string{ // whom the DNS says the client is
		"by the server that took it":                         itself,
		"by another one of its owner, which does not say so": "client7.far-mail.example",
	}
	for _, tt := range []struct{ name, helo, report, want string }{
		{"by the server that took it", "peer.example", gone, suppressed},
		{"by another one of its owner, which does not say so", "peer.example", gone, "[]"},
		{"contradicts itself", "out.far.example", reportOn("one", "bob@far.example", "2.0.0", "250 fine"), "[]"},
		{"by a server of his domain", "out.far.example", gone, suppressed},
		{"by one of those whose server took it", "out.far-mail.example", gone, suppressed},
		{"by a server of his domain, on mail to another that calls him so", "out.far.example", another, "[]"},
		{"by anybody", "peer.example", gone, "[]"},
		{"by a server of somebody else's", "stranger.example", gone, "[]"},
		{"by one that only says so", "else.far.example", gone, "[]"},
		{"signed by his postmaster", "peer.example", deliverytest.DKIMSigned(t, "far.example", gone), suppressed},
		{"signed by his server", "peer.example", deliverytest.DKIMSigned(t, "far.example", from("MAILER-DAEMON@in.far.example")), suppressed},
		{"signed, of another user of his domain", "peer.example", deliverytest.DKIMSigned(t, "far.example", from("eve@far.example")), "[]"},
		{"signed, of somebody else's postmaster", "peer.example", deliverytest.DKIMSigned(t, "far.example", from("postmaster@stranger.example")), "[]"},
		{"signed by somebody else", "peer.example", deliverytest.DKIMSigned(t, "stranger.example", gone), "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dns.Names = map[string][]string{"127.0.0.1": {cmp.Or(called[tt.name], "mx.here.example")}}
			n := newReturning(t, client.Host{Name: itself}, smtpgw.NewAuthentication(testConfig, dns, func(netip.Addr) bool { return true }, nil))
			n.run(t)
			n.send(t, "user@local.example", mailText("first"), "bob@far.example")
			sealAll(t, n.store, n.queue)
			n.drained(t)
			d := greeted(t, n.in)
			d.Say("EHLO "+tt.helo+"\r\n", "^250 ")
			d.Say("MAIL FROM:<>\r\n", "^250 ")
			d.Say("RCPT TO:<"+n.sender(t)+">\r\n", "^250 ")
			d.Say("DATA\r\n", "^354 ")
			d.Say(tt.report+".\r\n", "^250 ")
			if got := fmt.Sprint(suppressedNow(t, n.store, n.clock.now())); got != tt.want {
				t.Errorf("suppressed are %s, want %s", got, tt.want)
			}
			state := "refused"
			if strings.Contains(tt.report, "2.0.0") {
				state = "accepted"
			}
			if got := n.became(t); !strings.HasPrefix(got, "bob@far.example "+state) {
				t.Errorf("what is told is %s, want %s", got, state)
			}
		})
	}
}

// The time that mail was held by hand counts neither for how long it may wait nor for how long
// reports are taken.
func TestHeldByHandIsNoDelay(t *testing.T) {
	n := newReturning(t, client.Host{})
	n.courier.cfg.Sending.Expire, n.courier.cfg.Sending.Delay = 5*24*time.Hour, 30*24*time.Hour
	n.queue.SetClock(n.clock.now)
	n.send(t, "user@local.example", mailText("first"), "bob@far.example")
	if held, err := n.queue.HoldByHand(t.Context(), outbox.Which{All: true}); held != 1 || err != nil {
		t.Fatal(held, err)
	}
	n.clock.advance(11 * 24 * time.Hour)
	n.outside.Instead = func(line string, nth int) string {
		if strings.HasPrefix(line, "MAIL") && nth == 1 {
			return "451 4.7.1 come again"
		}
		return ""
	}
	if _, err := n.queue.ReleaseByHand(t.Context(), outbox.Which{All: true}); err != nil {
		t.Fatal(err)
	}
	n.run(t)
	sealAll(t, n.store, n.queue)
	waitFor(t, func() bool {
		es := must(n.queue.List(0, 1))(t)
		return len(es) == 0 || es[0].Attempts > 0
	})
	if left := n.queued(t); left != 1 {
		t.Fatalf("%d wait after the first attempt, which was put off", left)
	}
	n.clock.advance(2 * time.Hour)
	if _, err := n.queue.RetryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.drained(t)
	n.report(t, "", n.sender(t), reportOn("one", "bob@far.example", "5.1.1", "550 5.1.1 no such user"), "^250 ", "^250 ")
}

// A report that comes before it is noted that its mail was taken is put off; it counts later.
func TestReportBeforeItsMail(t *testing.T) {
	n := newReturning(t, client.Host{})
	n.send(t, "user@local.example", mailText("first"), "bob@far.example")
	e := must(n.queue.List(0, 1))(t)[0]
	path, err := n.courier.signedReturn(t.Context(), &e)
	if err != nil {
		t.Fatal(err)
	}
	gone := reportOn("one", "bob@far.example", "5.1.1", "550 5.1.1 no such user")
	n.report(t, "", path, gone, "^250 ", "^451 4.3.0 ")
	n.report(t, "", path, reportOn("two", "eve@far.example", "5.1.1", "550 5.1.1 no"), "^250 ", "^250 ")
	n.run(t)
	n.drained(t)
	n.report(t, "", path, gone, "^250 ", "^250 ")
	if got, want := n.became(t), "bob@far.example refused by in.far.example: 550 5.1.1 no such user\n"; got != want {
		t.Errorf("became %s, want %s", got, want)
	}
}

// Mail of programs to return paths that do not count is refused too.
func TestNoReturnPathFromHere(t *testing.T) {
	n := newReturning(t, client.Host{})
	n.run(t)
	n.send(t, "", mailText("own"), "user+b=abc@local.example")
	sealAll(t, n.store, n.queue)
	n.drained(t)
	if got := inboxOf(t, n.store, "user@local.example", "inbox"); len(got) != 0 {
		t.Errorf("it was delivered: %q", got)
	}
}

// Whose reports could not come back leaves as it was sent: from sub-addresses of others, reports,
// and addresses with no room for more; and what goes by a smarthost that knows us.
func TestUnsignedReturnPaths(t *testing.T) {
	long := strings.Repeat("x", 50) + "@local.example"
	for _, tt := range []struct{ name, from, want string }{
		{"plain", "user@local.example", `^user\+b=[a-z2-7]+@local\.example$`},
		{"alias", "alias@local.example", `^alias\+b=`},
		{"sub-address", "user+shop@local.example", `^user\+b=[a-z2-7]+@local\.example$`},
		{"null sender", "", `^$`},
		{"long", long, "^" + long + "$"},
		{"elsewhere", "program@elsewhere.example", "^program@elsewhere.example$"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newReturning(t, client.Host{})
			err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
				return tx.SetAddresses(2, []string{"user@local.example", "alias@local.example", long})
			})
			if err != nil {
				t.Fatal(err)
			}
			n.run(t)
			n.send(t, tt.from, mailText("one"), "bob@far.example")
			sealAll(t, n.store, n.queue)
			n.drained(t)
			if got := n.sender(t); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("envelope sender %q, want %s", got, tt.want)
			}
		})
	}
	n := newReturning(t, client.Host{})
	e := &outbox.Entry{From: "user@local.example", Account: 2, Message: 1, ID: 1, Created: time.Now()}
	for _, o := range []*client.Session{{}, {Foreign: true, Known: true}} {
		if got := n.courier.envelopeSender(t.Context(), o, e); got != e.From {
			t.Errorf("to %+v from %q", o, got)
		}
	}
}
