package courier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
)

// turning is a router whose answer for all domains but its own changes while it runs.
type turning struct{ answer atomic.Pointer[turn] }

type turn struct {
	route client.Route
	err   error
}

func (r *turning) Route(_ context.Context, domain string) (client.Route, error) {
	if domain == "local.example" {
		return client.Route{Local: true}, nil
	}
	t := r.answer.Load()
	return t.route, t.err
}

// attempted is how many entries wait in the queue after an attempt, -1 while one
// waits for its first. What comes up meanwhile is sealed.
func (n *node) attempted(t *testing.T) int {
	t.Helper()
	sealAll(t, n.store, n.queue)
	list, err := n.queue.List(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(list, func(e outbox.Entry) bool { return e.Attempts == 0 }) {
		return -1
	}
	return len(list)
}

// counted is a connection that tells when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// counting counts the connections of dial that are open.
func counting(open *atomic.Int32, dial client.Dialer) client.Dialer {
	return func(ctx context.Context, domain string) (net.Conn, error) {
		c, err := dial(ctx, domain)
		if err == nil {
			open.Add(1)
			c = &counted{Conn: c, open: open}
		}
		return c, err
	}
}

// TestRouteTurnsWhileSessionIsOpen: a session stands open to whom a domain was
// trusted to be of; from the moment that the route leads elsewhere nothing more
// goes over it.
func TestRouteTurnsWhileSessionIsOpen(t *testing.T) {
	const later = 5
	for _, tt := range []struct {
		name               string
		next               func(old, other *node) turn
		old, other, local  int // mails that each has in the end
		waiting, open, new int // entries in the queue, sessions with the old node, and with the other
	}{
		{"to another organisation", func(_, other *node) turn {
			return turn{route: client.Route{To: "other", Dial: tcp(other.addr)}}
		}, 1, later, 0, 0, 0, 1},
		{"to the same one", func(old, _ *node) turn {
			return turn{route: client.Route{To: "old", Dial: tcp(old.addr)}}
		}, 1 + later, 0, 0, 0, 1, 0},
		{"to nobody", func(_, _ *node) turn { return turn{err: client.ErrNoRoute} }, 1, 0, later, 0, 0, 0},
		{"not known now", func(_, _ *node) turn { return turn{err: errors.New("the DNS does not answer")} }, 1, 0, 0, later, 0, 0},
		{"to this node", func(_, _ *node) turn { return turn{route: client.Route{Local: true}} }, 1, 0, later, 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, other := farNode(t), farNode(t)
			n := nearNode(t, nil)
			n.courier.cfg.Sending.Sessions, n.courier.cfg.Sending.NodeSessions, n.courier.cfg.Sending.IdleSession = 1, 1, time.Hour
			n.courier.cfg.Sending.FirstRetry = time.Hour
			var open, opened atomic.Int32
			router := &turning{}
			router.answer.Store(&turn{route: client.Route{To: "old", Dial: counting(&open, tcp(old.addr))}})
			n.courier.router = router
			n.run(t)
			n.send(t, "user@local.example", mailText("first"), "bob@far.example")
			n.drained(t)
			if open.Load() != 1 {
				t.Fatalf("%d sessions are open", open.Load())
			}

			next := tt.next(old, other)
			if next.route.Dial != nil {
				next.route.Dial = counting(&opened, next.route.Dial)
			}
			router.answer.Store(&next)
			for i := range later {
				n.send(t, "user@local.example", mailText(fmt.Sprint("later ", i)), "bob@far.example")
			}
			waitFor(t, func() bool { return n.attempted(t) == tt.waiting })
			for where, c := range map[string]struct{ got, want int }{
				"at the old node":         {len(inboxOf(t, old.store, "bob@far.example", "inbox")), tt.old},
				"at the other node":       {len(inboxOf(t, other.store, "bob@far.example", "inbox")), tt.other},
				"returned":                {len(inboxOf(t, n.store, "user@local.example", "inbox")), tt.local},
				"sessions with the old":   {int(open.Load()), tt.open},
				"sessions with the other": {int(opened.Load()), tt.new},
			} {
				if c.got != c.want {
					t.Errorf("%s: %d, want %d", where, c.got, c.want)
				}
			}
		})
	}
}

// TestWhom: who did not answer is not said to be a server of the domain where it is none.
func TestWhom(t *testing.T) {
	hosts := []client.Host{{Name: "mx.far.example"}}
	for want, r := range map[string]*client.Route{
		"a mail server of far.example":  {Hosts: hosts},
		"the smarthost for far.example": {Hosts: hosts, Smarthost: true},
		"a node of far.example":         {},
		client.ByMailServer:             {Beside: true},
	} {
		if got := r.Whom("far.example"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
