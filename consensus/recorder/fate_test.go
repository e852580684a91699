package recorder

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
)

// split lets the chain go on from fork without what came after it, with an event of the office's
// organisation if there is one, its block mined with key, and those behind it with then.
func (o *office) split(fork *consensus.State, event *consensus.OrgEvent, key, then ed25519.PrivateKey) {
	o.Helper()
	org := &o.net.Orgs[0]
	defer func(was ed25519.PrivateKey) { org.Recorder = was }(org.Recorder)
	body, longer := chaintest.Body{}, o.chain.State().Height()+2
	if event != nil {
		body.Events = []consensus.OrgEvent{*event}
	}
	org.Recorder = key
	for s := fork; s.Height() < longer; {
		s = o.add(s, body)
		org.Recorder, body = then, chaintest.Body{}
	}
	if o.chain.State().Height() != longer {
		o.Fatal("the other branch is not the best")
	}
	o.must(o.step())
}

func (o *office) halted() (h Halted) {
	o.Helper()
	o.must(o.store.View(func(rd *mailstore.Reader) (err error) { h, err = o.rec.Halted(rd); return err }))
	return h
}

// replacement is the event that gives the office's node a recorder key.
func (o *office) replacement(key ed25519.PrivateKey) consensus.OrgEvent {
	org := &o.net.Orgs[0]
	return org.Change(o.chain.State(), org.Node, true, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewReplace(e, key) })
}

// The chain goes another way than to the block with the recorder key. What is sealed stays here,
// with its token, until the key is in a block again, and gets into one.
func TestKeyOfAnotherBranch(t *testing.T) {
	t.Parallel()
	for name, restarted := range map[string]bool{"while it runs": false, "and it is started anew": true} {
		t.Run(name, func(t *testing.T) {
			o := epochOffice(t)
			pass(consensus.EpochGap, o)
			fork, org := o.chain.State(), &o.net.Orgs[0]
			former := org.Recorder
			o.rekey()
			next := org.Recorder
			refs := o.submit(2, 1, mail)
			o.must(o.step())
			o.local = true
			refs = append(refs, o.submit(1, 1, mail)...)
			o.must(o.step())
			before, err := o.queue.sealed()
			o.must(err)
			o.split(fork, nil, former, former)
			if restarted {
				o.restart(0)
				o.must(o.step())
			}
			for id := range before {
				if !o.queue.held[id] {
					t.Errorf("entry %d may leave with a token of a key that is in no block", id)
				}
			}
			if h := o.halted(); !strings.Contains(h.Why, "lacks the block with this node's recorder key") || h.Next != "cairn org node ls" || h.Ends {
				t.Errorf("halted %+v", h)
			}
			refs = append(refs, o.submit(1, 1, mail)...)
			o.must(o.step())
			if sealed, unsealed := o.tokens(); sealed != 3 || unsealed != 1 {
				t.Errorf("%d are sealed, %d are not", sealed, unsealed)
			}

			again := o.replacement(next)
			org.Recorder = former // mines its block
			o.add(o.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{again}})
			org.Recorder = next
			pass(2*consensus.EpochGap, o)
			if n := o.verified(); n != 4 || len(o.queue.held) != 0 || o.halted().Why != "" {
				t.Errorf("%d entries are verified, held: %v, halted: %+v", n, o.queue.held, o.halted())
			}
			after, err := o.queue.sealed()
			o.must(err)
			for id, token := range before {
				if after[id].MicroRoot() != token.MicroRoot() {
					t.Errorf("entry %d was sealed anew", id)
				}
			}
			if n := o.recorded(refs...); n != len(refs) || o.refused > 0 {
				t.Errorf("%d of %d are recorded, %d batches were submitted that no block takes", n, len(refs), o.refused)
			}
			noneTwice(t, o)
		})
	}
}

// Where the node was dropped instead, what its key has sealed can be in no block: it is said, and
// the tokens go.
func TestNodeEndedOnAnotherBranch(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	org := &o.net.Orgs[0]
	second := chaintest.Key("second recorder", 1)
	o.add(o.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{org.Change(o.chain.State(), org.Key, true, func(e *consensus.OrgEvent) consensus.Content {
		return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, chaintest.Key("second node", 1), second)}
	})}})
	pass(consensus.EpochGap, o)
	fork, former := o.chain.State(), org.Recorder
	drop := org.Change(fork, org.Key, true, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.DropNode{Node: consensus.PublicKey(org.Node)}
	})
	o.rekey()
	o.submit(2, 1, mail)
	o.must(o.step())
	o.split(fork, &drop, former, second)
	o.must(o.store.View(func(rd *mailstore.Reader) error {
		w, err := o.rec.Status(rd)
		if w.Copies != 0 || w.Batches != 0 {
			t.Errorf("%d copies and %d batches wait for a block that takes none of them", w.Copies, w.Batches)
		}
		return err
	}))
	if sealed, unsealed := o.tokens(); sealed != 0 || unsealed != 2 {
		t.Errorf("%d are sealed, %d are not", sealed, unsealed)
	}
	if h := o.halted(); !strings.HasPrefix(h.Why, "the chain has another recorder key for this node, which is here; the node takes it 2 blocks after block 22") || h.Ends {
		t.Errorf("halted %+v", h)
	}
	org.Recorder = second
	for range consensus.DropGrace / 2 {
		o.add(o.chain.State(), chaintest.Body{})
	}
	if h := o.halted(); h.Why != "this node was dropped by its organisation in block 22" || !h.Ends {
		t.Errorf("halted %+v", h)
	}
}

