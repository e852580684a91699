package node

import (
	"context"
	"time"

	"cairn/consensus"
)

// welcome sends the mail that waits for an organisation once a node of it is connected again, or
// takes mail again, instead of at the next scheduled attempt.
func (n *Node) welcome(ctx context.Context) error {
	wake, cancel := n.host.Subscribe()
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	seen := make(returns)
	for {
		s := n.chain.State()
		here := make(map[consensus.Key]bool)
		for _, p := range n.host.Peers() {
			if _, ok := s.ActiveNode(p.Node); ok && !p.Silent {
				here[p.Node] = true
			}
		}
		due, next := seen.look(here, time.Now())
		for _, key := range due {
			org, ok := s.ActiveNode(key)
			if !ok {
				continue
			}
			for _, domain := range org.Domains {
				if err := n.queue.RetryDomain(ctx, domain); err != nil && ctx.Err() == nil {
					n.log.Warn("mail that waits for a domain could not be hurried", "domain", domain, "err", err)
				}
			}
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		}
	}
}

// returns is when nodes came back, so that one that comes and goes is not taken as back each time:
// each attempt to send may be what connects it. Between two times that mail is hurried for a node,
// a gap has to pass, which doubles as long as the node comes again soon after it.
type returns map[consensus.Key]*comeback

type comeback struct {
	here    bool
	waits   bool // is to be taken as back, after the gap
	hurried time.Time
	gap     time.Duration
}

// The least and the longest gap between two times that the mail for a node is hurried.
const (
	leastGap   = time.Second
	longestGap = time.Minute
)

// look takes notice of which nodes are there. It returns those whose mail is to be hurried, and
// when to look again; zero: when others come.
func (r returns) look(here map[consensus.Key]bool, now time.Time) (due []consensus.Key, next time.Time) {
	for key, c := range r {
		if !here[key] {
			c.here, c.waits = false, false
			if now.Sub(c.hurried) > 4*c.gap {
				delete(r, key)
			}
		}
	}
	for key := range here {
		c := r[key]
		if c == nil {
			c = &comeback{}
			r[key] = c
		}
		if !c.here && now.Sub(c.hurried) > 4*c.gap {
			c.gap = 0
		}
		c.waits = c.waits || !c.here
		c.here = true
		switch at := c.hurried.Add(c.gap); {
		case !c.waits:
		case !at.After(now):
			due = append(due, key)
			c.waits, c.hurried, c.gap = false, now, min(max(2*c.gap, leastGap), longestGap)
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	return due, next
}
