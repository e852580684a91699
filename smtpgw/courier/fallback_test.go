package courier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/refuse"
)

// Mail for a node that does not answer goes to mail servers when it may, and only where nobody can
// have it; what these cannot take as it is, and what the DNS says against them, has it wait.
func TestFallBack(t *testing.T) {
	far := (&gatewaytest.Foreign{Offers: []string{"8BITMIME"}}).Listen(t)
	plain := (&gatewaytest.Foreign{}).Listen(t)
	refuses := (&gatewaytest.Foreign{Instead: func(line string, _ int) string {
		if strings.HasPrefix(line, "RCPT") {
			return "550 5.1.1 nobody of that name"
		}
		return ""
	}}).Listen(t)
	to := func(s *gatewaytest.Foreign) func(*node) (client.Route, error) {
		return func(*node) (client.Route, error) {
			return client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: gatewaytest.DialTo(s.Addr)}}}, nil
		}
	}
	fails := func(err error) func(*node) (client.Route, error) {
		return func(*node) (client.Route, error) { return client.Route{}, err }
	}
	away := errors.New("no answer")
	for _, c := range []struct {
		name    string
		raw     string
		outside func(*node) (client.Route, error)
		before  func(t *testing.T, n *node)
		reply   string
	}{
		{"it goes outside", mailText("a"), to(far), nil, "250 "},
		{"8-bit text goes as it was recorded", mailText("b") + "\xff\r\n", to(far), nil, "250 "},
		{"8-bit text that is not taken waits", mailText("c") + "\xff\r\n", to(plain), nil, "451 4.6.3"},
		{"who the server does not know is not there", mailText("d"), to(refuses), nil, "550 5.1.1"},
		{"not yet, or never", mailText("e"), fails(fmt.Errorf("%w, for now", client.ErrStays)), nil, "451 4.4.0 connect to a node of far.example"},
		{"the DNS says that it takes no mail", mailText("f"), fails(refuse.With(550, 5, 1, 10, "takes no mail")), nil, "451 4.4.0 send outside: takes no mail"},
		{"no server", mailText("g"), fails(client.ErrNoRoute), nil, "451 4.4.0 send outside"},
		{"the peer may have it", mailText("h"), to(far), func(t *testing.T, n *node) {
			if err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return n.queue.NoteUnclear(tx, 1, "org") }); err != nil {
				t.Fatal(err)
			}
		}, "451 4.4.0 connect to a node of far.example"},
		{"it may have it from a run that was killed", mailText("i"), to(far), func(t *testing.T, n *node) {
			if err := n.queue.BeginRun(t.Context()); err != nil {
				t.Fatal(err)
			}
			again := outbox.New(n.store)
			if _, err := again.Upgrade(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.queue, n.courier.queue = again, again
		}, "451 4.4.0 connect to a node of far.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := nearNode(t, nil)
			dials := 0
			n.courier.router = routes{"far.example": client.Route{
				To: "peer", Peer: "org",
				Dial:    func(context.Context, string) (net.Conn, error) { dials++; return nil, away },
				Outside: func(context.Context, time.Duration) (client.Route, error) { return c.outside(n) },
			}}
			n.send(t, "user@local.example", c.raw, "bob@far.example")
			if c.before != nil {
				c.before(t, n)
			}
			n.courier.beginRun(t.Context())
			e, whole, err := n.queue.Load(1)
			if err != nil {
				t.Fatal(err)
			}
			out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, &e, whole)
			if o != nil {
				o.Quit()
			}
			if got := fmt.Sprint(out[0].reply); !strings.HasPrefix(got, c.reply) || dials != 1 {
				t.Errorf("%s, after %d attempts to reach the node", got, dials)
			}
		})
	}
}

// A courier that ends in order leaves no doubt behind.
func TestRunEndsInOrder(t *testing.T) {
	n := nearNode(t, nil)
	n.courier.router = routes{"far.example": client.Route{Dial: func(context.Context, string) (net.Conn, error) { return nil, errors.New("away") }}}
	submitTo(t, n.queue, "bob@far.example")
	sealAll(t, n.store, n.queue)
	stop := n.run(t)
	waitFor(t, func() bool { es := must(n.queue.List(0, 1))(t); return es[0].Attempts > 0 })
	stop()
	again := outbox.New(n.store)
	if _, err := again.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again.PerhapsCarried(1) {
		t.Error("it may have arrived")
	}
}
