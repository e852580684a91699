package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/recorder"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// rekeyed gives the node another recorder key in the next block, as org node rekey does.
func (w *changing) rekeyed(next ed25519.PrivateKey) consensus.OrgEvent {
	w.t.Helper()
	return w.net.Orgs[1].Change(w.chain.State(), w.id.Node, true, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewReplace(e, next) })
}

// keepNext writes a recorder key that is to follow.
func (w *changing) keepNext() ed25519.PrivateKey {
	w.t.Helper()
	next, there, err := NextRecorderKey(w.dir)
	if err != nil || there {
		w.t.Fatal(there, err)
	}
	if _, err := KeepNextRecorderKey(w.dir, next); err != nil {
		w.t.Fatal(err)
	}
	if again, there, err := NextRecorderKey(w.dir); err != nil || !there || !again.Equal(next) {
		w.t.Fatalf("another key is drawn while one waits: %v, %v", there, err)
	}
	return next
}

// again closes the node and opens it anew.
func (w *changing) again() {
	w.t.Helper()
	if err := w.Node.Close(); err != nil {
		w.t.Fatal(err)
	}
	var err error
	if w.Node, err = Open(w.t.Context(), w.dir, slog.New(slog.DiscardHandler)); err != nil {
		w.t.Fatal(err)
	}
}

func TestStandingReplace(t *testing.T) {
	w := newChanging(t)
	next, other := must(NewKey()), must(NewKey())
	replace := func(node ed25519.PrivateKey) (*consensus.OrgEvent, error) {
		return mustStand(t, w.Node).Replace(t.Context(), node, next, nil)
	}
	wants := func(what string, node ed25519.PrivateKey, code api.Code, says, hint string) {
		t.Helper()
		_, err := replace(node)
		if e := api.AsError(err); e == nil || e.Code != code || !strings.Contains(e.Message, says) || e.Hint != hint {
			t.Errorf("%s: %+v", what, e)
		}
	}
	wants("a stranger", other, api.CodeNotFound, "is no node of the organisation", "cairn org node ls")
	wants("a key that is young", w.id.Node, api.CodeTryLater, "since block 1, and a block takes another one from 21 on; the next one is 2,", "cairn chain status")
	w.blocks(consensus.EpochGap - 1)
	waiting := w.renamed("Beta & Co")
	if err := propose(t, w.Node, &waiting); err != nil {
		t.Fatal(err)
	}
	e, err := replace(w.id.Node)
	if err != nil || e.Prev != waiting.ID() || e.Signer != w.id.NodeKey() {
		t.Fatalf("%+v, %v", e, err)
	}
	v, err := w.ProposeEvent(t.Context(), api.EventRequest{Event: e.Encode()})
	if err != nil || v.Type != "replace-recorder" || v.Recorder != consensus.PublicKey(next).String() || v.Then == "" {
		t.Fatalf("%+v, %v", v, err)
	}
	second := must(replace(w.id.Node)) // the command is run again
	if again, err := w.ProposeEvent(t.Context(), api.EventRequest{Event: second.Encode()}); err != nil || again.ID != v.ID {
		t.Errorf("brought again: %+v, %v", again, err)
	}
	if l, err := w.OrgNodes(t.Context()); err != nil || len(l.Nodes) != 1 || l.Nodes[0].Next != v.Recorder {
		t.Errorf("nodes %+v, %v", l, err)
	}
	if _, err := mustStand(t, w.Node).Replace(t.Context(), w.id.Node, other, nil); api.AsError(err) == nil || api.AsError(err).Code != api.CodeTryLater {
		t.Errorf("a second key while one waits: %v", err)
	}
	w.block(waiting, *e)
	third := must(replace(w.id.Node))
	if v, err := w.ProposeEvent(t.Context(), api.EventRequest{Event: third.Encode()}); err != nil || !strings.HasPrefix(v.WaitsFor, "nothing: the node has that key since block 21") {
		t.Errorf("brought when it is in a block: %+v, %v", v, err)
	}
	l, err := w.OrgNodes(t.Context())
	if err != nil || len(l.Nodes) != 1 || l.Nodes[0].Recorder != v.Recorder || len(l.Nodes[0].Formers) != 1 || l.Nodes[0].Formers[0].Until != 21 || !l.Nodes[0].Here {
		t.Errorf("nodes %+v, %v", l, err)
	}
	o, err := w.Orgs(t.Context(), "")
	if err != nil || len(o.Orgs[0].Nodes) != 1 || len(o.Orgs[0].Nodes[0].Formers) != 1 {
		t.Errorf("organisation %+v, %v", o, err)
	}
	c, err := w.OrgChanges(t.Context(), "")
	last := c.Changes[len(c.Changes)-1]
	if err != nil || last.What != "recorder" || last.Node != w.id.NodeKey().String() || last.From != w.id.RecorderKey().String() || last.To != v.Recorder {
		t.Errorf("changes %+v, %v", c.Changes, err)
	}
}

