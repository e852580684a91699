package smtpgw

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/mailstore"
)

// BenchmarkSubmit takes 4 KB messages from 16 clients at one time; a message
// counts when its durable 250 has come.
func BenchmarkSubmit(b *testing.B) {
	body := mailText("bench") + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 50)
	one := func(c *smtp.Client) error {
		if err := c.Mail("user@local.example"); err != nil {
			return err
		}
		if err := c.Rcpt("someone@far.example"); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		io.WriteString(w, body)
		return w.Close()
	}
	for _, reuse := range []bool{false, true} {
		name := "session-per-message"
		if reuse {
			name = "sessions-reused"
		}
		b.Run(name, func(b *testing.B) {
			addr, q := submission(b, testConfig, localStore(b))
			var left atomic.Int64
			left.Store(int64(b.N))
			b.SetBytes(int64(len(body)))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					var c *smtp.Client
					for left.Add(-1) >= 0 {
						var err error
						if c == nil {
							if c, err = smtp.Dial(addr); err != nil {
								b.Error(err)
								return
							}
						}
						if err := one(c); err != nil {
							b.Error(err)
							return
						}
						if !reuse {
							c.Quit()
							c = nil
						}
					}
					if c != nil {
						c.Quit()
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			if n, err := q.Len(); err != nil || n != b.N {
				b.Fatalf("%d queued of %d: %v", n, b.N, err)
			}
		})
	}
}

// BenchmarkCourier carries sealed 4 KB messages to another node's durable 250.
func BenchmarkCourier(b *testing.B) {
	far := farNode(b)
	n := nearNode(b, far)
	raw := bytes.Repeat([]byte("x"), 4000)
	raw = append([]byte(mailText("bench")), raw...)
	raw = append(raw, "\r\n"...)
	for range b.N {
		if _, err := n.queue.Submit(b.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"bob@far.example"}}, raw); err != nil {
			b.Fatal(err)
		}
	}
	sealAll(b, n.store, n.queue)
	b.ResetTimer()
	stop := n.run(b)
	waitFor(b, func() bool { return n.queued(b) == 0 })
	b.StopTimer()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// node is one side of a courier test.
type node struct {
	store   *mailstore.Store
	queue   *Queue
	courier *Courier
	checker *verifier
	addr    string // of its inbound server
}

func farNode(t testing.TB) *node {
	st := storeWith(t, "bob=bob@far.example", "carol=carol@far.example")
	v := &verifier{}
	cfg := Config{Hostname: "mx.far.example", Domains: []string{"far.example"}, Postmaster: "bob@far.example"}
	return &node{store: st, checker: v, addr: inbound(t, cfg, st, v)}
}

func nearNode(t testing.TB, far *node) *node {
	st := localStore(t)
	v := &verifier{}
	q := NewQueue(st)
	r := routes{"local.example": Route{Local: true}}
	if far != nil {
		r["far.example"] = Route{Dial: tcp(far.addr)}
	}
	cfg := testConfig
	cfg.Sending = Sending{FirstRetry: 10 * time.Millisecond, IdleSession: 50 * time.Millisecond}
	return &node{store: st, queue: q, checker: v, courier: NewCourier(cfg, q, r, NewDelivery(cfg, st, v), discard())}
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
type routes map[string]Route

func (r routes) Route(_ context.Context, domain string) (Route, error) {
	if route, ok := r[domain]; ok {
		return route, nil
	}
	return Route{}, fmt.Errorf("%s: %w", domain, ErrNoRoute)
}

func tcp(addr string) Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

// sealAll gives every waiting entry a token of its own, as the recorder does.
func sealAll(t testing.TB, st *mailstore.Store, q *Queue) {
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

// waitFor polls until cond holds.
func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("waited for a minute in vain")
		}
	}
}
