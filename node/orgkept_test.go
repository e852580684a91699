package node

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// blocks adds so many blocks without events.
func (w *changing) blocks(count int) {
	w.t.Helper()
	for range count {
		w.block()
	}
}

// renamed is an event that gives our organisation another name.
func (w *changing) renamed(name string) consensus.OrgEvent {
	return w.change(1, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: name, Domains: []string{"beta.test"}}
	})
}

// looksAt is when the node has a view that is young, or old, if s is what it has of the chain.
func (w *changing) looksAt(s *consensus.State, old bool) {
	w.t.Helper()
	at := unixMilli(s.Time())
	if old {
		at = at.Add(2 * staleTip * s.Params().BlockInterval)
	}
	w.now = func() time.Time { return at }
	if w.viewIsOld(s) != old {
		w.t.Fatalf("the view of block %d is not as it should be", s.Height())
	}
}

// A kept event goes when it is in a block for certain, or another stands where it was to stand. A
// state that does not have what it follows says nothing about it, as when the chain is fetched
// again, and an old one settles nothing.
func TestKeptEventsOfAnEarlierChain(t *testing.T) {
	w := newChanging(t)
	genesis := w.net.Genesis.State()
	w.blocks(membership.SettledAfter + 5)
	early := w.chain.State() // all that is known of us stands for long
	first, second := recoveryOf(t, w.dir), chaintest.Key("second recovery key", 1)
	revoked := w.net.Orgs[1].Change(early, first, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, chaintest.Key("org key of a revocation", 1), consensus.RecoveryCommitment(consensus.PublicKey(second)))
	})
	w.block(revoked)
	w.net.Orgs[1].Key = chaintest.Key("org key of a revocation", 1)
	next := w.chain.State()
	rotate := w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, chaintest.Key("next org key", 1), nil)
	})
	again := w.net.Orgs[1].Change(next, second, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, chaintest.Key("third org key", 1), consensus.Hash{1})
	})
	update, other := w.renamed("Beta & Co"), w.renamed("Beta Ltd")
	w.block(other)
	w.blocks(membership.SettledAfter - 1)
	within := w.chain.State()
	w.block()
	after := w.chain.State()
	w.blocks(consensus.DropGrace - membership.SettledAfter - 1)
	lately := w.chain.State()
	w.block()
	settled := w.chain.State()
	w.block(again)
	w.blocks(consensus.DropGrace)
	last := w.chain.State()

	for _, tt := range []struct {
		what string
		e    consensus.OrgEvent
		s    *consensus.State
		old  bool
		kept bool
	}{
		{"of no block yet", update, genesis, true, true},
		{"of no block yet, in a view that looks young", update, genesis, false, true},
		{"before what it follows", update, early, true, true},
		{"before what it follows, in a view that looks young", update, early, false, true},
		{"a rotation", rotate, early, true, true},
		{"a rotation, in a view that looks young", rotate, early, false, true},
		{"with a recovery key of later", again, early, true, true},
		{"with a recovery key of later, in a view that looks young", again, early, false, true},
		{"next", update, next, false, true},
		{"another followed lately", update, within, false, true},
		{"another followed", update, after, false, false},
		{"another followed, in an old view", update, after, true, true},
		{"another followed the rotation's", rotate, after, false, false},
		{"in a block lately", other, lately, false, true},
		{"in a block", other, settled, false, false},
		{"in a block, in an old view", other, settled, true, true},
		{"a revocation that is in a block", revoked, settled, false, false},
		{"a revocation that may come", again, after, false, true},
		{"a revocation that came", again, last, false, false},
	} {
		if err := w.keep(t.Context(), &tt.e); err != nil {
			t.Fatal(err)
		}
		w.looksAt(tt.s, tt.old)
		w.pool = mempool.New(mempool.DefaultPolicy(), nil)
		if err := w.bringProposed(t.Context(), tt.s); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		if list, err := w.proposed(); err != nil || len(list) > 0 != tt.kept {
			t.Errorf("%s: %d events are kept, %v", tt.what, len(list), err)
		}
		if err := w.forget(t.Context(), &tt.e); err != nil {
			t.Fatal(err)
		}
	}

	// So it is with a revocation that never came, when another has changed the recovery key.
	never := w.net.Orgs[1].Change(next, second, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, chaintest.Key("fourth org key", 1), consensus.Hash{2})
	})
	for s, kept := range map[*consensus.State]bool{early: true, last: false} {
		w.looksAt(s, false)
		if err := errors.Join(w.keep(t.Context(), &never), w.bringProposed(t.Context(), s)); err != nil {
			t.Fatal(err)
		}
		if list, err := w.proposed(); err != nil || len(list) > 0 != kept {
			t.Errorf("a revocation that never came, at block %d: %d events are kept, %v", s.Height(), len(list), err)
		}
	}
}