// The node takes the key when enough blocks stand on it, wherever it was interrupted, and what it
// had before stays beside it until nothing of it is needed.
func TestNextRecorderKeyIsTaken(t *testing.T) {
	for _, tt := range []struct {
		what        string
		interrupted func(w *changing)
	}{
		{"in one go", func(*changing) {}},
		{"after the former one has its name", func(w *changing) {
			if err := os.Link(filepath.Join(w.dir, "keys/recorder.pem"), filepath.Join(w.dir, home.OldRecorderKey(21))); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			w := newChanging(t)
			former, next := w.id.Recorder, w.keepNext()
			w.blocks(consensus.EpochGap - 1)
			w.block(w.rekeyed(next))
			w.blocks(recorder.EnrolDepth - 1)
			if due, err := w.recorderChange(w.chain.State()); due != nil || err != nil || w.ended(w.chain.State()) != "" {
				t.Errorf("too early: %v, %v, %q", due, err, w.ended(w.chain.State()))
			}
			if key := w.miningKey(w.chain.State()); !key.Equal(next) {
				t.Error("nobody mines until the key is taken")
			}
			w.again()
			if !w.id.Recorder.Equal(former) {
				t.Fatal("the key was taken too early")
			}
			w.block()
			if err := w.watchRecorder(t.Context()); err != errRecorderChange {
				t.Fatalf("the node goes on: %v", err)
			}
			tt.interrupted(w)
			w.again()
			if !w.id.Recorder.Equal(next) || len(w.formers) != 1 || !w.formers[0].key.Equal(former) || w.formers[0].until != 21 {
				t.Fatalf("formers %+v", w.formers)
			}
			if fileExists(nextRecorderFile(w.dir)) {
				t.Error("the next key is there still")
			}
			if s, err := w.Status(t.Context()); err != nil || s.Org.Ended != "" || s.Mail.Halted != "" || !s.Org.Enrolled {
				t.Errorf("status %+v, %+v, %v", s.Org, s.Mail, err)
			}
			// The chain is fetched anew.
			if err := w.Node.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(w.dir, home.ChainDir)); err != nil {
				t.Fatal(err)
			}
			var err error
			if w.Node, err = Open(w.t.Context(), w.dir, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A node without the key that took the place of its own says so, and another one brings it back.
func TestReplacedKeyThatIsNotHere(t *testing.T) {
	w := newChanging(t)
	w.blocks(consensus.EpochGap - 1)
	w.block(w.rekeyed(must(NewKey())))
	w.blocks(consensus.DropGrace)
	w.again()
	w.cfg.Mine = "10%"
	s, err := w.Status(t.Context())
	if err != nil || !strings.Contains(s.Org.Ended, "was replaced in block 21 by another one, which is not here") || !strings.Contains(s.Mail.Halted, "was replaced in block 21") ||
		s.Mail.Next != "cairn org node rekey" || s.Org.EndedNext != "cairn org node rekey" || strings.Contains(s.Org.Ended, "rekey") ||
		s.Chain.MiningWaits != "this node's recorder key was replaced in block 21 by another one, which is not here" {
		t.Errorf("status %+v, %+v, %v", s.Org, s.Mail, err)
	}
	next := w.keepNext()
	w.block(w.rekeyed(next))
	w.blocks(recorder.EnrolDepth)
	w.again()
	if s, err := w.Status(t.Context()); err != nil || s.Org.Ended != "" || s.Mail.Halted != "" || s.Chain.MiningWaits != "" || !w.id.Recorder.Equal(next) {
		t.Errorf("afterwards: %+v, %+v, %v", s.Org, s.Mail, err)
	}
}

// A former recorder key goes at a start once nothing that it signed can be asked for, and not
// before.
func TestFormerRecorderKeysGo(t *testing.T) {
	w := newChanging(t)
	next := w.keepNext()
	w.blocks(consensus.EpochGap - 1)
	w.block(w.rekeyed(next))
	w.blocks(recorder.EnrolDepth)
	w.again()
	former := w.formers[0].path
	w.blocks(formerBlocks - recorder.EnrolDepth - 1)
	if w.again(); !fileExists(former) {
		t.Error("the key went while a reorganisation may ask for what it signed")
	}
	w.block()
	if w.again(); fileExists(former) {
		t.Error("the key is there still")
	}
	if w.again(); len(w.formers) != 0 {
		t.Errorf("formers %+v", w.formers)
	}
}

// The chain goes another way than to the block with the key that the node took, and an event of its
// organisation on it has come before the node's. The node says so, mines with the key that counts
// there, and brings the same key again.
func TestRecorderKeyIsBroughtAgain(t *testing.T) {
	w := newChanging(t)
	former, next := w.id.Recorder, w.keepNext()
	w.blocks(consensus.EpochGap - 1)
	fork, rename := w.chain.State(), w.renamed("Beta & Co")
	replacement := w.rekeyed(next)
	if err := propose(t, w.Node, &replacement); err != nil {
		t.Fatal(err)
	}
	w.block(replacement)
	w.blocks(recorder.EnrolDepth)
	w.again()
	if s, err := w.Status(t.Context()); err != nil || !w.id.Recorder.Equal(next) || s.Mail.Halted != "" {
		t.Fatalf("status %+v, %v", s.Mail, err)
	}
	for s, events := fork, []consensus.OrgEvent{rename}; s.Height() < w.chain.State().Height() || s.Tip() != w.chain.State().Tip(); events = nil {
		b := w.net.Mine(s, 0, chaintest.Body{Time: unixMilli(s.Time()).Add(time.Second), Events: events})
		if _, err := w.chain.AddBlock(b, time.Now()); err != nil {
			t.Fatal(err)
		}
		s, _ = consensus.ApplyBlock(s, b)
	}
	bring := func() (list []*consensus.OrgEvent) {
		t.Helper()
		s := w.chain.State()
		w.looksAt(s, false)
		if err := errors.Join(w.bringProposed(t.Context(), s), w.bringRecorder(t.Context(), s)); err != nil {
			t.Fatal(err)
		}
		return w.waitingEvents(s)
	}
	s, err := w.Status(t.Context())
	if err != nil || !strings.Contains(s.Mail.Halted, "lacks the block with this node's recorder key") || s.Mail.Next != "cairn org node ls" || s.Mail.ForGood || s.Org.Ended != "" || s.Chain.MiningWaits != "" {
		t.Errorf("status %+v, %+v, %v", s.Org, s.Mail, err)
	}
	if !w.miningKey(w.chain.State()).Equal(former) {
		t.Error("nobody mines until the key is there again")
	}
	w.again() // as after a crash
	events := bring()
	if len(events) != 1 || membership.ContentOf[*consensus.Replace](events[0]) == nil || membership.ContentOf[*consensus.Replace](events[0]).Recorder != consensus.PublicKey(next) {
		t.Fatalf("events %+v", events)
	}
	if again := bring(); len(again) != 1 || again[0].ID() != events[0].ID() {
		t.Errorf("brought a second time: %+v", again)
	}
	if l, err := w.OrgNodes(t.Context()); err != nil || l.Nodes[0].Next != consensus.PublicKey(next).String() {
		t.Errorf("nodes %+v, %v", l, err)
	}
	w.block(*events[0])
	w.blocks(recorder.EnrolDepth)
	if s, err := w.Status(t.Context()); err != nil || s.Mail.Halted != "" || s.Org.Ended != "" || len(bring()) != 0 {
		t.Errorf("afterwards: %+v, %+v, %v", s.Org, s.Mail, err)
	}
}

// What is said of a node that the other branch has dropped is that, whatever its recorder key.
func TestNodeEndedOnAnotherBranch(t *testing.T) {
	w := newChanging(t)
	second := must(NewKey())
	w.block(w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, second, must(NewKey()))}
	}))
	w.keepNext()
	w.id.Recorder = must(NewKey()) // the chain does not know it
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: w.id.NodeKey()} }))
	if got := w.ended(w.chain.State()); !strings.HasPrefix(got, "this node was dropped by its organisation in block 3: ") {
		t.Errorf("ended: %q", got)
	}
	if why, _ := w.miningWaits(w.chain.State()); why != "this node was dropped by its organisation in block 3" {
		t.Errorf("mining waits: %q", why)
	}
	if err := w.bringRecorder(t.Context(), w.chain.State()); err != nil || len(w.waitingEvents(w.chain.State())) != 0 {
		t.Errorf("its key is brought: %v", err)
	}
}

