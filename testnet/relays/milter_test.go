package relays_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"cairn/consensus/record"
	"cairn/mailstore/testenv"
	"cairn/node"
	"cairn/node/api"
	"cairn/testnet"
	"cairn/testnet/relays"
)

const (
	cleo    = "cleo@alpha.test" // has her mailbox at the mail server beside Alpha's node
	eve     = "eve@bravo.test"
	unknown = "unknown@alpha.test"
	late    = "late@bravo.test" // is refused only where mail comes back
)

// taken is a message that a mailbox server has taken.
type taken struct {
	from string
	to   []string
	raw  []byte
}

// mailboxes is an SMTP server that takes all mail.
type mailboxes struct {
	addr string

	mu    sync.Mutex
	list  []taken
	grown chan struct{} // closed when list grows
}

func startMailboxes(t *testing.T) *mailboxes {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailboxes{addr: l.Addr().String(), grown: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivering{of: m}, nil }))
	s.Domain = "mailboxes.test"
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-served
	})
	return m
}

// await waits for a message.
func (m *mailboxes) await(ctx context.Context, t *testing.T, ok func(taken) bool) taken {
	t.Helper()
	for {
		m.mu.Lock()
		at, grown := slices.IndexFunc(m.list, ok), m.grown
		var found taken
		if at >= 0 {
			found = m.list[at]
		}
		m.mu.Unlock()
		if at >= 0 {
			return found
		}
		select {
		case <-grown:
		case <-ctx.Done():
			t.Fatalf("wait for a message in the mailboxes: %v", ctx.Err())
		}
	}
}

func (m *mailboxes) count(ok func(taken) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.list {
		if ok(one) {
			n++
		}
	}
	return n
}

type delivering struct {
	of *mailboxes
	taken
}

func (d *delivering) Reset()        { d.taken = taken{} }
func (d *delivering) Logout() error { return nil }

func (d *delivering) Mail(from string, _ *smtp.MailOptions) error {
	d.from = from
	return nil
}

func (d *delivering) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}

func (d *delivering) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	d.raw = raw
	d.of.mu.Lock()
	defer d.of.mu.Unlock()
	d.of.list = append(d.of.list, d.taken)
	close(d.of.grown)
	d.of.grown = make(chan struct{})
	return nil
}

// beside is a Postfix with the mailboxes of Alpha, and Alpha's node as its milter.
type beside struct {
	*relays.Postfix
	a, b  *testnet.Member
	boxes *mailboxes
	back  string // where mail comes back that the milter does not see again
}

// startBeside starts Bravo, and Alpha with its Postfix, by which mail leaves for Bravo too.
func startBeside(t *testing.T) (*beside, context.Context) {
	t.Helper()
	w, ctx := start(t, bravo)
	s := &beside{b: w.Members[0], boxes: startMailboxes(t), back: testenv.FreeAddr(t)}
	asks := testenv.FreeAddr(t)
	host, port, _ := net.SplitHostPort(s.boxes.addr)
	s.Postfix = relays.StartPostfix(t, relays.Config{
		NextHop: s.b.InboundAddr(),
		Settings: map[string]string{
			"smtpd_milters": "inet:" + asks, "non_smtpd_milters": "inet:" + asks, "milter_default_action": "tempfail",
			"transport_maps":               "texthash:$config_directory/transport",
			"smtpd_recipient_restrictions": "check_recipient_access texthash:$config_directory/refused, permit",
			"smtp_header_checks":           "regexp:$config_directory/checks",
		},
		Tables: map[string]string{
			"transport": fmt.Sprintf("alpha.test smtp:[%s]:%s\n", host, port),
			"refused":   unknown + " REJECT no such person\n",
			"late":      late + " REJECT has left us\n",
			"checks":    "/^Subject: verziert(.*)/ REPLACE Subject: [extern] verziert$1\n",
		},
		Services: []string{s.back + " inet n - n - - smtpd -o smtpd_milters= -o receive_override_options=no_milters,no_header_body_checks" +
			" -o smtpd_recipient_restrictions=check_recipient_access,texthash:$config_directory/late,check_recipient_access,texthash:$config_directory/refused,permit"},
	})
	behind := alpha
	behind.Configure = func(c *node.Config) {
		c.Outbound.Via = s.back
		c.Milter.Listen, c.Milter.MailServer = "inet:"+asks, s.back
	}
	var err error
	if s.a, err = w.Join(ctx, behind); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitMembers(ctx); err != nil {
		t.Fatal(err)
	}
	trust(ctx, t, s.b, s.a)
	trust(ctx, t, s.a, s.b)
	if _, err := s.b.AddAccount(ctx, api.AccountRequest{Name: "eve"}); err != nil {
		t.Fatal(err)
	}
	return s, ctx
}

