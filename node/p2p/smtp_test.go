package p2p

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// pair returns both ends of a mail stream from b to a.
func pair(t *testing.T, l net.Listener, from *node, to consensus.Key) (dialed, accepted net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialed, err := from.DialSMTP(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	// As in SMTP the server speaks first: the client's read makes libp2p tell the server of the
	// stream.
	greeting := make(chan string, 1)
	go func() {
		b := make([]byte, 3)
		_, _ = io.ReadFull(dialed, b)
		greeting <- string(b)
	}()
	accepted, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accepted.Write([]byte("220")); err != nil {
		t.Fatal(err)
	}
	if got := <-greeting; got != "220" {
		t.Fatalf("the server's first words: %q", got)
	}
	t.Cleanup(func() { _ = dialed.Close(); _ = accepted.Close() })
	return dialed, accepted
}

func TestMailStreams(t *testing.T) {
	_, nodes := cluster(t, 2)
	a, b := nodes[0], nodes[1]
	l, err := a.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ListenSMTP(); err == nil {
		t.Error("two listeners at once")
	}
	client, server := pair(t, l, b, a.self)

	t.Run("node keys", func(t *testing.T) {
		if k := NodeKeyOf(server); k == nil || *k != b.self {
			t.Errorf("the server sees node %v, want %v", k, b.self)
		}
		if k := NodeKeyOf(wrapped{client}); k == nil || *k != a.self {
			t.Errorf("the client sees node %v, want %v", k, a.self)
		}
		if k := NodeKeyOf(&net.TCPConn{}); k != nil {
			t.Errorf("a TCP connection has node key %v", k)
		}
		if ip := server.(interface{ RemoteIP() netip.Addr }).RemoteIP(); ip.String() != "127.0.0.1" {
			t.Errorf("the server sees IP address %v", ip)
		}
		if server.RemoteAddr().Network() != "libp2p" || server.RemoteAddr().String() != b.host.ID().String() {
			t.Errorf("remote address %s %s", server.RemoteAddr().Network(), server.RemoteAddr())
		}
	})
	t.Run("large transfers both ways", func(t *testing.T) {
		const size = 24 << 20
		sent := make([]byte, size)
		rnd := rand.NewChaCha8([32]byte{1})
		_, _ = rnd.Read(sent)
		want := sha256.Sum256(sent)
		errs := make(chan error, 4)
		for _, dir := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() { _, err := dir[0].Write(sent); errs <- err }()
			go func() {
				got, err := io.ReadAll(io.LimitReader(dir[1], size))
				if err == nil && sha256.Sum256(got) != want {
					err = errors.New("the bytes differ")
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("deadlines", func(t *testing.T) {
		for _, c := range []net.Conn{client, server} {
			if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			_, err := c.Read(make([]byte, 1))
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("read after the deadline: %v", err)
			}
			_ = c.SetReadDeadline(time.Time{})
		}
		// A deadline that was missed does not end the stream.
		go func() { _, _ = client.Write([]byte("NOOP")) }()
		b := make([]byte, 4)
		if _, err := io.ReadFull(server, b); err != nil || string(b) != "NOOP" {
			t.Errorf("after a deadline: %q, %v", b, err)
		}
		// A write that nobody reads times out as well.
		_ = client.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		var err error
		for range 64 << 10 {
			if _, err = client.Write(make([]byte, 64<<10)); err != nil {
				break
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write without a reader: %v", err)
		}
	})
	t.Run("close", func(t *testing.T) {
		client, server := pair(t, l, b, a.self)
		if _, err := server.Write([]byte("221 bye\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		_ = client.SetReadDeadline(time.Now().Add(patience))
		if got, err := io.ReadAll(client); err != nil || string(got) != "221 bye\r\n" {
			t.Errorf("the rest and the end: %q, %v", got, err)
		}
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
		if err := server.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	})
	t.Run("listener close", func(t *testing.T) {
		ended := make(chan error, 1)
		go func() { _, err := l.Accept(); ended <- err }()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		again, err := a.ListenSMTP()
		if err != nil {
			t.Fatalf("a new listener after Close: %v", err)
		}
		a.stop()
		if _, err := again.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after the host has closed: %v", err)
		}
		if _, err := a.ListenSMTP(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ListenSMTP after the host has closed: %v", err)
		}
	})
}

type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

// A node that is no neighbour is found by asking the neighbours.
func TestDialSMTPFindsTheNode(t *testing.T) {
	net := chaintest.New(3)
	lonely := fast
	lonely.peers, lonely.dial = time.Hour, time.Hour // learns of no one by itself
	hub := start(t, net, 0, setup{})
	target := start(t, net, 1, setup{bootstrap: hub.Addrs()})
	l, err := target.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the target is known", func() bool { return len(hub.Peers()) == 1 })
	sender := start(t, net, 2, setup{timing: &lonely})
	if _, err := sender.DialSMTP(context.Background(), target.self); !errors.Is(err, ErrNodeNotFound) {
		t.Errorf("without peers: %v, want ErrNodeNotFound", err)
	}
	if err := sender.Connect(context.Background(), hub.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hub is a peer", func() bool { return len(sender.Peers()) >= 1 })
	client, _ := pair(t, l, sender, target.self)
	if k := NodeKeyOf(client); k == nil || *k != target.self {
		t.Errorf("reached node %v", k)
	}
	if _, err := sender.DialSMTP(context.Background(), consensus.PublicKey(chaintest.New(7).Orgs[6].Node)); !errors.Is(err, ErrNodeNotFound) {
		t.Errorf("a node that nobody knows: %v, want ErrNodeNotFound", err)
	}
	if _, err := sender.DialSMTP(context.Background(), sender.self); err == nil {
		t.Error("dialed itself")
	}
}

// mailbox starts the node of the first organisation, with all of net enrolled, and opens its
// listener.
func mailbox(t *testing.T, network *chaintest.Network, s setup) (*node, net.Listener) {
	t.Helper()
	n := start(t, network, 0, s)
	n.enrol()
	l, err := n.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	return n, l
}

// refused demands that a stream to a node is not served.
func refused(t *testing.T, from, to *node) {
	t.Helper()
	before := to.Stats()["smtp.too-many"]
	c, err := from.DialSMTP(context.Background(), to.self)
	if err == nil {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("one stream too many was served")
		}
		_ = c.Close()
	}
	if got := to.Stats()["smtp.too-many"] - before; got != 1 {
		t.Errorf("%d streams counted as too many, want 1", got)
	}
}

func TestTooManyMailStreams(t *testing.T) {
	net := chaintest.New(2)
	a, l := mailbox(t, net, setup{sessions: 2})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	eventually(t, "connected", func() bool { return len(b.Peers()) == 1 })
	pair(t, l, b, a.self)
	client, server := pair(t, l, b, a.self)
	refused(t, b, a)
	_ = client.Close()
	_ = server.Close()
	pair(t, l, b, a.self)
}

// Streams that a node has opened to a peer take no place of those that the peer opens.
func TestMailStreamsBothWays(t *testing.T) {
	net := chaintest.New(2)
	a, la := mailbox(t, net, setup{sessions: 1})
	b := start(t, net, 1, setup{sessions: 4, bootstrap: a.Addrs()})
	lb, err := b.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "connected", func() bool { return len(b.Peers()) == 1 })
	pair(t, lb, a, b.self)
	pair(t, la, b, a.self)
	refused(t, b, a)
}

// Nodes that are not enrolled share their places with all others at their address, however many
// names they take; enrolled nodes at the same address have theirs beside.
func TestMailStreamsOfStrangers(t *testing.T) {
	net, others := chaintest.New(2), chaintest.New(5)
	a, l := mailbox(t, net, setup{sessions: 2 * strangersShare})
	var strangers []*node
	for _, org := range others.Orgs[2:] {
		strangers = append(strangers, startAs(t, net, org.Node, setup{bootstrap: a.Addrs()}))
	}
	eventually(t, "all are connected", func() bool { return len(a.Peers()) == len(strangers) })
	pair(t, l, strangers[0], a.self)
	pair(t, l, strangers[1], a.self)
	for _, s := range strangers {
		refused(t, s, a)
	}
	member := start(t, net, 1, setup{bootstrap: a.Addrs()})
	eventually(t, "the member is connected", func() bool { return len(member.Peers()) >= 1 })
	pair(t, l, member, a.self)
}

// As many streams as a member may have open do get through libp2p's own limits, both ways at once.
func TestMailStreamsOfABusyMember(t *testing.T) {
	net := chaintest.New(2)
	a, la := mailbox(t, net, setup{})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	lb, err := b.ListenSMTP()
	if err != nil {
		t.Fatal(err)
	}
	oneTip(t, []*node{a, b})
	for range DefaultMaxSessions {
		pair(t, la, b, a.self)
		pair(t, lb, a, b.self)
	}
	refused(t, b, a)
	refused(t, a, b)
}

func TestRemoteIP(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/192.0.2.7/tcp/7400":             "192.0.2.7",
		"/ip6/2001:db8::7/tcp/7400":           "2001:db8::7",
		"/ip6/::ffff:192.0.2.7/tcp/7400":      "192.0.2.7",
		"/ip6zone/eth0/ip6/fe80::7/tcp/7400":  "fe80::7",
		"/dns4/mail.example/tcp/7400":         "invalid IP",
		"/unix/a":                             "invalid IP",
		"/ip4/192.0.2.7/tcp/7400/p2p-circuit": "invalid IP",
	} {
		if got := remoteIP(ma.StringCast(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if remoteIP(nil).IsValid() {
		t.Error("an address out of nothing")
	}
}

// Streams that strangers open and say nothing on leave those of a member room.
func TestSilentStreamsOfStrangers(t *testing.T) {
	net := chaintest.New(2)
	a, l := mailbox(t, net, setup{})
	b := start(t, net, 1, setup{bootstrap: a.Addrs()})
	oneTip(t, []*node{a, b})
	info, err := parseAddr(a.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	const strangers, each = 4, 300
	for range strangers {
		foe, err := libp2p.New(libp2p.NoListenAddrs, libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport),
			libp2p.DisableMetrics(), libp2p.ResourceManager(&network.NullResourceManager{}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { foe.Close() })
		if err := foe.Connect(t.Context(), *info); err != nil {
			t.Fatal(err)
		}
		for range each {
			if _, err := foe.Network().NewStream(t.Context(), info.ID); err != nil {
				break // refused
			}
		}
	}
	stat := a.host.Network().ResourceManager().(rcmgr.ResourceManagerState).Stat
	eventually(t, "the strangers' streams", func() bool { return stat().Transient.NumStreamsInbound >= 800 })
	for range 10 {
		pair(t, l, b, a.self)
	}
}
