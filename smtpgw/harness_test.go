package smtpgw

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/scratch"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("SMTPGW_CRASH_DIR"); dir != "" {
		crashChild(dir)
		return
	}
	goleak.VerifyTestMain(scratch.InMemory(m))
}

var testConfig = Config{
	Hostname:   "mx.local.example",
	Domains:    only("local.example"),
	Postmaster: "admin@local.example",
}

// only is a list of domains that stays as it is.
func only(domains ...string) func() []string { return func() []string { return domains } }

// storeWith opens a store with accounts; each is given as name=address,address.
func storeWith(t testing.TB, accounts ...string) *mailstore.Store {
	return gatewaytest.Store(t, accounts...)
}

// localStore has the accounts that most tests use.
func localStore(t testing.TB) *mailstore.Store {
	return gatewaytest.LocalStore(t)
}

// verifier stands in for the verifier: it admits everything once per
// (From field, recipient) and remembers in a space of the store, as the real
// one does.
type verifier struct {
	fail  error
	found screen.Finding // zero: pending

	mu       sync.Mutex
	arrivals []arrival.Arrival
}

func (v *verifier) Check(_ context.Context, a *arrival.Arrival) (arrival.Assessment, error) {
	if v.fail != nil {
		return nil, v.fail
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.arrivals = append(v.arrivals, *a)
	found := v.found
	if found.Verdict == "" {
		found.Verdict = record.Pending
	}
	return assessment{raw: string(a.Raw), found: found}, nil
}

func (v *verifier) seen() []arrival.Arrival {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.arrivals
}

type assessment struct {
	raw   string
	found screen.Finding
}

func (a assessment) Found() screen.Finding { return a.found }

func (a assessment) key(rcpt string) []byte {
	// The record is named by the token, when there is one.
	token, _, _ := strings.Cut(a.raw, "\r\n")
	return []byte(rcpt + "\x00" + token)
}

func (a assessment) Admit(tx *mailstore.Tx, _ mailstore.AccountID, rcpt string) (screen.Finding, bool, error) {
	sp := tx.Space("accepted")
	if strings.HasPrefix(a.raw, "Cairn-Record:") {
		if known, err := sp.Has(a.key(rcpt)); err != nil || known {
			return screen.Finding{}, known, err
		}
		if err := sp.Put(a.key(rcpt), []byte{1}); err != nil {
			return screen.Finding{}, false, err
		}
	}
	return a.found, false, nil
}

func (a assessment) Stored(tx *mailstore.Tx, rcpt string, m mailstore.Message) error {
	_, err := tx.Message(m.Account, m.ID)
	return err
}

// testDelivery files by the default policy and asks nobody but c.
func testDelivery(cfg Config, st *mailstore.Store, c arrival.Checker) *Delivery {
	return NewDelivery(cfg, st, c, NewFiling(screen.Policy{}), arrival.Sources{})
}

// begin runs a server on a loopback port and returns its address and what Serve
// returns in the end.
func begin(t testing.TB, s *Server) (addr string, served <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return l.Addr().String(), done
}

// serve runs a server on a loopback port until the test ends and returns its
// address.
func serve(t testing.TB, s *Server) string {
	t.Helper()
	addr, served := begin(t, s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return addr
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func inbound(t testing.TB, cfg Config, st *mailstore.Store, v arrival.Checker) string {
	return serve(t, NewInbound(cfg, st, testDelivery(cfg, st, v), discard()))
}

func submission(t testing.TB, cfg Config, st *mailstore.Store) (string, *outbox.Queue) {
	q := outbox.New(st)
	return serve(t, NewSubmission(cfg, st, q, discard())), q
}

// dialogue is a raw SMTP client.
type dialogue struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, addr string) *dialogue {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
}

// greeted has heard the banner and said EHLO.
func greeted(t testing.TB, addr string) *dialogue {
	t.Helper()
	d := dial(t, addr)
	d.expect("^220 ")
	d.say("EHLO client.example\r\n", "^250 ")
	return d
}

// say sends text and wants a reply whose last line matches.
func (d *dialogue) say(text, want string) string {
	d.t.Helper()
	if _, err := d.conn.Write([]byte(text)); err != nil {
		d.t.Fatalf("send %q: %v", clip(text), err)
	}
	return d.expect(want)
}

// expect reads one reply and returns its lines.
func (d *dialogue) expect(want string) string {
	d.t.Helper()
	all, last, err := d.reply()
	if err != nil {
		d.t.Fatalf("wait for %s: %v (got %q)", want, err, all)
	}
	if !regexp.MustCompile(want).MatchString(last) {
		d.t.Fatalf("reply %q, want %s", all, want)
	}
	return all
}

func (d *dialogue) reply() (all, last string, err error) {
	for {
		line, err := d.r.ReadString('\n')
		all += line
		if err != nil {
			return all, line, err
		}
		if len(line) < 4 || line[3] != '-' {
			return all, strings.TrimRight(line, "\r\n"), nil
		}
	}
}

// closed wants the server to hang up.
func (d *dialogue) closed() {
	d.t.Helper()
	switch rest, err := d.r.ReadString('\n'); {
	case err == nil:
		d.t.Fatalf("more came: %q", rest)
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.t.Fatal("the connection stays open")
	}
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

func inboxOf(t testing.TB, st *mailstore.Store, addr, label string) []string {
	t.Helper()
	return gatewaytest.Labelled(t, st, addr, label)
}

func mailText(subject string) string { return gatewaytest.MailText(subject) }

func update(t testing.TB, st *mailstore.Store, fn func(*mailstore.Tx) error) {
	t.Helper()
	gatewaytest.Update(t, st, fn)
}
