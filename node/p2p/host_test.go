package p2p

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
)

func TestNewRefusesBadConfigurations(t *testing.T) {
	net := chaintest.New(1)
	running := start(t, net, 0, setup{})
	key := chaintest.New(2).Orgs[1].Node
	taken, _, _ := strings.Cut(running.Addrs()[0], "/p2p/")
	passes := map[string]syscall.Errno{"a port that is taken": syscall.EADDRINUSE, "an address not available": syscall.EADDRNOTAVAIL}
	for name, cfg := range map[string]Config{
		"no key":                   {},
		"a short key":              {Key: ed25519.PrivateKey{1}},
		"a listen address":         {Key: key, Listen: []string{"127.0.0.1:7400"}},
		"a port that is taken":     {Key: key, Listen: []string{taken}},
		"a peer address":           {Key: key, Bootstrap: []string{"somewhere"}},
		"a peer address, no id":    {Key: key, Bootstrap: []string{"/ip4/127.0.0.1/tcp/7400"}},
		"a negative peer number":   {Key: key, MaxPeers: -1},
		"a peer address, bad id":   {Key: key, Bootstrap: []string{"/ip4/127.0.0.1/tcp/7400/p2p/nobody"}},
		"an address not available": {Key: key, Listen: []string{"/ip4/192.0.2.1/tcp/0"}},
	} {
		h, err := New(cfg, running.chain, running.pool, quiet())
		if err == nil {
			t.Errorf("%s: accepted", name)
			_ = h.Close()
		} else if !strings.HasPrefix(err.Error(), "p2p: ") {
			t.Errorf("%s: %v", name, err)
		} else if want := passes[name]; want != 0 && !errors.Is(err, want) {
			t.Errorf("%s: %v, of which nobody can tell that it may pass", name, err)
		}
	}
}

func TestHostThatNeverRunsCloses(t *testing.T) {
	net := chaintest.New(1)
	db, err := badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil).WithMemTableSize(8 << 20))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	m, err := chain.Open(db, net.Genesis, quiet())
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{Key: net.Orgs[0].Node}, m, mempool.New(mempool.DefaultPolicy(), nil), quiet())
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Addrs()) != 0 {
		t.Errorf("listens on %v without being told to", h.Addrs())
	}
	if height, best, syncing := h.Progress(); height != 0 || best != 0 || syncing {
		t.Errorf("progress %d of %d, syncing %v", height, best, syncing)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Who connects to a node by hand is told how its greeting went, the second time too; a node that is
// to be kept connected and is of another network is named as such.
func TestConnectTellsHowTheGreetingWent(t *testing.T) {
	net := chaintest.New(4)
	params := chaintest.Params()
	params.Name = "another chain"
	friend, stranger := start(t, net, 1, setup{}), start(t, chaintest.NewWith(params, 3), 2, setup{})
	sameChain := chaintest.New(1)
	sameChain.Genesis = otherFounder(t)
	cousin := startAs(t, sameChain, chaintest.New(9).Orgs[8].Node, setup{})
	gone := start(t, net, 3, setup{})
	nowhere := gone.Addrs()[0]
	gone.stop()

	n := start(t, net, 0, setup{})
	for range 2 {
		for addr, want := range map[string]error{
			friend.Addrs()[0]: nil, n.Addrs()[0]: ErrSelf, stranger.Addrs()[0]: ErrOtherNetwork, nowhere: ErrNoAnswer,
		} {
			if err := n.Connect(t.Context(), addr); !errors.Is(err, want) {
				t.Errorf("connecting to %s: %v, want %v", addr, err, want)
			}
		}
		if err := n.Connect(t.Context(), cousin.Addrs()[0]); err == nil {
			t.Error("connected to a node with the same chain id and another genesis")
		}
		if peers := n.Peers(); len(peers) != 1 || peers[0].Node != friend.self {
			t.Errorf("once it was told how it went the peers are %+v", peers)
		}
	}
	apart, ok := errors.AsType[*Apart](n.Connect(t.Context(), stranger.Addrs()[0]))
	if !ok || time.Until(apart.Until) > otherTime || slices.Contains(n.book.known(), stranger.host.ID()) {
		t.Errorf("a node of another network is left alone: %+v, and known: %v", apart, n.book.known())
	}

	misled := start(t, net, 0, setup{bootstrap: stranger.Addrs()})
	eventually(t, "a node of another network is named", func() bool {
		silent := misled.Silent()
		return len(silent) == 1 && errors.Is(silent[0].Why, ErrOtherNetwork) && silent[0].Addr == stranger.Addrs()[0]
	})
}

// A node of another version of the protocol is named as such and counted once, and not as one that
// did not answer.
func TestAnotherVersionIsNoSilence(t *testing.T) {
	n := start(t, chaintest.New(1), 0, setup{})
	other := newStranger(t, n)
	if err := other.Network().Listen(ma.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
		t.Fatal(err)
	}
	other.SetStreamHandler(n.names.status, func(s network.Stream) {
		st := n.ownStatus()
		st.Version++
		_, _ = readFrame(s, maxStatus)
		_ = writeFrame(s, st.encode())
	})
	if err := n.Connect(t.Context(), other.Addrs()[0].String()+"/p2p/"+other.ID().String()); !errors.Is(err, ErrOtherVersion) {
		t.Errorf("connecting to it: %v", err)
	}
	n.stop()
	if stats := n.Stats(); stats["peer.other-version"] != 1 || stats["peer.no-greeting"] != 0 {
		t.Errorf("counted: %v", stats)
	}
}

func TestConnectRefusesWhatIsNoOtherNode(t *testing.T) {
	n := start(t, chaintest.New(1), 0, setup{})
	for _, addr := range []string{"", "127.0.0.1:7400", "/ip4/127.0.0.1/tcp/7400", n.Addrs()[0]} {
		if err := n.Connect(context.Background(), addr); err == nil {
			t.Errorf("connected to %q", addr)
		}
	}
}
