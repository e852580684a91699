package courier

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/client"
)

// TestWidth: how many workers a lane may have, by where it leads.
func TestWidth(t *testing.T) {
	hosts := client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example"}}}
	node := client.Route{To: "a node"}
	for _, tt := range []struct {
		name   string
		route  client.Route
		err    error
		others int // lanes to the same node
		want   int
	}{
		{"not known yet", client.Route{}, errors.New("no answer"), 0, 8},
		{"mail servers", hosts, nil, 0, 8},
		{"here", client.Route{Local: true}, nil, 0, 32},
		{"a node", node, nil, 0, 32},
		{"a node with four domains", node, nil, 3, 32},
		{"a node with five domains", node, nil, 4, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := nearNode(t, nil).courier
			var l *lane
			for i := range tt.others + 1 {
				l = newLane(t.Context(), fmt.Sprintf("d%d.example", i), c.texts)
				c.lanes[l.domain] = l
				c.noteWay(l, &tt.route, tt.err)
			}
			if got := c.most(l); got != tt.want {
				t.Errorf("%d workers; want %d", got, tt.want)
			}
			l.workers, l.idle = tt.want+1, tt.want+1
			if !c.dismiss(l) || c.dismiss(l) || l.workers != tt.want || l.idle != tt.want {
				t.Errorf("%d workers stay, %d of them idle; want %d", l.workers, l.idle, tt.want)
			}
		})
	}
}

// TestNodeHasManySessions: as many are opened with a node as it may have, once it is known for one.
func TestNodeHasManySessions(t *testing.T) {
	n := nearNode(t, nil)
	opened := make(chan net.Conn, 100)
	n.courier.router = routes{"far.example": client.Route{To: "a node", Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		opened <- there // nobody says anything
		return here, nil
	}}}
	for i := range 40 {
		n.send(t, "user@local.example", mailText(fmt.Sprint(i)), "bob@far.example")
	}
	n.run(t)
	for range 32 {
		select {
		case c := <-opened:
			defer c.Close()
		case <-time.After(20 * time.Second):
			t.Fatal("a session is not opened")
		}
	}
	n.courier.mu.Lock()
	defer n.courier.mu.Unlock()
	if l := n.courier.lanes["far.example"]; l == nil || l.workers != 32 || len(opened) > 0 {
		t.Errorf("%d sessions more, there is a lane: %v", len(opened), l != nil)
	}
}

// TestLightMailIsBounded: however many sessions there are with a node, the texts on their way to it
// are in so much memory, also those of mail that waits for no room with heavy mail.
func TestLightMailIsBounded(t *testing.T) {
	n := nearNode(t, nil)
	opened := make(chan net.Conn, 100)
	n.courier.router = routes{"far.example": client.Route{To: "a node", Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		opened <- there // nobody says anything
		return here, nil
	}}}
	text := mailText("large") + strings.Repeat(strings.Repeat("x", 70)+"\r\n", (lightMail-4096)/72)
	for range 14 {
		n.send(t, "user@local.example", text, "bob@far.example")
	}
	n.run(t)
	for range lightBytes / lightMail {
		select {
		case c := <-opened:
			defer c.Close()
		case <-time.After(20 * time.Second):
			t.Fatal("a session is not opened")
		}
	}
	waitFor(t, func() bool {
		n.courier.mu.Lock()
		defer n.courier.mu.Unlock()
		l := n.courier.lanes["far.example"]
		return l != nil && l.workers == 14 && l.idle == 0 && l.light.Used() > lightBytes-lightMail
	})
	n.courier.mu.Lock()
	defer n.courier.mu.Unlock()
	if l := n.courier.lanes["far.example"]; len(opened) > 0 || l.light.Used() > lightBytes {
		t.Errorf("%d sessions more, %d octets", len(opened), l.light.Used())
	}
}
