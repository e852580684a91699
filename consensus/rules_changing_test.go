package consensus

import (
	"crypto/ed25519"
	"testing"
)

// aged is a network in which the second organisation, which has two nodes, has not changed for
// long.
func aged() (*changing, *changer) {
	w := emptyChanging(panics{})
	c, e := w.newOrg()
	w.orgs = append(w.orgs, c)
	w.mine([]OrgEvent{e}, nil)
	w.addNode(c)
	w.rest(EpochGap)
	return w, c
}

// panics is a testing.TB for networks that are made outside of a test.
type panics struct{ testing.TB }

func (panics) Helper()           {}
func (panics) Fatal(args ...any) { panic(args[0]) }

// addNode gives an organisation another node.
func (w *changing) addNode(c *changer) {
	w.tb.Helper()
	n := changerNode{node: w.key("node"), recorder: w.key("recorder"), epoch: uint64(w.made)}
	w.apply(c, w.event(c, func(e *OrgEvent) Content {
		return &AddNode{NewNodeKeys(e.ChainID, e.Signer, n.node, n.recorder)}
	}))
	c.nodes = append(c.nodes, n)
}

// apply puts an event of an organisation into a block of its own.
func (w *changing) apply(c *changer, e OrgEvent) {
	w.tb.Helper()
	w.mine([]OrgEvent{e}, nil)
	o, _ := w.state.Org(c.id)
	c.last = o.LastEvent
}

// changes is a case whose event is made for a network that is aged: in a block, and by all ways to
// validate an event, it breaks the same rule.
func changes(event func(w *changing, c *changer) OrgEvent) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		w, c := aged()
		e := event(w, c)
		inBlock := f.validate(&w.grownChain, w.block([]OrgEvent{e}, nil))
		return agree(inBlock, ValidateEvent(w.state, &e), ValidateEvents(w.state, []OrgEvent{e})[0])
	}
}

// seals is a case whose batches are made for a network that is aged.
func seals(batches func(w *changing, c *changer) []Batch) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		w, c := aged()
		list := batches(w, c)
		var err error
		for _, each := range ValidateBatches(w.state, nil, list) {
			if err == nil {
				err = each
			}
		}
		return agree(f.validate(&w.grownChain, w.block(nil, list)), err)
	}
}

func update(*OrgEvent) Content {
	return &Update{Name: "renamed", Domains: []string{"renamed.example"}, Records: RecordsAll}
}

func (w *changing) rotation(to ed25519.PrivateKey) func(e *OrgEvent) Content {
	return func(e *OrgEvent) Content { return NewRotate(e, to, nil) }
}

func (w *changing) revocation(c *changer, nodes ...Key) OrgEvent {
	return w.signed(c, c.recovery, Hash{}, func(e *OrgEvent) Content {
		return NewRevoke(e, w.key("org"), RecoveryCommitment(PublicKey(w.key("recovery"))), nodes...)
	})
}

// contradiction are two batches of a node with one number.
func (w *changing) contradiction(n changerNode) (one, two Batch) {
	other := n
	one, two = w.batch(&n), w.batch(&other)
	two.Micros[0].Root[9]++
	two.Seal(nil, w.params(), n.recorder)
	return one, two
}

func (w *changing) suspension(c *changer, one, two *Batch) OrgEvent {
	return w.signed(c, nil, Hash{}, func(*OrgEvent) Content { return NewSuspend(one, two) })
}

