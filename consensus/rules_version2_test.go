package consensus

import (
	"crypto/ed25519"
	"strings"
	"testing"
)

// neutralKey is the point of which neutralSignature is a signature of anything.
var neutralKey, neutralSignature = Key{1}, Signature{1}

func TestNeutralKeySignsAnything(t *testing.T) {
	if !VerifySignature(neutralKey, []byte("anything"), neutralSignature) {
		t.Error("the cases of weak keys break two rules")
	}
}

// inAged is a case whose block is made, by any miner, for a network that is aged.
func inAged(block func(w *changing, c *changer) *Block) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		w, c := aged()
		b := block(w, c)
		return f.validate(&w.grownChain, b)
	}
}

// headed is a case whose block is otherwise right, with a batch in it.
func headed(change func(w *changing, h *Header)) func(*ruleFixture) error {
	return inAged(func(w *changing, c *changer) *Block {
		miner := member{recorder: w.orgs[0].nodes[0].recorder}
		b := draft(w.state, miner, nil, []Batch{w.batch(&c.nodes[0])})
		change(w, &b.Header.Header)
		return solve(b, miner)
	})
}

// minedBy is a case whose empty block is mined with the recorder key of a node.
func minedBy(miner func(w *changing, c *changer) changerNode) func(*ruleFixture) error {
	return inAged(func(w *changing, c *changer) *Block {
		m := member{recorder: miner(w, c).recorder}
		return solve(draft(w.state, m, nil, nil), m)
	})
}

func (w *changing) drop(c *changer, n changerNode) {
	w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(n.node)} }))
}

// inParamsV2 changes the parameters of a network of version 2 before its founder enrols.
func inParamsV2(change func(p *Params)) func(*ruleFixture) error {
	return inGenesisV2(change, func(*changing, *Genesis) {})
}

// inGenesisV2 changes a network of version 2 and what is in its first block.
func inGenesisV2(params func(p *Params), change func(w *changing, g *Genesis)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		g := &Genesis{Params: paramsV2()}
		params(&g.Params)
		w := &changing{grownChain: grownChain{genesis: g}, tb: panics{}}
		c, e := w.newOrg()
		w.orgs = []*changer{c}
		g.Block.Events = []OrgEvent{e}
		change(w, g)
		g.signBy(c.nodes[0].recorder)
		return f.network(g)
	}
}

// profile is an update that says something else than the valid one.
func profile(change func(u *Update)) func(*ruleFixture) error {
	return changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			u := update(e).(*Update)
			change(u)
			return u
		})
	})
}

// adds is an event for another node, of which something is changed.
func adds(change func(w *changing, c *changer, n *NodeKeys)) func(*ruleFixture) error {
	return changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			n := NewNodeKeys(e.ChainID, e.Signer, w.key("node"), w.key("recorder"))
			change(w, c, &n)
			return &AddNode{n}
		})
	})
}

// suspends is a suspension of which something is changed before its stamp is found.
func suspends(change func(w *changing, c *changer, e *OrgEvent, s *Suspend)) func(*ruleFixture) error {
	return changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.contradiction(c.nodes[1])
		return w.signed(c, nil, Hash{}, func(e *OrgEvent) Content {
			s := NewSuspend(&one, &two)
			change(w, c, e, s)
			return s
		})
	})
}

// resign changes both batches of a suspension, signs them again and puts them in order.
func (s *Suspend) resign(chain ChainID, key ed25519.PrivateKey, change func(b []byte)) {
	for _, h := range []*BatchHead{&s.First, &s.Second} {
		change(h.Fixed[:])
		id := h.id()
		h.Signature = sign(key, signingBytes(purposeBatch, chain, id[:]))
	}
	if first, second := s.First.id(), s.Second.id(); compareKeys(Key(first), Key(second)) > 0 {
		s.First, s.Second = s.Second, s.First
	}
}

// revokes is a revocation of which something is changed.
func revokes(change func(w *changing, c *changer, r *Revoke)) func(*ruleFixture) error {
	return changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.recovery, Hash{}, func(e *OrgEvent) Content {
			r := NewRevoke(e, w.key("org"), RecoveryCommitment(PublicKey(w.key("recovery"))))
			change(w, c, r)
			return r
		})
	})
}

// replaces is an event with which a node takes another recorder key, of which something is changed.
func replaces(change func(w *changing, r *Replace)) func(*ruleFixture) error {
	return changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.nodes[0].node, c.last, func(e *OrgEvent) Content {
			r := NewReplace(e, w.key("recorder"))
			change(w, r)
			return r
		})
	})
}

// enrols is an enrolment of which something is changed before it is signed.
func enrols(change func(w *changing, c *changer, e *OrgEvent)) func(*ruleFixture) error {
	return changes(func(w *changing, c *changer) OrgEvent {
		stranger, e := w.newOrg()
		change(w, c, &e)
		e.Sign(stranger.org)
		return e
	})
}

// attestedUpdate is an update of the second organisation of a network in which members attest.
func attestedUpdate(content func(now *Org) Content, by func(w *changing) []ed25519.PrivateKey) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		w := attestedWorld()
		c := w.orgs[1]
		now, _ := w.state.Org(c.id)
		e := w.event(c, func(*OrgEvent) Content { return content(now) })
		for _, key := range by(w) {
			e.Attestations = append(e.Attestations, Attest(&e, key))
		}
		sortAttestations(&e)
		return agree(f.validate(&w.grownChain, w.block([]OrgEvent{e}, nil)), ValidateEvent(w.state, &e))
	}
}

func nobody(*changing) []ed25519.PrivateKey { return nil }

func attester(i int) func(w *changing) []ed25519.PrivateKey {
	return func(w *changing) []ed25519.PrivateKey { return []ed25519.PrivateKey{w.orgs[i].nodes[0].recorder} }
}

// row are events of an organisation that follow each other.
func (w *changing) row(c *changer, n int) (events []OrgEvent) {
	prev := c.last
	for range n {
		e := w.signed(c, c.org, prev, w.rotation(w.key("org")))
		events, prev = append(events, e), e.ID()
	}
	return events
}

// large is another organisation, with an entry as large as domains make it.
func (w *changing) large() *changer {
	c, e := w.newOrg()
	w.orgs = append(w.orgs, c)
	w.mine([]OrgEvent{e}, nil)
	u := &Update{Name: "large"}
	for i := range MaxDomains {
		label := strings.Repeat(string(rune('a'+i)), 63)
		u.Domains = append(u.Domains, strings.Join([]string{label, label, label, label[:61]}, "."))
	}
	w.apply(c, w.event(c, func(*OrgEvent) Content { return u }))
	return c
}
