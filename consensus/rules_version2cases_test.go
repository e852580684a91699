package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"
)

var networkV2Cases = []ruleCase{
	{"network of version 2", "", inParamsV2(func(p *Params) {})},
	{"network in which members attest", "", inParamsV2(func(p *Params) { p.Admission, p.Attesters = AdmissionAttested, 2 })},
	{"attesters where admission is open", RuleParams, inParamsV2(func(p *Params) { p.Attesters = 1 })},
	{"attested by none", RuleParams, inParamsV2(func(p *Params) { p.Admission = AdmissionAttested })},
	{"admission unknown to version 2", RuleParams, inParamsV2(func(p *Params) { p.Admission = 3 })},
	{"an update at genesis", RuleGenesis, inGenesisV2(func(*Params) {}, func(w *changing, g *Genesis) {
		g.Block.Events = []OrgEvent{w.event(w.orgs[0], update)}
	})},
	{"founder of version 1", RuleVersion, inGenesisV2(func(*Params) {}, func(w *changing, g *Genesis) {
		g.Block.Events[0].Version = ParamsV1
		g.Block.Events[0].Sign(w.orgs[0].org)
	})},
}

var headerV2Cases = []ruleCase{
	{"header of version 2", "", headed(func(w *changing, h *Header) {})},
	{"header of version 1 in a network of version 2", RuleVersion, headed(func(w *changing, h *Header) { h.Version = ParamsV1 })},
	{"bits of genesis after fast blocks", RuleBits, headed(func(w *changing, h *Header) { h.Bits = w.params().GenesisBits })},
	{"time of the median of eleven blocks", RuleTimeTooOld, headed(func(w *changing, h *Header) { h.Time = w.state.MedianTime() })},
	{"just after the median of eleven blocks", "", headed(func(w *changing, h *Header) { h.Time = w.state.MedianTime() + 1 })},
	{"state root of the members alone", RuleStateRoot, headed(func(w *changing, h *Header) { h.StateRoot = w.state.members.root })},
	{"state root before the batches", RuleStateRoot, headed(func(w *changing, h *Header) { h.StateRoot = StateRootAfter(w.state, nil, nil) })},
	{"mined by a node dropped a while ago", RuleUnknownMiner, minedBy(func(w *changing, c *changer) changerNode {
		w.drop(c, c.nodes[1])
		return c.nodes[1]
	})},
	{"mined by a node dropped long ago", RuleUnknownMiner, minedBy(func(w *changing, c *changer) changerNode {
		w.drop(c, c.nodes[1])
		w.rest(DropGrace)
		return c.nodes[1]
	})},
	{"mined by a revoked node", RuleUnknownMiner, minedBy(func(w *changing, c *changer) changerNode {
		w.apply(c, w.revocation(c, PublicKey(c.nodes[1].node)))
		return c.nodes[1]
	})},
	{"mined by a suspended key", RuleUnknownMiner, minedBy(func(w *changing, c *changer) changerNode {
		one, two := w.contradiction(c.nodes[1])
		w.apply(c, w.suspension(c, &one, &two))
		return c.nodes[1]
	})},
}

