package p2p

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus"
)

const (
	banAfter  = 20               // strikes
	banTime   = 10 * time.Minute // and as long until strikes are forgotten
	maxGated  = 4096             // peers remembered
	otherTime = time.Minute      // how long a node of another network is left alone
)

// gate is libp2p's connection gater: it keeps out peers that have broken the rules too often or are
// of another network.
type gate struct {
	cut     func(peer.ID) bool
	stats   *counters
	porch   *porch
	arrived func(network.Conn) // a connection has proved whose it is

	mu    sync.Mutex
	marks map[peer.ID]*mark
	bars  map[peer.ID]bool // kept out by Bar
}

type mark struct {
	strikes int
	last    time.Time
	until   time.Time // kept out until then,
	why     error     // for that, since the time since; nil once it was greeted
	since   time.Time
}

func newGate(cut func(peer.ID) bool, stats *counters, maxPeers int, arrived func(network.Conn)) *gate {
	return &gate{
		cut: cut, stats: stats, porch: newPorch(strangersAt(maxPeers) / 2), arrived: arrived,
		marks: make(map[peer.ID]*mark), bars: make(map[peer.ID]bool),
	}
}

// strike notes n breaches of a peer and reports whether it is kept out from now on.
func (g *gate) strike(p peer.ID, n int) bool {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.mark(p, now)
	if now.Sub(m.last) > banTime {
		m.strikes = 0
	}
	m.last = now
	m.strikes += n
	if m.strikes < banAfter {
		return false
	}
	m.strikes = 0
	m.out(now, banTime, ErrRules)
	return true
}

// out keeps the peer out for d.
func (m *mark) out(now time.Time, d time.Duration, why error) {
	if m.why != why {
		m.why, m.since = why, now
	}
	m.until = now.Add(d)
}

// met notes that a peer was greeted.
func (g *gate) met(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.marks[p]; m != nil && !time.Now().Before(m.until) {
		m.why = nil
	}
}

// apart says why a peer was kept out last; nil if it has not been, or was greeted since.
func (g *gate) apart(p peer.ID) *Apart {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.marks[p]; m != nil && m.why != nil {
		return m.apart()
	}
	return nil
}

func (m *mark) apart() *Apart { return &Apart{m.why, m.since, m.until} }

// shut keeps a peer out for d.
func (g *gate) shut(p peer.ID, d time.Duration, why error) *Apart {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.mark(p, now)
	m.last = now
	m.out(now, d, why)
	return m.apart()
}

// bar keeps a peer out, or lets it in again.
func (g *gate) bar(p peer.ID, out bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if out {
		g.bars[p] = true
	} else {
		delete(g.bars, p)
	}
}

// mark returns the entry of a peer, after making room if there is none left. The caller holds mu.
func (g *gate) mark(p peer.ID, now time.Time) *mark {
	if m := g.marks[p]; m != nil {
		return m
	}
	if len(g.marks) >= maxGated {
		var oldest peer.ID
		for id, m := range g.marks {
			if o := g.marks[oldest]; o == nil || m.last.Before(o.last) {
				oldest = id
			}
		}
		delete(g.marks, oldest)
	}
	m := &mark{last: now}
	g.marks[p] = m
	return m
}

// open reports whether connections with p are allowed.
func (g *gate) open(p peer.ID) bool {
	if g.cut != nil && g.cut(p) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.marks[p]
	return !g.bars[p] && (m == nil || !time.Now().Before(m.until))
}

func (g *gate) InterceptPeerDial(p peer.ID) bool             { return g.open(p) }
func (g *gate) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

func (g *gate) InterceptAccept(c network.ConnMultiaddrs) bool {
	if g.porch.enter(c, time.Now()) {
		g.stats.add("peer.made-place-unproved")
	}
	return true
}

func (g *gate) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	g.porch.leave(c)
	g.arrived(c)
	return true, 0
}

func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	if g.open(p) {
		return true
	}
	g.stats.add("peer.kept-out")
	return false
}

// Bar keeps a node out, whoever dials, until Unbar. What is open is closed. It is for tests of
// partitions.
func (h *Host) Bar(node consensus.Key) error {
	p, err := peerID(node)
	if err != nil {
		return err
	}
	h.gate.bar(p, true)
	return h.host.Network().ClosePeer(p)
}

// Unbar lets a node in again; it is dialled at the next look at peers.
func (h *Host) Unbar(node consensus.Key) error {
	p, err := peerID(node)
	if err != nil {
		return err
	}
	h.gate.bar(p, false)
	return nil
}

// blame notes that a peer sent what no correct node sends. One that does so again and again is
// disconnected and kept out for a while.
func (h *Host) blame(p peer.ID, strikes int) {
	if p == h.host.ID() || !h.gate.strike(p, strikes) {
		return
	}
	h.stats.add("peer.banned")
	h.logOf(p).Warn("disconnected a peer that keeps breaking the rules", "peer", p, "for", banTime)
	_ = h.host.Network().ClosePeer(p)
}
