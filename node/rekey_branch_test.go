package node

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/recorder"
)

// outgrown lets the chain go on from fork, its first block with these events, until that is the
// best with so many blocks more than there were.
func (w *changing) outgrown(fork *consensus.State, more uint64, events ...consensus.OrgEvent) {
	w.t.Helper()
	fork = w.branch(fork, int(w.chain.State().Height()+more-fork.Height()), events...)
	if w.chain.State().Tip() != fork.Tip() {
		w.t.Fatal("the other branch is not the best")
	}
}

// dropped is the event that drops the node.
func (w *changing) dropped() consensus.OrgEvent {
	return w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: w.id.NodeKey()} })
}

// second adds another node to the organisation, so that this one may be dropped.
func (w *changing) second() {
	w.t.Helper()
	w.block(w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, must(NewKey()), must(NewKey()))}
	}))
}

// settles lets the node do what it does about its recorder keys at this tip.
func (w *changing) settles() {
	w.t.Helper()
	if due, err := w.recorderChange(w.chain.State()); err != nil {
		w.t.Fatal(err)
	} else if due != nil {
		w.again()
	}
	if due, err := w.recorderChange(w.chain.State()); due != nil || err != nil {
		w.t.Fatalf("the node begins again and again: %+v, %v", due, err)
	}
}

// signs wants a node that records with key.
func (w *changing) signs(what string, key ed25519.PrivateKey) {
	w.t.Helper()
	s, err := w.Status(w.t.Context())
	if err != nil || !w.id.Recorder.Equal(key) || s.Mail.Halted != "" {
		w.t.Errorf("%s: signs with %v, not with %v: %+v, %v", what, w.id.RecorderKey(), consensus.PublicKey(key), s.Mail, err)
	}
}

// Whatever ends the next recorder key on a branch that is lost, the node takes it where the chain
// has it, however late, and wherever it lies.
func TestNextRecorderKeyEndsOnALosingBranch(t *testing.T) {
	for _, tt := range []struct {
		what  string
		event func(w *changing) consensus.OrgEvent
	}{
		{"dropped", (*changing).dropped},
		{"replaced", func(w *changing) consensus.OrgEvent { return w.rekeyed(must(NewKey())) }},
	} {
		for _, stands := range []int{0, recorder.EnrolDepth, consensus.EpochGap + 1} {
			t.Run(tt.what, func(t *testing.T) {
				w := newChanging(t)
				w.second()
				next := w.keepNext()
				w.blocks(consensus.EpochGap - 1)
				w.block(w.rekeyed(next))
				if tt.what == "replaced" { // a restored backup: another key follows the next one, which was not taken here
					w.blocks(consensus.EpochGap - 1)
				}
				fork, event := w.chain.State(), tt.event(w)
				w.block(event)
				w.blocks(stands)
				w.settles()
				w.again()
				w.outgrown(fork, recorder.EnrolDepth)
				w.settles()
				w.signs("merged", next)
				if !w.miningKey(w.chain.State()).Equal(next) {
					t.Error("mines with another key")
				}
			})
		}
	}
}

// The node is dropped on the branch that wins, which lacks the recorder key that it took: it
// records what it had accepted with the one before as long as the chain takes that, and with the
// later one where the chain goes back to it.
func TestDroppedWhereTheRecorderKeyIsNot(t *testing.T) {
	w := newChanging(t)
	w.second()
	former, next := w.id.Recorder, w.keepNext()
	w.blocks(consensus.EpochGap - 1)
	fork, drop := w.chain.State(), w.dropped()
	replacement := w.rekeyed(next)
	if err := propose(t, w.Node, &replacement); err != nil {
		t.Fatal(err)
	}
	w.block(replacement)
	w.blocks(recorder.EnrolDepth)
	taken := w.chain.State()
	w.settles()
	w.signs("taken", next)

	w.outgrown(fork, 1, drop)
	w.settles()
	w.signs("dropped", former)
	if got := w.ended(w.chain.State()); !strings.HasPrefix(got, "this node was dropped by its organisation in block 22: ") {
		t.Errorf("ended: %q", got)
	}
	lost := w.chain.State()

	w.outgrown(taken, 1)
	w.settles()
	w.signs("back", next)

	for s := lost; s.Height() < lost.Height()+consensus.DropGrace; {
		s = w.on(s)
	}
	w.looksAt(w.chain.State(), false)
	if err := w.bringProposed(t.Context(), w.chain.State()); err != nil {
		t.Fatal(err)
	}
	overtaken, err := w.viewOvertaken(w.chain.State())
	if err != nil || len(overtaken) != 1 || !strings.HasPrefix(overtaken[0].Next, "move its accounts") || strings.Contains(strings.Join(w.toPostmaster(), ""), "org node rekey") {
		t.Errorf("overtaken %+v, %v", overtaken, err)
	}
	w.settles()
	if !w.id.Recorder.Equal(next) {
		t.Error("a key is taken with which nothing can be sealed")
	}
	if s, err := w.Status(t.Context()); err != nil || !strings.HasPrefix(s.Mail.Halted, "this node was dropped") || !s.Mail.ForGood {
		t.Errorf("status %+v, %v", s.Mail, err)
	}
}

// A key of a node that was revoked is taken nowhere.
func TestRevokedWhereTheRecorderKeyIsNot(t *testing.T) {
	w := newChanging(t)
	w.second()
	recovery, next := recoveryOf(t, w.dir), w.keepNext()
	w.blocks(consensus.EpochGap - 1)
	fork := w.chain.State()
	revoke := w.net.Orgs[1].Change(fork, recovery, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, must(NewKey()), consensus.Hash{1}, w.id.NodeKey())
	})
	w.block(w.rekeyed(next))
	w.blocks(recorder.EnrolDepth)
	w.settles()
	w.signs("taken", next)
	w.outgrown(fork, recorder.EnrolDepth, revoke)
	w.settles()
	s, err := w.Status(t.Context())
	if err != nil || !w.id.Recorder.Equal(next) || !strings.HasPrefix(s.Mail.Halted, "this node was revoked") || !s.Mail.ForGood {
		t.Errorf("signs with %v: %+v, %v", w.id.RecorderKey(), s.Mail, err)
	}
}
