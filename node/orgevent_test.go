package node

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// alone opens the node of a founder, whose organisation can change.
func alone(t *testing.T) (*Node, []ed25519.PrivateKey) {
	t.Helper()
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	keys, err := LoadOrgKeys(dir)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	return open(t, dir), keys
}

func mustStand(t *testing.T, n *Node) *membership.Standing {
	t.Helper()
	st, err := n.standing()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func propose(t *testing.T, n *Node, e *consensus.OrgEvent) *api.Error {
	t.Helper()
	_, err := n.ProposeEvent(t.Context(), api.EventRequest{Event: e.Encode()})
	return api.AsError(err)
}

// What must not go to the network is refused with the rule or the policy that says so, and what to
// do.
func TestEventsThatAreRefused(t *testing.T) {
	n, keys := alone(t)
	key := func() ed25519.PrivateKey {
		k, err := NewKey()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	update := func(st *membership.Standing, keys []ed25519.PrivateKey, change func(*consensus.Update)) *consensus.OrgEvent {
		u := st.Profile()
		change(u)
		e, err := st.Update(t.Context(), keys, u, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	stranger := consensus.PublicKey(key()).String()
	if _, err := n.Trust(t.Context(), api.TrustRequest{Domain: "beta.test", Key: stranger, EvenSo: true}); err != nil {
		t.Fatal(err)
	}
	st := mustStand(t, n)
	first := update(st, keys, func(u *consensus.Update) { u.Name = "First" })
	second := update(st, keys, func(u *consensus.Update) { u.Name = "Second" })
	standingOf := func(org *consensus.Org) *membership.Standing {
		return membership.NewStanding(&n.genesis.Params, st.Height(), org, st.Waiting())
	}
	foreign := standingOf(&consensus.Org{ID: consensus.Hash{1}, Key: st.Key()})
	signedBy := func(k ed25519.PrivateKey) *consensus.OrgEvent {
		org := *st.Org()
		org.Key = consensus.PublicKey(k)
		return update(standingOf(&org), []ed25519.PrivateKey{k}, func(u *consensus.Update) { u.Name = "Thief" })
	}
	halfRotated := func() *consensus.OrgEvent {
		e := must(st.Rotate(t.Context(), keys, key(), nil, nil))
		e.Content.(*consensus.Rotate).Proof = consensus.Signature{1}
		e.Stamp, _ = consensus.SolveEventStamp(nil, e, n.genesis.Params.BatchStamp)
		e.Sign(keys[0])
		return e
	}
	unstamped := *first
	for unstamped.Stamp = 0; ; unstamped.Stamp++ { // until it has too few zero bits
		if id := unstamped.ID(); id[0] != 0 {
			break
		}
	}
	unstamped.Sign(keys[0])
	for _, tt := range []struct {
		what, says, hint string
		code             api.Code
		e                *consensus.OrgEvent
	}{
		{"a pinned domain", "trusts another organisation for beta.test", "cairn org untrust beta.test", api.CodeNotAllowed,
			update(st, keys, func(u *consensus.Update) { u.Domains = []string{"alpha.test", "beta.test"} })},
		{"no domain", "bad-domains", "", api.CodeInvalid, update(st, keys, func(u *consensus.Update) { u.Domains = nil })},
		{"another organisation's", "this node's is", "on a node of that organisation", api.CodeNotAllowed,
			update(foreign, keys, func(u *consensus.Update) { u.Name, u.Domains = "x", []string{"x.test"} })},
		{"a stranger's signature", "bad-event-signer", "cairn org changes", api.CodeInvalid, signedBy(key())},
		{"a rotation by one key", "bad-possession", "", api.CodeInvalid, halfRotated()},
		{"no work", "low-event-stamp", "", api.CodeInvalid, &unstamped},
		{"the first of two", "", "", "", first},
		{"the same again", "", "", "", first},
		{"the second after the same", "bad-event-prev", "run the same command again", api.CodeTryLater, second},
	} {
		err := propose(t, n, tt.e)
		switch {
		case tt.code == "" && err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case tt.code != "" && (err == nil || err.Code != tt.code || !strings.Contains(err.Message, tt.says) || !strings.Contains(err.Hint, tt.hint)):
			t.Errorf("%s: %+v", tt.what, err)
		}
	}
	s, err := n.Status(t.Context())
	if err != nil || len(s.Org.Proposed) != 1 || s.Org.Proposed[0].ID != first.ID().String() {
		t.Errorf("status says %+v, %v", s.Org, err)
	}
	if list, err := n.proposed(); err != nil || len(list) != 1 || list[0].ID() != first.ID() {
		t.Errorf("%d events are kept, %v", len(list), err)
	}
	if p := mustStand(t, n).Profile(); p.Name != "First" { // the next one follows what waits
		t.Errorf("the next event goes by the name %s", p.Name)
	}
}

// Where it is what waits for a block that an event does not go with, that is said, and not that it
// never would.
func TestEventsThatDoNotGoWithWhatWaits(t *testing.T) {
	w := newChanging(t)
	keys := must(LoadOrgKeys(w.dir))
	second := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(w.net.Orgs[1].Key), chaintest.Key("second node", 1), chaintest.Key("second recorder", 1))
	w.block(w.change(1, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: second} }))
	drop := func(node consensus.Key) *api.Error {
		return propose(t, w.Node, must(mustStand(t, w.Node).DropNode(t.Context(), keys, node, nil)))
	}
	if err := drop(second.Node); err != nil {
		t.Fatal(err)
	}
	if err := drop(w.id.NodeKey()); err == nil || err.Code != api.CodeTryLater || !strings.Contains(err.Message, "what waits for a block (drop-node ") ||
		!strings.Contains(err.Message, "rule bad-node-count") || !strings.HasSuffix(err.Hint, ": cairn status") {
		t.Errorf("the last node behind the other: %+v", err)
	}
	if err := drop(consensus.PublicKey(must(NewKey()))); err == nil || err.Code != api.CodeInvalid || strings.Contains(err.Message, "waits") {
		t.Errorf("no node at all: %+v", err)
	}
}

// What could not be kept until it is in a block has not been brought.
func TestEventsAreKeptFirst(t *testing.T) {
	n, keys := alone(t)
	st := mustStand(t, n)
	update := func(name string) *consensus.OrgEvent {
		u := st.Profile()
		u.Name = name
		return must(st.Update(t.Context(), keys, u, nil))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.ProposeEvent(ended, api.EventRequest{Event: update("Beta").Encode()}); err == nil {
		t.Error("an event was brought that could not be kept")
	}
	if w := n.waitingEvents(n.chain.State()); len(w) != 0 {
		t.Errorf("%d events wait", len(w))
	}
}

// A network of version 1 says that nothing changes there.
func TestEventsNeedVersion2(t *testing.T) {
	dir := filepath.Join(shortDir(t), "old")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Old", []string{"old.test"}), Network: LocalNetwork("test"), Now: genesisDay}
	o.Network.IdentityStamp, o.Network.Version = 4, consensus.ParamsV1
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, nil)
	if _, err := open(t, dir).OrgStanding(t.Context()); err == nil || api.AsError(err).Code != api.CodeNotAllowed {
		t.Errorf("%v", err)
	}
}

func TestReplaceOrgKey(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	before := contents(t, dir)
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []bool{false, true} { // a command that was interrupted
		if err := replaceOrgKey(dir, key, 77); err != nil {
			t.Fatal(err)
		}
		keys, err := LoadOrgKeys(dir)
		if err != nil || len(keys) != 2 || !keys[0].Equal(key) || contents(t, dir)["keys/org-old-77.pem"] != before["keys/org.pem"] {
			t.Errorf("again %v: %d keys, %v", again, len(keys), err)
		}
	}
	if err := os.Remove(filepath.Join(dir, home.OrgKey)); err != nil { // it is kept elsewhere
		t.Fatal(err)
	}
	if err := replaceOrgKey(dir, key, 78); err != nil {
		t.Fatal(err)
	}
	if keys, err := LoadOrgKeys(dir); err != nil || len(keys) != 2 || !keys[0].Equal(key) {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// Keys that are replaced for the same block, as by a revocation that follows a rotation before the
// next one, all stay until others count; one that stays already is no second file.
func TestReplaceOrgKeyTwiceForABlock(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	first, err := LoadOrgKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, third := chaintest.Key("second org key", 1), chaintest.Key("third org key", 1)
	if err := replaceOrgKey(dir, second, 77); err != nil {
		t.Fatal(err)
	}
	if err := replaceOrgKey(dir, third, 77); err != nil {
		t.Fatal(err)
	}
	has := func(what string, want ...ed25519.PrivateKey) {
		t.Helper()
		keys, err := LoadOrgKeys(dir)
		if err != nil || !slices.EqualFunc(keys, want, func(a, b ed25519.PrivateKey) bool { return a.Equal(b) }) {
			t.Errorf("%s: %d keys that are not the %d there should be, %v", what, len(keys), len(want), err)
		}
	}
	has("twice", third, first[0], second)
	if old, err := oldOrgKeys(dir); err != nil || len(old) != 2 || old[0].until != 77 || old[1].until < 77 {
		t.Errorf("they are dropped too early: %v, %v", old, err)
	}
	if err := replaceOrgKey(dir, third, 77); err != nil { // the command before was interrupted
		t.Fatal(err)
	}
	has("after one that was interrupted", third, first[0], second)
}

// A key counts after a delay, or at once where the recovery key says so: what is brought to the
// network tells which.
func TestWhenKeysCount(t *testing.T) {
	w := newChanging(t)
	next, recovery := chaintest.Key("another org key", 1), recoveryOf(t, w.dir)
	for _, tt := range []struct {
		name    string
		content func(*consensus.OrgEvent) consensus.Content
		delayed bool
		want    string
	}{
		{"rotation", func(e *consensus.OrgEvent) consensus.Content { return consensus.NewRotate(e, next, nil) }, true, "about "},
		{"rotation with the recovery key", func(e *consensus.OrgEvent) consensus.Content { return consensus.NewRotate(e, next, recovery) }, false, "from its block on"},
	} {
		e := w.change(1, tt.content)
		if v := w.viewEvent(w.chain.State(), &e); v.Counts > 0 != tt.delayed || !strings.HasPrefix(v.Counting, tt.want) {
			t.Errorf("%s: from block %d on, %q", tt.name, v.Counts, v.Counting)
		}
	}
	revoke := consensus.OrgEvent{Content: &consensus.Revoke{}}
	if v := w.viewEvent(w.chain.State(), &revoke); v.Counts > 0 || v.Counting != "from its block on" {
		t.Errorf("revocation: from block %d on, %q", v.Counts, v.Counting)
	}
}

// A key that was announced and replaced by another one before it counted is told as one that never
// counts.
func TestAnnouncedKeyThatAnotherReplaces(t *testing.T) {
	w := newChanging(t)
	first, second := chaintest.Key("first announced", 1), chaintest.Key("second announced", 1)
	for _, key := range []ed25519.PrivateKey{first, second} {
		w.block(w.change(1, func(e *consensus.OrgEvent) consensus.Content { return consensus.NewRotate(e, key, nil) }))
	}
	of := func(key ed25519.PrivateKey) string { return consensus.PublicKey(key).String() }
	v, err := w.OrgChanges(t.Context(), "")
	if err != nil || len(v.Changes) != 4 {
		t.Fatalf("%+v, %v", v, err)
	}
	for i, want := range []api.OrgChange{
		{What: "key-pending", To: of(first), Height: 2, Gone: 3}, {What: "key-pending-gone", From: of(first), Height: 3}, {What: "key-pending", To: of(second), Height: 3},
	} {
		if c := v.Changes[i+1]; c.What != want.What || c.Height != want.Height || c.To != want.To || c.Gone != want.Gone || want.From != "" && c.From != want.From {
			t.Errorf("change %d: %+v, want %+v", i+1, c, want)
		}
	}
}
