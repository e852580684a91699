package mempool

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
)

// A new organisation's enrolment and its first batches are mined together.
func TestEnrolmentWithBatches(t *testing.T) {
	net := chaintest.New(2)
	w := &world{net: net, s: net.Genesis.State(), now: chaintest.GenesisTime.Add(time.Second)}
	p := New(DefaultPolicy(), nil)
	batches := net.Batches(w.s, 1, 2, "x")
	if err := p.AddBatch(w.s, &batches[0], w.now); rule(err) != consensus.RuleUnknownRecorder {
		t.Fatalf("batch before the enrolment: %v", err)
	}
	event := &net.Orgs[1].Event
	if err := p.AddEvent(w.s, event, w.now); err != nil {
		t.Fatal(err)
	}
	if err := p.AddEvent(w.s, event, w.now); !errors.Is(err, ErrKnown) {
		t.Fatalf("the same again: %v, want ErrKnown", err)
	}
	mustTake(t, p, w, batches...)
	genesis := w.s
	b := w.mine(t, p)
	if len(b.Events) != 1 || len(b.Batches) != 2 {
		t.Fatalf("%d events and %d batches in the block, want 1 and 2", len(b.Events), len(b.Batches))
	}
	p.Advance(w.s, nil, []*consensus.Block{b})
	if got := p.Stats(); got.Events != 0 || got.Batches != 0 {
		t.Fatalf("left over: %+v", got)
	}
	if err := p.AddEvent(w.s, event, w.now); !errors.Is(err, ErrKnown) {
		t.Fatalf("when it is in the chain: %v, want ErrKnown", err)
	}
	// Reverted, all comes back.
	p.Advance(genesis, []*consensus.Block{b}, nil)
	if got := p.Stats(); got.Events != 1 || got.Batches != 2 {
		t.Fatalf("after the reorganisation: %+v", got)
	}
}

