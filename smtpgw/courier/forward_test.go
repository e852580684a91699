package courier

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/forwards"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// forwarding is a node whose account user has its mail sent on to servers that are no nodes.
type forwarding struct {
	spf *spfNow // what SPF says of who brings mail; at first nothing
	*returning
	delivery *smtpgw.Delivery
	seals    int
}

func newForwarding(t *testing.T, noCopy bool, to ...string) *forwarding {
	t.Helper()
	return newForwardingAs(t, testConfig, noCopy, to...)
}

func newForwardingAs(t *testing.T, cfg smtpgw.Config, noCopy bool, to ...string) *forwarding {
	t.Helper()
	n := &forwarding{returning: &returning{node: nearNode(t, nil), outside: (&gatewaytest.Foreign{Offers: []string{"8BITMIME"}}).Listen(t), clock: new(movable)}}
	cfg.Clock.Now = n.clock.now
	carrying := configOf(cfg)
	carrying.Sending.FirstRetry = time.Hour
	carrying.Sign = func(domain string, _ ...[]byte) []byte { return []byte("DKIM-Signature: d=" + domain + "\r\n") }
	n.spf = new(spfNow)
	n.spf.said.Store(new(deliverytest.SPFSays))
	delivery := smtpgw.NewDelivery(cfg, n.store, n.checker, smtpgw.NewFiling(screen.Policy{}), arrival.Sources{Arrival: []arrival.Source{n.spf}})
	delivery.SetForwarding(smtpgw.Forwarding{Queue: n.queue, Seal: func(_ context.Context, domain, results string, raw []byte) []byte {
		n.seals++
		if domain != "local.example" || !strings.HasPrefix(strings.TrimSpace(results), testConfig.Hostname) || strings.HasPrefix(string(raw), "Return-Path") {
			t.Errorf("sealed by %s: %q\n%s", domain, results, raw)
		}
		return []byte("ARC-Seal: i=1\r\n")
	}})
	outside := client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: gatewaytest.DialTo(n.outside.Addr)}}}
	n.delivery = delivery
	n.courier = New(carrying, n.queue, routes{"far.example": outside, "a.example": outside, "local.example": {Local: true}}, delivery, discard())
	n.in = gatewaytest.Serve(t, smtpgw.NewInbound(cfg, n.store, delivery, discard()))
	n.change(t, noCopy, to...)
	n.run(t)
	return n
}

