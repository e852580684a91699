package p2p

import (
	"cmp"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// Strangers can make as many connections as they like, and libp2p turns away whoever comes when it
// has too many, also members. So those of strangers that are open at one time are bounded below its
// limits (limits.go), and the newest is taken: the one that is ended for it is of the network that
// has most, and there the oldest.
//
// A connection that has not proved yet whose it is counts as a stranger's.

// shakeTime is how long libp2p gives a connection to prove whose it is.
const shakeTime = 15 * time.Second

// strangersAt is how many connections of strangers are open at one time, and half of it how many
// more may be about to prove whose they are, of a host that settles at that many peers.
func strangersAt(maxPeers int) int { return 2*maxPeers + 16 }

// siteOf is the network of an address, an IPv4 /24 or IPv6 /48; all addresses without IP are one.
func siteOf(a ma.Multiaddr) netip.Prefix {
	ip := remoteIP(a)
	if !ip.IsValid() {
		return netip.Prefix{}
	}
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	site, _ := ip.Prefix(bits)
	return site
}

// seat is a connection of a stranger.
type seat struct {
	site   netip.Prefix
	since  time.Time
	mail   bool // it has a mail stream
	unseat func()
}

// worst returns which of the seats is ended for another one: of the network that has most, one
// without mail, the oldest; nil of none.
func worst(seats []*seat) *seat {
	taken := make(map[netip.Prefix]int)
	for _, s := range seats {
		taken[s.site]++
	}
	mailLast := func(s *seat) int {
		if s.mail {
			return 1
		}
		return 0
	}
	if len(seats) == 0 {
		return nil
	}
	return slices.MinFunc(seats, func(a, b *seat) int {
		return cmp.Or(cmp.Compare(taken[b.site], taken[a.site]), cmp.Compare(mailLast(a), mailLast(b)), a.since.Compare(b.since))
	})
}

// porch holds the connections that came in and have not proved yet whose they are.
type porch struct {
	most  int
	mu    sync.Mutex
	seats map[string]*seat // by remote address
}

func newPorch(most int) *porch { return &porch{most: most, seats: make(map[string]*seat)} }

// enter takes a connection in, and ends another one if there are too many.
func (p *porch) enter(c network.ConnMultiaddrs, now time.Time) (ended bool) {
	closer, ok := c.(io.Closer)
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var waiting []*seat
	for at, s := range p.seats {
		if now.Sub(s.since) >= shakeTime { // it failed, or libp2p ends it now
			delete(p.seats, at)
			continue
		}
		waiting = append(waiting, s)
	}
	if len(waiting) >= p.most {
		worst(waiting).unseat()
		ended = true
	}
	at := c.RemoteMultiaddr().String()
	p.seats[at] = &seat{site: siteOf(c.RemoteMultiaddr()), since: now, unseat: func() {
		delete(p.seats, at)
		_ = closer.Close()
	}}
	return ended
}

// leave forgets a connection that has proved whose it is.
func (p *porch) leave(c network.ConnMultiaddrs) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seats, c.RemoteMultiaddr().String())
}

// arrived makes place for a connection that a peer has opened, if it is a stranger's and there are
// too many.
func (h *Host) arrived(c network.Conn) {
	if c.Stat().Direction != network.DirInbound || h.enrolled(c.RemotePeer()) {
		return
	}
	seats := h.strangers()
	if len(seats) >= strangersAt(h.cfg.MaxPeers) {
		worst(seats).unseat()
		h.stats.add("peer.made-place")
	}
}

// strangers returns the connections that nodes which are not enrolled have opened.
func (h *Host) strangers() (seats []*seat) {
	h.mail.mu.Lock()
	defer h.mail.mu.Unlock()
	for _, c := range h.host.Network().Conns() {
		id := c.RemotePeer()
		if c.IsClosed() || c.Stat().Direction != network.DirInbound || h.enrolled(id) || h.host.ConnManager().IsProtected(id, "bootstrap") {
			continue
		}
		seats = append(seats, &seat{
			site: siteOf(c.RemoteMultiaddr()), since: c.Stat().Opened, mail: h.mail.open[id] > 0,
			unseat: func() { _ = c.CloseWithError(network.ConnGarbageCollected) },
		})
	}
	return seats
}