// Where the node took one more key meanwhile, the one that the chain never had again has sealed for
// nothing: what waits is sealed anew with the one that counts.
func TestAnotherKeyThanThatOfTheBranch(t *testing.T) {
	t.Parallel()
	o := epochOffice(t)
	pass(consensus.EpochGap, o)
	fork, former := o.chain.State(), o.net.Orgs[0].Recorder
	o.rekey()
	o.submit(2, 1, mail)
	o.must(o.step())
	o.former = append(o.former, o.net.Orgs[0].Recorder)
	o.split(fork, nil, former, former)
	other := chaintest.Key("one more recorder", 1)
	e := o.replacement(other)
	o.net.Orgs[0].Recorder = former
	o.add(o.chain.State(), chaintest.Body{Events: []consensus.OrgEvent{e}})
	o.net.Orgs[0].Recorder = other
	for range EnrolDepth {
		o.add(o.chain.State(), chaintest.Body{})
	}
	o.restart(0)
	o.must(o.step())
	if len(o.queue.held) != 2 {
		t.Errorf("held %v", o.queue.held)
	}
	pass(3*consensus.EpochGap, o)
	if n := o.verified(); n != 2 || len(o.queue.held) != 0 {
		t.Errorf("%d entries are verified, held %v", n, o.queue.held)
	}
	noneTwice(t, o)
}

// What becomes of a node decides what becomes of a recorder key that it had before, whatever ended
// that one.
func TestFateOfAFormerKey(t *testing.T) {
	t.Parallel()
	net := chaintest.NewWith(chaintest.ParamsV2(), 2)
	org, s := &net.Orgs[1], net.Genesis.State()
	node, former, next := consensus.PublicKey(org.Node), org.RecorderKey(), chaintest.Key("next recorder", 1)
	mine := func(s *consensus.State, count int, events ...consensus.OrgEvent) *consensus.State {
		for range count {
			s, _ = consensus.ApplyBlock(s, net.Mine(s, 0, chaintest.Body{Events: events}))
			events = nil
		}
		return s
	}
	change := func(s *consensus.State, signer ed25519.PrivateKey, content func(e *consensus.OrgEvent) consensus.Content) *consensus.State {
		return mine(s, 1, org.Change(s, signer, signer != nil, content))
	}
	suspended := func(s *consensus.State, key ed25519.PrivateKey) *consensus.State {
		var twice [2]consensus.Batch
		for i := range twice {
			twice[i] = consensus.Batch{ChainID: s.ChainID(), Epoch: 7, Seq: 1, Time: uint64(i), Micros: []consensus.MicroRoot{{Count: 1}}}
			twice[i].Seal(nil, s.Params(), key)
		}
		return change(s, nil, func(*consensus.OrgEvent) consensus.Content { return consensus.NewSuspend(&twice[0], &twice[1]) })
	}
	dropped := func(s *consensus.State) *consensus.State {
		return change(s, org.Key, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: node} })
	}
	renamed := func(s *consensus.State) *consensus.State {
		return change(s, org.Key, func(*consensus.OrgEvent) consensus.Content {
			return &consensus.Update{Name: "renamed", Domains: []string{org.Domain}}
		})
	}
	s = mine(s, 1, org.Event)
	s = change(s, org.Key, func(e *consensus.OrgEvent) consensus.Content {
		return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))}
	})
	s = mine(s, consensus.EpochGap)
	s = change(s, org.Node, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewReplace(e, next) })
	replaced := s.Height()
	s = mine(s, 1)
	for _, tt := range []struct {
		what  string
		s     *consensus.State
		fate  Fate // where the next key is not here
		end   consensus.NodeEnd
		until uint64
		here  Fate // where it is
	}{
		{"replaced", s, Replaced, consensus.NodeDropped, replaced, Counts},
		{"replaced, and suspended", suspended(s, org.Recorder), Replaced, consensus.NodeDropped, replaced, Counts},
		{"the node dropped", dropped(s), Ended, consensus.NodeDropped, replaced + 2, Ended},
		{"the node dropped, and the key suspended", suspended(dropped(s), org.Recorder), Ended, consensus.NodeDropped, replaced + 2, Ended},
		{"the key suspended, and the node dropped", dropped(suspended(s, org.Recorder)), Ended, consensus.NodeDropped, replaced + 3, Ended},
		{"the node dropped, and in the entry no more", renamed(mine(suspended(mine(dropped(s), 90), org.Recorder), 20)), Ended, consensus.NodeDropped, replaced + 2, Ended},
		{"the node suspended", suspended(s, next), Ended, consensus.NodeSuspended, replaced + 2, Ended},
	} {
		fate, as := FateOf(tt.s, node, former, func(consensus.Key) bool { return false })
		if fate != tt.fate || as.End != tt.end || as.Until != tt.until {
			t.Errorf("%s: %v, ended %v until %d; want %v, %v until %d", tt.what, fate, as.End, as.Until, tt.fate, tt.end, tt.until)
		}
		if here, _ := FateOf(tt.s, node, former, func(key consensus.Key) bool { return key == consensus.PublicKey(next) }); here != tt.here {
			t.Errorf("%s, with the next key here: %v, want %v", tt.what, here, tt.here)
		}
	}
}
