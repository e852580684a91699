package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
	"cairn/consensus/recorder"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/membership"
)

// told are the kinds of changes of organisation number org that the administrator is told of.
func (w *changing) told(org int) (kinds []string) {
	w.t.Helper()
	s := w.chain.State()
	o, ok := s.Org(w.net.Orgs[org].ID())
	if !ok {
		w.t.Fatal("no such organisation")
	}
	for _, c := range w.newsOf(s, o, membership.StepsOf(s, o.ID)) {
		kinds = append(kinds, c.What)
		text := w.sentence(s, c)
		for _, part := range []string{c.From, c.To} {
			if c.What != "recovery" && !strings.Contains(text, part) {
				w.t.Errorf("%s is told as %q, without %s", c.What, text, part)
			}
		}
	}
	return kinds
}

// What whoever has the organisation's key can do is told to its administrator, whatever it is; of
// others, what trust in them goes by.
func TestWhatIsTold(t *testing.T) {
	w := newChanging(t)
	update := func(org int, u consensus.Update) {
		w.block(w.change(org, func(*consensus.OrgEvent) consensus.Content { return &u }))
	}
	for org, u := range []consensus.Update{
		{Name: "Alpha", Domains: []string{"alpha.test"}, Records: consensus.RecordsSome}, {Name: "Beta", Domains: []string{"beta.test"}, Records: consensus.RecordsSome},
	} {
		recovery := recoveryOf(t, []string{w.alpha, w.dir}[org])
		second := consensus.NewNodeKeys(w.chain.State().ChainID(), consensus.PublicKey(w.net.Orgs[org].Key), chaintest.Key("second node", org), chaintest.Key("second recorder", org))
		w.block(w.change(org, func(*consensus.OrgEvent) consensus.Content { return &consensus.AddNode{NodeKeys: second} }))
		w.block(w.change(org, func(*consensus.OrgEvent) consensus.Content { return &consensus.DropNode{Node: second.Node} }))
		u.Domains = append(u.Domains, "zeta.test")
		update(org, u)
		u.Name += " (our own)"
		update(org, u)
		u.Records = consensus.RecordsAll
		update(org, u)
		u.ThresholdFloor = 90
		update(org, u)
		u.Domains = []string{"zeta.test"}
		update(org, u)
		w.rotate(org, recovery)
	}
	if got, want := w.told(1), []string{"node-added", "node-dropped", "domains", "name", "records", "threshold", "domains", "key"}; !slices.Equal(got, want) {
		t.Errorf("of our own %v is told, want %v", got, want)
	}
	if got, want := w.told(0), []string{"node-added", "name", "domains", "key"}; !slices.Equal(got, want) {
		t.Errorf("of who is trusted for alpha.test %v is told, want %v", got, want)
	}
	pin := verifier.Pin{Domain: "zeta.test", Key: consensus.PublicKey(w.net.Orgs[0].Key), Source: verifier.SourceTrust}
	if err := w.trust.Pin(t.Context(), pin, true); err != nil {
		t.Fatal(err)
	}
	if got, want := w.told(0), []string{"node-added", "domains", "name", "domains", "key"}; !slices.Equal(got, want) {
		t.Errorf("of who is trusted for both domains %v is told, want %v", got, want)
	}
	if !tells(true, nil, api.OrgChange{What: "something new"}) || !strings.Contains(w.sentence(w.chain.State(), api.OrgChange{What: "something new", To: "it"}), "something new") {
		t.Error("a kind of change that is not known is not told of our own organisation")
	}
}

// on adds a block with these events on top of s, which may be of another branch, and returns the
// state after it.
func (w *changing) on(s *consensus.State, events ...consensus.OrgEvent) *consensus.State {
	return w.branch(s, 1, events...)
}

