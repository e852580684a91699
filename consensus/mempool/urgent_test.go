package mempool

import (
	"fmt"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// updates returns count events of an organisation, each after the one before.
func (w *world) updates(by, count int, domains ...string) []consensus.OrgEvent {
	o := &w.net.Orgs[by]
	entry, _ := w.s.Org(o.ID())
	prev := entry.LastEvent
	if len(domains) == 0 {
		domains = []string{o.Domain}
	}
	var events []consensus.OrgEvent
	for i := range count {
		e := o.Change(w.s, o.Key, false, func(e *consensus.OrgEvent) consensus.Content {
			e.Prev = prev
			return &consensus.Update{Name: fmt.Sprint(o.Name, " ", i), Domains: domains, Records: consensus.RecordsAll}
		})
		prev = e.ID()
		events = append(events, e)
	}
	return events
}

func (w *world) revocation(by int) consensus.OrgEvent {
	o := &w.net.Orgs[by]
	return o.Change(w.s, o.Recovery, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, chaintest.Key("revoked to", by), consensus.Hash{1}, consensus.PublicKey(o.Node))
	})
}

func (w *world) suspension(by int) consensus.OrgEvent {
	a, b := w.series(by, 99, 1, 1)[0], w.series(by, 99, 1, 2)[0]
	return w.net.Orgs[by].Change(w.s, nil, false, func(*consensus.OrgEvent) consensus.Content { return consensus.NewSuspend(&a, &b) })
}

func mustTakeEvents(t *testing.T, p *Pool, w *world, events ...consensus.OrgEvent) {
	t.Helper()
	for i := range events {
		if err := p.AddEvent(w.s, &events[i], w.now); err != nil {
			t.Fatalf("event %d, %v: %v", i, events[i].Type(), err)
		}
	}
}

func types(events []consensus.OrgEvent) string {
	var list []string
	for i := range events {
		list = append(list, events[i].Type().String())
	}
	return strings.Join(list, " ")
}

// However many events wait, a revocation and a suspension are taken in and go first. What the
// revoked key has signed lately does not get through beside the revocation, and no batch of a key
// that ends.
func TestUrgentEventsGetThrough(t *testing.T) {
	w := newWorldV2(4)
	limits := DefaultPolicy()
	limits.MaxEvents = 4
	p := New(limits, nil)
	mustTakeEvents(t, p, w, append(w.updates(1, 2), w.updates(2, 2)...)...)
	more := w.updates(3, 1)[0]
	if err := p.AddEvent(w.s, &more, w.now); policy(err) != PolicyEvents {
		t.Fatalf("a fifth event: %v, want %s", err, PolicyEvents)
	}
	for by := range 4 {
		mustTake(t, p, w, w.series(by, 1, 2, 0)...)
	}
	mustTakeEvents(t, p, w, w.suspension(2), w.revocation(1))
	again := w.net.Orgs[1].Change(w.s, w.net.Orgs[1].Recovery, false, func(e *consensus.OrgEvent) consensus.Content {
		return consensus.NewRevoke(e, chaintest.Key("another", 1), consensus.Hash{2})
	})
	if err := p.AddEvent(w.s, &again, w.now); policy(err) != PolicyOrgEvents {
		t.Fatalf("a second revocation: %v, want %s", err, PolicyOrgEvents)
	}
	block := w.mine(t, p)
	if got, want := types(block.Events), "revoke suspend update update"; got != want {
		t.Fatalf("events %q in the block, want %q", got, want)
	}
	if len(block.Batches) != 4 {
		t.Fatalf("%d batches in the block, want those of the two keys that did not end", len(block.Batches))
	}
	p.Advance(w.s, nil, []*consensus.Block{block})
	if got := p.Stats(); got.Events != 0 || got.Batches != 0 {
		t.Fatalf("left over: %+v", got)
	}
}

// What contradicts a waiting revocation is not taken in.
func TestRevocationBeatsWhatComesLater(t *testing.T) {
	w := newWorldV2(2)
	p := New(DefaultPolicy(), nil)
	mustTakeEvents(t, p, w, w.revocation(1))
	late := w.updates(1, 1)[0]
	if err := p.AddEvent(w.s, &late, w.now); policy(err) != PolicyClaimed {
		t.Fatalf("an update by the revoked key: %v, want %s", err, PolicyClaimed)
	}
}

