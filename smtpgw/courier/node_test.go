package courier

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
)

// node is one side of a courier test.
type node struct {
	store   *mailstore.Store
	queue   *outbox.Queue
	courier *Courier
	checker *deliverytest.Verifier
	addr    string // of its inbound server
}

func farNode(t testing.TB) *node { return limitedNode(t, smtpgw.Limits{}) }

func limitedNode(t testing.TB, limits smtpgw.Limits) *node {
	st := storeWith(t, "bob=bob@far.example", "carol=carol@far.example")
	v := &deliverytest.Verifier{}
	cfg := smtpgw.Config{Hostname: "mx.far.example", Domains: only("far.example"), Postmaster: "bob@far.example", Limits: limits}
	return &node{store: st, checker: v, addr: inbound(t, cfg, st, v)}
}

func nearNode(t testing.TB, far *node) *node {
	st := localStore(t)
	v := &deliverytest.Verifier{}
	q := outbox.New(st)
	r := routes{"local.example": client.Route{Local: true}}
	if far != nil {
		r["far.example"] = client.Route{Dial: tcp(far.addr)}
	}
	cfg := configOf(testConfig)
	cfg.Sending = Sending{FirstRetry: 10 * time.Millisecond, IdleSession: 50 * time.Millisecond}
	return &node{store: st, queue: q, checker: v, courier: New(cfg, q, r, testDelivery(testConfig, st, v), discard())}
}

// configOf is that of the courier of a node with such servers.
func configOf(cfg smtpgw.Config) Config {
	return Config{Hostname: cfg.Hostname, Directory: cfg.Directory(), Holders: cfg.Holders, Suppress: cfg.Suppress, Clock: cfg.Clock}
}

// run starts the courier; the returned func stops it.
func (n *node) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.courier.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("courier: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// routes stands in for the node's routing.
type routes map[string]client.Route

func (r routes) Route(_ context.Context, domain string) (client.Route, error) {
	if route, ok := r[domain]; ok {
		return route, nil
	}
	return client.Route{}, fmt.Errorf("%s: %w", domain, client.ErrNoRoute)
}

// sealAll gives every waiting entry a token of its own, as the recorder does.
func sealAll(t testing.TB, st *mailstore.Store, q *outbox.Queue) {
	t.Helper()
	for after := uint64(0); ; {
		es, err := q.Unsealed(after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) == 0 {
			return
		}
		after = es[len(es)-1].ID
		err = st.Update(context.Background(), func(tx *mailstore.Tx) error {
			for _, e := range es {
				if err := q.Seal(tx, e.ID, fmt.Appendf(nil, "Cairn-Record: token-%d\r\n", e.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func submitTo(t testing.TB, q *outbox.Queue, rcpts ...string) {
	t.Helper()
	_, err := q.Submit(t.Context(), outbox.Envelope{From: "user@local.example", Account: 2, Recipients: rcpts}, []byte(mailText("queued")))
	if err != nil {
		t.Fatal(err)
	}
}

func ids(es []outbox.Entry) (out []uint64) {
	for _, e := range es {
		out = append(out, e.ID)
	}
	return out
}

func seal(t testing.TB, st *mailstore.Store, q *outbox.Queue, id uint64) {
	t.Helper()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return q.Seal(tx, id, []byte("Cairn-Record: t\r\n")) })
	if err != nil {
		t.Fatal(err)
	}
}
