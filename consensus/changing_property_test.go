package consensus

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"cairn/mailstore/testenv"
)

// TestRevertUndoesChanges connects and disconnects 10,000 blocks (1,000 outside of CI) with events
// of all types and batches of several epochs: what is disconnected leaves the state as it was, and
// a state that is put together from its stored parts is the same.
func TestRevertUndoesChanges(t *testing.T) {
	const perChain = 250
	blocks := 1000
	if testenv.CI() {
		blocks = 10_000
	}
	for chain := range uint64(blocks / perChain) {
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			revertUndoesChanges(t, rand.New(rand.NewPCG(chain, 6)), perChain)
		})
	}
}

func revertUndoesChanges(t *testing.T, d *rand.Rand, blocks int) {
	w := emptyChanging(t)
	for range blocks {
		events := w.randomEvents(d)
		b := draft(w.state, member{recorder: w.orgs[0].nodes[0].recorder}, events, w.randomBatches(d))
		next, undo := ApplyBlock(w.state, b)
		stored, err := DecodeUndo(w.state.Network(), undo.Encode())
		if err != nil {
			t.Fatal(err)
		}
		sameState(t, w.state, RevertBlock(next, stored))
		if d.IntN(4) > 0 { // else the chain goes on as if it had not been
			w.state = next
			w.remember(events)
		}
		if d.IntN(20) == 0 {
			checkStored(t, w.state)
		}
	}
}

func sameState(t *testing.T, want, got *State) {
	t.Helper()
	if !got.Equal(want) || !reflect.DeepEqual(contentsOf(got), contentsOf(want)) || !reflect.DeepEqual(contentsOf(got), plainContents(got)) {
		t.Fatal("the state after a revert is not the one before the block")
	}
}

// checkStored puts a state together from the encodings of its parts.
func checkStored(t *testing.T, s *State) {
	t.Helper()
	hs, err := DecodeHeaderState(s.Network(), s.HeaderState().Encode())
	if err != nil {
		t.Fatal(err)
	}
	var orgs []*Org
	for _, o := range s.Orgs() {
		back, err := DecodeOrg(s.Network(), o.Encode())
		if err != nil {
			t.Fatal(err)
		}
		orgs = append(orgs, back)
	}
	var past []*Past
	for _, p := range s.Past() {
		back, err := DecodePast(s.Network(), p.Encode())
		if err != nil {
			t.Fatal(err)
		}
		past = append(past, back)
	}
	anew, err := NewState(hs, orgs, past, s.BatchTips())
	if err != nil {
		t.Fatal(err)
	}
	sameState(t, s, anew)
	checkLookedUp(t, s)
}

// checkLookedUp holds what is looked up in the history to what it is made of.
func checkLookedUp(t *testing.T, s *State) {
	t.Helper()
	past := s.Past()
	for number, p := range past {
		if s.PastLen() != len(past) || s.PastAt(number) != p {
			t.Fatalf("former entry %d of %d is another", number, s.PastLen())
		}
	}
	for _, o := range append(s.Orgs(), &Org{}) {
		for height := uint64(0); height < s.Height()+2; height += 1 + s.Height()/40 {
			got, ok := s.OrgAt(o.ID, height)
			if want, there := plainOrgAt(s, past, o.ID, height); got != want || ok != there {
				t.Fatalf("organisation %v at height %d: %v, %v, want %v, %v", o.ID, height, got, ok, want, there)
			}
		}
	}
}

// remember keeps the keys of who is a member now, and what their events have to follow.
func (w *changing) remember(events []OrgEvent) {
	for i := range events {
		o, _ := w.state.Org(events[i].Org())
		for _, c := range w.orgs {
			if c.id == o.ID {
				c.last = o.LastEvent
				c.settle(o, w.state.Height()+1)
			}
		}
	}
}

// settle drops the keys that a change took away, and takes up those that it brought.
func (c *changer) settle(o *Org, height uint64) {
	for _, k := range c.spareOrg {
		if PublicKey(k) == o.KeyAt(height) {
			c.org = k
		}
	}
	for _, k := range c.spareRecovery {
		if RecoveryCommitment(PublicKey(k)) == o.Recovery {
			c.recovery = k
		}
	}
	c.nodes = nil
	for _, n := range c.spareNodes {
		if i := o.recorder(PublicKey(n.recorder)); i >= 0 && o.Nodes[i].End == NodeActive && o.Nodes[i].Node == PublicKey(n.node) {
			c.nodes = append(c.nodes, n)
		}
	}
}

