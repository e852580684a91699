package p2p

import (
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus/chain/chaintest"
)

// Whose connection is ended for another one's.
func TestWorstSeat(t *testing.T) {
	t0 := time.Unix(1000, 0)
	full, small := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24")
	oldest := &seat{site: small, since: t0}
	mail := &seat{site: full, since: t0, mail: true}
	older := &seat{site: full, since: t0.Add(time.Second)}
	newer := &seat{site: full, since: t0.Add(2 * time.Second)}
	for _, tt := range []struct {
		seats []*seat
		want  *seat
	}{
		{nil, nil},
		{[]*seat{oldest, mail, newer, older}, older},
		{[]*seat{mail, oldest, newer}, newer},
		{[]*seat{newer, oldest}, oldest},
		{[]*seat{mail}, mail},
	} {
		if got := worst(tt.seats); got != tt.want {
			t.Errorf("of %d: %+v, want %+v", len(tt.seats), got, tt.want)
		}
	}
}

func TestSiteOf(t *testing.T) {
	for in, want := range map[string]string{
		"/ip4/192.0.2.7/tcp/1": "192.0.2.0/24", "/ip6/2001:db8:1:2::3/tcp/1": "2001:db8:1::/48",
		"/ip6/::ffff:192.0.2.7/tcp/1": "192.0.2.0/24", "/dns4/a.example/tcp/1": "invalid Prefix",
	} {
		if got := siteOf(ma.StringCast(in)).String(); got != want {
			t.Errorf("%s is in %s, want %s", in, got, want)
		}
	}
}

// Strangers who have as many connections as they may make place for each other and never take a
// member's.
func TestStrangersMakePlace(t *testing.T) {
	net2 := chaintest.New(2)
	patient := fast
	patient.greet = time.Hour // or it would find out before all are there that they are no nodes
	n := start(t, net2, 0, setup{peers: 2, timing: &patient})
	n.enrol()
	friend := start(t, net2, 1, setup{bootstrap: n.Addrs()})
	oneTip(t, []*node{n, friend})
	info, err := peer.AddrInfoFromString(n.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	most := strangersAt(2)
	for i := range most + 5 {
		h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableMetrics(), libp2p.ResourceManager(&network.NullResourceManager{}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		if err := h.Connect(t.Context(), *info); err != nil {
			t.Fatalf("stranger %d: %v", i, err)
		}
	}
	eventually(t, "five have made place", func() bool { return n.Stats()["peer.made-place"] >= 5 }) // a stranger is connected before we know
	if got := len(n.strangers()); got > most {
		t.Errorf("%d connections of strangers are open, want at most %d", got, most)
	}
	if n.host.Network().Connectedness(friend.host.ID()) != network.Connected {
		t.Error("a member was disconnected")
	}
}

// Of too many connections those of strangers are closed first: a member that gossip has no use for
// at the moment has its value from being enrolled, also when that came after it connected.
func TestMembersAreWorthMore(t *testing.T) {
	net2 := chaintest.New(2)
	n := start(t, net2, 0, setup{})
	friend := start(t, net2, 1, setup{bootstrap: n.Addrs()})
	stranger := newFoe(t, n)
	n.enrol()
	eventually(t, "the member has its value", func() bool {
		tags := n.host.ConnManager().GetTagInfo(friend.host.ID())
		return tags != nil && tags.Tags["member"] == memberValue
	})
	if tags := n.host.ConnManager().GetTagInfo(stranger.ID()); tags != nil && tags.Tags["member"] != 0 {
		t.Errorf("a stranger has %v", tags.Tags)
	}
}