// A backup has the next key, which the chain has had since: it goes aside once that stays, before
// or while the node runs, so that another one is drawn.
func TestNextRecorderKeyThatHasEnded(t *testing.T) {
	for what, look := range map[string]func(w *changing){
		"at the start": func(w *changing) { w.again() },
		"while it runs": func(w *changing) {
			if err := w.watchRecorder(w.t.Context()); err != errRecorderChange {
				w.t.Fatalf("the node goes on: %v", err)
			}
			w.again()
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newChanging(t)
			now, next := w.id.Recorder, w.keepNext()
			w.blocks(consensus.EpochGap - 1)
			w.block(w.rekeyed(next))
			w.blocks(consensus.EpochGap - 1)
			w.block(w.rekeyed(must(NewKey()))) // lost since the backup
			until := w.chain.State().Height()
			if w.blocks(membership.SettledAfter - 2); w.id.Recorder.Equal(next) {
				t.Fatal("taken")
			}
			if w.again(); !fileExists(nextRecorderFile(w.dir)) {
				t.Error("it is put aside while a reorganisation may ask for it")
			}
			w.block()
			name := filepath.Join(w.dir, home.OldRecorderKey(until))
			if err := os.WriteFile(name, must(encodeKey(must(NewKey()))), 0o600); err != nil { // a name that is taken
				t.Fatal(err)
			}
			look(w)
			if !w.id.Recorder.Equal(now) || fileExists(nextRecorderFile(w.dir)) {
				t.Fatal("the next key is there still, or was taken")
			}
			if key, err := readKeyFile(filepath.Join(w.dir, home.OldRecorderKey(until+1))); err != nil || !key.Equal(next) {
				t.Errorf("it is not with the former ones: %v", err)
			}
			key := w.keepNext()
			w.blocks(consensus.EpochGap - 1)
			w.block(w.rekeyed(key))
			w.blocks(recorder.EnrolDepth)
			w.again()
			if !w.id.Recorder.Equal(key) || w.ended(w.chain.State()) != "" {
				t.Errorf("another one is not taken: %q", w.ended(w.chain.State()))
			}
		})
	}
}

