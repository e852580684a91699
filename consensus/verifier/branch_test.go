package verifier

import (
	"context"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/record"
)

// A recorder key that the chain knows no more, as it went another way, was a node's: what that node
// had recorded waits for its key to come again for as long as the node may bring it. A key that was
// nobody's is nobody's.
func TestKeyOfAnotherBranch(t *testing.T) {
	for _, c := range []struct {
		instead string // what the other branch holds
		waits   bool
	}{
		{"update", true},
		{"rotation", true},
		{"drop", true},        // of the node
		{"revocation", false}, // of it
		{"suspension", false},
	} {
		t.Run(c.instead, func(t *testing.T) {
			w := newWorld(t, setting{epochs: true, orgs: 3, pins: []int{0}})
			w.miner = 1
			if c.instead == "drop" {
				o := &w.net.Orgs[0]
				w.mine(chaintest.Body{Events: []consensus.OrgEvent{o.Change(w.chain.State(), o.Key, true, func(e *consensus.OrgEvent) consensus.Content {
					return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))}
				})}})
			}
			w.mineEmpty(consensus.EpochGap)
			fork, o := w.chain.State(), &w.net.Orgs[0]
			was := o.Recorder
			change := changed(o)
			w.mine(chaintest.Body{Events: []consensus.OrgEvent{change["replacement"](fork)}})
			o.Recorder = chaintest.Key("next recorder", 1)
			in := w.arrive(w.seal(0, letter(jo, "", text), ann))
			b := w.batch(0)
			w.mine(chaintest.Body{Batches: []consensus.Batch{b}})
			w.expect(in, "in a block", record.Verified, "inbox")
			waiting := w.arrive(w.seal(0, letter(jo, "", text+"2"), ann))
			w.expect(waiting, "in no block", record.Pending, "inbox")

			o.Recorder = was // of the other branch
			s := w.add(fork, chaintest.Body{Events: []consensus.OrgEvent{change[c.instead](fork)}})
			s = w.add(w.add(s, chaintest.Body{}), chaintest.Body{})
			if s.Tip() != w.chain.State().Tip() {
				t.Fatal("the other branch is not the best")
			}
			stranger := chaintest.Org{Recorder: chaintest.Key("nobody's recorder", 1), Event: o.Event}
			w.net.Orgs = append(w.net.Orgs, stranger)
			forged := w.arrive(w.seal(3, letter(jo, "", text+"3"), ann))
			w.expect(forged, "by a key that was nobody's", record.Invalid, "spam")
			w.must(w.v.Retrust(context.Background(), "org1.example"))
			if !c.waits {
				w.expect(in, "without the key, and the node has ended", record.Invalid, "spam")
				w.expect(waiting, "without the key, and the node has ended", record.Invalid, "spam")
				return
			}
			w.expect(in, "without the key", record.Pending, "inbox")
			w.expect(waiting, "without the key", record.Pending, "inbox")
			w.mineEmpty(patience)
			w.expect(in, "without the key for long", record.Pending, "inbox")
			w.expect(forged, "by a key that was nobody's", record.Invalid, "spam")

			if c.instead == "drop" { // it never comes
				w.mineEmpty(lateFor)
				w.expect(in, "given up", record.Unrecorded, "inbox")
				w.expect(waiting, "given up", record.Unrecorded, "inbox")
				return
			}
			w.mine(chaintest.Body{Events: []consensus.OrgEvent{change["replacement"](w.chain.State())}}) // of the same key
			w.mine(chaintest.Body{Batches: []consensus.Batch{b}})
			verdict := record.Verified
			if c.instead == "update" { // the domain was given up
				verdict = record.Vouched
			}
			w.expect(in, "with the key", verdict, "inbox")
			w.expect(waiting, "with the key", record.Pending, "inbox")
		})
	}
}
