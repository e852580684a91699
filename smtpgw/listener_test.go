package smtpgw

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
)

type textAddr string

func (a textAddr) Network() string { return "test" }
func (a textAddr) String() string  { return string(a) }

// membersConfig has members of the network: the nodes whose keys begin with 1.
func membersConfig() Config {
	cfg := testConfig
	cfg.NodeKey = func(c net.Conn) *consensus.Key {
		if v, ok := c.(visitor); ok {
			return &v.node
		}
		return nil
	}
	cfg.Enrolled = func(k consensus.Key) bool { return k[0] == 1 }
	return cfg
}

type addressed struct {
	net.Conn
	addr net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.addr }

func TestIdentify(t *testing.T) {
	host := netip.MustParseAddr("192.0.2.7")
	s := newServer(membersConfig(), Inbound, nil, discard())
	for _, tt := range []struct {
		conn          net.Conn
		want, network string
		member        bool
	}{
		{addressed{addr: &net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 25}}, "192.0.2.7", "192.0.2.0/24", false},
		{addressed{addr: textAddr("[::ffff:192.0.2.7]:25")}, "192.0.2.7", "192.0.2.0/24", false},
		{addressed{addr: &net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:3::4"), Port: 25}}, "2001:db8:1:2::/64", "2001:db8:1::/48", false},
		{addressed{addr: &net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:ffff::9"), Port: 26}}, "2001:db8:1:2::/64", "2001:db8:1::/48", false},
		{addressed{addr: &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 25}}, "fe80::/64", "fe80::/48", false},
		{addressed{addr: textAddr("pipe")}, "pipe", "pipe", false},
		{visitor{ip: host, node: consensus.Key{2}}, "192.0.2.7", "192.0.2.0/24", false},
		{visitor{ip: netip.MustParseAddr("2001:db8:1:2::5"), node: consensus.Key{2}}, "2001:db8:1:2::/64", "2001:db8:1::/48", false},
		{visitor{node: consensus.Key{2}}, "unknown address", "unknown address", false},
		{visitor{ip: host, node: consensus.Key{1}}, "node " + consensus.Key{1}.String(), "node " + consensus.Key{1}.String(), true},
	} {
		if got, network, member := s.identify(tt.conn); got != tt.want || network != tt.network || member != tt.member {
			t.Errorf("%+v is counted as %q of %q (member %t), want %q of %q", tt.conn, got, network, member, tt.want, tt.network)
		}
	}
}

// TestConnectionsOfStrangers: whoever makes up nodes is counted by address and
// network, never takes the connections that are kept for members, and makes
// place for others when all are taken.
func TestConnectionsOfStrangers(t *testing.T) {
	const enough, ofNetwork, busy = "^421 .* too many connections with you", "^421 .* with your network", "^421 .* is too busy"
	const yields = "^421 4.3.2 too many connections, and this one has brought nothing"
	visit := visits(t, 8, 4)
	var first, second *dialogue
	for i := range byte(4) {
		d := visit("192.0.2.1", consensus.Key{2, i}, "^220")
		switch i {
		case 0:
			first = d
		case 1:
			second = d
		}
	}
	visit("192.0.2.1", consensus.Key{3}, enough)
	visit("198.51.100.2", consensus.Key{3}, "^220")
	visit("203.0.113.3", consensus.Key{4}, "^220")
	visit("203.0.113.4", consensus.Key{5}, "^220")
	first.expect(yields)
	first.closed()
	visit("192.0.2.1", consensus.Key{1, 1}, "^220")
	visit("192.0.2.1", consensus.Key{1, 2}, "^220")
	visit("192.0.2.1", consensus.Key{1, 3}, "^220")
	second.expect(yields)
	for i := range byte(5) {
		visit("192.0.2.1", consensus.Key{1, 4 + i}, "^220")
	}
	visit("192.0.2.1", consensus.Key{1, 9}, busy) // of members, none lingers
	visit("192.0.2.9", consensus.Key{6}, busy)    // nor is one ended for a stranger

	visit = visits(t, 100, 2)
	for _, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		visit(ip, consensus.Key{2}, "^220")
	}
	visit("192.0.2.5", consensus.Key{2}, ofNetwork)
	visit("192.0.3.5", consensus.Key{2}, "^220")
	visit("192.0.2.5", consensus.Key{1}, "^220")

	visit = visits(t, 8, 2)
	for _, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		visit(ip, consensus.Key{1}, "^220")
	}
	visit("192.0.2.5", consensus.Key{1}, enough)
}

// visits runs a server with these limits and returns what opens a session from
// an address and wants a banner.
func visits(t *testing.T, connections, perPeer int) func(ip string, node consensus.Key, banner string) *dialogue {
	cfg := membersConfig()
	cfg.Limits.Connections, cfg.Limits.PerPeer = connections, perPeer
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	l := servePipes(t, s)
	return func(ip string, node consensus.Key, banner string) *dialogue {
		t.Helper()
		conn := l.visit(netip.MustParseAddr(ip), &node)
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
		d.expect(banner)
		return d
	}
}

// servePipes runs a server on pipes until the test ends.
func servePipes(t *testing.T, s *Server) *pipes {
	l := newPipes()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l
}

// Of a flood, only so many are told why they are turned away.
func TestFloodOfConnections(t *testing.T) {
	cfg := testConfig
	cfg.Limits.PerPeer = 1
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	addr := gatewaytest.Serve(t, s)
	dial(t, addr).expect("^220")
	for range maxRefusing {
		s.refusing <- struct{}{}
	}
	dial(t, addr).closed()
	<-s.refusing
	dial(t, addr).expect("^421 4.7.0 mx.local.example has too many connections")
	for range maxRefusing - 1 {
		<-s.refusing
	}
}

// TestConnectionsAtSubmission: other machines take neither all places at the submission port nor
// those of who has signed in; whoever has not makes place.
func TestConnectionsAtSubmission(t *testing.T) {
	cfg := membersConfig()
	cfg.Limits.Connections = 8
	st := localStore(t)
	s := NewSubmission(cfg, st, outbox.New(st), discard())
	l := servePipes(t, s)
	visit := func(ip, banner string) *dialogue {
		t.Helper()
		conn := l.visit(netip.MustParseAddr(ip), &consensus.Key{2})
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
		d.expect(banner)
		return d
	}
	const yields = "^421 4.3.2 too many connections, and this one has brought nothing"
	signed := visit("192.0.2.1", "^220")
	s.mu.Lock()
	for w := range s.wires {
		w.signed.Store(true)
	}
	s.mu.Unlock()
	first := visit("192.0.2.1", "^220")
	visit("192.0.2.1", "^421 .* too many connections with you")
	visit("192.0.2.2", "^220")
	visit("192.0.2.3", "^220")
	visit("192.0.2.4", "^421 .* with your network")
	visit("198.51.100.1", "^220")
	visit("203.0.113.1", "^220")
	visit("203.0.113.2", "^220") // three quarters are taken
	first.expect(yields)
	first.closed()
	own := visit("127.0.0.1", "^220")
	visit("127.0.0.1", "^220")
	for range 5 { // as many as have not signed in make place
		visit("127.0.0.1", "^220")
	}
	visit("127.0.0.1", "^421 .* is too busy")
	signed.say("EHLO signed.example\r\n", "^250")
	own.say("EHLO own.example\r\n", "^250")
}