// randomEvents are up to three events that can be in the next block, in their order.
func (w *changing) randomEvents(d *rand.Rand) []OrgEvent {
	var events []OrgEvent
	fit := NewFit(w.state)
	for range d.IntN(4) {
		if e := w.randomEvent(d); fit.Add(&e) == nil {
			events = append(events, e)
		}
	}
	return events
}

func (w *changing) randomEvent(d *rand.Rand) OrgEvent {
	c := w.orgs[d.IntN(len(w.orgs))]
	for _, c := range w.orgs { // a pending key may count by now
		if o, ok := w.state.Org(c.id); ok {
			c.settle(o, w.state.Height()+1)
		}
	}
	node := func() (n changerNode, ok bool) {
		if len(c.nodes) == 0 {
			return n, false
		}
		return c.nodes[d.IntN(len(c.nodes))], true
	}
	switch n, ok := node(); d.IntN(9) {
	case 0:
		fresh, e := w.newOrg()
		fresh.spareOrg, fresh.spareRecovery, fresh.spareNodes = append(fresh.spareOrg, fresh.org), append(fresh.spareRecovery, fresh.recovery), fresh.nodes
		w.orgs = append(w.orgs, fresh)
		return e
	case 1:
		return w.event(c, func(e *OrgEvent) Content {
			n := changerNode{node: w.key("node"), recorder: w.key("recorder"), epoch: uint64(w.made)}
			c.spareNodes = append(c.spareNodes, n)
			return &AddNode{NewNodeKeys(e.ChainID, e.Signer, n.node, n.recorder)}
		})
	case 2:
		if ok && c != w.orgs[0] {
			return w.event(c, func(*OrgEvent) Content { return &DropNode{PublicKey(n.node)} })
		}
	case 3:
		if ok {
			next := n
			next.recorder, next.epoch = w.key("recorder"), uint64(w.made)
			c.spareNodes = append(c.spareNodes, next)
			return w.signed(c, n.node, c.last, func(e *OrgEvent) Content { return NewReplace(e, next.recorder) })
		}
	case 4, 5:
		next := w.key("org")
		c.spareOrg = append(c.spareOrg, next)
		recovery := c.recovery
		if d.IntN(2) == 0 {
			recovery = nil
		}
		return w.event(c, func(e *OrgEvent) Content { return NewRotate(e, next, recovery) })
	case 6:
		next, recovery := w.key("org"), w.key("recovery")
		c.spareOrg, c.spareRecovery = append(c.spareOrg, next), append(c.spareRecovery, recovery)
		var nodes []Key
		if ok && d.IntN(2) == 0 && c != w.orgs[0] {
			nodes = []Key{PublicKey(n.node)}
		}
		return w.signed(c, c.recovery, Hash{}, func(e *OrgEvent) Content {
			return NewRevoke(e, next, RecoveryCommitment(PublicKey(recovery)), nodes...)
		})
	case 7:
		if ok && c != w.orgs[0] {
			one, two := w.contradiction(n)
			return w.suspension(c, &one, &two)
		}
	}
	return w.event(c, func(*OrgEvent) Content {
		return &Update{Name: "renamed", Domains: []string{"renamed.example"}, Records: RecordsPolicy(d.IntN(3))}
	})
}

// randomBatches are some batches that can be in the next block, each of another node.
func (w *changing) randomBatches(d *rand.Rand) []Batch {
	var batches []Batch
	for _, c := range w.orgs {
		for i := range c.nodes {
			n := c.nodes[i]
			if d.IntN(3) > 0 || !w.state.Seals(PublicKey(n.recorder)) {
				continue
			}
			if d.IntN(4) == 0 {
				n.epoch += 1 << 32
			}
			n.tip, _ = w.state.BatchTip(Series{PublicKey(n.recorder), n.epoch})
			b := w.batch(&n)
			if ValidateBatches(w.state, nil, []Batch{b})[0] == nil {
				batches = append(batches, b)
			}
		}
	}
	return batches
}
