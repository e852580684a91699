package node

import (
	"context"
	"slices"

	"cairn/consensus"
	"cairn/consensus/recorder"
	"cairn/consensus/verifier"
)

// ended says how this node ended as one of its organisation's, and what that means; empty while it
// has not.
func (n *Node) ended(s *consensus.State) string {
	switch how, replaced := n.howEnded(s); {
	case replaced:
		return how + ", as after a restore of an older backup: it mines no more, and what is submitted here is soon recorded no more and waits"
	case how != "":
		return how + ": it mines no more, and what is submitted here from then on is soon recorded no more, waits and is returned"
	}
	return ""
}

// howEnded is how and when this node ended; replaced: by another recorder key of its own.
func (n *Node) howEnded(s *consensus.State) (how string, replaced bool) {
	switch fate, node := n.recorderFate(s); fate {
	case recorder.Replaced:
		return recorder.HowReplaced(&node), true
	case recorder.Ended:
		return recorder.HowEnded(&node), false
	}
	return "", false
}

// afterEnd is what to do about a node that ended.
func (n *Node) afterEnd(s *consensus.State) (next string) {
	next = "move its accounts to another node of the organisation, or make a new node in an empty directory and add that"
	if _, active := s.ActiveNode(n.id.NodeKey()); active {
		next = "cairn org node rekey"
	}
	return next
}

// watchOwn says in the log when this node has ended, and pins the domains that our organisation
// has.
func (n *Node) watchOwn(ctx context.Context) error {
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	said := ""
	var domains []string // of ours, when addresses were last looked at
	for {
		s := n.chain.State()
		if now := n.ownAt(s).Domains; !slices.Equal(now, domains) {
			domains = slices.Clone(now)
			if err := n.noteCutOff(); err != nil {
				n.log.Warn("looking for addresses at other domains than ours", "err", err)
			}
		}
		switch now := n.ended(s); {
		case now != "" && now != said:
			n.log.Error(now, "try", n.typable(n.afterEnd(s)))
			said = now
		case now == "" && said != "":
			n.log.Info("this node is one of its organisation's again")
			said = now
		}
		if err := n.pinOwn(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("a domain of our own could not be pinned", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// pinOwn makes the pins of our own domains those that the chain says are ours: whatever was decided
// about a domain before it became ours, and not beyond that. It looks again at the mail from what
// it pins. The pin is to the key that the organisation enrolled with: the chain knows that for its
// own at any height, whatever followed it.
func (n *Node) pinOwn(ctx context.Context) error {
	if n.unsureOwn() != "" {
		return nil
	}
	domains := n.own().Domains
	for _, domain := range domains {
		if _, pinned := n.trust.PinOf(domain); pinned {
			continue
		}
		pin := verifier.Pin{Domain: domain, Key: n.enrol.Enrol().OrgKey, Source: verifier.SourceOwn, Since: n.started}
		if err := n.trust.Pin(ctx, pin, false); err != nil {
			return err
		}
		if err := n.verifier.Retrust(ctx, domain); err != nil {
			return err
		}
	}
	for _, p := range n.trust.Pins() {
		if p.Source != verifier.SourceOwn || slices.Contains(domains, p.Domain) {
			continue
		}
		if err := n.trust.GiveUp(ctx, p.Domain, n.now().UTC()); err != nil {
			return err
		}
		if err := n.queue.RetryDomain(ctx, p.Domain); err != nil { // with an answer, whoever the domain is of now
			return err
		}
		n.log.Info("a domain that was given up is pinned to our own organisation no more", "domain", p.Domain)
	}
	return nil
}