// branch adds so many blocks on top of s, the first with these events, as a branch that another
// node was seen to have, and returns the state after them.
func (w *changing) branch(s *consensus.State, blocks int, events ...consensus.OrgEvent) *consensus.State {
	w.t.Helper()
	var list []*consensus.Block
	for range blocks {
		b := w.net.Mine(s, 0, chaintest.Body{Events: events})
		list, events = append(list, b), nil
		s, _ = consensus.ApplyBlock(s, b)
	}
	if err := chaintest.Announce(w.chain.NewBranch(), list, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	for _, b := range list {
		if _, err := w.chain.AddBlock(b, time.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	return s
}

// notices are the mails to the postmaster that came of looking at s, which is the tip.
func (w *changing) notices(s *consensus.State) (texts []string) {
	w.t.Helper()
	if w.chain.State().Tip() != s.Tip() {
		w.t.Fatalf("block %d is not the tip", s.Height())
	}
	w.looksAt(s, false)
	for range 2 { // what was told is told once
		if err := w.noticeChanges(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.toPostmaster()
}

// toPostmaster takes what waits in the queue out of it.
func (w *changing) toPostmaster() (texts []string) {
	w.t.Helper()
	list, err := w.queue.List(0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		raw, err := w.queue.Raw(e)
		if err := errors.Join(err, w.queue.Drop(w.t.Context(), e.ID)); err != nil {
			w.t.Fatal(err)
		}
		texts = append(texts, string(raw))
	}
	return texts
}

// What another branch has is told, at whatever height it is there; what both have, or is there
// again, is told once.
func TestChangesOfAnotherBranchAreTold(t *testing.T) {
	w := newChanging(t)
	for range noticeAfter {
		w.block()
	}
	told := func(what string, s *consensus.State, want ...string) {
		t.Helper()
		texts := w.notices(s)
		all := strings.Join(texts, "\n")
		for _, name := range []string{`now       "Common"`, `now       "ForkA"`, `now       "Thief"`, `now       "Alpha of B"`, "Its key will be another one"} {
			if strings.Contains(all, name) != slices.Contains(want, name) {
				t.Errorf("%s: %q is told: %v\n%s", what, name, strings.Contains(all, name), all)
			}
		}
	}
	told("at first", w.chain.State())
	w.block(w.renamed("Common"))
	w.blocks(noticeAfter)
	told("before the fork", w.chain.State(), `now       "Common"`)
	fork := w.chain.State()
	forkA := w.renamed("ForkA")
	w.block(forkA)
	w.blocks(noticeAfter + 2)
	a := w.chain.State()
	told("on one side", a, `now       "ForkA"`)

	renamed := func(s *consensus.State, org int, u consensus.Update) consensus.OrgEvent {
		return w.net.Orgs[org].Change(s, w.net.Orgs[org].Key, true, func(*consensus.OrgEvent) consensus.Content { return &u })
	}
	b := w.on(fork, renamed(fork, 1, consensus.Update{Name: "Thief", Domains: []string{"beta.test"}}),
		renamed(fork, 0, consensus.Update{Name: "Alpha of B", Domains: []string{"alpha.test"}}))
	b = w.on(b, w.net.Orgs[1].Change(b, w.net.Orgs[1].Key, true, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRotate(e, chaintest.Key("announced", 1), nil)
	}))
	for b.Height() <= a.Height() {
		b = w.on(b)
	}
	told("on the side that wins", b, `now       "Thief"`, `now       "Alpha of B"`, "Its key will be another one")
	told("after it", w.on(b))

	// The same event in a later block is no news; what is true again after something else was told
	// is.
	for b = fork; b.Height() < fork.Height()+2; {
		b = w.on(b)
	}
	b = w.on(b, forkA)
	for top := w.chain.State().Height(); b.Height() <= top; {
		b = w.on(b)
	}
	told("when the first is true again", b, `now       "ForkA"`)
}

// What was told is told once where nothing else was told in between, whichever branches came and
// went: a branch that only has what nobody is told of takes nothing back.
func TestChangesAreToldOnce(t *testing.T) {
	w := newChanging(t)
	w.blocks(noticeAfter)
	w.notices(w.chain.State())
	fork := w.chain.State()
	update := func(s *consensus.State, u consensus.Update) consensus.OrgEvent {
		return w.net.Orgs[0].Change(s, w.net.Orgs[0].Key, true, func(*consensus.OrgEvent) consensus.Content { return &u })
	}
	longer := func(s *consensus.State) *consensus.State {
		for top := w.chain.State().Height() + noticeAfter; s.Height() <= top; {
			s = w.on(s)
		}
		return s
	}
	a := longer(w.on(fork, update(fork, consensus.Update{Name: "Another", Domains: []string{"alpha.test"}})))
	for _, tt := range []struct {
		what string
		s    func() *consensus.State
		told int
	}{
		{"on the first branch", func() *consensus.State { return a }, 1},
		{"on another one with what is not told", func() *consensus.State {
			return longer(w.on(fork, update(fork, consensus.Update{Name: "Alpha", Domains: []string{"alpha.test"}, Records: consensus.RecordsAll})))
		}, 0},
		{"on the first again", func() *consensus.State { return longer(a) }, 0},
	} {
		if texts := w.notices(tt.s()); len(texts) != tt.told {
			t.Errorf("%s: %d are told, want %d: %q", tt.what, len(texts), tt.told, texts)
		}
	}
}

// A note of before has a height: what came after it is told, what was before is not.
func TestToldUpToAHeight(t *testing.T) {
	w := newChanging(t)
	w.block(w.renamed("Before"))
	upTo := w.chain.State().Height()
	w.block(w.renamed("After"))
	w.blocks(noticeAfter)
	if err := w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space(orgSpace).Put(toldKey(w.ownID()), binary.BigEndian.AppendUint64(nil, upTo))
	}); err != nil {
		t.Fatal(err)
	}
	if texts := w.notices(w.chain.State()); len(texts) != 1 || !strings.Contains(texts[0], `now       "After"`) || strings.Contains(texts[0], `now       "Before"`) {
		t.Errorf("%q", texts)
	}
}

// suspends is the event that suspends the recorder key that organisation number org has in s.
func (w *changing) suspends(s *consensus.State, org int) consensus.OrgEvent {
	one, two := w.net.Batches(s, org, 1, "one")[0], w.net.Batches(s, org, 1, "two")[0]
	return w.net.Orgs[org].Change(s, nil, false, func(*consensus.OrgEvent) consensus.Content { return consensus.NewSuspend(&one, &two) })
}

// mined adds blocks of the node's own organisation, the first with these events.
func (w *changing) mined(count int, events ...consensus.OrgEvent) {
	w.t.Helper()
	for range count {
		if _, err := w.chain.AddBlock(w.net.Mine(w.chain.State(), 1, chaintest.Body{Events: events}), time.Now()); err != nil {
			w.t.Fatal(err)
		}
		events = nil
	}
}

// No event of an organisation follows a suspension, so it is none that the next one names; it is
// told all the same, once, of our own organisation and of one that is pinned.
func TestSuspensionIsTold(t *testing.T) {
	for _, tt := range []struct {
		what string
		org  int
		mine func(*changing, int, ...consensus.OrgEvent)
	}{
		{"our own", 1, func(w *changing, count int, events ...consensus.OrgEvent) { w.block(events...); w.blocks(count - 1) }},
		{"pinned", 0, (*changing).mined},
	} {
		t.Run(tt.what, func(t *testing.T) {
			w := newChanging(t)
			tt.mine(w, noticeAfter)
			w.notices(w.chain.State())
			node := consensus.PublicKey(w.net.Orgs[tt.org].Node)
			tt.mine(w, noticeAfter+1, w.suspends(w.chain.State(), tt.org))
			texts := w.notices(w.chain.State())
			if len(texts) != 1 || !strings.Contains(texts[0], "A node signed two records with one number") || !strings.Contains(texts[0], node.String()) {
				t.Errorf("%q", texts)
			}
			if tt.mine(w, noticeAfter+1); len(w.notices(w.chain.State())) != 0 {
				t.Error("it is told again")
			}
			now, _ := w.chain.State().Org(w.net.Orgs[tt.org].ID())
			if at, in := membership.BlockOf(w.chain.State(), &w.net.Orgs[tt.org].Event); !in || at != now.Height {
				t.Errorf("the event before it is in block %d, not in %d", at, now.Height)
			}
		})
	}
}

// A recorder key that the node had before is suspended: the node goes on with the one that it has,
// and is told so. Restored of a backup with the former one, it is to take another.
func TestFormerKeyIsSuspended(t *testing.T) {
	w := newChanging(t)
	w.blocks(consensus.EpochGap)
	former, suspended := w.id.RecorderKey(), w.suspends(w.chain.State(), 1)
	w.block(w.rekeyed(chaintest.Key("recorder key elsewhere", 1)))
	replaced := w.chain.State().Height()
	w.blocks(noticeAfter)
	w.notices(w.chain.State())
	w.block(suspended)
	w.blocks(noticeAfter)
	texts := w.notices(w.chain.State())
	if len(texts) != 1 || !strings.Contains(texts[0], "That does not end the node.") || !strings.Contains(texts[0], former.String()) {
		t.Errorf("told: %q", texts)
	}
	if l, err := w.OrgNodes(t.Context()); err != nil || len(l.Nodes) != 1 || l.Nodes[0].End != "" || len(l.Nodes[0].Formers) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	h := w.halted()
	if want := fmt.Sprintf("recorder key was replaced in block %d ", replaced); !strings.Contains(h.Why, want) || h.Next != "cairn org node rekey" {
		t.Errorf("halted: %+v", h)
	}
	if next := w.afterEnd(w.chain.State()); next != "cairn org node rekey" {
		t.Errorf("what is to be done: %q", next)
	}
}

// halted is why nothing is signed.
func (w *changing) halted() (h recorder.Halted) {
	w.t.Helper()
	if err := w.store.View(func(rd *mailstore.Reader) (err error) {
		h, err = w.recorder.Halted(rd)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return h
}

// A note of an earlier version has a suspension as the event before once more: with it, it is told
// no more; without it, as where one was passed over, it is.
func TestSuspensionInANoteOfBefore(t *testing.T) {
	w := newChanging(t)
	w.block(w.renamed("Before"))
	w.block(w.suspends(w.chain.State(), 1))
	w.blocks(noticeAfter)
	org, _ := w.chain.State().Org(w.ownID())
	for _, tt := range []struct {
		note []consensus.Hash
		told int
	}{
		{[]consensus.Hash{org.ID, org.LastEvent}, 1},
		{[]consensus.Hash{org.ID, org.LastEvent, org.LastEvent}, 0},
		{[]consensus.Hash{org.ID, org.ID, org.LastEvent}, 1}, // another suspension, of a branch that was lost
	} {
		if err := w.store.Update(t.Context(), func(tx *mailstore.Tx) error {
			var b []byte
			for _, id := range tt.note {
				b = append(b, id[:]...)
			}
			return tx.Space(orgSpace).Put(toldKey(w.ownID()), b)
		}); err != nil {
			t.Fatal(err)
		}
		if texts := w.notices(w.chain.State()); len(texts) != tt.told {
			t.Errorf("%d events are noted: %d are told, want %d: %q", len(tt.note), len(texts), tt.told, texts)
		}
	}
}

// A name says nothing of whose it is: it is quoted, and what the organisation is to us stands in a
// line of its own.
func TestNamesInNotices(t *testing.T) {
	w := newChanging(t)
	w.block(w.change(0, func(*consensus.OrgEvent) consensus.Content {
		return &consensus.Update{Name: "Beta (our own)", Domains: []string{"alpha.test"}}
	}))
	s := w.chain.State()
	org, _ := s.Org(w.net.Orgs[0].ID())
	text := w.noticeText(s, org, w.newsOf(s, org, membership.StepsOf(s, org.ID)))
	for _, want := range []string{"  name      \"Beta (our own)\"\r\n", "\r\n  here      trusted for alpha.test\r\n", "\r\n  before    \"Alpha\"\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if next := "cairn org untrust alpha.test --dir " + w.dir + "\r\n"; !strings.Contains(text, next) {
		t.Errorf("%q is not in\n%s", next, text)
	}
	if all := "All changes: cairn org changes " + org.ID.String() + " --dir " + w.dir + "\r\n"; !strings.HasSuffix(text, all) {
		t.Errorf("%q is not the end of\n%s", all, text)
	}
	own, _ := s.Org(w.net.Orgs[1].ID())
	for _, want := range []string{"cairn org revoke --recovery FILE -o FILE --dir " + w.dir + "\r\n", "cairn org node drop NODEKEY --dir " + w.dir + "\r\n"} {
		if text := w.noticeText(s, own, nil); !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if rest := strings.NewReplacer(`"Beta (our own)"`, "", w.dir, "").Replace(text); strings.Contains(rest, "our own") || strings.Contains(rest, "Beta") {
		t.Errorf("it can be taken for our own:\n%s", text)
	}
}
