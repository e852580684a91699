package node

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/mempool"
	"cairn/node/home"
	"cairn/node/membership"
)

// Whichever branch wins, and however late, the key that signs there is in its place, and the other
// one is kept: neither a branch on which a rotation came to nothing nor the time that passes on it
// loses the rotation's key. What follows the rotation is kept too once that is in a block after
// all.
func TestOrgKeyOfTheBranchThatWins(t *testing.T) {
	w := newChanging(t)
	first, next := w.net.Orgs[1].Key, chaintest.Key("next org key", 1)
	fork := w.chain.State()
	rotate := w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, next, recoveryOf(t, w.dir))
	})
	if err := replaceOrgKey(w.dir, next, fork.Height()+1); err != nil {
		t.Fatal(err)
	}
	if err := w.keep(t.Context(), &rotate); err != nil {
		t.Fatal(err)
	}
	signs := func(what string, want, beside ed25519.PrivateKey) {
		t.Helper()
		s := w.chain.State()
		w.looksAt(s, false)
		for range 2 { // and it stays so
			if err := w.bringProposed(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if err := w.followOrgKey(s); err != nil {
				t.Fatal(err)
			}
			w.dropOldKeys(s)
		}
		keys, err := LoadOrgKeys(w.dir)
		if err != nil || len(keys) != 2 || !keys[0].Equal(want) || !keys[1].Equal(beside) {
			t.Errorf("%s: %d keys are here, and not the right one signs, %v", what, len(keys), err)
		}
	}
	longer := func(s *consensus.State, events ...consensus.OrgEvent) *consensus.State {
		return w.branch(s, int(w.chain.State().Height()+1-s.Height()), events...)
	}
	signs("while it may come", next, first)
	w.block(w.renamed("Winner"))
	w.blocks(membership.SettledAfter)
	signs("when it came to nothing", first, next)
	w.blocks(consensus.DropGrace)
	signs("long after", first, next)
	other := w.chain.State()

	rotated := longer(fork, rotate)
	late := w.net.Orgs[1].Change(rotated, next, true, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Behind it", Domains: []string{"beta.test"}}
	})
	if err := w.keep(t.Context(), &late); err != nil {
		t.Fatal(err)
	}
	full := mempool.DefaultPolicy()
	full.MaxEvents = 0
	w.pool = mempool.New(full, w.trust.Conflict)
	w.toPostmaster()
	signs("when the branch with it wins", next, first)
	if list, err := w.proposed(); err != nil || len(list) != 1 || len(w.toPostmaster()) != 0 {
		t.Errorf("%d events are kept where what they follow is in a block, %v", len(list), err)
	}
	if status, err := w.Status(t.Context()); err != nil || len(status.Org.Overtaken) != 0 {
		t.Errorf("status says %+v of what is in a block, %v", status.Org.Overtaken, err)
	}
	if err := w.forget(t.Context(), &late); err != nil {
		t.Fatal(err)
	}
	longer(other)
	signs("when the other one wins again", first, next)
	longer(rotated)
	signs("and again", next, first)

	// A key that is on its way to the network, of which nobody else knows yet, stays where the
	// command put it.
	third := chaintest.Key("third org key", 1)
	if err := replaceOrgKey(w.dir, third, w.chain.State().Height()+1); err != nil {
		t.Fatal(err)
	}
	w.looksAt(w.chain.State(), false)
	if err := w.followOrgKey(w.chain.State()); err != nil {
		t.Fatal(err)
	}
	if keys, err := LoadOrgKeys(w.dir); err != nil || !keys[0].Equal(third) {
		t.Errorf("a command's key was moved, %v", err)
	}
}

// A former key goes a hundred blocks after the one from which another one counts on this branch,
// whatever the number in the name of its file: the event of the command that put it there may have
// waited for long.
func TestFormerOrgKeyGoesByTheChain(t *testing.T) {
	w := newChanging(t)
	w.blocks(consensus.DropGrace)
	next, files := chaintest.Key("next org key", 1), []string{"org-old-1.pem", "org-old-99999.pem"}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(w.dir, keysDir, file), []byte(w.orgPEM()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, home.OrgKey), must(encodeKey(next)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.block(w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, next, recoveryOf(t, w.dir))
	}))
	for _, on := range []int{0, consensus.DropGrace - 1, 1} {
		w.blocks(on)
		w.looksAt(w.chain.State(), false)
		w.dropOldKeys(w.chain.State())
		for _, file := range files {
			if there := fileExists(filepath.Join(w.dir, keysDir, file)); there == (on == 1) {
				t.Errorf("%s at block %d: it is there: %v", file, w.chain.State().Height(), there)
			}
		}
	}
}