// An application is as little forgotten by a state that is older than it, nor while what it follows
// waits.
func TestApplicationsOfAnEarlierChain(t *testing.T) {
	w := newChanging(t)
	early := w.chain.State()
	w.block(w.renamed("Beta & Co"))
	next := w.chain.State()
	e := w.renamed("Beta Ltd")
	w.block(w.renamed("Another"))
	for _, tt := range []struct {
		what string
		s    *consensus.State
		old  bool
		kept bool
	}{
		{"before what it follows", early, true, true},
		{"before what it follows, in a view that looks young", early, false, true},
		{"next", next, false, true},
		{"another followed, in an old view", w.chain.State(), true, true},
		{"another followed, in the same view when it is not old", w.chain.State(), false, false},
	} {
		if err := w.applications.add(tt.s, &e, w.now()); err != nil && !errors.Is(err, mempool.ErrKnown) {
			t.Fatal(err)
		}
		w.looksAt(tt.s, tt.old)
		if list := w.applications.all(tt.s); len(list) > 0 != tt.kept {
			t.Errorf("%s: %d left", tt.what, len(list))
		}
	}
}

// A recovery key that signs what is to come is not removed by a state in which it is not the
// organisation's yet.
func TestOldRecoveryKeyOfAnEarlierChain(t *testing.T) {
	w := newChanging(t)
	w.blocks(consensus.DropGrace)
	early := w.chain.State()
	second := chaintest.Key("second recovery key", 1)
	revoke := func(by ed25519.PrivateKey, to string, recovery consensus.Hash) {
		w.block(w.net.Orgs[1].Change(w.chain.State(), by, false, func(e *consensus.OrgEvent) consensus.Content {
			return consensus.NewRevoke(e, chaintest.Key(to, 1), recovery)
		}))
	}
	revoke(recoveryOf(t, w.dir), "second org key", consensus.RecoveryCommitment(consensus.PublicKey(second)))
	w.blocks(consensus.DropGrace)
	now := w.chain.State()
	revoke(second, "third org key", consensus.Hash{1})
	w.blocks(consensus.DropGrace)

	path := filepath.Join(w.dir, filepath.FromSlash(oldRecovery))
	text, err := encodeKey(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what string
		s    *consensus.State
		old  bool
		kept bool
	}{
		{"before it is the organisation's", early, true, true},
		{"before it is the organisation's, in a view that looks young", early, false, true},
		{"while it is", now, false, true},
		{"after another has followed, in an old view", w.chain.State(), true, true},
		{"after another has followed", w.chain.State(), false, false},
	} {
		w.looksAt(tt.s, tt.old)
		if w.dropOldKeys(tt.s); fileExists(path) != tt.kept {
			t.Errorf("%s: it is there: %v", tt.what, !tt.kept)
		}
	}
}

