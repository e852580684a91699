package p2p

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"cairn/consensus"
	"cairn/mailstore/wake"
)

const (
	dialsAtOnce    = 8
	dialTimeout    = 10 * time.Second
	dialBackoff    = time.Second // doubled with each failure,
	dialBackoffMax = time.Minute // up to this; nodes named by the operator up to bootstrapMax
	bootstrapMax   = 10 * time.Second
	giveUpAfter    = 10 // failures
)

// ErrNodeNotFound: no peer knows an address of the node, or none of its addresses answers. It may
// be up again later.
var ErrNodeNotFound = errors.New("the node cannot be reached")

// dialer remembers when to try whom again.
type dialer struct {
	mu    sync.Mutex
	tries map[peer.ID]*try
	wake  chan struct{}
}

type try struct {
	failures int
	since    time.Time // of the first of them
	next     time.Time
	underway bool
}

func newDialer() *dialer { return &dialer{tries: make(map[peer.ID]*try), wake: make(chan struct{}, 1)} }

// look makes the dial loop look at once for whom to dial.
func (d *dialer) look() { wake.Up(d.wake) }

// start books an attempt; false if one is under way or it is too early.
func (d *dialer) start(p peer.ID, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tries[p]
	if t == nil {
		t = new(try)
		d.tries[p] = t
	}
	if t.underway || now.Before(t.next) {
		return false
	}
	t.underway = true
	return true
}

// ended notes how an attempt went, and returns how many have failed in a row.
func (d *dialer) ended(p peer.ID, ok bool, longest time.Duration) (failures int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tries[p]
	if t == nil {
		return 0
	}
	t.underway = false
	switch {
	case ok:
		t.failures = 0
	case t.failures == 0:
		t.failures, t.since = 1, time.Now()
	default:
		t.failures = min(t.failures+1, 16)
	}
	// A dial that succeeds is spaced as well: the other side may close at once, again and again.
	t.next = time.Now().Add(min(dialBackoff<<max(t.failures-1, 0), longest))
	return t.failures
}

// putOff takes back an attempt that was booked and not made.
func (d *dialer) putOff(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tries[p]; t != nil {
		t.underway, t.next = false, time.Now().Add(dialBackoff)
	}
}

// failing returns since when attempts to dial a node have failed; false if the last one succeeded
// or there was none.
func (d *dialer) failing(p peer.ID) (since time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tries[p]
	if t == nil || t.failures == 0 {
		return time.Time{}, false
	}
	return t.since, true
}

// forget drops the entries of nodes that are no longer known.
func (d *dialer) forget(known func(peer.ID) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, t := range d.tries {
		if !t.underway && !known(p) {
			delete(d.tries, p)
		}
	}
}

// dialPeers keeps this node connected: always to the nodes that the operator named, and to others
// that it learned of until it has dialled half of the peers it may have. However many have dialled
// this node: it does not let strangers choose all its peers.
func (h *Host) dialPeers() {
	for _, info := range h.bootstrap {
		h.book.add(info)
		h.host.ConnManager().Protect(info.ID, "bootstrap")
	}
	slots := make(chan struct{}, dialsAtOnce)
	ticker := newTicker(h.timing.dial)
	defer ticker.Stop()
	for round := 0; ; round++ {
		named := make(map[peer.ID]bool, len(h.bootstrap))
		for _, info := range h.bootstrap {
			named[info.ID] = true
			h.tryDial(info.ID, slots, bootstrapMax)
		}
		room := max(h.cfg.MaxPeers/2, 1) - h.roster.dialed()
		for _, id := range h.book.known() {
			if room <= 0 {
				break
			}
			if !named[id] && h.tryDial(id, slots, dialBackoffMax) {
				room--
			}
		}
		if round%64 == 63 {
			h.tidy(named)
		}
		select {
		case <-h.ctx.Done():
			return
		case <-h.dialer.wake:
		case <-ticker.C:
		}
	}
}

// tidy forgets bookkeeping of peers that have gone for good.
func (h *Host) tidy(named map[peer.ID]bool) {
	h.dialer.forget(func(p peer.ID) bool { return named[p] || len(h.book.addrs(p)) > 0 })
	now := time.Now()
	for _, s := range h.services {
		s.forget(now)
	}
	h.forgive.blocks.forget(now)
	h.forgive.items.forget(now)
}