// A change with many blocks on it that a longer branch with another one lacks is told, and the key
// that signs is in its place.
func TestChangesThatADeepBranchTakesBack(t *testing.T) {
	w := newChanging(t)
	before, fork, winner := w.orgPEM(), w.chain.State(), w.renamed("Winner")
	next := chaintest.Key("next org key", 1)
	rotate := w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, next, recoveryOf(t, w.dir))
	})
	if err := replaceOrgKey(w.dir, next, fork.Height()+1); err != nil {
		t.Fatal(err)
	}
	looks := func() {
		t.Helper()
		s := w.chain.State()
		w.looksAt(s, false)
		if err := errors.Join(w.bringProposed(t.Context(), s), w.followOrgKey(s)); err != nil {
			t.Fatal(err)
		}
		w.dropOldKeys(s)
	}
	if err := w.keep(t.Context(), &rotate); err != nil {
		t.Fatal(err)
	}
	w.block(rotate)
	w.blocks(consensus.DropGrace - 1)
	looks()
	settled := w.chain.State()
	w.outgrown(fork, 1, winner)
	looks()
	if status, err := w.Status(t.Context()); err != nil || len(status.Org.Overtaken) != 1 || len(w.toPostmaster()) != 1 || w.orgPEM() != before {
		t.Errorf("status says %+v, %v", status.Org.Overtaken, err)
	}
	w.outgrown(settled, 2)
	looks()
	if status, err := w.Status(t.Context()); err != nil || len(status.Org.Overtaken) != 0 || w.orgPEM() == before {
		t.Errorf("back again, the status says %+v, %v", status.Org.Overtaken, err)
	}
}

// A command that was killed before the node had its event has moved nothing; killed afterwards, the
// node puts the key that it has written in its place once that counts, and removes the recovery key
// that it used.
func TestKeysOfAKilledCommand(t *testing.T) {
	w := newChanging(t)
	before, recovery := w.orgPEM(), recoveryOf(t, w.dir)
	dead, next := chaintest.Key("key of the first command", 1), chaintest.Key("key of the second command", 1)
	signs := func(what, pem string, files int) {
		t.Helper()
		w.looksAt(w.chain.State(), false)
		if err := errors.Join(w.bringProposed(t.Context(), w.chain.State()), w.followOrgKey(w.chain.State())); err != nil {
			t.Fatal(err)
		}
		w.dropOldKeys(w.chain.State())
		if keys, err := LoadOrgKeys(w.dir); err != nil || len(keys) != files || w.orgPEM() != pem {
			t.Errorf("%s: %d keys, and another one signs: %v, %v", what, len(keys), w.orgPEM() != pem, err)
		}
	}
	for _, key := range []ed25519.PrivateKey{dead, next} {
		if _, err := KeepOrgKey(w.dir, key, w.chain.State().Height()+1); err != nil {
			t.Fatal(err)
		}
	}
	w.blocks(consensus.DropGrace)
	signs("before the node knew of it", before, 3)
	revoke := w.net.Orgs[1].Change(w.chain.State(), recovery, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, next, consensus.Hash{1})
	})
	if err := propose(t, w.Node, &revoke); err != nil {
		t.Fatal(err)
	}
	signs("when it is in no block", before, 3)
	w.block(revoke)
	signs("when it counts", string(must(encodeKey(next))), 3)
	w.blocks(consensus.DropGrace - 1)
	if signs("lately", string(must(encodeKey(next))), 3); !HasRecoveryKey(w.dir) {
		t.Error("the recovery key went before that was certain")
	}
	w.blocks(1)
	if signs("for certain", string(must(encodeKey(next))), 2); HasRecoveryKey(w.dir) {
		t.Error("a recovery key is here that is none")
	}
}
