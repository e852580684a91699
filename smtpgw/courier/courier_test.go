package courier

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-message"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/trace"
)

func (n *node) send(t testing.TB, from, raw string, to ...string) {
	t.Helper()
	if _, err := n.queue.Submit(t.Context(), outbox.Envelope{From: from, Account: 2, Recipients: to}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	sealAll(t, n.store, n.queue)
}

func (n *node) queued(t testing.TB) int {
	t.Helper()
	queued, err := n.queue.Len()
	if err != nil {
		t.Fatal(err)
	}
	return queued
}

// drained waits until the queue is empty; what comes up meanwhile, such as
// reports, is sealed.
func (n *node) drained(t testing.TB) {
	t.Helper()
	waitFor(t, func() bool {
		sealAll(t, n.store, n.queue)
		return n.queued(t) == 0
	})
}

// TestCourierKeepsBytes: what arrives below the trace is token and message,
// byte for byte, also where SMTP clients like to mend.
func TestCourierKeepsBytes(t *testing.T) {
	far := farNode(t)
	n := nearNode(t, far)
	n.run(t)
	raw := mailText("bytes") + ".\r\n..\r\n trailing \t\r\n\xff8bit\r\nno line end"
	n.send(t, "user@local.example", raw, "bob@far.example", "nobody-named@far.example")
	waitFor(t, func() bool { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) == 1 })
	got := inboxOf(t, far.store, "bob@far.example", "inbox")[0]
	if !strings.HasSuffix(got, "Cairn-Record: token-1\r\n"+raw) {
		t.Errorf("arrived %q", got)
	}
}

func TestCourierReusesSessions(t *testing.T) {
	far := farNode(t)
	n := nearNode(t, far)
	var dials atomic.Int32
	n.courier.router = routes{"far.example": client.Route{Dial: func(ctx context.Context, d string) (net.Conn, error) {
		dials.Add(1)
		return tcp(far.addr)(ctx, d)
	}}}
	for i := range 200 {
		n.send(t, "user@local.example", mailText(fmt.Sprint(i)), "bob@far.example")
	}
	n.run(t)
	n.drained(t)
	if got := len(inboxOf(t, far.store, "bob@far.example", "inbox")); got != 200 {
		t.Errorf("%d arrived", got)
	}
	if d := dials.Load(); d > 16 {
		t.Errorf("%d sessions for 200 messages", d)
	}
}

func TestCourierDeliversLocally(t *testing.T) {
	n := nearNode(t, nil)
	n.run(t)
	n.send(t, "user@local.example", mailText("local"), "other@local.example", "ADMIN@local.example")
	n.drained(t)
	for _, addr := range []string{"other@local.example", "admin@local.example"} {
		got := inboxOf(t, n.store, addr, "inbox")
		if len(got) != 1 || !strings.Contains(got[0], "with LOCAL id") || !strings.HasSuffix(got[0], mailText("local")) {
			t.Errorf("%s has %q", addr, got)
		}
	}
}

// TestCourierReports: each recipient that cannot be reached comes back to the
// sender, in a report that a program can read.
func TestCourierReports(t *testing.T) {
	far := farNode(t)
	for _, tt := range []struct{ name, to, status, reason string }{
		{"no route", "x@nowhere.example", "5.1.2", "nowhere.example: no node of the network serves this domain"},
		{"refused by the other side", "nobody@far.example", "5.1.1", "no mailbox <nobody@far.example> here"},
		{"unknown here", "nobody@local.example", "5.1.1", "no mailbox <nobody@local.example> here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := nearNode(t, far)
			n.run(t)
			n.send(t, "user@local.example", mailText("undeliverable"), tt.to)
			n.drained(t)
			got := inboxOf(t, n.store, "user@local.example", "inbox")
			if len(got) != 1 {
				t.Fatalf("%d reports", len(got))
			}
			checkReport(t, got[0], tt.to, tt.status, tt.reason)
			if a := n.checker.Seen(); a[len(a)-1].From != "" {
				t.Errorf("report has the return path %q", a[len(a)-1].From)
			}
		})
	}
}

