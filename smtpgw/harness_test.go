package smtpgw

import (
	"bufio"
	"log/slog"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"

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

// testDelivery files by the default policy and asks nobody but c.
func testDelivery(cfg Config, st *mailstore.Store, c arrival.Checker) *Delivery {
	return NewDelivery(cfg, st, c, NewFiling(screen.Policy{}), arrival.Sources{})
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func inbound(t testing.TB, cfg Config, st *mailstore.Store, v arrival.Checker) string {
	return gatewaytest.Serve(t, NewInbound(cfg, st, testDelivery(cfg, st, v), discard()))
}

func submission(t testing.TB, cfg Config, st *mailstore.Store) (string, *outbox.Queue) {
	q := outbox.New(st)
	return gatewaytest.Serve(t, NewSubmission(cfg, st, q, discard())), q
}

// dialogue is a raw SMTP client: a gatewaytest.Dialogue.
type dialogue struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func (d *dialogue) shared() *gatewaytest.Dialogue {
	return &gatewaytest.Dialogue{T: d.t, Conn: d.conn, R: d.r}
}

func dial(t testing.TB, addr string) *dialogue {
	t.Helper()
	d := gatewaytest.Dial(t, addr)
	return &dialogue{t: t, conn: d.Conn, r: d.R}
}

// greeted has heard the banner and said EHLO.
func greeted(t testing.TB, addr string) *dialogue {
	t.Helper()
	d := gatewaytest.Greeted(t, addr)
	return &dialogue{t: t, conn: d.Conn, r: d.R}
}

func (d *dialogue) say(text, want string) string {
	d.t.Helper()
	return d.shared().Say(text, want)
}

func (d *dialogue) expect(want string) string {
	d.t.Helper()
	return d.shared().Expect(want)
}

func (d *dialogue) reply() (all, last string, err error) { return d.shared().Reply() }

func (d *dialogue) closed() {
	d.t.Helper()
	d.shared().Closed()
}

func clip(s string) string { return gatewaytest.Clip(s) }

func inboxOf(t testing.TB, st *mailstore.Store, addr, label string) []string {
	t.Helper()
	return gatewaytest.Labelled(t, st, addr, label)
}

func mailText(subject string) string { return gatewaytest.MailText(subject) }

func update(t testing.TB, st *mailstore.Store, fn func(*mailstore.Tx) error) {
	t.Helper()
	gatewaytest.Update(t, st, fn)
}
