package recorder

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
)

// rekey lets a block give the office's node another recorder key, and two more come, and starts a
// recorder with it.
func (o *office) rekey() {
	o.Helper()
	org := &o.net.Orgs[0]
	next, former := chaintest.Key("next recorder", o.blocks), org.Recorder
	s := o.chain.State()
	e := org.Change(s, org.Node, true, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewReplace(e, next) })
	o.add(s, chaintest.Body{Events: []consensus.OrgEvent{e}})
	org.Recorder = next // who mines has it too
	for range EnrolDepth {
		o.add(o.chain.State(), chaintest.Body{})
	}
	o.former = append(o.former, former)
	o.restart(0)
}

// stored reads the signing states.
func (o *office) stored() (states []*openBatch) {
	o.Helper()
	open := openBatch{Seq: 1}
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		formers, err := readFormers(rd.Space(space))
		if err != nil {
			return err
		}
		states = epochs(formers, &open)
		_, err = rd.Space(space).JSON([]byte(keyOpen), &open)
		return err
	}))
	return states
}

// needs reports whether something is left of the office's key before.
func (o *office) needs(key ed25519.PrivateKey) (needs bool) {
	o.Helper()
	o.must(o.store.View(func(rd *mailstore.Reader) (err error) {
		needs, err = o.rec.Needs(rd, consensus.PublicKey(key))
		return err
	}))
	return needs
}

// What was closed and what was open under the key before gets into blocks, whether or not the
// process came to its end in order; what comes is sealed with the new one.
func TestAnotherRecorderKey(t *testing.T) {
	t.Parallel()
	for name, unnamed := range map[string]bool{"states that name their key": false, "states from before there was that": true} {
		t.Run(name, func(t *testing.T) {
			o := epochOffice(t)
			o.submit(1, 1, mail)
			o.must(o.step())
			pass(consensus.EpochGap, o)
			refs := o.submit(2, 1, mail)
			o.must(o.step()) // closed, and in no block
			o.leaveOpen(2)
			former := o.net.Orgs[0].Recorder
			if unnamed {
				open := *o.stored()[0]
				open.Key = consensus.Key{}
				o.must(o.store.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(space).PutJSON([]byte(keyOpen), open) }))
			}
			o.rekey()
			refs = append(refs, o.submit(3, 1, mail)...)
			pass(2*consensus.EpochGap, o)
			if n := o.verified(); n != 1+2+2+3 {
				t.Errorf("%d entries are verified", n)
			}
			if n := o.recorded(refs...); n != len(refs) || o.refused > 0 {
				t.Errorf("%d of %d are recorded, %d batches were submitted that no block takes", n, len(refs), o.refused)
			}
			noneTwice(t, o)
			tokens, err := o.queue.sealed()
			o.must(err)
			by := make(map[consensus.Key]int)
			for _, token := range tokens {
				by[token.Recorder]++
			}
			if by[consensus.PublicKey(former)] != 5 || by[o.net.Orgs[0].RecorderKey()] != 3 {
				t.Errorf("sealed by %v", by)
			}
			var w Waiting
			o.must(o.store.View(func(rd *mailstore.Reader) (err error) { w, err = o.rec.Status(rd); return err }))
			if w.Batches != 0 || w.Copies != 0 || w.Why != "" {
				t.Errorf("status %+v", w)
			}
			if !o.needs(former) {
				t.Error("the key before is not needed while the chain may ask for its batches again")
			}
			o.age(keepBlocks + consensus.DropGrace)
			o.must(o.step())
			if o.needs(former) {
				t.Errorf("the key before is needed still: %+v", o.stored()[0])
			}
		})
	}
}

// What no block has when the time of the key before is over is sealed anew with the one after it.
func TestSealAnewAfterAnotherKey(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	for range consensus.EpochGap {
		o.add(o.chain.State(), chaintest.Body{})
	}
	o.submit(3, 1, mail)
	o.must(o.step())
	o.leaveOpen(2)
	o.rekey()
	lost := o.sent
	for range consensus.DropGrace + 2*consensus.EpochGap { // while this node reached nobody
		o.add(o.chain.State(), chaintest.Body{})
	}
	pass(2*consensus.EpochGap, o)
	if n := o.verified(); n != 5 {
		t.Errorf("%d entries are verified", n)
	}
	noneTwice(t, o)
	for _, b := range o.sent[len(lost):] {
		if b.Recorder != o.net.Orgs[0].RecorderKey() {
			t.Error("a batch of a key whose time is over was submitted")
		}
	}
}

// A node that has only the key before says so, and what brings it back.
func TestReplacedKeyThatIsNotHere(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	for range consensus.EpochGap {
		o.add(o.chain.State(), chaintest.Body{})
	}
	former := o.net.Orgs[0].Recorder
	o.rekey()
	o.former = nil
	o.rec = New(o.store, o.queue, o.chain, former, nil, func(*consensus.State) bool { return true }, func(*consensus.Batch) {}, quiet)
	for range consensus.DropGrace {
		o.add(o.chain.State(), chaintest.Body{})
	}
	if h := o.halted(); h.Why != "this node's recorder key was replaced in block 21 by another one, which is not here" || h.Next != "cairn org node rekey" || !h.Ends {
		t.Errorf("halted %+v", h)
	}
	// It may lie there and be about to follow.
	o.rec.SetNode(consensus.PublicKey(o.net.Orgs[0].Node), func(key consensus.Key) bool { return key == o.net.Orgs[0].RecorderKey() })
	if h := o.halted(); !strings.HasPrefix(h.Why, "the chain has another recorder key for this node, which is here; the node takes it 2 blocks after block 21") || h.Ends {
		t.Errorf("halted %+v", h)
	}
}

// Of a node that ended there is one cause, with its block.
func TestHowNodesEnd(t *testing.T) {
	t.Parallel()
	for end, want := range map[consensus.NodeEnd]string{
		consensus.NodeActive:    "",
		consensus.NodeDropped:   "this node was dropped by its organisation in block 7",
		consensus.NodeRevoked:   "this node was revoked with its organisation's key in block 7",
		consensus.NodeSuspended: "this node was suspended in block 7, as two batches with one number were signed with its recorder key",
	} {
		if got := HowEnded(&consensus.OrgNode{End: end, Until: 7}); got != want {
			t.Errorf("%v: %q", end, got)
		}
	}
}

// A state that names no key is written as it was before there were others.
func TestStatesWithoutEpochsNameNoKey(t *testing.T) {
	b, err := json.Marshal(openBatch{Seq: 1})
	if err != nil || string(b) != `{"Seq":1,"Prev":"`+(consensus.Hash{}).String()+`","LastTime":0,"Opened":0,"Micros":null}` {
		t.Errorf("%s, %v", b, err)
	}
}