// partsOf returns the types and the bodies of the parts of a report.
func partsOf(t *testing.T, raw string) (kinds, parts []string) {
	t.Helper()
	e, err := message.Read(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for mr := e.MultipartReader(); ; {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return kinds, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		k, _, _ := p.Header.ContentType()
		b, _ := io.ReadAll(p.Body)
		kinds, parts = append(kinds, k), append(parts, string(b))
	}
}

func checkReport(t *testing.T, raw, to, status, reason string) {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(raw, "\r\n", ""), "\n") {
		t.Error("report has a bare LF")
	}
	e, err := message.Read(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, _ := e.Header.ContentType()
	if kind != "multipart/report" || params["report-type"] != "delivery-status" || e.Header.Get("To") != "<user@local.example>" || e.Header.Get("Auto-Submitted") == "" {
		t.Errorf("header of the report: %q", raw)
	}
	kinds, parts := partsOf(t, raw)
	if strings.Join(kinds, " ") != "text/plain message/delivery-status text/rfc822-headers" {
		t.Fatalf("parts %q", kinds)
	}
	for _, want := range []string{"Reporting-MTA: dns; mx.local.example\r\n", "\r\n\r\nFinal-Recipient: rfc822; " + to + "\r\nAction: failed\r\nStatus: " + status + "\r\nDiagnostic-Code: smtp; 5", reason} {
		if !strings.Contains(parts[1], want) {
			t.Errorf("status %q lacks %q", parts[1], want)
		}
	}
	if !strings.Contains(parts[0], reason) || !strings.Contains(parts[2], "Subject: undeliverable\r\n") || strings.Contains(parts[2], "Hello") {
		t.Errorf("parts %q", parts)
	}
}

// TestReportsInUTF8: a report that is not all ASCII says so in the types of its
// parts (RFC 6533).
func TestReportsInUTF8(t *testing.T) {
	const plain, utf8 = "message/delivery-status text/rfc822-headers", "message/global-delivery-status message/global-headers"
	for _, tt := range []struct{ name, from, to, subject, reply, want string }{
		{"all ASCII", "a@x.example", "b@y.example", "plain", "5.1.1 gone", plain},
		{"sender", "ä@x.example", "b@y.example", "plain", "5.1.1 gone", utf8},
		{"recipient", "a@x.example", "ö@y.example", "plain", "5.1.1 gone", utf8},
		{"header", "a@x.example", "b@y.example", "grün", "5.1.1 gone", utf8},
		{"reply", "a@x.example", "b@y.example", "plain", "5.1.1 nö", utf8},
		{"broken reply", "a@x.example", "b@y.example", "plain", "5.1.1 n\xff", utf8},
	} {
		e := &outbox.Entry{From: tt.from, Recipients: []string{tt.to}, Created: time.Now()}
		raw := []byte("From: a@x.example\r\nSubject: " + tt.subject + "\r\n\r\nbödy\r\n")
		report, err := bounce(e, raw, []fate{{rcpt: tt.to, reply: reply.With(550, tt.reply)}}, "mx", "x.example", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		kinds, _ := partsOf(t, string(report))
		if got := strings.Join(kinds[1:], " "); got != tt.want {
			t.Errorf("%s: types %q, want %q", tt.name, got, tt.want)
		}
		for _, part := range strings.Split(string(report), "\n--report-")[1:] {
			if strings.Contains(part, ": 8bit") == rawheader.IsASCII([]byte(part)) {
				t.Errorf("%s: the encoding of %q", tt.name, part)
			}
		}
	}
}

func TestNoReportAboutReports(t *testing.T) {
	n := nearNode(t, nil)
	n.run(t)
	n.send(t, "", mailText("null"), "x@nowhere.example")
	n.drained(t)
	if n.queued(t) != 0 || len(n.checker.Seen()) != 0 {
		t.Error("a null sender got mail")
	}
}

// TestCourierSettlesRecipientsApart: of three recipients one is refused for good
// and one for now; the third gets the mail once.
func TestCourierSettlesRecipientsApart(t *testing.T) {
	n := nearNode(t, nil)
	script := peerScript(t, map[string]string{
		"bob": "250 2.1.5 fine", "carol": "550 5.1.1 gone away", "dave": "451 4.2.0 over quota",
	})
	n.courier.router = routes{"far.example": client.Route{Dial: tcp(script.addr)}, "local.example": client.Route{Local: true}}
	n.courier.cfg.Sending.Gather = time.Millisecond
	named := "To: bob@far.example, carol@far.example, dave@far.example\r\n"
	n.send(t, "user@local.example", named+mailText("mixed"), "bob@far.example", "carol@far.example", "dave@far.example")
	n.run(t) // the report to come stays unsealed, and so in the queue
	waitFor(t, func() bool {
		es := must(n.queue.List(0, 10))(t)
		return len(es) == 2 && es[0].Attempts >= 2
	})
	es := must(n.queue.List(0, 10))(t)
	if strings.Join(es[0].Recipients, " ") != "dave@far.example" || !strings.Contains(es[0].LastError, "over quota") || len(es[0].History) < 2 {
		t.Errorf("entry %+v", es[0])
	}
	if es[1].From != "" || es[1].Recipients[0] != "user@local.example" {
		t.Errorf("report %+v", es[1])
	}
	if got := script.messages.Load(); got != 1 {
		t.Errorf("message went out %d times", got)
	}
}

// TestCourierPassesRefusedRecipients: the other side ends the session after so
// many unknown recipients that the one who exists is never reached. Those that
// it refused are not tried again, so the next attempt gets further.
func TestCourierPassesRefusedRecipients(t *testing.T) {
	far := limitedNode(t, smtpgw.Limits{Refused: 2})
	n := nearNode(t, far)
	n.run(t)
	to := []string{"gone0@far.example", "gone1@far.example", "gone2@far.example", "gone3@far.example", "gone4@far.example", "bob@far.example"}
	n.send(t, "user@local.example", "To: "+strings.Join(to, ", ")+"\r\n"+mailText("undeliverable"), to...)
	n.drained(t)
	if got := inboxOf(t, far.store, "bob@far.example", "inbox"); len(got) != 1 {
		t.Errorf("%d copies for bob", len(got))
	}
	reports := strings.Join(inboxOf(t, n.store, "user@local.example", "inbox"), "")
	for _, rcpt := range to {
		if got := strings.Count(reports, "Final-Recipient: rfc822; "+rcpt); (got == 1) != (rcpt != "bob@far.example") {
			t.Errorf("%s is reported %d times", rcpt, got)
		}
	}
}

func TestCourierExpires(t *testing.T) {
	n := nearNode(t, nil)
	n.courier.router = routes{"far.example": client.Route{Dial: func(context.Context, string) (net.Conn, error) {
		return nil, errors.New("node is switched off")
	}}, "local.example": client.Route{Local: true}}
	n.queue.SetClock(func() time.Time { return time.Now().Add(-5 * 24 * time.Hour) })
	n.send(t, "user@local.example", mailText("undeliverable"), "bob@far.example")
	n.queue.SetClock(time.Now)
	n.run(t)
	n.drained(t)
	got := inboxOf(t, n.store, "user@local.example", "inbox")
	checkReport(t, got[0], "bob@far.example", "5.4.7", "given up after 5 days; last: 451 4.4.0 connect to a node of far.example: that failed; the log here tells why")
}

// TestCausesStayInside: of what fails inside a fixed sentence is in the queue and in the report,
// and the cause in the log alone.
func TestCausesStayInside(t *testing.T) {
	secret := errors.New("badger: /var/lib/cairn/000017.sst: secret checksum")
	fails := func(context.Context, string) (net.Conn, error) { return nil, secret }
	for name, set := range map[string]func(n *node){
		"route": func(n *node) { n.courier.router = noRoutes{secret} },
		"dial":  func(n *node) { n.courier.router = routes{"far.example": {Dial: fails}, "local.example": {Local: true}} },
		"deliver": func(n *node) {
			n.courier.router = routes{"far.example": {Local: true}, "local.example": {Local: true}}
			n.courier.delivery = testDelivery(testConfig, n.store, &deliverytest.Verifier{Fail: secret})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := nearNode(t, nil)
			var log safeBuffer
			n.courier.log = slog.New(slog.NewTextHandler(&log, nil))
			set(n)
			n.send(t, "user@local.example", mailText("inside"), "bob@far.example", "al@far.example")
			n.run(t)
			var e outbox.Entry
			waitFor(t, func() bool {
				var err error
				e, err = n.queue.Get(1)
				return err == nil && e.Attempts > 0
			})
			report, err := bounce(&e, []byte(mailText("inside")), []fate{{rcpt: "bob@far.example", reply: reply.With(550, "5.4.7 last: "+e.LastError)}}, "mx.local.example", "local.example", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{e.LastError, fmt.Sprint(e.History), string(report)} {
				if strings.Contains(s, "secret") || strings.Contains(s, "badger") || !strings.Contains(s, "451 4.") {
					t.Errorf("shows %q", s)
				}
			}
			if !strings.Contains(log.String(), "000017.sst: secret checksum") {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

type noRoutes struct{ err error }

func (r noRoutes) Route(context.Context, string) (client.Route, error) { return client.Route{}, r.err }

// safeBuffer is a buffer for many goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// While the clock is known to be wrong nothing is given up by it.
func TestWrongClockExpiresNothing(t *testing.T) {
	n := nearNode(t, nil)
	n.courier.router = routes{"far.example": client.Route{Dial: func(context.Context, string) (net.Conn, error) {
		return nil, errors.New("node is switched off")
	}}, "local.example": client.Route{Local: true}}
	n.courier.cfg.Sending.Unsealed = time.Millisecond
	var wrong atomic.Bool
	wrong.Store(true)
	asked := make(chan struct{}, 100)
	n.courier.cfg.Clock.Distrust = func() bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return wrong.Load()
	}
	n.queue.SetClock(func() time.Time { return time.Now().Add(-6 * 24 * time.Hour) })
	n.send(t, "user@local.example", mailText("sealed"), "bob@far.example")
	if _, err := n.queue.Submit(t.Context(), outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{"bob@far.example"}}, []byte(mailText("unsealed"))); err != nil {
		t.Fatal(err)
	}
	n.queue.SetClock(time.Now)
	n.run(t)
	waitFor(t, func() bool { return must(n.queue.LenDeferred())(t) == 1 })
	for range 10 {
		<-asked
	}
	if got := n.queued(t); got != 2 {
		t.Errorf("%d of 2 are queued", got)
	}
	wrong.Store(false)
	waitFor(t, func() bool {
		_, err := n.queue.Get(2)
		return errors.Is(err, outbox.ErrGone)
	})
}

// TestUnclearOutcome: the other side stores a message, and the connection
// breaks before its 250. The courier comes again; there is one copy.
func TestUnclearOutcome(t *testing.T) {
	far := farNode(t)
	n := nearNode(t, far)
	var dials atomic.Int32
	n.courier.router = routes{"far.example": client.Route{Dial: func(ctx context.Context, d string) (net.Conn, error) {
		c, err := tcp(far.addr)(ctx, d)
		if err == nil && dials.Add(1) == 1 {
			c = &deaf{Conn: c, deafTo: "250 2.0.0 accepted"}
		}
		return c, err
	}}}
	n.run(t)
	n.send(t, "user@local.example", mailText("unclear"), "bob@far.example")
	n.drained(t)
	if dials.Load() != 2 {
		t.Errorf("%d sessions", dials.Load())
	}
	if got := inboxOf(t, far.store, "bob@far.example", "inbox"); len(got) != 1 {
		t.Errorf("%d copies", len(got))
	}
}

// TestSlowLink: a message takes far longer on its way than the other side may
// take for a reply, and arrives, since the link never stands still.
func TestSlowLink(t *testing.T) {
	far, script := farNode(t), peerScript(t, map[string]string{"bob": "250 2.1.5 fine"})
	for _, tt := range []struct {
		name    string
		addr    string
		arrived func() int
	}{
		{"BDAT", far.addr, func() int { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) }},
		{"DATA", script.addr, func() int { return int(script.messages.Load()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := nearNode(t, nil)
			n.courier.cfg.Sending.Reply = time.Hour
			n.courier.router = routes{"far.example": client.Route{Dial: func(ctx context.Context, d string) (net.Conn, error) {
				c, err := tcp(tt.addr)(ctx, d)
				return &slowLink{Conn: c, perHour: 100_000}, err
			}}}
			n.send(t, "user@local.example", mailText("large")+strings.Repeat(strings.Repeat("x", 98)+"\r\n", 10_000), "bob@far.example")
			n.run(t)
			waitFor(t, func() bool {
				es := must(n.queue.List(0, 1))(t)
				if len(es) > 0 && es[0].Attempts > 0 {
					t.Fatalf("did not arrive: %s", es[0].LastError)
				}
				return len(es) == 0
			})
			if got := tt.arrived(); got != 1 {
				t.Errorf("%d arrived", got)
			}
		})
	}
}

// slowLink takes what it can carry until the deadline for writing, in no time.
type slowLink struct {
	net.Conn
	perHour  float64 // bytes
	deadline time.Time
	busy     time.Duration // since the deadline was set
}

func (c *slowLink) SetDeadline(by time.Time) error {
	c.deadline, c.busy = by, 0
	return c.Conn.SetDeadline(by)
}

func (c *slowLink) SetWriteDeadline(by time.Time) error {
	c.deadline, c.busy = by, 0
	return c.Conn.SetWriteDeadline(by)
}

func (c *slowLink) Write(p []byte) (int, error) {
	c.busy += time.Duration(float64(len(p)) / c.perHour * float64(time.Hour))
	if c.busy > time.Until(c.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Write(p)
}

// deaf breaks when a reply comes that it must not hear.
type deaf struct {
	net.Conn
	deafTo string
}

func (d *deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if bytes.Contains(p[:n], []byte(d.deafTo)) {
		d.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func TestBackoff(t *testing.T) {
	s := Sending{}.withDefaults()
	for tried, want := range map[time.Duration]time.Duration{0: 5 * time.Second, 5 * time.Second: 10 * time.Second, 75 * time.Second: 80 * time.Second, time.Hour: time.Hour, 1 << 62: time.Hour} {
		lo, mid, hi := backoff(s, tried, 0), backoff(s, tried, 0.5), backoff(s, tried, 1)
		if mid != want || lo >= mid || hi <= mid {
			t.Errorf("after %v: %v %v %v, want about %v", tried, lo, mid, hi, want)
		}
	}
}

// Mail that was tried often within a short time waits no longer than if it had been tried once.
func TestBackoffOfOftenTried(t *testing.T) {
	s := Sending{}.withDefaults()
	now := time.UnixMilli(1_800_000_000_000)
	e := outbox.Entry{Created: now.Add(-time.Second)}
	often := func(n int) {
		for range n {
			e.Tried(now, "451 nobody answers")
			now = now.Add(100 * time.Millisecond)
		}
	}
	for range 3 {
		often(15)
		if wait := backoff(s, e.TriedFor(now), 0.5); wait > 12*time.Second {
			t.Errorf("it waits %v", wait)
		}
	}
	now = now.Add(5 * time.Hour)
	often(40) // it still has been tried for hours
	if wait := backoff(s, e.TriedFor(now), 0.5); wait != s.MaxRetry {
		t.Errorf("it waits %v", wait)
	}
}

// scripted is an SMTP server that knows nothing but HELO-time basics: no
// CHUNKING, no PIPELINING, replies to RCPT by the local part.
type scripted struct {
	addr     string
	messages atomic.Int32
}

func peerScript(t *testing.T, rcpt map[string]string) *scripted {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{addr: l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.talk(c, rcpt)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return s
}

func (s *scripted) talk(c net.Conn, rcpt map[string]string) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	d := &gatewaytest.Dialogue{Conn: c, R: bufio.NewReader(c)}
	say := func(reply string) { io.WriteString(c, reply+"\r\n") }
	say("220-welcome\r\n220 to an old server")
	for text := false; ; {
		line, err := d.R.ReadString('\n')
		if err != nil {
			return
		}
		local, _, _ := strings.Cut(strings.TrimPrefix(line, "RCPT TO:<"), "@")
		switch {
		case text && line == ".\r\n":
			text = false
			s.messages.Add(1)
			say("250 2.0.0 taken")
		case text:
		case strings.HasPrefix(line, "RCPT"):
			say(rcpt[local])
		case strings.HasPrefix(line, "DATA"):
			text = true
			say("354 go on")
		case strings.HasPrefix(line, "QUIT"):
			return
		default:
			say("250 fine")
		}
	}
}

// TestCourierEndsWithTheStore: what was delivered cannot be noted, so nothing
// more is carried.
func TestCourierEndsWithTheStore(t *testing.T) {
	for _, woken := range []bool{false, true} {
		far := farNode(t)
		n := nearNode(t, far)
		n.send(t, "user@local.example", mailText("once"), "bob@far.example")
		if !woken {
			<-n.queue.WakeCourier() // the due entry is found all the same
		}
		n.courier.update = func(ctx context.Context, fn func(*mailstore.Tx) error) error {
			if !woken && len(inboxOf(t, far.store, "bob@far.example", "inbox")) == 0 {
				return n.store.Update(ctx, fn)
			}
			return fmt.Errorf("%w: no such device", mailstore.ErrBroken)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := n.courier.Run(ctx); !errors.Is(err, mailstore.ErrBroken) {
			t.Errorf("courier: %v", err)
		}
		if got := inboxOf(t, far.store, "bob@far.example", "inbox"); len(got) > 1 || len(got) == 0 && !woken {
			t.Errorf("%d arrived", len(got))
		}
	}
}

// TestUnrecordedMailIsReturned: mail that never gets its token comes back to
// its sender, in a report that does not need one; a report goes to whom it is
// for.
func TestUnrecordedMailIsReturned(t *testing.T) {
	n := nearNode(t, nil)
	n.courier.cfg.Sending.Unsealed = time.Millisecond
	const toBoth = "To: other@local.example, removed@local.example\r\n"
	account := mailstore.AccountID(2)
	submit := func(from, raw string, to ...string) {
		t.Helper()
		env := outbox.Envelope{From: from, Account: account, Recipients: to}
		if _, err := n.queue.Submit(t.Context(), env, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	n.queue.SetClock(func() time.Time { return time.Now().Add(-6 * 24 * time.Hour) })
	submit("user@local.example", mailText("undeliverable"), "bob@far.example")
	submit("", toBoth+mailText("report"), "other@local.example", "removed@local.example") // one entry
	submit("", mailText("report to nobody here"), "bob@far.example")
	update(t, n.store, func(tx *mailstore.Tx) error {
		removed, err := tx.AddAccount("removed", []string{"removed@local.example"})
		account = removed.ID
		return err
	})
	submit("removed@local.example", mailText("sender is gone"), "bob@far.example")
	update(t, n.store, func(tx *mailstore.Tx) error { return tx.RemoveAccount(account) })
	account = 2
	submit("", strings.Repeat("Received: by here\r\n", trace.MaxReceived)+mailText("in circles"), "other@local.example")
	n.queue.SetClock(time.Now)
	submit("user@local.example", mailText("fresh"), "bob@far.example")
	n.run(t)
	waitFor(t, func() bool { return n.queued(t) == 1 })
	if es := must(n.queue.List(0, 10))(t); es[0].ID != 6 {
		t.Errorf("left: %+v", es)
	}
	got := inboxOf(t, n.store, "user@local.example", "inbox")
	if len(got) != 1 {
		t.Fatalf("%d reports", len(got))
	}
	checkReport(t, got[0], "bob@far.example", "5.4.7", "given up after 6 days: the mail could not be recorded")
	got = inboxOf(t, n.store, "other@local.example", "inbox")
	if len(got) != 1 || !strings.HasSuffix(got[0], mailText("report")) {
		t.Errorf("the recipient of a report has %q", got)
	}
}

// Mail that waited while the node was off gets the time to be recorded.
func TestUnrecordedMailIsNotReturnedAtOnce(t *testing.T) {
	far := farNode(t)
	n := nearNode(t, far)
	n.send(t, "user@local.example", mailText("first look"), "bob@far.example")
	n.queue.SetClock(func() time.Time { return time.Now().Add(-6 * 24 * time.Hour) })
	submitTo(t, n.queue, "bob@far.example")
	n.queue.SetClock(time.Now)
	old := must(n.queue.Unsealed(0, 1))(t)[0].ID
	n.run(t)
	arrived := func() int { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) }
	waitFor(t, func() bool { return arrived() == 1 })
	seal(t, n.store, n.queue, old)
	waitFor(t, func() bool { return n.queued(t) == 0 })
	if arrived() != 2 {
		t.Error("mail was returned that could leave")
	}
}

// TestGivenUpIsTold: of mail that could not be recorded somebody here is told, also where its
// sender is elsewhere or gone: the account that it is of, and of a mailing list or where that is
// gone the postmaster.
func TestGivenUpIsTold(t *testing.T) {
	n := nearNode(t, nil)
	var list lists.List
	update(t, n.store, func(tx *mailstore.Tx) (err error) {
		list, err = lists.Put(tx, lists.List{Address: "list@local.example", Owner: "owner@elsewhere.example", Since: gatewaytest.Moment})
		return err
	})
	const far = "bob@far.example"
	for _, tt := range []struct {
		name, from, to string
		account        mailstore.AccountID
		told           string
	}{
		{"of its account", "user@local.example", far, 2, "user@local.example"},
		{"relayed", "app@elsewhere.example", far, 1, "admin@local.example"},
		{"of another sender of his", "owner@elsewhere.example", far, 2, "user@local.example"},
		{"of an address that was taken off", "former@local.example", far, 2, "user@local.example"},
		{"of a list whose owner is elsewhere", list.Owner, far, list.Account, "admin@local.example"},
		{"of an account that is gone", "gone@local.example", far, 99, "admin@local.example"},
		{"a report", "", "user@local.example", 1, "user@local.example"},
		{"a report to others", "", "owner@elsewhere.example", 1, "admin@local.example"},
	} {
		before := len(inboxOf(t, n.store, tt.told, "inbox"))
		ref := strings.ReplaceAll(tt.name, " ", "-")
		env := outbox.Envelope{Ref: ref, From: tt.from, Account: 1, Recipients: []string{tt.to}}
		must(n.queue.Submit(t.Context(), env, []byte(mailText(ref))))(t)
		e := must(n.queue.Unsealed(0, 1))(t)[0]
		e.Account = tt.account // also one that has been removed since
		if err := n.courier.giveUp(t.Context(), []outbox.Entry{e}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := inboxOf(t, n.store, tt.told, "inbox")
		if len(got) != before+1 || !strings.Contains(got[len(got)-1], ref) || n.queued(t) != 0 {
			t.Errorf("%s: %s has %d mails more, %d are queued", tt.name, tt.told, len(got)-before, n.queued(t))
		}
	}
}

// TestSealedMeanwhile: mail that gets its token while it is given up leaves.
func TestSealedMeanwhile(t *testing.T) {
	n := nearNode(t, nil)
	submitTo(t, n.queue, "bob@far.example")
	e := must(n.queue.Unsealed(0, 1))(t)[0]
	seal(t, n.store, n.queue, e.ID)
	if err := n.courier.giveUp(t.Context(), []outbox.Entry{e}); err != nil {
		t.Fatal(err)
	}
	if n.queued(t) != 1 || len(inboxOf(t, n.store, "user@local.example", "inbox")) != 0 {
		t.Error("it was returned")
	}
}