// tryDial dials a node in the background, unless it is connected, kept out, or failed a short while
// ago.
func (h *Host) tryDial(id peer.ID, slots chan struct{}, longest time.Duration) bool {
	if id == h.host.ID() || h.host.Network().Connectedness(id) == network.Connected || !h.gate.open(id) || !h.dialer.start(id, time.Now()) {
		return false
	}
	select {
	case slots <- struct{}{}:
	default:
		h.dialer.putOff(id)
		return false
	}
	h.spawn(func() {
		defer func() { <-slots }()
		err := h.dial(h.ctx, peer.AddrInfo{ID: id, Addrs: h.book.addrs(id)})
		if h.dialer.ended(id, err == nil, longest) >= giveUpAfter {
			h.book.forget(id)
		}
	})
	return true
}

// Silent is a node to keep a connection with that does not answer, or is no peer of this one.
type Silent struct {
	Addr  string    // full multiaddress
	Since time.Time // of the first attempt that failed, of those since it was last connected
	Why   error     // why it is left alone; nil: it does not answer
}

// Silent returns those of Config.Bootstrap that are not connected and did not answer when they were
// last dialled, or turned out to be none of our peers.
func (h *Host) Silent() []Silent {
	var list []Silent
	for _, info := range h.bootstrap {
		since, failing := h.dialer.failing(info.ID)
		apart := h.gate.apart(info.ID)
		if apart == nil && (!failing || h.host.Network().Connectedness(info.ID) == network.Connected) {
			continue
		}
		var why error
		if apart != nil { // it may be connected for the moment in which that shows anew
			since, why = apart.Since, apart
		}
		for _, a := range fullAddrs(info) {
			list = append(list, Silent{Addr: a, Since: since, Why: why})
		}
	}
	return list
}

// dial connects to a node.
func (h *Host) dial(ctx context.Context, info peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	// libp2p remembers failures of its own for minutes; when to try again is decided here.
	if s, ok := h.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(info.ID)
	}
	// What the peer told libp2p of itself is not for us to dial; the book knows which addresses
	// are. There is no moment without an address, since several calls may dial it at a time.
	known := h.host.Peerstore()
	told := slices.DeleteFunc(known.Addrs(info.ID), func(a ma.Multiaddr) bool { return slices.ContainsFunc(info.Addrs, a.Equal) })
	known.AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	known.SetAddrs(info.ID, told, 0)
	if err := h.host.Connect(ctx, peer.AddrInfo{ID: info.ID}); err != nil {
		h.stats.add("dial.failed")
		return fmt.Errorf("p2p: connect to %s: %w", info.ID, err)
	}
	h.stats.add("dial.connected")
	return nil
}

// reach makes sure that a node is connected: by the addresses that are known, else by those that
// connected peers know.
func (h *Host) reach(ctx context.Context, node consensus.Key) (peer.ID, error) {
	id, err := peerID(node)
	if err != nil {
		return "", err
	}
	if id == h.host.ID() {
		return "", fmt.Errorf("p2p: node %s is this node itself", node)
	}
	if h.host.Network().Connectedness(id) == network.Connected {
		return id, nil
	}
	dialErr := ErrNodeNotFound
	if addrs := h.book.addrs(id); len(addrs) > 0 {
		if dialErr = h.dial(ctx, peer.AddrInfo{ID: id, Addrs: addrs}); dialErr == nil {
			return id, nil
		}
	}
	if h.inquire(ctx, node, id) {
		if dialErr = h.dial(ctx, peer.AddrInfo{ID: id, Addrs: h.book.addrs(id)}); dialErr == nil {
			return id, nil
		}
	}
	if errors.Is(dialErr, ErrNodeNotFound) {
		return "", fmt.Errorf("p2p: node %s: %w: no peer knows where it is", node, ErrNodeNotFound)
	}
	return "", fmt.Errorf("p2p: node %s: %w: %w", node, ErrNodeNotFound, dialErr)
}

// inquire asks connected peers at once where a node is; true as soon as one knew.
func (h *Host) inquire(ctx context.Context, node consensus.Key, id peer.ID) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	peers := h.roster.greeted()
	answers := make(chan bool, len(peers))
	for _, p := range peers {
		asked := h.running.Enter()
		if !asked {
			answers <- false
			continue
		}
		go func() {
			defer h.running.Leave()
			found, err := h.requestPeers(ctx, p.id, peersRequest{Node: node, Limit: 1})
			answers <- err == nil && len(found) == 1 && found[0] == id
		}()
	}
	for range peers {
		select {
		case ok := <-answers:
			if ok {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
	return false
}
