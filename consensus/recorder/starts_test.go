package recorder

import (
	"fmt"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
)

// heights are those of the blocks with our batches.
func (o *office) heights() map[number]uint64 {
	o.Helper()
	heights := make(map[number]uint64)
	_, applied, err := o.chain.UpdatesSince(chain.Index{}, 1<<20)
	o.must(err)
	for _, u := range applied {
		for _, b := range u.Block.Batches {
			heights[number{b.Epoch, b.Seq}] = u.Index.Height
		}
	}
	return heights
}

// unsealed counts what waits for a token.
func (o *office) unsealed() int {
	o.Helper()
	list, err := o.queue.Unsealed(0, 1<<20)
	o.must(err)
	return len(list)
}

// However often a node starts, what it seals is in a block before it is late, and nothing waits for
// good.
func TestNothingIsLateHoweverManyStarts(t *testing.T) {
	t.Parallel()
	const starts = 16
	for _, blocks := range []int{0, 1, 7, consensus.EpochGap} { // between two starts
		t.Run(fmt.Sprint(blocks), func(t *testing.T) {
			t.Parallel()
			o := epochOffice(t)
			sealedAt := make(map[uint64]uint64) // heights by entry
			look := func() {
				t.Helper()
				tokens, err := o.queue.sealed()
				o.must(err)
				for id := range tokens {
					if _, known := sealedAt[id]; !known {
						sealedAt[id] = o.chain.State().Height()
					}
				}
			}
			var refs []mailstore.Ref
			for range starts {
				refs = append(refs, o.submit(1, 1, mail)...)
				o.must(o.step())
				look()
				for range blocks {
					pass(1, o)
					look()
				}
				o.restart(0)
			}
			for range starts * consensus.EpochGap {
				if pass(1, o); o.waiting()+o.unsealed() == 0 {
					break
				}
				look()
			}
			look()
			if n := o.verified(); n != starts || o.recorded(refs...) != starts || o.unsealed() > 0 || o.refused > 0 {
				t.Errorf("%d verified, %d recorded, %d wait for a token, %d batches refused", n, o.recorded(refs...), o.unsealed(), o.refused)
			}
			tokens, err := o.queue.sealed()
			o.must(err)
			heights := o.heights()
			for id, token := range tokens {
				if at := heights[number{token.Record.Epoch, token.Seq}]; at > sealedAt[id]+maxStarts*consensus.EpochGap {
					t.Errorf("entry %d, sealed at %d, is in block %d", id, sealedAt[id], at)
				}
			}
		})
	}
}

// What processes leave open that are killed again and again is closed all the same, in time.
func TestLeftOpenHoweverManyStarts(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	var first []mailstore.Ref
	for n := range consensus.DropGrace / 5 {
		refs := o.submit(1, 1, mail)
		o.must(o.step())
		refs = append(refs, o.submit(1, 1, mail)...) // left open, if the one before waits for a block
		o.must(o.step())
		if n == 0 {
			if first = refs; len(o.rec.open.Micros) == 0 {
				t.Fatal("nothing is left open")
			}
		}
		o.restart(0)
		pass(5, o)
	}
	if n := o.recorded(first...); n != len(first) {
		t.Errorf("%d of the first %d are recorded", n, len(first))
	}
	pass(10*consensus.EpochGap, o)
	if n := o.verified(); o.waiting()+o.unsealed() > 0 {
		t.Errorf("%d are verified, %d wait", n, o.waiting()+o.unsealed())
	}
}

// While too many starts wait for blocks that is said, with the block from which mail is recorded
// again.
func TestHaltedByStarts(t *testing.T) {
	o := epochOffice(t)
	for n := range maxStarts + 2 {
		o.must(o.step())
		if h := o.halted(); (h.Why == "") != (n < maxStarts) {
			t.Errorf("after %d starts: %+v", n, h)
		}
		o.submit(1, 1, mail)
		o.must(o.step())
		o.restart(0)
	}
	o.must(o.step())
	if n := o.check(); n != maxStarts || o.unsealed() != 2 {
		t.Fatalf("%d sealed, %d not", n, o.unsealed())
	}
	h := o.halted()
	if h.Why != "4 starts of this node have records in no block yet, and blocks take those of one start in 20; it records again once block 1 is there" || h.Next != "cairn chain status" || h.Ends {
		t.Errorf("halted %+v", h)
	}
	pass(1, o) // the first one opens
	if h := o.halted(); h.Why != "" || o.unsealed() != 0 {
		t.Errorf("halted %+v, %d wait", h, o.unsealed())
	}
	o.restart(0)
	o.must(o.step())
	if h := o.halted(); !strings.HasSuffix(h.Why, "once block 21 is there") {
		t.Errorf("halted %+v", h)
	}
	pass(10*consensus.EpochGap, o)
	if n := o.verified(); n != maxStarts+2 {
		t.Errorf("%d are verified", n)
	}
}

