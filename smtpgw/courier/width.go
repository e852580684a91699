package courier

import (
	"cairn/mailstore/wake"
	"cairn/smtpgw/client"
)

// maxWide is how many domains of one node may have NodeSessions each. A node takes 128 sessions of
// another one, eight for each of the 16 domains that an organisation may have.
const maxWide = 4

// noteWay remembers where a lane leads, by the route of what it carries.
func (c *Courier) noteWay(l *lane, route *client.Route, err error) {
	here, node := false, ""
	switch {
	case err != nil || len(route.Hosts) > 0:
	case route.Local && c.cfg.Holders.Siblings == nil:
		here = true
	default:
		node = route.To
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if here == l.here && node == l.node {
		return
	}
	l.here, l.node = here, node
	if len(l.pending) > 0 {
		wake.Up(c.more) // it may have other workers
	}
}

// most is how many workers a lane may have. What waits for a disk, here or at a node, shares its
// syncs with whatever else does, so that many take little longer than few. Who asks holds c.mu.
func (c *Courier) most(l *lane) int {
	switch {
	case l.here:
		return max(c.cfg.Sending.Here, c.cfg.Sending.Sessions)
	case l.node != "" && c.lanesTo(l.node) <= maxWide:
		return max(c.cfg.Sending.NodeSessions, c.cfg.Sending.Sessions)
	}
	return c.cfg.Sending.Sessions
}

// lanesTo counts the lanes that lead to a node. Who asks holds c.mu.
func (c *Courier) lanesTo(node string) (n int) {
	for _, lanes := range []map[string]*lane{c.lanes, c.parted} {
		for _, l := range lanes {
			if l.node == node {
				n++
			}
		}
	}
	return n
}

// dismiss takes a worker out of a lane that has too many, and reports whether it did.
func (c *Courier) dismiss(l *lane) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.workers <= c.most(l) {
		return false
	}
	l.workers--
	l.idle--
	return true
}