// A key whose rotation was overtaken counts no more from the block of what overtook it, whenever
// its follower was to count.
func TestOldKeyOfAnOvertakenRotation(t *testing.T) {
	w := newChanging(t)
	first, path := w.net.Orgs[1].Key, filepath.Join(w.dir, keysDir, "org-old-99999.pem")
	text, err := encodeKey(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.block(w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, chaintest.Key("announced", 1), nil)
	}))
	stays := func(what string, want bool) {
		t.Helper()
		w.looksAt(w.chain.State(), false)
		if w.dropOldKeys(w.chain.State()); fileExists(path) != want {
			t.Errorf("%s: it is there: %v", what, !want)
		}
	}
	w.blocks(consensus.DropGrace)
	stays("while it signs", true)
	third := chaintest.Key("third org key", 1)
	w.block(w.net.Orgs[1].Change(w.chain.State(), recoveryOf(t, w.dir), false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, third, consensus.Hash{1})
	}))
	if text, err = encodeKey(third); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, filepath.FromSlash(home.OrgKey)), text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.blocks(consensus.DropGrace - 1)
	stays("while that might be taken back", true)
	w.blocks(1)
	stays("after that", false)
}

// withoutRoom gives n a mempool that has room for no event, and calls then while it looks at one.
func withoutRoom(n *Node, then func()) {
	full := mempool.DefaultPolicy()
	full.MaxEvents = 0
	n.pool = mempool.New(full, func(*consensus.State, string, consensus.Key) error {
		then()
		return nil
	})
}

// What is refused is forgotten. Where that fails nobody knows, and the answer is no refusal: the
// keys of an event that may be brought later have to stay.
func TestRefusedEventsAreForgotten(t *testing.T) {
	for _, fails := range []bool{false, true} {
		n, keys := alone(t)
		st := mustStand(t, n)
		u := st.Profile()
		u.Name = "Beta"
		e := must(st.Update(t.Context(), keys, u, nil))
		want := api.CodeTryLater
		if fails {
			want = api.CodeInternal
		}
		withoutRoom(n, func() {
			if fails {
				n.store.Close()
			}
		})
		if err := propose(t, n, e); err == nil || err.Code != want {
			t.Errorf("the store fails: %v: %+v", fails, err)
		}
		if list, err := n.proposed(); fails != errors.Is(err, mailstore.ErrClosed) || len(list) > 0 {
			t.Errorf("the store fails: %v: %d events are kept, %v", fails, len(list), err)
		}
	}
}

// So a change of the configuration of which that is not known is looked at again, not said to be
// without effect.
func TestConfiguredOfWhichIsNotKnown(t *testing.T) {
	n, _ := alone(t)
	s := n.chain.State()
	n.now = func() time.Time { return unixMilli(s.Time()) }
	n.cfg.Organisation.Name = "Beta"
	withoutRoom(n, func() { n.store.Close() })
	if done, err := n.proposeConfigured(t.Context(), s); done || err == nil || n.configProblem.Load() != nil {
		t.Errorf("%v, %v, %v", done, err, n.configProblem.Load())
	}
}

// What is refused is not brought by the one who brings again what is kept, between its being kept
// and forgotten.
func TestRefusedEventsAreNotBroughtMeanwhile(t *testing.T) {
	n, keys := alone(t)
	st, s := mustStand(t, n), n.chain.State()
	u := st.Profile()
	u.Name = "Beta"
	e := must(st.Update(t.Context(), keys, u, nil))
	brought := make(chan error, 1)
	var first sync.Once
	n.pool = mempool.New(mempool.DefaultPolicy(), func(*consensus.State, string, consensus.Key) (err error) {
		first.Do(func() {
			if n.keeping.TryLock() {
				n.keeping.Unlock()
				t.Error("what is kept can be brought while it may be refused")
			}
			go func() { brought <- n.bringProposed(t.Context(), s) }()
			err = errors.New("trusted for another")
		})
		return err
	})
	if err := propose(t, n, e); err == nil || err.Code != api.CodeNotAllowed {
		t.Errorf("%+v", err)
	}
	if err := <-brought; err != nil {
		t.Error(err)
	}
	if w := n.waitingEvents(s); len(w) > 0 {
		t.Errorf("%d events wait that were refused", len(w))
	}
}
