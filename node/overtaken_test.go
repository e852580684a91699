package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// orgPEM is what stands in the file of the organisation's key.
func (w *changing) orgPEM() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(home.OrgKey)))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// What came to nothing is said, with what was to follow it, until it is done again or long ago; and
// the key that signs is in its place again.
func TestOvertakenEventsAreSaid(t *testing.T) {
	w := newChanging(t)
	before := w.orgPEM()
	key := chaintest.Key("lost org key", 1)
	rotate := w.change(1, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, key, recoveryOf(t, w.dir))
	})
	behind := w.renamed("Behind it")
	behind.Prev = rotate.ID()
	behind.Sign(key)
	if err := replaceOrgKey(w.dir, key, w.chain.State().Height()+1); err != nil {
		t.Fatal(err)
	}
	w.block(w.renamed("Winner"))
	keep := func(events ...*consensus.OrgEvent) {
		t.Helper()
		for _, e := range events {
			if err := w.keep(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	keep(&behind, &rotate)
	says := func(what string, kept, mails int, types ...string) string {
		t.Helper()
		s := w.chain.State()
		w.looksAt(s, false)
		for range 2 { // it is told once
			if err := w.bringProposed(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := w.proposed(); err != nil || len(list) != kept {
			t.Errorf("%s: %d events are kept, want %d, %v", what, len(list), kept, err)
		}
		status, err := w.Status(t.Context())
		if err != nil || len(status.Org.Overtaken) != len(types) {
			t.Fatalf("%s: status says %+v, want %v, %v", what, status.Org.Overtaken, types, err)
		}
		for _, o := range status.Org.Overtaken {
			if !strings.Contains(strings.Join(types, " "), o.Type) || !strings.Contains(o.Next, ": cairn org ") || len(o.ID) != 64 {
				t.Errorf("%s: status says %+v", what, o)
			}
		}
		texts := w.toPostmaster()
		if len(texts) != mails {
			t.Errorf("%s: %d mails went to the postmaster, want %d", what, len(texts), mails)
		}
		return strings.Join(texts, "")
	}
	w.blocks(membership.SettledAfter - 1)
	says("while it may come yet", 2, 0)
	w.block()
	text := says("when it cannot come", 0, 1, "rotate-key", "update")
	for _, want := range []string{rotate.ID().String(), behind.ID().String(), "cairn org rotate-key --dir " + w.dir + "\r\n", "cairn org update --dir " + w.dir + "\r\n", "keys/org-old-"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, text)
		}
	}
	if w.orgPEM() != before || strings.Contains(text, "nobody's") {
		t.Errorf("the key that signs is not in its place, or the other one nobody's:\n%s", text)
	}
	if old, err := FormerOrgKeys(w.dir); err != nil || len(old) != 1 || old[0].Key != consensus.PublicKey(key) || !strings.Contains(text, filepath.Base(old[0].File)) {
		t.Errorf("the other one is lost: %v, %v", old, err)
	}

	late := w.renamed("Behind what came to nothing")
	late.Prev = behind.ID()
	late.Sign(key)
	keep(&late)
	if text := says("what follows one that came to nothing", 0, 1, "rotate-key", "update", "update"); !strings.Contains(text, late.ID().String()) {
		t.Errorf("the mail is\n%s", text)
	}
	again := w.renamed("Again")
	if _, err := w.propose(t.Context(), api.EventRequest{Event: again.Encode()}); err != nil {
		t.Fatal(err)
	}
	says("when the node brings an update by itself", 1, 0, "rotate-key", "update", "update")
	if err := propose(t, w.Node, &again); err != nil {
		t.Fatal(err)
	}
	says("when an update is on its way again", 1, 0, "rotate-key")
	w.block(again)
	w.blocks(consensus.DropGrace)
	says("when it is in a block", 0, 0, "rotate-key")
	s := w.chain.State()
	w.now = func() time.Time { return unixMilli(s.Time()).Add(overtakenShown + time.Minute) }
	if status, err := w.Status(t.Context()); err != nil || len(status.Org.Overtaken) > 0 {
		t.Errorf("long after: %+v, %v", status.Org.Overtaken, err)
	}
}

// What another node of the organisation has done meanwhile did not come to nothing, and a key that
// took the place of the lost one stays there.
func TestOvertakenByItsLike(t *testing.T) {
	w := newChanging(t)
	second := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(w.net.Orgs[1].Key), chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))
	add := w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: second} })
	lost := chaintest.Key("lost org key", 1)
	rotate := w.change(1, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewRotate(e, lost, nil) })
	w.block(w.renamed("First"))
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: second} }))
	w.blocks(membership.SettledAfter)
	for _, e := range []*consensus.OrgEvent{&add, &rotate} {
		if err := w.keep(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	before := w.orgPEM()
	s := w.chain.State()
	w.looksAt(s, false)
	if err := w.bringProposed(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	status, err := w.Status(t.Context())
	if err != nil || len(status.Org.Overtaken) != 1 || status.Org.Overtaken[0].Type != "rotate-key" {
		t.Errorf("status says %+v, %v", status.Org.Overtaken, err)
	}
	if texts := w.toPostmaster(); len(texts) != 1 || strings.Contains(texts[0], "org-old") || strings.Contains(texts[0], "add-node") {
		t.Errorf("the postmaster is told %q", texts)
	}
	if old, err := oldOrgKeys(w.dir); err != nil || w.orgPEM() != before || len(old) > 0 {
		t.Error("the organisation's key was moved")
	}

	// Nothing is there to move where the key is kept elsewhere.
	if err := os.Remove(filepath.Join(w.dir, home.OrgKey)); err != nil {
		t.Fatal(err)
	}
	if file, err := w.putOrgKeyBack(s, func(consensus.Key) bool { return true }); file != "" || err != nil {
		t.Errorf("without a key: %q, %v", file, err)
	}
	if err := w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space(orgSpace).Put([]byte(overtakenPrefix+"x"), []byte("short"))
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Status(t.Context()); err == nil {
		t.Error("a damaged note is none")
	}
}

// What came to nothing for one node is not done again for another.
func TestNodesThatCameToNothing(t *testing.T) {
	w := newChanging(t)
	nodes := make([]*consensus.OrgEvent, 2)
	for i := range nodes {
		keys := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(w.net.Orgs[1].Key), chaintest.Key("added node", i), chaintest.Key("added recorder", i))
		e := w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: keys} })
		nodes[i] = &e
	}
	if err := w.keep(t.Context(), nodes[0]); err != nil {
		t.Fatal(err)
	}
	w.block(w.renamed("Winner"))
	w.blocks(membership.SettledAfter)
	w.looksAt(w.chain.State(), false)
	if err := w.bringProposed(t.Context(), w.chain.State()); err != nil {
		t.Fatal(err)
	}
	for i, left := range []int{1, 0} {
		if err := w.doneAgain(t.Context(), nodes[1-i].Encode()); err != nil {
			t.Fatal(err)
		}
		if noted, err := w.overtakenEvents(); err != nil || len(noted) != left {
			t.Errorf("%d notes, want %d, %v", len(noted), left, err)
		}
	}
}