// One organisation fills neither the pool nor what is kept for others' urgent events.
func TestEventsOfAnOrganisationAreLimited(t *testing.T) {
	w := newWorldV2(3)
	limits := DefaultPolicy()
	limits.MaxUrgent = 2
	p := New(limits, nil)
	events := w.updates(1, limits.OrgEvents+1)
	mustTakeEvents(t, p, w, events[:limits.OrgEvents]...)
	if err := p.AddEvent(w.s, &events[limits.OrgEvents], w.now); policy(err) != PolicyOrgEvents {
		t.Fatalf("one more: %v, want %s", err, PolicyOrgEvents)
	}
	// The reserve is full of events of organisation 1: a revocation of another gets in, one of its
	// own does not.
	mustTakeEvents(t, p, w, w.suspension(1), w.revocation(1), w.revocation(2))
	if got, want := len(p.Events()), limits.OrgEvents+2; got != want {
		t.Fatalf("%d events wait, want %d", got, want)
	}
	if e := p.Events(); e[0].Type() != consensus.EventRevoke || e[1].Type() != consensus.EventRevoke {
		t.Fatal("a revocation gave way, not the suspension")
	}
	third := w.revocation(0)
	if err := p.AddEvent(w.s, &third, w.now); policy(err) != PolicyEvents {
		t.Fatalf("a third revocation where each has one: %v, want %s", err, PolicyEvents)
	}
}

// Events of which a block has enough wait for the next one.
func TestEventsWaitForTheNextBlock(t *testing.T) {
	w := newWorldV2(6)
	p := New(DefaultPolicy(), nil)
	all := 0
	var long []string
	for i := range consensus.MaxDomains {
		label := strings.Repeat(string(rune('a'+i)), 63)
		long = append(long, strings.Join([]string{label, label, label, "example"}, "."))
	}
	for by := 1; by < 6; by++ { // the entries that they leave are too large for a block
		events := w.updates(by, 8, long...)
		mustTakeEvents(t, p, w, events...)
		all += len(events)
	}
	late := w.suspension(5) // the ninth of its organisation
	mustTakeEvents(t, p, w, late)
	all++
	if got := p.EventsOf(w.s, w.net.Orgs[5].ID()); len(got) != 9 {
		t.Fatalf("%d events of the organisation can follow, want all nine, though no block holds them", len(got))
	}
	for blocks := 1; all > 0; blocks++ {
		block := w.mine(t, p)
		n := len(block.Events)
		if blocks == 1 && (block.Events[0].Type() != consensus.EventSuspend || n < 8 || n == all) {
			t.Fatalf("%d of %d events in the first block, %v first; want some, the suspension first", n, all, block.Events[0].Type())
		}
		if n == 0 {
			t.Fatalf("%d events were never mined", all)
		}
		all -= n
		p.Advance(w.s, nil, []*consensus.Block{block})
		if got := p.Stats().Events; got != all {
			t.Fatalf("%d events wait after block %d, want %d", got, blocks, all)
		}
	}
}

// Events that the chain had before a revocation come back with it.
func TestReorganisationReturnsEventsInOrder(t *testing.T) {
	w := newWorldV2(2)
	before := w.s
	p := New(DefaultPolicy(), nil)
	update := w.updates(1, 1)[0]
	var reverted []*consensus.Block
	for _, e := range []consensus.OrgEvent{update, w.revocation(1)} {
		mustTakeEvents(t, p, w, e)
		b := w.mine(t, p)
		reverted = append([]*consensus.Block{b}, reverted...)
		p.Advance(w.s, nil, []*consensus.Block{b})
	}
	w.s = before
	p.Advance(w.s, reverted, nil)
	if block := w.mine(t, p); types(block.Events) != "update revoke" {
		t.Fatalf("events %q came back, want both in their order", types(block.Events))
	}
}

// A batch of a node that an event enrols counts for that event's organisation.
func TestBatchesOfANodeThatIsAdded(t *testing.T) {
	w := newWorldV2(2)
	p := New(DefaultPolicy(), nil)
	node, recorder := chaintest.Key("second node", 1), chaintest.Key("second recorder", 1)
	o := &w.net.Orgs[1]
	mustTakeEvents(t, p, w, o.Change(w.s, o.Key, true, func(e *consensus.OrgEvent) consensus.Content {
		return &consensus.AddNode{NodeKeys: consensus.NewNodeKeys(e.ChainID, e.Signer, node, recorder)}
	}))
	mustTake(t, p, w, seriesAfter(w.s, recorder, 4, 1, 0)...)
	if p.orgBytes[o.ID()] == 0 {
		t.Fatal("the batch does not count for the organisation")
	}
	if block := w.mine(t, p); len(block.Batches) != 1 || len(block.Events) != 1 {
		t.Fatalf("%d events and %d batches in the block, want one of each", len(block.Events), len(block.Batches))
	}
}

// A revocation takes the place of a suspension, which is made again from its evidence.
func TestRevocationAmongSuspensions(t *testing.T) {
	w := newWorldV2(5)
	limits := DefaultPolicy()
	limits.MaxUrgent = 3
	p := New(limits, nil)
	mustTakeEvents(t, p, w, w.suspension(2), w.suspension(3), w.suspension(4), w.revocation(1))
	if got, want := types(w.mine(t, p).Events), "revoke suspend suspend"; got != want {
		t.Fatalf("events %q in the block, want %q", got, want)
	}
}
