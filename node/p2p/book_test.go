package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/sync/errgroup"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// signed returns the record of an organisation's node, signed by the node of another if that is
// given.
func signed(t testing.TB, net *chaintest.Network, org, signer int, seq uint64, addrs ...string) []byte {
	t.Helper()
	id, err := peerID(consensus.PublicKey(net.Orgs[org].Node))
	if err != nil {
		t.Fatal(err)
	}
	rec := &peer.PeerRecord{PeerID: id, Seq: seq}
	for _, a := range addrs {
		rec.Addrs = append(rec.Addrs, ma.StringCast(a))
	}
	priv, err := crypto.UnmarshalEd25519PrivateKey(net.Orgs[signer].Node)
	if err != nil {
		t.Fatal(err)
	}
	env, err := record.Seal(rec, priv)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestBookBelievesOnlySignedRecords(t *testing.T) {
	net := chaintest.New(2)
	b := newBook()
	good := signed(t, net, 0, 0, 2, "/ip4/127.0.0.1/tcp/7400", "/ip4/10.1.2.3/tcp/7400", "/ip4/198.51.100.7/tcp/7400")
	id, err := b.learn(good, scopeLoopback)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(b.addrs(id)); got != 3 {
		t.Errorf("%d addresses, want 3", got)
	}
	if _, err := b.learn(signed(t, net, 0, 1, 3, "/ip4/127.0.0.1/tcp/6666"), scopeLoopback); !errors.Is(err, errMalformed) {
		t.Errorf("a record signed by another: %v", err)
	}
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	if _, err := b.learn(forged, scopeLoopback); !errors.Is(err, errMalformed) {
		t.Errorf("a forged record: %v", err)
	}
	if _, err := b.learn(signed(t, net, 0, 0, 1, "/ip4/127.0.0.1/tcp/1"), scopeLoopback); err != nil {
		t.Fatal(err)
	}
	if got := b.addrs(id); len(got) != 3 {
		t.Errorf("an older record replaced a newer one: %v", got)
	}
	if got := b.records(9, ""); len(got) != 1 || !bytes.Equal(got[0], good) {
		t.Errorf("%d records to pass on, want the good one", len(got))
	}
}

func TestBookIgnoresAddressesOfOtherHouses(t *testing.T) {
	net := chaintest.New(1)
	for near, want := range map[scope]int{scopeLoopback: 3, scopePrivate: 2, scopePublic: 1} {
		b := newBook()
		id, err := b.learn(signed(t, net, 0, 0, 1, "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.2/tcp/1", "/ip4/198.51.100.7/tcp/1"), near)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(b.addrs(id)); got != want {
			t.Errorf("told from scope %d: %d addresses, want %d", near, got, want)
		}
	}
}

// A name in a record would be resolved to whatever its owner likes.
func TestBookIgnoresNames(t *testing.T) {
	net := chaintest.New(1)
	b := newBook()
	id, err := b.learn(signed(t, net, 0, 0, 1, "/dns4/localhost/tcp/1", "/dns/router.example/tcp/80", "/dnsaddr/a.example", "/ip6/2001:db8::1/tcp/1"), scopeLoopback)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.addrs(id)); got != "[/ip6/2001:db8::1/tcp/1]" {
		t.Errorf("addresses %s", got)
	}
	given, err := parseAddr("/dns4/mail.example/tcp/7400/p2p/" + id.String())
	if err != nil {
		t.Fatal(err)
	}
	if b.add(*given); len(b.addrs(id)) != 2 {
		t.Error("a name that the operator gave is not used")
	}
}

// What a peer tells libp2p of its addresses, beside the book, is not dialled.
func TestOnlyAddressesOfTheBookAreDialed(t *testing.T) {
	network := chaintest.New(2)
	h := notRunning(t, network)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, hit := make(chan struct{}), false
	go func() {
		defer close(ended)
		if c, err := l.Accept(); err == nil {
			hit = true
			c.Close()
		}
	}()
	node := consensus.PublicKey(chaintest.New(3).Orgs[2].Node)
	id, err := peerID(node)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := manet.FromNetAddr(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	h.host.Peerstore().AddAddr(id, inside, time.Hour)
	if _, err := h.reach(t.Context(), node); !errors.Is(err, ErrNodeNotFound) {
		t.Errorf("reached: %v", err)
	}
	h.host.Peerstore().AddAddr(id, inside, time.Hour)
	if err := h.dial(t.Context(), peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/1")}}); err == nil {
		t.Error("connected to nobody")
	}
	l.Close()
	if <-ended; hit {
		t.Error("an address that is not in the book was dialled")
	}
}

func TestBookStaysBounded(t *testing.T) {
	b := newBook()
	given := peer.AddrInfo{ID: "given", Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/1")}}
	b.add(given)
	for i := range 2 * maxKnown {
		b.mu.Lock()
		b.entry(peer.ID([]byte{byte(i >> 8), byte(i)})).seen = time.Unix(int64(i), 0)
		b.mu.Unlock()
	}
	if len(b.byID) != maxKnown {
		t.Errorf("%d entries, want %d", len(b.byID), maxKnown)
	}
	if len(b.addrs("given")) != 1 {
		t.Error("an address of the operator was forgotten")
	}
}

func FuzzPeerRecord(f *testing.F) {
	net := chaintest.New(2)
	f.Add(signed(f, net, 0, 0, 1, "/ip4/127.0.0.1/tcp/1"))
	f.Add(signed(f, net, 0, 1, 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := newBook().learn(b, scopePublic); err != nil && !errors.Is(err, errMalformed) {
			t.Fatalf("error %v is not errMalformed", err)
		}
	})
}

// Several calls may want a node at once, as the courier's sessions do.
func TestReachTogether(t *testing.T) {
	network := chaintest.New(2)
	far := start(t, network, 0, setup{})
	info, err := parseAddr(far.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		near := notRunning(t, network)
		near.book.add(*info)
		var all errgroup.Group
		for range 16 {
			all.Go(func() error {
				_, err := near.reach(t.Context(), far.self)
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		near.Close()
	}
}

// Whoever signs records of many nodes that nobody knows does not push out those that are enrolled,
// and these are dialled first.
func TestStrangersDoNotPushMembersOutOfTheBook(t *testing.T) {
	net := chaintest.New(1)
	b := newBook()
	id, err := b.learn(signed(t, net, 0, 0, 1, "/ip4/127.0.0.1/tcp/7400"), scopeLoopback)
	if err != nil {
		t.Fatal(err)
	}
	b.member = func(p peer.ID) bool { return p == id }
	for i := range 2 * maxKnown {
		b.mu.Lock()
		b.entry(peer.ID(fmt.Sprint(i))).signed = b.byID[id].signed
		b.mu.Unlock()
	}
	if len(b.byID) != maxKnown {
		t.Errorf("%d entries, want %d", len(b.byID), maxKnown)
	}
	if len(b.addrs(id)) != 1 || b.known()[0] != id {
		t.Error("a member was pushed out, or is not the first to be dialled")
	}
}