var eventV2Cases = []ruleCase{
	{"an enrolment", "", enrols(func(w *changing, c *changer, e *OrgEvent) {})},
	{"enrolment of version 1 in a network of version 2", RuleVersion, enrols(func(w *changing, c *changer, e *OrgEvent) { e.Version = ParamsV1 })},
	{"enrolment of an organisation", RuleEventPrev, enrols(func(w *changing, c *changer, e *OrgEvent) { e.Subject = c.id })},
	{"enrolment without work under version 2", RuleIdentityStamp, enrols(func(w *changing, c *changer, e *OrgEvent) {
		for IdentityStampBits(e.ChainID, e.Signer, e.Stamp) >= int(w.params().IdentityStamp) {
			e.Stamp++
		}
	})},
	{"update of no organisation", RuleEventPrev, changes(func(w *changing, c *changer) OrgEvent {
		other := *c
		other.id = Hash{}
		return w.event(&other, update)
	})},
	{"update for another network", RuleChain, changes(func(w *changing, c *changer) OrgEvent {
		e := w.event(c, update)
		e.ChainID++
		e.Stamp, _ = SolveEventStamp(nil, &e, w.params().BatchStamp)
		e.Sign(c.org)
		return e
	})},
	{"two updates in a block", "", inAged(func(w *changing, c *changer) *Block {
		one := w.event(c, update)
		return w.block([]OrgEvent{one, w.signed(c, c.org, one.ID(), update)}, nil)
	})},
	{"eight events of an organisation in a block", "", inAged(func(w *changing, c *changer) *Block {
		return w.block(w.row(c, MaxOrgEvents), nil)
	})},
	{"nine events of an organisation in a block", RuleEventCount, inAged(func(w *changing, c *changer) *Block {
		return w.block(w.row(c, MaxOrgEvents+1), nil)
	})},
	{"large entries changed often in a block", RuleHistory, inAged(func(w *changing, c *changer) *Block {
		var events []OrgEvent
		for range 4 {
			events = append(events, w.row(w.large(), MaxOrgEvents)...)
		}
		return w.block(events, nil)
	})},
	{"signature of an event exchanged", RuleBodyRoot, inAged(func(w *changing, c *changer) *Block {
		b := w.block([]OrgEvent{w.event(c, update)}, nil)
		b.Events[0].Signature[0] ^= 1
		return b
	})},
	{"two updates after the same event", RuleEventPrev, inAged(func(w *changing, c *changer) *Block {
		one := w.event(c, update)
		return w.block([]OrgEvent{one, w.event(c, func(*OrgEvent) Content {
			return &Update{Name: "other", Domains: []string{"renamed.example"}}
		})}, nil)
	})},
	{"update without a name", RuleName, profile(func(u *Update) { u.Name = "" })},
	{"update without domains", RuleDomains, profile(func(u *Update) { u.Domains = nil })},
	{"update to an unknown records policy", RuleRecords, profile(func(u *Update) { u.Records = 3 })},
	{"update to a threshold above 100 %", RuleThreshold, profile(func(u *Update) { u.ThresholdFloor = 101 })},

	{"a node added", "", adds(func(w *changing, c *changer, n *NodeKeys) {})},
	{"node added without its proof", RulePossession, adds(func(w *changing, c *changer, n *NodeKeys) { n.NodePossession = Signature{} })},
	{"node added without its recorder's proof", RulePossession, adds(func(w *changing, c *changer, n *NodeKeys) { n.Possession = Signature{} })},
	{"node added with another's recorder key", RuleDuplicateKey, adds(func(w *changing, c *changer, n *NodeKeys) {
		*n = NewNodeKeys(w.state.ChainID(), PublicKey(c.org), w.key("node"), w.orgs[0].nodes[0].recorder)
	})},
	{"node added by a node", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.nodes[0].node, c.last, func(e *OrgEvent) Content {
			return &AddNode{NewNodeKeys(e.ChainID, e.Signer, w.key("node"), w.key("recorder"))}
		})
	})},
	{"a node dropped", "", changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} })
	})},
	{"node dropped by itself", RuleEventSigner, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.nodes[1].node, c.last, func(e *OrgEvent) Content { return &DropNode{e.Signer} })
	})},
	{"node dropped twice", RuleUnknownNode, changes(func(w *changing, c *changer) OrgEvent {
		w.drop(c, c.nodes[1])
		return w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} })
	})},
	{"recorder key taken without its proof", RulePossession, replaces(func(w *changing, r *Replace) { r.Possession = Signature{} })},
	{"recorder key taken that is weak", RuleWeakKey, replaces(func(w *changing, r *Replace) {
		r.Recorder, r.Possession = neutralKey, neutralSignature
	})},
	{"recorder key taken from another", RuleDuplicateKey, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.nodes[0].node, c.last, func(e *OrgEvent) Content { return NewReplace(e, w.orgs[0].nodes[0].recorder) })
	})},

	{"a rotation", "", changes(func(w *changing, c *changer) OrgEvent { return w.event(c, w.rotation(w.key("org"))) })},
	{"a rotation at once", "", changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content { return NewRotate(e, w.key("org"), c.recovery) })
	})},
	{"rotation to a weak key", RuleWeakKey, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			r := NewRotate(e, w.key("org"), nil)
			r.Key, r.Proof = neutralKey, neutralSignature
			return r
		})
	})},
	{"rotation with a signature of no recovery key", RuleRecovery, changes(func(w *changing, c *changer) OrgEvent {
		return w.event(c, func(e *OrgEvent) Content {
			r := NewRotate(e, w.key("org"), c.recovery)
			r.Recovery = Key{}
			return r
		})
	})},
	{"revocation without the new key's word", RulePossession, revokes(func(w *changing, c *changer, r *Revoke) { r.Proof = Signature{} })},
	{"revocation that names no recovery key", RuleRecovery, revokes(func(w *changing, c *changer, r *Revoke) { r.Recovery = Hash{} })},
	{"revocation of nodes out of order", RuleNodes, revokes(func(w *changing, c *changer, r *Revoke) {
		r.Nodes = []Key{PublicKey(c.nodes[0].node), PublicKey(c.nodes[1].node)}
		slices.SortFunc(r.Nodes, func(a, b Key) int { return compareKeys(b, a) })
	})},
	{"revocation to a key that was", RuleDuplicateKey, changes(func(w *changing, c *changer) OrgEvent {
		return w.signed(c, c.recovery, Hash{}, func(e *OrgEvent) Content {
			return NewRevoke(e, c.org, RecoveryCommitment(PublicKey(w.key("recovery"))))
		})
	})},

	{"suspension by batches out of order", RuleEvidence, suspends(func(w *changing, c *changer, e *OrgEvent, s *Suspend) {
		s.First, s.Second = s.Second, s.First
	})},
	{"suspension by batches of another network", RuleEvidence, suspends(func(w *changing, c *changer, e *OrgEvent, s *Suspend) {
		s.resign(e.ChainID+1, c.nodes[1].recorder, func(b []byte) { binary.BigEndian.PutUint32(b[4:], uint32(e.ChainID)+1) })
	})},
	{"suspension by batches of version 3", RuleEvidence, suspends(func(w *changing, c *changer, e *OrgEvent, s *Suspend) {
		s.resign(e.ChainID, c.nodes[1].recorder, func(b []byte) { b[1] = 3 })
	})},
	{"suspension by batches of two numbers", RuleEvidence, changes(func(w *changing, c *changer) OrgEvent {
		one, two := w.batch(&c.nodes[1]), w.batch(&c.nodes[1])
		return w.suspension(c, &one, &two)
	})},
	{"suspension after an event", RuleEventPrev, suspends(func(w *changing, c *changer, e *OrgEvent, s *Suspend) { e.Prev = c.last })},
	{"suspension in no organisation", RuleUnknownOrg, suspends(func(w *changing, c *changer, e *OrgEvent, s *Suspend) { e.Subject[0] ^= 1 })},

	{"update that keeps name and domains", "", attestedUpdate(func(now *Org) Content {
		return &Update{Name: now.Name, Domains: now.Domains, ThresholdFloor: 50}
	}, nobody)},
	{"update of the name attested by none", RuleUnattested, attestedUpdate(func(now *Org) Content {
		return &Update{Name: "other", Domains: now.Domains}
	}, nobody)},
	{"update of the domains attested by none", RuleUnattested, attestedUpdate(func(now *Org) Content {
		return &Update{Name: now.Name, Domains: []string{"other.example"}}
	}, nobody)},
	{"update attested by another", "", attestedUpdate(func(*Org) Content { return update(nil) }, attester(0))},
	{"update attested by itself", RuleUnattested, attestedUpdate(func(*Org) Content { return update(nil) }, attester(1))},
	{"attestation twice", RuleAttestation, attestedUpdate(func(*Org) Content { return update(nil) }, func(w *changing) []ed25519.PrivateKey {
		return append(attester(0)(w), attester(0)(w)...)
	})},
	{"attestation to a node dropped", RuleAttestation, func(f *ruleFixture) error {
		w := attestedWorld()
		c := w.orgs[1]
		e := w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(c.nodes[1].node)} })
		e.Attestations = []Attestation{Attest(&e, w.orgs[0].nodes[0].recorder)}
		return f.validate(&w.grownChain, w.block([]OrgEvent{e}, nil))
	}},
}

