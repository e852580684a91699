package courier

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/scratch"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/screen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

// testConfig is that of the servers of a node.
var testConfig = smtpgw.Config{
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
func localStore(t testing.TB) *mailstore.Store { return gatewaytest.LocalStore(t) }

// testDelivery files by the default policy and asks nobody but c.
func testDelivery(cfg smtpgw.Config, st *mailstore.Store, c arrival.Checker) *smtpgw.Delivery {
	return smtpgw.NewDelivery(cfg, st, c, smtpgw.NewFiling(screen.Policy{}), arrival.Sources{})
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func inbound(t testing.TB, cfg smtpgw.Config, st *mailstore.Store, v arrival.Checker) string {
	return gatewaytest.Serve(t, smtpgw.NewInbound(cfg, st, testDelivery(cfg, st, v), discard()))
}

func submission(t testing.TB, cfg smtpgw.Config, st *mailstore.Store) (string, *outbox.Queue) {
	q := outbox.New(st)
	return gatewaytest.Serve(t, smtpgw.NewSubmission(cfg, st, q, discard())), q
}

// greeted has heard the banner and said EHLO.
func greeted(t testing.TB, addr string) *gatewaytest.Dialogue {
	t.Helper()
	return gatewaytest.Greeted(t, addr)
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

// waitFor polls until cond holds.
func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	gatewaytest.WaitFor(t, cond)
}

// must takes the results of a call and fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T { return gatewaytest.Must(v, err) }

func tcp(addr string) client.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

// family are the other nodes of an organisation.
type family struct {
	at   map[string]client.Route
	keys []consensus.Key
}

func (f *family) Holder(_ context.Context, address string) (client.Route, error) {
	if route, ok := f.at[address]; ok {
		return route, nil
	}
	return client.Route{}, client.ErrNoRoute
}

func (f *family) Sibling(node consensus.Key) bool { return slices.Contains(f.keys, node) }

// by has all connections come from a node.
func by(key consensus.Key) func(net.Conn) *consensus.Key {
	return func(net.Conn) *consensus.Key { return &key }
}

// second is another node of the organisation, which has dora, as from reaches it.
func second(t *testing.T, from consensus.Key) (addr string, st *mailstore.Store, v *deliverytest.Verifier) {
	t.Helper()
	st, v = storeWith(t, "dora=dora@local.example"), &deliverytest.Verifier{}
	cfg := testConfig
	cfg.NodeKey, cfg.Holders.Siblings = by(from), &family{keys: []consensus.Key{from}}
	return inbound(t, cfg, st, v), st, v
}
