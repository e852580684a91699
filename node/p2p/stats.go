package p2p

import (
	"maps"
	"sync"
)

// counters counts what happened, by name. Names are from this package, never from a peer, so their
// number is bounded.
type counters struct {
	mu sync.Mutex
	n  map[string]uint64
}

func newCounters() *counters { return &counters{n: make(map[string]uint64)} }

func (c *counters) add(name string) {
	c.mu.Lock()
	c.n[name]++
	c.mu.Unlock()
}

func (c *counters) all() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Stats returns how often what happened since the start: messages and blocks taken, requests served
// and made, and everything that was dropped, by reason. Names have the form area.event, such as
// gossip.batch.accepted, stream.blocks.malformed or peer.other-genesis. No peer and no address is
// in them.
func (h *Host) Stats() map[string]uint64 { return h.stats.all() }