var changingCases = []ruleCase{
	{"an update", "", changes(func(w *changing, c *changer) OrgEvent { return w.event(c, update) })},
	{"update of no member", RuleUnknownOrg, changes(func(w *changing, c *changer) OrgEvent {
		stranger, _ := w.newOrg()
		return w.event(stranger, update)
	})},
	{"update of another's organisation", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		other := *c
		other.id = w.orgs[0].id
		return w.event(&other, update)
	})},
	{"event replayed", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		e := w.event(c, update)
		w.apply(c, e)
		return e
	})},
	{"event after none", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.org, Hash{}, update)
	})},
	{"revocation after an event", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.recovery, c.last, func(e *OrgEvent) Content {
			return NewRevoke(e, w.key("org"), RecoveryCommitment(Key{1}))
		})
	})},
	{"enrolment after an event", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		stranger, e := w.newOrg()
		e.Prev = c.last
		e.Sign(stranger.org)
		return e
	})},
	{"enrolment signed by another key", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		_, e := w.newOrg()
		e.Signer = PublicKey(c.org)
		e.Sign(c.org)
		return e
	})},
	{"update signed by a node", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.nodes[0].node, c.last, update)
	})},
	{"update by the former key", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		w.apply(c, w.event(c, func(e *OrgEvent) Content { return NewRotate(e, w.key("org"), c.recovery) }))
		return w.event(c, update)
	})},
	{"update by a key that does not count yet", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		next := w.key("org")
		w.apply(c, w.event(c, w.rotation(next)))
		w.rest(int(w.params().RotationDelay()) - 2)
		return w.signed(c, next, c.last, update)
	})},
	{"update by a key that counts since a day", "", changes(func(w *changing, c *changer) OrgEvent {
		next := w.key("org")
		w.apply(c, w.event(c, w.rotation(next)))
		w.rest(int(w.params().RotationDelay()) - 1)
		return w.signed(c, next, c.last, update)
	})},
	{"rotation to a key that was", RuleDuplicateKey, changes(func(w *changing, c *changer) OrgEvent {
		former := c.org
		c.org = w.key("org")
		w.apply(c, w.signed(c, former, c.last, func(e *OrgEvent) Content { return NewRotate(e, c.org, c.recovery) }))
		return w.event(c, w.rotation(former))
	})},
	{"rotation without the new key's word", RulePossession, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			r := NewRotate(e, w.key("org"), nil)
			r.Proof = NewRotate(&OrgEvent{ChainID: e.ChainID, Subject: w.orgs[0].id, Prev: e.Prev}, w.key("org"), nil).Proof
			return r
		})
	})},
	{"rotation at once by another recovery key", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content { return NewRotate(e, w.key("org"), w.key("recovery")) })
	})},
	{"rotation with a wrong signature of the recovery key", RuleRecovery, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			r := NewRotate(e, w.key("org"), c.recovery)
			r.RecoveryProof[3]++
			return r
		})
	})},
	{"revocation", "", changes(func(w *changing, c *changer) OrgEvent { return w.revocation(c, PublicKey(c.nodes[1].node)) })},
	{"revocation while a rotation is pending", "", changes(func(w *changing, c *changer) OrgEvent {
		w.apply(c, w.event(c, w.rotation(w.key("org"))))
		return w.revocation(c)
	})},
	{"revocation by the org key", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.org, Hash{}, func(e *OrgEvent) Content { return NewRevoke(e, w.key("org"), Hash{1}) })
	})},
	{"revocation by the recovery key of before", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		w.apply(c, w.revocation(c))
		return w.revocation(c)
	})},
	{"revocation that keeps the recovery key", RuleRecovery, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.recovery, Hash{}, func(e *OrgEvent) Content { return NewRevoke(e, w.key("org"), RecoveryCommitment(e.Signer)) })
	})},
	{"revocation of another's node", RuleUnknownNode, changes(func(w *changing, c *changer) OrgEvent {
		return w.revocation(c, PublicKey(w.orgs[0].nodes[0].node))
	})},
	{"revocation of a node twice", RuleNodes, changes(func(w *changing, c *changer) OrgEvent {
		return w.revocation(c, PublicKey(c.nodes[1].node), PublicKey(c.nodes[1].node))
	})},
	{"node of another organisation", RuleDuplicateKey, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			return &AddNode{NewNodeKeys(e.ChainID, e.Signer, w.orgs[0].nodes[0].node, w.key("recorder"))}
		})
	})},
	{"ninth node", RuleNodeCount, changes(func(w *changing, c *changer) OrgEvent {
		for range MaxNodes - 2 {
			w.addNode(c)
		}
		return w.event(c, func(e *OrgEvent) Content {
			return &AddNode{NewNodeKeys(e.ChainID, e.Signer, w.key("node"), w.key("recorder"))}
		})
	})},
	{"seventeenth node with those that ended lately", RuleNodeCount, changes(func(w *changing, c *changer) OrgEvent {
		for len(w.org(c).Nodes) < maxEntryNodes {
			w.addNode(c)
			last := c.nodes[len(c.nodes)-1]
			c.nodes = c.nodes[:len(c.nodes)-1]
			w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(last.node)} }))
		}
		return w.event(c, func(e *OrgEvent) Content {
			return &AddNode{NewNodeKeys(e.ChainID, e.Signer, w.key("node"), w.key("recorder"))}
		})
	})},
	{"revocation of a node that a thief dropped", "", changes(func(w *changing, c *changer) OrgEvent {
		w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} }))
		return w.revocation(c, PublicKey(c.nodes[1].node))
	})},
	{"last node dropped", RuleNodeCount, changes(func(w *changing, c *changer) OrgEvent {
		w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} }))
		return w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[0].node)} })
	})},
	{"unknown node dropped", RuleUnknownNode, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(w.orgs[0].nodes[0].node)} })
	})},
	{"dropped node added again", RuleDuplicateKey, changes(func(w *changing, c *changer) OrgEvent {
		n := c.nodes[1]
		w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(n.node)} }))
		w.rest(DropGrace + 1)
		w.apply(c, w.event(c, update)) // forgets the node in the entry
		return w.event(c, func(e *OrgEvent) Content { return &AddNode{NewNodeKeys(e.ChainID, e.Signer, n.node, n.recorder)} })
	})},
	{"a node takes another recorder key", "", changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.nodes[0].node, c.last, func(e *OrgEvent) Content { return NewReplace(e, w.key("recorder")) })
	})},
	{"a node takes another recorder key too soon", RuleUnknownNode, changes(func(w *changing, c *changer) OrgEvent {
		replace := func(e *OrgEvent) Content { return NewReplace(e, w.key("recorder")) }
		w.apply(c, w.signed(c, c.nodes[0].node, c.last, replace))
		return w.signed(c, c.nodes[0].node, c.last, replace)
	})},
	{"a stranger's node takes a recorder key", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, w.key("node"), c.last, func(e *OrgEvent) Content { return NewReplace(e, w.key("recorder")) })
	})},
	{"key of small order", RuleWeakKey, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			n := NewNodeKeys(e.ChainID, e.Signer, w.key("node"), w.key("recorder"))
			n.Recorder, n.Possession = neutralKey, neutralSignature
			return &AddNode{n}
		})
	})},
	{"key in another encoding", RuleWeakKey, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			n := NewNodeKeys(e.ChainID, e.Signer, w.key("node"), w.key("recorder"))
			for i := range n.Node {
				n.Node[i] = 0xff // y beyond the field
			}
			return &AddNode{n}
		})
	})},
	{"event without work", RuleEventStamp, changes(func(w *changing, c *changer) OrgEvent {
		e := w.event(c, update)
		for leadingZeroBits(e.ID()) >= int(w.params().BatchStamp) {
			e.Stamp++
		}
		e.Sign(c.org)
		return e
	})},
	{"update signed by nobody", RuleEventSignature, changes(func(w *changing, c *changer) OrgEvent {
		e := w.event(c, update)
		e.Signature = Signature{}
		return e
	})},
	{"suspension", "", changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.contradiction(c.nodes[1])
		return w.suspension(c, &two, &one)
	})},
	{"suspension by one batch twice", RuleEvidence, changes(func(w *changing, c *changer) OrgEvent {
		one, _ := w.contradiction(c.nodes[1])
		return w.suspension(c, &one, &one)
	})},
	{"suspension by batches of two epochs", RuleEvidence, changes(func(w *changing, c *changer) OrgEvent {
		other := c.nodes[1]
		other.epoch++
		one, _ := w.contradiction(c.nodes[1])
		two, _ := w.contradiction(other)
		return w.suspension(c, &one, &two)
	})},
	{"suspension with a forged batch", RuleEvidence, changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.contradiction(c.nodes[1])
		two.Signature[0]++
		return w.suspension(c, &one, &two)
	})},
	{"signed suspension", RuleEvidence, changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.contradiction(c.nodes[1])
		return w.signed(c, c.org, Hash{}, func(*OrgEvent) Content { return NewSuspend(&one, &two) })
	})},
	{"suspension of another's key", RuleUnknownNode, changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.contradiction(w.orgs[0].nodes[0])
		return w.suspension(c, &one, &two)
	})},
	{"suspension twice", RuleUnknownNode, changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.contradiction(c.nodes[1])
		w.apply(c, w.suspension(c, &one, &two))
		return w.suspension(c, &one, &two)
	})},
	{"attestation where none is needed", RuleAttestation, changes(func(w *changing, c *changer) OrgEvent {
		_, e := w.newOrg()
		e.Attestations = []Attestation{Attest(&e, w.orgs[0].nodes[0].recorder)}
		return e
	})},

	{"batches of two nodes", "", seals(func(w *changing, c *changer) []Batch {
		return []Batch{w.batch(&c.nodes[0]), w.batch(&c.nodes[1]), w.batch(&c.nodes[0])}
	})},
	{"batch without epoch", RuleEpoch, seals(func(w *changing, c *changer) []Batch {
		c.nodes[0].epoch = 0
		return []Batch{w.batch(&c.nodes[0])}
	})},
	{"two epochs in a block", RuleEpoch, seals(func(w *changing, c *changer) []Batch {
		other := c.nodes[0]
		other.epoch++
		return []Batch{w.batch(&c.nodes[0]), w.batch(&other)}
	})},
	{"epoch after too few blocks", RuleEpoch, seals(func(w *changing, c *changer) []Batch {
		other := c.nodes[0]
		other.epoch++
		w.mine(nil, []Batch{w.batch(&c.nodes[0])})
		w.rest(EpochGap - 2)
		return []Batch{w.batch(&other)}
	})},
	{"epoch after enough blocks", "", seals(func(w *changing, c *changer) []Batch {
		other := c.nodes[0]
		other.epoch++
		w.mine(nil, []Batch{w.batch(&c.nodes[0])})
		w.rest(EpochGap - 1)
		return []Batch{w.batch(&other), w.batch(&c.nodes[0])} // the former one goes on
	})},
	{"batches whose times go back", "", seals(func(w *changing, c *changer) []Batch {
		n := &c.nodes[0]
		one := w.batch(n)
		one.Time = 1 << 50
		one.Seal(nil, w.params(), n.recorder)
		n.tip.ID = one.ID()
		return []Batch{one, w.batch(n)}
	})},
	{"batch of a node dropped a while ago", "", seals(func(w *changing, c *changer) []Batch {
		w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} }))
		w.rest(DropGrace - 1)
		return []Batch{w.batch(&c.nodes[1])}
	})},
	{"batch of a node dropped long ago", RuleUnknownRecorder, seals(func(w *changing, c *changer) []Batch {
		w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} }))
		w.rest(DropGrace)
		return []Batch{w.batch(&c.nodes[1])}
	})},
	{"batch of a suspended key", RuleUnknownRecorder, seals(func(w *changing, c *changer) []Batch {
		one, two := w.contradiction(c.nodes[1])
		w.apply(c, w.suspension(c, &one, &two))
		return []Batch{one}
	})},
	{"batch of a node that was dropped, then revoked", RuleUnknownRecorder, seals(func(w *changing, c *changer) []Batch {
		w.apply(c, w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} }))
		w.apply(c, w.revocation(c, PublicKey(c.nodes[1].node)))
		return []Batch{w.batch(&c.nodes[1])}
	})},
	{"batch of a recorder key that a thief replaced, of a revoked node", RuleUnknownRecorder, seals(func(w *changing, c *changer) []Batch {
		n := c.nodes[1]
		w.rest(EpochGap)
		w.apply(c, w.signed(c, n.node, c.last, func(e *OrgEvent) Content { return NewReplace(e, w.key("recorder")) }))
		w.apply(c, w.revocation(c, PublicKey(n.node)))
		return []Batch{w.batch(&n)}
	})},
	{"batch of a revoked node", RuleUnknownRecorder, seals(func(w *changing, c *changer) []Batch {
		w.apply(c, w.revocation(c, PublicKey(c.nodes[1].node)))
		return []Batch{w.batch(&c.nodes[1])}
	})},

	{"enrolment attested by all", "", attested(func(w *changing, e *OrgEvent) {
		for _, o := range w.orgs {
			e.Attestations = append(e.Attestations, Attest(e, o.nodes[0].recorder))
		}
	})},
	{"enrolment attested by one too few", RuleUnattested, attested(func(w *changing, e *OrgEvent) {
		e.Attestations = append(e.Attestations, Attest(e, w.orgs[0].nodes[0].recorder))
	})},
	{"enrolment attested twice by one", RuleUnattested, attested(func(w *changing, e *OrgEvent) {
		for _, n := range w.orgs[1].nodes {
			e.Attestations = append(e.Attestations, Attest(e, n.recorder))
		}
	})},
	{"enrolment attested by a stranger", RuleUnattested, attested(func(w *changing, e *OrgEvent) {
		e.Attestations = append(e.Attestations, Attest(e, w.orgs[0].nodes[0].recorder), Attest(e, w.key("recorder")))
	})},
	{"attestation to another event", RuleAttestation, attested(func(w *changing, e *OrgEvent) {
		_, other := w.newOrg()
		e.Attestations = append(e.Attestations, Attest(e, w.orgs[0].nodes[0].recorder), Attest(&other, w.orgs[1].nodes[0].recorder))
	})},
	{"attestations out of order", RuleAttestation, func(f *ruleFixture) error {
		w := attestedWorld()
		_, e := w.newOrg()
		for _, o := range w.orgs {
			e.Attestations = append(e.Attestations, Attest(&e, o.nodes[0].recorder))
		}
		sortAttestations(&e)
		e.Attestations[0], e.Attestations[1] = e.Attestations[1], e.Attestations[0]
		return f.validate(&w.grownChain, w.block([]OrgEvent{e}, nil))
	}},
}

// attestedWorld is a network of two members that two have to attest to others.
func attestedWorld() *changing {
	w := &changing{tb: panics{}, admission: AdmissionAttested}
	c, e := w.newOrg()
	g, err := NewGenesis(*w.params(), e, c.nodes[0].recorder)
	if err != nil {
		panic(err)
	}
	w.genesis, w.state, w.orgs = g, g.State(), []*changer{c}
	second, e := w.newOrg()
	e.Attestations = []Attestation{Attest(&e, c.nodes[0].recorder)} // all that there are
	w.mine([]OrgEvent{e}, nil)
	w.orgs = append(w.orgs, second)
	w.addNode(second)
	return w
}

func attested(attest func(w *changing, e *OrgEvent)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		w := attestedWorld()
		_, e := w.newOrg()
		attest(w, &e)
		sortAttestations(&e)
		return agree(f.validate(&w.grownChain, w.block([]OrgEvent{e}, nil)), ValidateEvent(w.state, &e))
	}
}