// send hands a letter to Postfix as a mail program does.
func (s *beside) send(t *testing.T, from string, to []string, raw []byte) {
	t.Helper()
	c, err := testnet.DialSMTP(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(from, to, raw); err != nil {
		t.Fatal(err)
	}
}

// TestMilter: a Postfix has the mailboxes and asks the node about each mail.
func TestMilter(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	s, ctx := startBeside(t)
	t.Run("comes", func(t *testing.T) { testMilterComes(ctx, t, s) })
	t.Run("comes over the network", func(t *testing.T) { testMilterPeer(ctx, t, s) })
	t.Run("leaves", func(t *testing.T) { testMilterLeaves(ctx, t, s) })
	t.Run("sent on there", func(t *testing.T) { testMilterSentOn(ctx, t, s) })
	t.Run("is away", func(t *testing.T) { testMilterAway(ctx, t, s) })
}

// fromCleo is a letter of hers.
func fromCleo(word string) letter {
	return letter{text: strings.Replace(plainMail, "ana@alpha.test", cleo, 1), word: word}
}

func testMilterLeaves(ctx context.Context, t *testing.T, s *beside) {
	if _, err := s.a.Untrust(ctx, s.b.Domain); err != nil { // so that it leaves by Postfix
		t.Fatal(err)
	}
	mail := fromCleo("hinaus.")
	encoded := letter{word: "hinaus."}
	// Eve is named in no field; Ana's mailbox is at the mail server as far as that knows.
	s.send(t, cleo, []string{bob, eve, ana}, mail.wire())
	for _, account := range []string{"bob", "eve"} {
		told := arrived(ctx, t, s.b, account, encoded.as)
		verified.check(t, told)
		stored, err := s.b.Raw(ctx, told.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(stored.Raw, []byte("by relay.test (Postfix)")) {
			t.Errorf("it did not come by Postfix:\n%s", stored.Raw)
		}
	}
	stays := func(m taken) bool { return mail.in(m.raw) }
	if got := s.boxes.await(ctx, t, stays); !slices.Equal(got.to, []string{ana}) || bytes.Contains(got.raw, []byte("Cairn-Record:")) {
		t.Errorf("to %v stayed:\n%s", got.to, got.raw)
	}

	tagged := fromCleo("verziert.")
	s.send(t, cleo, []string{bob}, tagged.wire())
	changed.but(`"[extern]"`).check(t, arrived(ctx, t, s.b, "bob", tagged.as))
	if n := s.boxes.count(func(m taken) bool { return tagged.in(m.raw) }); n != 0 {
		t.Errorf("%d copies stayed", n)
	}

	testMilterReports(ctx, t, s)

	err := func() error {
		c, err := testnet.DialSMTP(s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.Send(cleo, []string{bob}, []byte("From: cleo@alpha.test\r\nFrom: cleo@alpha.test\r\nSubject: zwei\r\n\r\nx\r\n"))
	}()
	if err == nil || !strings.Contains(err.Error(), "From fields; one is allowed") {
		t.Errorf("two From fields: %v", err)
	}
}

// What came from elsewhere and is sent on there, as by a list, is no word of this organisation: who
// brought it has not signed in.
func testMilterSentOn(ctx context.Context, t *testing.T, s *beside) {
	mail := fromCleo("verteilt.")
	judged := []byte("X-Spam-Flag: YES\r\nAuthentication-Results: mail.alpha.test;\r\n\tx-cairn=fail reason=\"verdict=missing\" header.from=alpha.test\r\n")
	s.send(t, "list-bounces@alpha.test", []string{bob}, append(judged, mail.wire()...))
	got, err := s.b.AwaitMail(ctx, "bob", mail.as)
	if err != nil {
		t.Fatal(err)
	}
	if v := got.Verdict(); v != record.Unrecorded || bytes.Contains(got.Raw, []byte("Cairn-Record:")) {
		t.Errorf("it is %s:\n%s", v, got.Raw)
	}
}

// testMilterReports: what her mail program asks about reports is passed on, and reports of the node
// come to her mailbox.
func testMilterReports(ctx context.Context, t *testing.T, s *beside) {
	c, err := smtp.Dial(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = errors.Join(c.Mail(cleo, &smtp.MailOptions{EnvelopeID: "umschlag"}), c.Rcpt(bob, &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifySuccess}}), c.Rcpt(late, nil))
	if err != nil {
		t.Fatal(err)
	}
	body, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	body.Write(fromCleo("bericht.").wire())
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	s.boxes.await(ctx, t, func(m taken) bool {
		lacks := func(word string) bool { return !bytes.Contains(m.raw, []byte(word)) }
		says := []string{"Original-Envelope-Id: umschlag", "Mail not delivered: bericht.", late, "has left us"}
		return m.from == "" && slices.Equal(m.to, []string{cleo}) && !slices.ContainsFunc(says, lacks)
	})
}

func testMilterComes(ctx context.Context, t *testing.T, s *beside) {
	closeWay(ctx, t, s.b, s.a.Domain)
	defer trust(ctx, t, s.b, s.a)
	var left [][]byte
	for _, word := range []string{"herein.", "gelogen."} {
		text := strings.NewReplacer("Ana =?utf-8?q?M=C3=BCller?= <ana@alpha.test>", bob, "Bob <bob@bravo.test>", cleo).Replace(plainMail)
		l := letter{text: text, word: word}
		if err := testnet.SendOne(s.b.SubmissionAddr(), bob, cleo, l.wire()); err != nil {
			t.Fatal(err)
		}
		raw, err := s.b.TakeOutgoing(ctx, l.in)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, raw)
	}
	const other, forgery = ": elsewhere.example; x-cairn=pass\r\n", ": mail.alpha.test; x-cairn=pass reason=forged\r\n"
	forged := []byte("Authentication-Results " + other + "Authentication-Results" + forgery + "AUTHENTICATION-RESULTS \t" + forgery + "X-Spam-Flag: NO\r\nX-Spam-Flag\t: NO\r\n" +
		"Authentication-Results" + other + "Authentication-Results " + forgery)
	s.send(t, bob, []string{cleo}, append(forged, left[0]...))
	s.send(t, bob, []string{cleo}, bytes.Replace(left[1], []byte("480"), []byte("481"), 1))

	good := string(s.boxes.await(ctx, t, func(m taken) bool { return bytes.Contains(m.raw, []byte("herein.")) }).raw)
	if !strings.HasPrefix(good, "Authentication-Results: mail.alpha.test;\r\n\tx-cairn=") || strings.Contains(good, "forged") || strings.Contains(good, "X-Spam-Flag") {
		t.Errorf("marked so:\n%s", good)
	}
	if v := good[:strings.Index(good, "Received:")]; !strings.Contains(v, "verdict=pending") && !strings.Contains(v, "verdict=verified") {
		t.Errorf("marked so:\n%s", v)
	}
	bad := string(s.boxes.await(ctx, t, func(m taken) bool { return bytes.Contains(m.raw, []byte("gelogen.")) }).raw)
	if !strings.HasPrefix(bad, "X-Spam-Flag: YES\r\nAuthentication-Results: mail.alpha.test;") || !strings.Contains(bad, "verdict=changed") {
		t.Errorf("marked so:\n%s", bad)
	}
	// Only marks are put on the mail; nothing of it is changed.
	if !strings.HasSuffix(good, string(left[0])) {
		t.Errorf("what was sent is not what came:\n%s\n\n%s", good, left[0])
	}
}

// What another node brings for people at the mail server is judged and handed to it.
func testMilterPeer(ctx context.Context, t *testing.T, s *beside) {
	text := strings.NewReplacer("Ana =?utf-8?q?M=C3=BCller?= <ana@alpha.test>", bob, "Bob <bob@bravo.test>", cleo).Replace(plainMail)
	l := letter{text: text, word: "direkt."}
	if err := testnet.SendOne(s.b.SubmissionAddr(), bob, cleo, l.wire()); err != nil {
		t.Fatal(err)
	}
	got := s.boxes.await(ctx, t, func(m taken) bool { return l.in(m.raw) })
	if !bytes.Contains(got.raw, []byte("(libp2p node ")) || !bytes.Contains(got.raw, []byte("\tx-cairn=")) || bytes.Contains(got.raw, []byte("Cairn-Courier")) {
		t.Errorf("it came so:\n%s", got.raw)
	}
	if !slices.Equal(got.to, []string{cleo}) || got.from != bob {
		t.Errorf("from %s to %v", got.from, got.to)
	}
	l.word = "niemand."
	if err := testnet.SendOne(s.b.SubmissionAddr(), bob, unknown, l.wire()); err != nil {
		t.Fatal(err)
	}
	report, err := s.b.AwaitMail(ctx, "bob", func(m *testnet.Mail) bool { return bytes.Contains(m.Raw, []byte("Mail not delivered: niemand.")) })
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(report.Raw, []byte("no mailbox <"+unknown+"> here")) {
		t.Errorf("the report:\n%s", report.Raw)
	}
}

// While the node is away Postfix takes nothing, and the mail server that sends tries again.
func testMilterAway(ctx context.Context, t *testing.T, s *beside) {
	sender := relays.StartPostfix(t, relays.Config{NextHop: s.Addr, Settings: map[string]string{
		"queue_run_delay": "1s", "minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "myhostname": "sender.test",
	}})
	if err := s.a.Stop(); err != nil {
		t.Fatal(err)
	}
	mail := fromCleo("später.")
	if err := testnet.SendOne(sender.Addr, cleo, bob, mail.wire()); err != nil {
		t.Fatal(err)
	}
	if err := sender.AwaitLog(ctx, "to=<"+bob+">", "status=deferred", "4.7.1"); err != nil {
		t.Error(err)
	}
	if err := s.a.Start(ctx, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	verified.check(t, arrived(ctx, t, s.b, "bob", letter{word: "sp=C3=A4ter."}.as))
}