func TestAddEventErrors(t *testing.T) {
	net := chaintest.New(5)
	s, now := net.Genesis.State(), chaintest.GenesisTime
	limits := DefaultPolicy()
	limits.MaxEvents = 2
	p := New(limits, func(state *consensus.State, domain string, org consensus.Key) error {
		if state != s {
			return errors.New("asked about another state")
		}
		if domain == "org3.example" && org == consensus.PublicKey(net.Orgs[2].Key) {
			return errors.New("pinned to another key")
		}
		return nil
	})
	forged := net.Orgs[1].Event
	forged.Signature[0] ^= 1
	clash := net.Orgs[1].Enrolment()
	clash.Enrol().Name = "The same keys, another name"
	clash.Sign(net.Orgs[1].Key)
	founder := net.Orgs[0].Enrolment()
	founder.Enrol().Name = "The founder's keys again"
	founder.Sign(net.Orgs[0].Key)
	for _, c := range []struct {
		name  string
		event consensus.OrgEvent
		ok    func(error) bool
	}{
		{"forged", forged, func(err error) bool { return rule(err) == consensus.RuleEventSignature }},
		{"forged again", forged, func(err error) bool { return rule(err) == consensus.RuleEventSignature }},
		{"pinned", net.Orgs[2].Event, func(err error) bool { return policy(err) == PolicyPinned }},
		{"a member's keys", founder, func(err error) bool { return rule(err) == consensus.RuleDuplicateKey }},
		{"good", net.Orgs[1].Event, func(err error) bool { return err == nil }},
		{"keys that wait", clash, func(err error) bool { return policy(err) == PolicyClaimed }},
		{"another", net.Orgs[3].Event, func(err error) bool { return err == nil }},
		{"too many", net.Orgs[4].Event, func(err error) bool { return policy(err) == PolicyEvents }},
	} {
		if err := p.AddEvent(s, &c.event, now); !c.ok(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := p.Stats().Rejected; got != 1 {
		t.Errorf("%d rejected, want 1: the second forgery is remembered, the rest may become valid", got)
	}
}

// A pin that is made while an enrolment waits keeps this node from mining it.
func TestPinnedLater(t *testing.T) {
	net := chaintest.New(2)
	s, now := net.Genesis.State(), chaintest.GenesisTime
	var pin error
	p := New(DefaultPolicy(), func(*consensus.State, string, consensus.Key) error { return pin })
	if err := p.AddEvent(s, &net.Orgs[1].Event, now); err != nil {
		t.Fatal(err)
	}
	pin = errors.New("pinned")
	if events, _ := p.Select(s, now); len(events) != 0 {
		t.Fatal("the enrolment of a pinned domain was selected")
	}
}

// Follow keeps the pool in line with a chain through blocks and reorganisations.
func TestFollow(t *testing.T) {
	w := newWorld(2)
	m := w.open(t)
	late := w.now.AddDate(1, 0, 0)
	s := m.State()
	a := w.net.Mine(s, 0, chaintest.Body{Batches: w.net.Batches(s, 1, 3, "x")})
	b := w.net.Mine(s, 1, chaintest.Body{})
	sb, _ := consensus.ApplyBlock(s, b)
	b2 := w.net.Mine(sb, 1, chaintest.Body{})
	if _, err := m.AddBlock(a, late); err != nil {
		t.Fatal(err)
	}
	p := New(DefaultPolicy(), nil)
	chainOf := &signalling{Manager: m, looked: make(chan struct{}, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Follow(ctx, chainOf) }()
	<-chainOf.looked
	for _, block := range []*consensus.Block{b, b2} {
		if _, err := m.AddBlock(block, late); err != nil {
			t.Fatal(err)
		}
	}
	for p.Stats().Batches != 3 {
		select {
		case <-chainOf.looked:
		case <-time.After(10 * time.Second):
			t.Fatalf("the abandoned block's batches did not come back: %+v", p.Stats())
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// signalling tells when a follower has asked for updates.
type signalling struct {
	*chain.Manager
	looked chan struct{}
}

func (s *signalling) UpdatesSince(since chain.Index, most int) (reverted, applied []chain.Update, err error) {
	defer func() { s.looked <- struct{}{} }()
	return s.Manager.UpdatesSince(since, most)
}

// The chain's log may be ahead of its state for a moment. What a
// reorganisation took off the chain comes back all the same.
func TestFollowWaitsForTheState(t *testing.T) {
	w := newWorld(2)
	a := w.net.Mine(w.s, 0, chaintest.Body{Batches: w.net.Batches(w.s, 1, 3, "x")})
	before, _ := consensus.ApplyBlock(w.s, a)
	c := &lagging{
		state:   before,
		later:   w.s,
		reverts: chain.Update{Block: a, Index: chain.Index{Height: before.Height(), ID: before.Tip()}, Parent: chain.Index{Height: w.s.Height(), ID: w.s.Tip()}},
		wake:    make(chan struct{}, 1),
		looked:  make(chan struct{}, 100),
	}
	p := New(DefaultPolicy(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Follow(ctx, c) }()
	<-c.looked
	c.catchUp()
	for p.Stats().Batches != 3 {
		select {
		case <-c.looked:
		case <-time.After(5 * time.Second):
			t.Fatalf("the reverted block's batches did not come back: %+v", p.Stats())
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// lagging is a chain whose log has reverted a block that its state, until
// catchUp, still has.
type lagging struct {
	mu           sync.Mutex
	state, later *consensus.State
	reverts      chain.Update
	wake         chan struct{}
	looked       chan struct{}
}

func (c *lagging) catchUp() {
	c.mu.Lock()
	c.state = c.later
	c.mu.Unlock()
	c.wake <- struct{}{}
}

func (c *lagging) State() *consensus.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *lagging) Tip() chain.Index {
	s := c.State()
	return chain.Index{Height: s.Height(), ID: s.Tip()}
}

func (c *lagging) Subscribe() (<-chan struct{}, func()) { return c.wake, func() {} }

func (c *lagging) UpdatesSince(since chain.Index, _ int) (reverted, applied []chain.Update, err error) {
	defer func() { c.looked <- struct{}{} }()
	if since == c.reverts.Index {
		return []chain.Update{c.reverts}, nil, nil
	}
	return nil, nil, nil
}