func (n *forwarding) change(t *testing.T, noCopy bool, to ...string) {
	t.Helper()
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AccountByAddress("user@local.example")
		if err != nil {
			return err
		}
		for _, address := range to {
			if _, err := forwards.Add(tx, a.ID, address, n.clock.now()); err != nil {
				return err
			}
		}
		_, err = forwards.Change(tx, a.ID, func(r *forwards.Rule) error { r.NoCopy = noCopy; return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// left are the texts that servers outside have, and for which senders and recipients.
func (n *forwarding) left(t *testing.T) (envelopes, texts []string) {
	t.Helper()
	n.drained(t)
	n.outside.Mu.Lock()
	defer n.outside.Mu.Unlock()
	for _, line := range n.outside.Told {
		if m := regexp.MustCompile(`^(MAIL FROM|RCPT TO):<([^>]*)>`).FindStringSubmatch(line); m != nil {
			envelopes = append(envelopes, m[2])
		}
	}
	return envelopes, n.outside.Texts
}

const oddBody = "Hello  there \t\r\n.dot\r\n\xe4\r\n\r\n\r\n"

// TestForward: mail of an account goes on with its octets, under a seal, by a sender of ours; what
// is reported to that comes to the sender it stands for, for ten days; and a copy stays, or not.
func TestForward(t *testing.T) {
	for _, noCopy := range []bool{false, true} {
		n := newForwarding(t, noCopy, "bob@far.example", "carol@far.example")
		raw := "Received: from x by y; Mon, 02 Jan 2006 15:04:05 +0000\r\nFrom: Eve <eve@local.example>\r\nTo: user@local.example\r\nSubject: odd\r\n" +
			"Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <odd@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + oddBody
		n.report(t, "ann@a.example", "user+tag@local.example", strings.ReplaceAll(raw, "\r\n.", "\r\n.."), "^250 ", "^250 ")
		envelopes, texts := n.left(t)
		if len(envelopes) != 4 || len(texts) != 2 || envelopes[1] == envelopes[3] {
			t.Fatalf("envelopes %q", envelopes)
		}
		from := envelopes[0]
		if !regexp.MustCompile(`^SRS0=[a-z2-7]{8}=[a-z2-7]{2}=a\.example=ann@local\.example$`).MatchString(from) {
			t.Errorf("envelope sender %q", from)
		}
		text := strings.TrimSuffix(strings.ReplaceAll(texts[0], "\r\n..", "\r\n."), ".\r\n")
		if !regexp.MustCompile(`^Cairn-Record: token-\d+\r\nDelivered-To: user\+tag@local\.example\r\nARC-Seal: i=1\r\nAuthentication-Results: `).MatchString(text) {
			t.Errorf("on top:\n%.400s", text)
		}
		if !strings.HasSuffix(text, "\r\n"+raw) || strings.Contains(text, "Return-Path") || strings.Contains(text, "DKIM-Signature") {
			t.Errorf("it was changed, or signed as our own:\n%q", text)
		}
		kept := len(inboxOf(t, n.store, "user@local.example", "inbox"))
		if want := map[bool]int{false: 1, true: 0}[noCopy]; kept != want || n.seals != 1 {
			t.Errorf("%d copies, want %d; %d seals", kept, want, n.seals)
		}
		if sent := inboxOf(t, n.store, "user@local.example", mailstore.LabelSent); len(sent) != 0 {
			t.Errorf("it stands among what the account has sent: %q", sent)
		}

		report := reportOn("one", "bob@far.example", "5.1.1", "550 5.1.1 no such user")
		n.report(t, "eve@a.example", from, report, "^550 5.7.1 .*takes reports alone", "")
		n.report(t, "", "SRS0=aaaaaaaa"+from[len("SRS0=aaaaaaaa"):], report, "^550 5.7.1 .*stands for no sender", "")
		n.report(t, "", "SRS0=x@local.example", report, "^550 5.7.1 ", "")
		n.report(t, "", strings.ToLower(from), report, "^250 ", "^250 ")
		envelopes, texts = n.left(t)
		if len(texts) != 3 || envelopes[4] != "" || envelopes[5] != "ann@a.example" || !strings.Contains(texts[2], "550 5.1.1 no such user") {
			t.Errorf("after a report: %q", envelopes)
		}
		n.clock.advance(12 * 24 * time.Hour)
		n.report(t, "", from, report, "^550 5.7.1 .*in the last ten days", "")
	}
}

// TestReportsThatGoNoFurther: this node's record goes on top of a report that is sent on, so what
// claims to be from people here without it, and what is not as it was recorded, is none.
func TestReportsThatGoNoFurther(t *testing.T) {
	n := newForwarding(t, true, "bob@far.example")
	n.report(t, "ann@a.example", "user@local.example", mailText("hello"), "^250 ", "^250 ")
	envelopes, _ := n.left(t)
	for _, tt := range []struct {
		verdict record.Verdict
		want    string
	}{
		{record.Missing, "^550 5.7.1 .*not sent on: its verdict is missing"}, {record.Differs, "^550 5.7.1 .*not sent on: "},
		{record.Invalid, "^550 5.7.1 .*not sent on: "}, {record.Replayed, "^550 5.7.1 .*not sent on: "},
		{record.Unrecorded, "^250 "}, {record.Pending, "^250 "}, {record.Vouched, "^250 "},
	} {
		n.checker.Finds(screen.Finding{Verdict: tt.verdict})
		_, before := n.left(t)
		n.report(t, "", envelopes[0], reportOn("one", "bob@far.example", "5.1.1", "550 5.1.1 no such user"), "^250 ", tt.want)
		_, after := n.left(t)
		if went := len(after) > len(before); went != (tt.want == "^250 ") {
			t.Errorf("what is %s went: %v", tt.verdict, went)
		}
	}
}

// evidence is a source that says the same of each arrival.
type evidence = []screen.Result

// virusFilter refuses what speaks of a virus.
type virusFilter struct{}

func (virusFilter) Run(_ context.Context, p smtpgw.Passing) ([]byte, error) {
	if bytes.Contains(p.Raw, []byte("virus")) {
		return nil, &smtpgw.Rejection{Text: "a virus"}
	}
	return p.Raw, nil
}

func (virusFilter) String() string { return "virus filter" }

// TestReportsThatWouldNotBeRead: what would be in nobody's inbox here is not sent on with this
// node's record on top, which has it in another's; nor what the administrator's filter refuses.
func TestReportsThatWouldNotBeRead(t *testing.T) {
	cfg := testConfig
	cfg.InboundFilter = virusFilter{}
	n := newForwardingAs(t, cfg, true, "bob@far.example")
	n.report(t, "ann@a.example", "user@local.example", mailText("hello"), "^250 ", "^250 ")
	envelopes, _ := n.left(t)
	n.checker.Finds(screen.Finding{Verdict: record.Unrecorded})
	fails := func(policy string) screen.Result {
		return screen.Result{Method: screen.MethodDMARC, Result: screen.Fail, About: "bank.example", Property: "header.from", Policy: policy}
	}
	spam := "^550 5.7.1 this report is not sent on: it would be spam here"
	for name, tt := range map[string]struct {
		says evidence
		text string
		want string
	}{
		"nothing against it":            {nil, "gone", "^250 "},
		"no policy of its domain":       {evidence{fails("none")}, "gone", "^250 "},
		"its domain disowns it":         {evidence{fails("reject")}, "gone", spam},
		"its domain wants it put aside": {evidence{fails("quarantine")}, "gone", spam},
		"from a client on a list":       {evidence{{Method: screen.MethodListed, Result: screen.Fail, About: "192.0.2.1"}}, "gone", spam},
		"who sent it is not known now":  {evidence{{Method: screen.MethodDMARC, Result: screen.TempError, About: "bank.example"}}, "gone", "^451 4.7.0 "},
		"a filter refuses it":           {nil, "virus", "^550 5.7.1 a virus"},
	} {
		n.spf.also.Store(&tt.says)
		_, before := n.left(t)
		n.report(t, "", envelopes[0], reportOn("one", "bob@far.example", "5.1.1", "550 5.1.1 "+tt.text), "^250 ", tt.want)
		_, after := n.left(t)
		if went := len(after) > len(before); went != (tt.want == "^250 ") {
			t.Errorf("%s: it went: %v", name, went)
		}
	}
}

// A report that this node makes itself, of what it cannot bring, finds back too.
func TestForwardFails(t *testing.T) {
	n := newForwarding(t, false, "bob@far.example")
	n.outside.Mu.Lock()
	n.outside.Instead = func(line string, _ int) string {
		if strings.HasPrefix(line, "RCPT TO:<bob@") {
			return "550 5.1.1 gone"
		}
		return ""
	}
	n.outside.Mu.Unlock()
	n.report(t, "ann@a.example", "user@local.example", mailText("gone"), "^250 ", "^250 ")
	envelopes, texts := n.left(t)
	if len(texts) != 1 || len(envelopes) != 4 || envelopes[2] != "" || envelopes[3] != "ann@a.example" || !strings.Contains(texts[0], "550 5.1.1 gone") {
		t.Errorf("%q\n%s", envelopes, texts)
	}
}

// TestNotForwarded: spam, what is held, changed or invalid, and what has been here before stays;
// the null sender stays the null sender, and a sender of ours the same.
func TestNotForwarded(t *testing.T) {
	n := newForwarding(t, true, "bob@far.example")
	bring := func(found screen.Finding, from, raw string) (envelopes []string) {
		n.checker.Finds(found)
		before, _ := n.left(t)
		n.report(t, from, "user@local.example", raw, "^250 ", "^250 ")
		after, _ := n.left(t)
		return after[len(before):]
	}
	for i, f := range []screen.Finding{
		{Verdict: record.Differs, Decisive: true}, {Verdict: record.Differs}, {Verdict: record.Invalid}, {Verdict: record.Replayed}, {Verdict: record.Missing},
	} {
		if got := bring(f, "ann@a.example", mailText("bad")); len(got) != 0 {
			t.Errorf("%+v went to %q", f, got)
		}
		if got := len(inboxOf(t, n.store, "user@local.example", "spam")) + len(inboxOf(t, n.store, "user@local.example", "inbox")); got != i+1 {
			t.Errorf("%+v: %d are here", f, got)
		}
	}
	good := screen.Finding{Verdict: record.Verified}
	for _, loop := range []string{"Delivered-To: user@local.example\r\n", "delivered-to: <User+x@LOCAL.example>\r\n", "Delivered-To: x@far.example\r\nDelivered-To: alias@local.example\r\n"} {
		if got := bring(good, "ann@a.example", loop+mailText("loop")); len(got) != 0 {
			t.Errorf("%q went to %q", loop, got)
		}
	}
	for from, want := range map[string]string{"": "", "other@local.example": "other@local.example", strings.Repeat("a", 50) + "@a.example": "user+b="} {
		if got := bring(good, from, "Delivered-To: x@far.example\r\n"+mailText("good")); len(got) != 2 || !strings.HasPrefix(got[0], want) || want == "" && got[0] != "" {
			t.Errorf("from %q: %q", from, got)
		}
	}
}

// spfNow is spfSays of what was last said, and what else was.
type spfNow struct {
	said atomic.Pointer[deliverytest.SPFSays]
	also atomic.Pointer[evidence]
}

func (s *spfNow) Gather(ctx context.Context, a *arrival.Arrival) ([]screen.Result, error) {
	found, err := s.said.Load().Gather(ctx, a)
	if also := s.also.Load(); also != nil {
		found = append(found, *also...)
	}
	return found, err
}

// refusing has the server outside refuse bob with a reply and offer an extension more, and SPF say
// what is returned.
func (n *forwarding) refusing(reply string, ext ...string) *spfNow {
	n.outside.Mu.Lock()
	defer n.outside.Mu.Unlock()
	n.outside.Offers = append(n.outside.Offers, ext...)
	n.outside.Instead = func(line string, _ int) string {
		if strings.HasPrefix(line, "RCPT TO:<bob@") {
			return reply
		}
		return ""
	}
	return n.spf
}

// Where SPF says that a sender is forged he hears nothing of it. Who is told then is the account;
// and what has no sender to be told is kept.
func TestForwardOfForgedSenders(t *testing.T) {
	n := newForwardingAs(t, testConfig, true, "bob@far.example")
	spf := n.refusing("550 5.7.1 spam")
	for _, tt := range []struct {
		spf  deliverytest.SPFSays
		from string
		to   string // whom a report goes to, beyond bob
		kept int
	}{
		{screen.Pass, "ann@a.example", "ann@a.example", 0},
		{screen.Neutral, "ann@a.example", "ann@a.example", 0},
		{"", "ann@a.example", "ann@a.example", 0},
		{screen.Fail, "ann@a.example", "", 1},
		{"softfail", "ann@a.example", "", 2},
		{screen.Fail, "other@local.example", "", 3},
		{screen.Neutral, "other@local.example", "", 4},
		{"temperror", "other@local.example", "", 5},
		{screen.Pass, strings.Repeat("a", 50) + "@a.example", "", 6},
	} {
		spf.said.Store(&tt.spf)
		before, _ := n.left(t)
		n.report(t, tt.from, "user@local.example", mailText("forged"), "^250 ", "^250 ")
		after, _ := n.left(t)
		told := ""
		for i, address := range after[len(before):] {
			if i%2 == 1 && address != "bob@far.example" {
				told += address
			}
		}
		kept := inboxOf(t, n.store, "user@local.example", mailstore.LabelInbox)
		if told != tt.to || len(kept) != tt.kept {
			t.Errorf("spf %q, from %s: told %q, want %q; %d kept, want %d", tt.spf, tt.from, told, tt.to, len(kept), tt.kept)
		}
		if len(kept) > 0 && !strings.Contains(kept[len(kept)-1], "550 5.7.1 spam") {
			t.Errorf("spf %q: kept is %q", tt.spf, kept[len(kept)-1])
		}
		if got := inboxOf(t, n.store, "other@local.example", mailstore.LabelInbox); len(got) != 0 {
			t.Errorf("who was named has %q", got)
		}
	}
}

// TestForwardObeysNotify: what a sender asked about reports holds where his mail is sent on, but
// for success, of which this node has told him; and what nobody would be told of is kept.
func TestForwardObeysNotify(t *testing.T) {
	n := newForwardingAs(t, testConfig, true, "bob@far.example")
	spf := n.refusing("550 5.1.1 gone", "DSN")
	for _, tt := range []struct {
		spf     deliverytest.SPFSays
		from    string
		asks    string // on MAIL
		of, tag string // what is asked on RCPT, of user@ and of user+tag@; "-": that is none
		mail    string // how it is handed on
		rcpt    string
		to      string // who is told that it failed; empty: nobody
		kept    int    // how many copies there are from then on
	}{
		{screen.Pass, "ann@a.example", "", "", "-", "", "", "ann@a.example", 0},
		{screen.Pass, "ann@a.example", " RET=FULL ENVID=QQ+2B1", " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old@a.example", "-", " RET=FULL ENVID=QQ+2B1", " NOTIFY=FAILURE ORCPT=rfc822;old@a.example", "ann@a.example", 0},
		{screen.Pass, "ann@a.example", "", " NOTIFY=NEVER", " NOTIFY=DELAY,FAILURE", "", " NOTIFY=FAILURE,DELAY", "ann@a.example", 0},
		{screen.Pass, "ann@a.example", "", " NOTIFY=NEVER", "", "", " NOTIFY=FAILURE,DELAY", "ann@a.example", 0},
		{screen.Pass, "ann@a.example", "", " NOTIFY=NEVER", "-", "", " NOTIFY=NEVER", "", 1},
		{screen.Pass, "ann@a.example", "", " NOTIFY=DELAY", "-", "", " NOTIFY=DELAY", "", 2},
		// The account is told instead of him, whatever he asked.
		{screen.Fail, "ann@a.example", " ENVID=QQ", " NOTIFY=NEVER", "-", "", "", "", 3},
	} {
		spf.said.Store(&tt.spf)
		before, _ := n.left(t)
		n.outside.Mu.Lock()
		heard := len(n.outside.Told)
		n.outside.Mu.Unlock()
		d := greeted(t, n.in)
		d.Say("MAIL FROM:<"+tt.from+">"+tt.asks+"\r\n", "^250 ")
		d.Say("RCPT TO:<user@local.example>"+tt.of+"\r\n", "^250 ")
		if tt.tag != "-" {
			d.Say("RCPT TO:<user+tag@local.example>"+tt.tag+"\r\n", "^250 ")
		}
		d.Say("DATA\r\n", "^354 ")
		d.Say(mailText("wished")+".\r\n", "^250 ")
		d.Say("QUIT\r\n", "^221 ")
		after, _ := n.left(t)
		told := ""
		for i, address := range after[len(before):] {
			if i%2 == 1 && !strings.HasPrefix(address, "bob@") {
				told += address
			}
		}
		n.outside.Mu.Lock()
		lines := strings.Join(n.outside.Told[heard:], "\n") + "\n"
		n.outside.Mu.Unlock()
		if !regexp.MustCompile(`(?m)^MAIL FROM:<[^>]*>( BODY=8BITMIME)?`+regexp.QuoteMeta(tt.mail)+`$`).MatchString(lines) || !strings.Contains(lines, "RCPT TO:<bob@far.example>"+tt.rcpt+"\n") {
			t.Errorf("%s%s: handed on as %q", tt.asks, tt.of, lines)
		}
		kept := inboxOf(t, n.store, "user@local.example", mailstore.LabelInbox)
		if told != tt.to || len(kept) != tt.kept {
			t.Errorf("%s%s: told %q, want %q; %d kept, want %d", tt.asks, tt.of, told, tt.to, len(kept), tt.kept)
		}
	}
	// So it is with a sender of this node.
	spf.said.Store(new(deliverytest.SPFSays))
	for _, asked := range []outbox.Notify{outbox.NotifyNever, outbox.NotifySuccess | outbox.NotifyFailure} {
		env := outbox.Envelope{From: "other@local.example", Account: 3, Recipients: []string{"user@local.example"}, DSN: outbox.DSN{
			Asked: []outbox.Asked{{Recipient: "user@local.example", Notify: asked}},
		}}
		must(n.queue.Submit(t.Context(), env, []byte(mailText("near"))))(t)
		sealAll(t, n.store, n.queue)
		n.left(t)
		got := inboxOf(t, n.store, "other@local.example", mailstore.LabelInbox)
		var subjects []string
		for _, raw := range got {
			subjects = append(subjects, regexp.MustCompile(`(?m)^Subject: (.*)\r$`).FindStringSubmatch(raw)[1])
		}
		slices.Sort(subjects)
		want := ""
		if asked != outbox.NotifyNever {
			want = "Mail delivered: near, Mail not delivered: near"
		}
		if told := strings.Join(subjects, ", "); told != want {
			t.Errorf("asked %d: told %q, want %q", asked, told, want)
		}
	}
}

// What an account gets for addresses that nobody has is sent on like all that it gets, once.
func TestForwardOfStandIns(t *testing.T) {
	cfg := testConfig
	cfg.CatchAll, cfg.Postmaster = "user@local.example", "user@local.example"
	n := newForwardingAs(t, cfg, true, "bob@far.example")
	for i, rcpt := range []string{"nobody@local.example", "abuse@local.example", "user@local.example"} {
		n.report(t, "ann@a.example", rcpt, mailText("once"), "^250 ", "^250 ")
		if envelopes, _ := n.left(t); len(envelopes) != 2*(i+1) {
			t.Errorf("for %s: %q", rcpt, envelopes)
		}
		n.report(t, "ann@a.example", rcpt, "Delivered-To: "+rcpt+"\r\n"+mailText("again"), "^250 ", "^250 ")
		if envelopes, _ := n.left(t); len(envelopes) != 2*(i+1) {
			t.Errorf("for %s, which has been here: %q", rcpt, envelopes)
		}
	}
}

// What is queued is queued with the mail: a store that refuses the one has neither.
func TestForwardIsOneTransaction(t *testing.T) {
	n := newForwarding(t, false, "bob@far.example")
	delivery := testDelivery(testConfig, n.store, n.checker)
	delivery.SetForwarding(smtpgw.Forwarding{Queue: n.queue})
	l, err := delivery.Ready(t.Context(), &arrival.Arrival{Raw: []byte(mailText("once")), From: "ann@a.example", Recipients: []string{"user@local.example"}, Peer: trace.Peer{Protocol: "ESMTP"}}, "ref")
	if err != nil {
		t.Fatal(err)
	}
	fails := context.Canceled
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		if err := l.Put(tx); err != nil {
			return err
		}
		return fails
	})
	if err == nil || n.queued(t) != 0 || len(inboxOf(t, n.store, "user@local.example", "inbox")) != 0 {
		t.Errorf("%v, %d queued", err, n.queued(t))
	}
	if err := n.store.Update(t.Context(), l.Put); err != nil || n.queued(t) != 1 || len(inboxOf(t, n.store, "user@local.example", "inbox")) != 1 {
		t.Errorf("%v, %d queued", err, n.queued(t))
	}
	var entries []outbox.Entry
	if entries, err = n.queue.List(0, 10); err != nil || len(entries) != 1 || entries[0].Recipients[0] != "bob@far.example" {
		t.Errorf("%+v, %v", entries, err)
	}
}