// Whatever a key has sealed is in a block before blocks take it no more, if another key follows
// after many starts.
func TestManyStartsBeforeAnotherKey(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	pass(consensus.EpochGap, o)
	for range 3 * maxStarts {
		o.submit(1, 1, mail)
		o.must(o.step())
		o.restart(0)
	}
	o.rekey()
	pass(consensus.DropGrace, o)
	if n := o.verified(); n != 3*maxStarts {
		t.Errorf("%d are verified", n)
	}
}

// A dropped key seals in no epoch that would come to no block while that is taken, and says so.
func TestManyStartsOfADroppedKey(t *testing.T) {
	t.Parallel()
	o := openOfficeIn(t, t.TempDir(), chaintest.NewWith(chaintest.ParamsV2(), 2))
	t.Cleanup(o.close)
	start := func() {
		o.restart(1)
		o.rec.SetNode(consensus.PublicKey(o.net.Orgs[1].Node), o.rec.ours)
	}
	start()
	o.add(o.chain.State(), chaintest.Body{Events: o.net.Enrolments()})
	o.add(o.add(o.chain.State(), chaintest.Body{}), chaintest.Body{})
	org := &o.net.Orgs[1]
	change := func(content consensus.Content) {
		o.add(o.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{
			org.Change(o.chain.State(), org.Key, true, func(*consensus.OrgEvent) consensus.Content { return content }),
		}})
	}
	change(&consensus.AddNode{NodeKeys: consensus.NewNodeKeys(org.Event.ChainID, consensus.PublicKey(org.Key), chaintest.Key("node", 9), chaintest.Key("recorder", 9))})
	change(&consensus.DropNode{Node: consensus.PublicKey(org.Node)})
	o.submit(3, 1, mail)
	for range consensus.DropGrace / 2 / 2 {
		o.submit(1, 1, mail)
		o.must(o.step())
		pass(2, o)
		start()
	}
	o.submit(1, 1, mail)
	pass(consensus.DropGrace/2+1, o)
	if n := o.verified(); n < maxStarts {
		t.Errorf("%d are sealed", n)
	}
	if h := o.halted(); !strings.HasPrefix(h.Why, "this node was dropped") || !h.Ends {
		t.Errorf("halted %+v", h)
	}
}

// A node tells for how many blocks its key has to stay, that all it has sealed with it gets into
// blocks.
func TestBacklogOfAKey(t *testing.T) {
	o := epochOffice(t)
	key := o.net.Orgs[0].RecorderKey()
	backlog := func() (blocks uint64) {
		o.must(o.store.View(func(rd *mailstore.Reader) (err error) { blocks, err = o.rec.Backlog(rd, key); return err }))
		return blocks
	}
	for range maxStarts {
		o.submit(1, 1, mail)
		o.must(o.step())
		o.restart(0)
	}
	if n := backlog(); n != 0 {
		t.Errorf("%d blocks with as many starts as may wait", n)
	}
	// A branch that was lost had more.
	o.must(o.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		for epoch := range uint64(3) {
			formers, err := readFormers(tx.Space(space).SpaceReader)
			if err != nil {
				return err
			}
			if err := tx.Space(space).PutJSON([]byte(nextFormer(formers)), openBatch{Key: key, Epoch: 1 + epoch, Seq: 2}); err != nil {
				return err
			}
		}
		return nil
	}))
	if n := backlog(); n != 1+2*consensus.EpochGap {
		t.Errorf("%d blocks with three more", n)
	}
}
