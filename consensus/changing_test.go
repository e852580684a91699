package consensus

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"
)

// changing is a network with parameters of version 2 in which organisations change.
type changing struct {
	grownChain
	tb     testing.TB
	orgs   []*changer
	events []OrgEvent // all that were applied
	made   int        // keys

	admission Admission // zero: open
}

// changer is an organisation with its private keys, as its owner knows them.
type changer struct {
	id       Hash
	last     Hash
	org      ed25519.PrivateKey
	recovery ed25519.PrivateKey
	nodes    []changerNode

	// Keys that are the organisation's only if their events got into a block.
	spareOrg, spareRecovery []ed25519.PrivateKey
	spareNodes              []changerNode
}

type changerNode struct {
	node, recorder ed25519.PrivateKey
	epoch          uint64
	tip            BatchTip
}

func paramsV2() Params {
	p := testParams()
	p.Version = ParamsV2
	p.BlockInterval = time.Hour // a day is 24 blocks
	return p
}

func (w *changing) key(purpose string) ed25519.PrivateKey {
	w.made++
	return testKey(fmt.Sprint(purpose, w.made))
}

func (w *changing) newOrg() (*changer, OrgEvent) {
	c := &changer{org: w.key("org"), recovery: w.key("recovery"), nodes: []changerNode{{node: w.key("node"), recorder: w.key("recorder"), epoch: uint64(w.made)}}}
	p := w.params()
	org := PublicKey(c.org)
	e := OrgEvent{Version: ParamsV2, ChainID: p.ChainID(), Signer: org, Content: &Enrol{
		Name: fmt.Sprint("org ", w.made), Domains: []string{fmt.Sprintf("d%d.example", w.made)}, OrgKey: org,
		Nodes:   []NodeKeys{NewNodeKeys(p.ChainID(), org, c.nodes[0].node, c.nodes[0].recorder)},
		Records: RecordsAll, Recovery: RecoveryCommitment(PublicKey(c.recovery)),
	}}
	e.Stamp, _ = SolveIdentityStamp(nil, e.ChainID, org, p.IdentityStamp)
	e.Sign(c.org)
	c.id, c.last = e.ID(), e.ID()
	return c, e
}

func (w *changing) params() *Params {
	if w.genesis == nil {
		p := paramsV2()
		if w.admission != 0 {
			p.Admission, p.Attesters = w.admission, 2
		}
		return &p
	}
	return &w.genesis.Params
}

// org is the entry of an organisation.
func (w *changing) org(c *changer) *Org {
	o, _ := w.state.Org(c.id)
	return o
}

func sortAttestations(e *OrgEvent) {
	slices.SortFunc(e.Attestations, func(a, b Attestation) int { return compareKeys(a.Recorder, b.Recorder) })
}

// event makes an event of c that its org key signs, after the last one.
func (w *changing) event(c *changer, content func(e *OrgEvent) Content) OrgEvent {
	return w.signed(c, c.org, c.last, content)
}

func (w *changing) signed(c *changer, signer ed25519.PrivateKey, prev Hash, content func(e *OrgEvent) Content) OrgEvent {
	e := OrgEvent{Version: ParamsV2, ChainID: w.params().ChainID(), Subject: c.id, Prev: prev}
	if signer != nil {
		e.Signer = PublicKey(signer)
	}
	e.Content = content(&e)
	e.Stamp, _ = SolveEventStamp(nil, &e, w.params().BatchStamp)
	if signer != nil {
		e.Sign(signer)
	}
	return e
}

// emptyChanging is a network of one organisation.
func emptyChanging(tb testing.TB) *changing {
	w := &changing{tb: tb}
	c, e := w.newOrg()
	g, err := NewGenesis(paramsV2(), e, c.nodes[0].recorder)
	if err != nil {
		tb.Fatal(err)
	}
	c.spareOrg, c.spareRecovery, c.spareNodes = append(c.spareOrg, c.org), append(c.spareRecovery, c.recovery), c.nodes
	w.genesis, w.state, w.orgs = g, g.State(), []*changer{c}
	return w
}

// mine puts events and batches into a block by the first organisation, and fails unless it is
// valid.
func (w *changing) mine(events []OrgEvent, batches []Batch) (*Block, *Undo) {
	w.tb.Helper()
	b := w.block(events, batches)
	w.events = append(w.events, events...)
	return b, w.grow(w.tb, b)
}

func (w *changing) block(events []OrgEvent, batches []Batch) *Block {
	miner := w.orgs[0].nodes[0].recorder
	return solve(draft(w.state, member{recorder: miner}, events, batches), member{recorder: miner})
}

// batch makes the next batch of a node's series.
func (w *changing) batch(n *changerNode) Batch {
	b := Batch{
		ChainID: w.state.ChainID(), Epoch: n.epoch, Seq: n.tip.Seq + 1, Prev: n.tip.ID, Time: 1, Tip: w.state.Tip(),
		Micros: []MicroRoot{{Root: Hash{byte(n.tip.Seq), byte(n.epoch)}, Count: 1}},
	}
	b.Seal(nil, w.params(), n.recorder)
	n.tip = BatchTip{Seq: b.Seq, ID: b.ID()}
	return b
}

// rest mines empty blocks.
func (w *changing) rest(n int) {
	w.tb.Helper()
	for range n {
		w.mine(nil, nil)
	}
}

// newChanging is a network in which an event of each type has been.
func newChanging(tb testing.TB) *changing {
	w := emptyChanging(tb)
	c, e := w.newOrg()
	w.orgs = append(w.orgs, c)
	w.mine([]OrgEvent{e}, nil)
	apply := func(e OrgEvent) {
		tb.Helper()
		w.mine([]OrgEvent{e}, nil)
		if o, ok := w.state.Org(c.id); ok {
			c.last = o.LastEvent
		}
	}
	apply(w.event(c, func(*OrgEvent) Content {
		return &Update{Name: "another", Domains: []string{"a.example", "b.example"}, Records: RecordsSome, ThresholdFloor: 80}
	}))
	second := changerNode{node: w.key("node"), recorder: w.key("recorder"), epoch: 77}
	apply(w.event(c, func(e *OrgEvent) Content {
		return &AddNode{NewNodeKeys(e.ChainID, e.Signer, second.node, second.recorder)}
	}))
	apply(w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(second.node)} }))
	w.rest(EpochGap)
	apply(w.signed(c, c.nodes[0].node, c.last, func(e *OrgEvent) Content { return NewReplace(e, w.key("recorder")) }))
	next := w.key("org")
	apply(w.event(c, func(e *OrgEvent) Content { return NewRotate(e, next, nil) }))
	apply(w.signed(c, c.recovery, Hash{}, func(e *OrgEvent) Content {
		return NewRevoke(e, w.key("org"), RecoveryCommitment(PublicKey(w.key("recovery"))))
	}))
	founder := w.orgs[0]
	extra := changerNode{node: w.key("node"), recorder: w.key("recorder"), epoch: 78}
	w.mine([]OrgEvent{w.event(founder, func(e *OrgEvent) Content {
		return &AddNode{NewNodeKeys(e.ChainID, e.Signer, extra.node, extra.recorder)}
	})}, nil)
	other := extra
	one, two := w.batch(&extra), w.batch(&other)
	two.Micros[0].Root[5]++
	two.Seal(nil, w.params(), extra.recorder)
	w.mine([]OrgEvent{w.signed(founder, nil, Hash{}, func(*OrgEvent) Content { return NewSuspend(&one, &two) })}, nil)
	return w
}