var batchV2Cases = []ruleCase{
	{"batch of version 1 in a network of version 2", RuleVersion, seals(func(w *changing, c *changer) []Batch {
		p := *w.params()
		p.Version = ParamsV1
		b := w.batch(&c.nodes[0])
		b.Epoch, b.Tip = 0, Hash{}
		b.Seal(nil, &p, c.nodes[0].recorder)
		return []Batch{b}
	})},
	{"number skipped in an epoch", RuleBatchSeq, seals(func(w *changing, c *changer) []Batch {
		c.nodes[0].tip.Seq, c.nodes[0].tip.ID = 1, Hash{1}
		return []Batch{w.batch(&c.nodes[0])}
	})},
	{"follows a batch of another epoch", RuleBatchPrev, seals(func(w *changing, c *changer) []Batch {
		n := &c.nodes[0]
		first := *n
		w.mine(nil, []Batch{w.batch(n), w.batch(n)})
		w.rest(EpochGap - 1)
		first.epoch++
		w.mine(nil, []Batch{w.batch(&first)})
		first.tip.ID = n.tip.ID
		return []Batch{w.batch(&first)}
	})},
}

var codecV2Cases = []ruleCase{
	{"32 attestations", "", encodedAttestations(MaxAttestations)},
	{"33 attestations", RuleEncoding, encodedAttestations(MaxAttestations + 1)},
	{"eight nodes revoked", "", encodedRevocation(MaxNodes)},
	{"nine nodes revoked", RuleEncoding, encodedRevocation(MaxNodes + 1)},
}

func encodedAttestations(n int) func(*ruleFixture) error {
	return decodes("event", DecodeEvent, func(*ruleFixture) []byte {
		w, c := aged()
		e := w.event(c, update)
		e.Attestations = make([]Attestation, n)
		return e.Encode()
	})
}

func encodedRevocation(nodes int) func(*ruleFixture) error {
	return decodes("event", DecodeEvent, func(*ruleFixture) []byte {
		w, c := aged()
		e := w.revocation(c, make([]Key, nodes)...)
		return e.Encode()
	})
}