// Blocks are this node's by whichever of its recorder keys.
func TestOwnRecorderKeys(t *testing.T) {
	w := newChanging(t)
	former, next := w.id.Recorder, w.keepNext()
	owns := func(keys ...ed25519.PrivateKey) {
		t.Helper()
		for _, key := range keys {
			if !w.hasRecorder(consensus.PublicKey(key)) {
				t.Error("a key of this node's is another's")
			}
		}
	}
	owns(former, next)
	w.blocks(consensus.EpochGap - 1)
	w.block(w.rekeyed(next))
	w.blocks(recorder.EnrolDepth)
	w.again()
	owns(former, next)
	if w.hasRecorder(w.net.Orgs[0].RecorderKey()) {
		t.Error("another's key is this node's")
	}
}

// Who asks while the node takes its next recorder key waits for it, and is not told that none is
// running.
func TestAskedWhileTheKeyIsTaken(t *testing.T) {
	w := newChanging(t)
	next := w.keepNext()
	w.blocks(consensus.EpochGap - 1)
	w.block(w.rekeyed(next))
	w.blocks(recorder.EnrolDepth - 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o := RunOptions{Log: slog.New(slog.DiscardHandler)}
	ready, first := make(chan struct{}), make(chan error, 1)
	o.Ready = func(api.Status) { close(ready) }
	go func() { first <- serveRound(ctx, w.Node, &o) }()
	<-ready
	w.block()
	if err := <-first; !errors.Is(err, errRecorderChange) {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() { // the node is not there
		client := api.NewClient(w.dir)
		defer client.Close()
		_, err := client.Status(t.Context())
		asked <- err
	}()
	second := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() { second <- runOnce(ctx, w.dir, &o) })
	if err := <-asked; err != nil {
		t.Errorf("asked meanwhile: %v", err)
	}
	stop()
	if err := <-second; err != nil {
		t.Errorf("the node that goes on: %v", err)
	}
	if _, err := api.NewClient(w.dir).Status(t.Context()); api.AsError(err).Code != api.CodeNotRunning {
		t.Errorf("asked when it has ended: %v", err)
	}
}
