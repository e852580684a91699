package consensus

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus/vectortest"
)

// ruleCase breaks one rule, in one way. Its value, which err leaves in f.vector, is a test vector.
type ruleCase struct {
	name string
	rule string // code expected
	err  func(f *ruleFixture) error
}

// ruleFixture is a chain of two members, alpha and beta, with a batch of each.
// gamma is about to enrol.
type ruleFixture struct {
	grownChain
	alpha, beta, gamma member
	vector             *ruleVector // of the last case
}

func newRuleFixture(tb testing.TB) *ruleFixture {
	g, alpha := testGenesis(tb)
	f := &ruleFixture{grownChain: grownChain{genesis: g, state: g.State()}, alpha: alpha, beta: newMember("beta"), gamma: newMember("gamma")}
	s := f.state
	f.extend(tb, alpha, []OrgEvent{f.beta.enrol(s.Params())}, []Batch{alpha.batch(s, s.Time()+100)})
	s = f.state
	f.extend(tb, f.beta, nil, []Batch{f.beta.batch(s, s.Time()+100)})
	return f
}

// extend applies a block with these contents.
func (f *ruleFixture) extend(tb testing.TB, miner member, events []OrgEvent, batches []Batch) {
	tb.Helper()
	f.grow(tb, solve(draft(f.state, miner, events, batches), miner))
}

// validate validates a block on top of a chain.
func (f *ruleFixture) validate(c *grownChain, b *Block) error {
	f.vector = &ruleVector{kind: "block", value: b.Encode(), chain: c}
	err := ValidateBlock(c.state, b)
	if disagree := partsDisagree(c.state, b, err); disagree != nil {
		return errors.Join(errDisagree, disagree)
	}
	return err
}

// body is a valid body: an event, and three batches in two rounds.
func (f *ruleFixture) body() ([]OrgEvent, []Batch) {
	s := f.state
	a := f.alpha.batch(s, s.Time()+10)
	return []OrgEvent{f.gamma.enrol(s.Params())}, []Batch{
		a, f.beta.batch(s, s.Time()+20), f.alpha.batchAfter(s, a.tip(), s.Time()+30),
	}
}

// block validates a block that is made in three stages, each open to change.
func (f *ruleFixture) block(body func(b *Block), header func(h *Header), signed func(b *Block)) error {
	events, batches := f.body()
	b := &Block{Events: events, Batches: batches}
	if body != nil {
		body(b)
	}
	b = draft(f.state, f.beta, b.Events, b.Batches)
	if header != nil {
		header(&b.Header.Header)
	}
	solve(b, f.beta)
	if signed != nil {
		signed(b)
	}
	return f.validate(&f.grownChain, b)
}

// inBody, inHeader and afterSigning name the stage of the block that a case
// changes.
func inBody(change func(f *ruleFixture, b *Block)) func(*ruleFixture) error {
	return func(f *ruleFixture) error { return f.block(func(b *Block) { change(f, b) }, nil, nil) }
}

func inHeader(change func(h *Header)) func(*ruleFixture) error {
	return func(f *ruleFixture) error { return f.block(nil, change, nil) }
}

func afterSigning(change func(f *ruleFixture, b *Block)) func(*ruleFixture) error {
	return func(f *ruleFixture) error { return f.block(nil, nil, func(b *Block) { change(f, b) }) }
}

// inEvent changes gamma's event before it is stamped and signed, and puts it
// through ValidateEvent and a block, which must agree.
func inEvent(change func(f *ruleFixture, e *OrgEvent)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		e := f.gamma.unsigned(f.state.ChainID())
		change(f, &e)
		e = f.gamma.finish(e, f.state.Params().IdentityStamp)
		return f.eventBothWays(e)
	}
}

func (f *ruleFixture) eventBothWays(e OrgEvent) error {
	inBlock := f.block(func(b *Block) { b.Events[0] = e }, nil, nil)
	return agree(inBlock, ValidateEvent(f.state, &e), ValidateEvents(f.state, []OrgEvent{e})[0])
}

// inBatch changes alpha's next batch before, and after, it is sealed, and puts
// it through ValidateBatches and a block, which must agree.
func inBatch(before, after func(f *ruleFixture, b *Batch)) func(*ruleFixture) error {
	return func(f *ruleFixture) error {
		b := f.alpha.batch(f.state, f.state.Time()+10)
		if before != nil {
			before(f, &b)
			b.Seal(nil, f.state.Params(), f.alpha.recorder)
		}
		if after != nil {
			after(f, &b)
		}
		inBlock := f.block(func(block *Block) { block.Batches = []Batch{b} }, nil, nil)
		err := agree(inBlock, ValidateBatches(f.state, nil, []Batch{b})[0])
		switch ruleOf(err) { // rules that take a state to see; all others show in the batch itself
		case RuleUnknownRecorder, RuleBatchSeq, RuleBatchPrev, RuleBatchTime:
			return err
		}
		return agree(err, CheckBatch(f.state.Params(), f.state.ChainID(), &b))
	}
}

// reseal finds a stamp and signs again, without repairing anything else.
func reseal(f *ruleFixture, b *Batch) {
	b.Stamp, _ = SolveBatchStamp(nil, b, f.state.Params().BatchStamp)
	b.Signature = sign(f.alpha.recorder, b.SigningBytes())
}

var errDisagree = errors.New("ways to validate disagree")

func agree(errs ...error) error {
	for _, err := range errs {
		if ruleOf(err) != ruleOf(errs[0]) {
			return errors.Join(append([]error{errDisagree}, errs...)...)
		}
	}
	return errs[0]
}

func ruleOf(err error) string {
	if broken, ok := errors.AsType[*RuleError](err); ok {
		return broken.Rule
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestRules(t *testing.T) {
	f := newRuleFixture(t)
	if err := f.block(nil, nil, nil); err != nil {
		t.Fatal("the block that all cases start from is invalid: ", err)
	}
	files := make(map[string]bool)
	shared := sharedChains(t)
	for _, c := range slices.Concat(headerCases, bodyCases, eventCases, batchCases, networkCases, codecCases, changingCases,
		networkV2Cases, headerV2Cases, eventV2Cases, batchV2Cases, codecV2Cases) {
		t.Run(c.rule+"/"+strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			f.vector = nil
			if err := c.err(f); ruleOf(err) != c.rule || errors.Is(err, errDisagree) {
				t.Errorf("got %v, want a %s", err, c.rule)
			} else if c.rule != "" && !strings.HasPrefix(err.Error(), c.rule+": ") {
				t.Errorf("message %q does not begin with the code", err)
			}
			if c.vectorFile() != "" {
				vectortest.CheckFile(t, c.vectorFile(), f.vector.format(t, &c, shared))
			}
		})
		if files[c.vectorFile()] && c.vectorFile() != "" {
			t.Errorf("two cases make %s", c.vectorFile())
		}
		files[c.vectorFile()] = true
	}
	for name, c := range shared {
		vectortest.CheckFile(t, sharedFile(name), formatShared(c))
		files[sharedFile(name)] = true
	}
	onlyVectors(t, files)
}

func TestCheckClock(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	for _, c := range []struct {
		interval time.Duration
		ahead    int64 // ms
		future   bool
	}{
		{time.Second, -1_000_000, false},
		{time.Second, 2000, false},
		{time.Second, 2001, true},
		{30 * time.Second, 15_000, false},
		{30 * time.Second, 15_001, true},
	} {
		p := testParams()
		p.BlockInterval = c.interval
		err := CheckClock(&p, &Header{Time: uint64(now.UnixMilli() + c.ahead)}, now)
		if errors.Is(err, ErrFuture) != c.future || (err == nil) == c.future {
			t.Errorf("T %v, %d ms ahead: %v", c.interval, c.ahead, err)
		}
		if ruleOf(err) != "" && !c.future {
			t.Errorf("a clock is no proof of badness: %v", err)
		}
	}
	p := testParams()
	if err := CheckClock(&p, &Header{Time: ^uint64(0)}, now); !errors.Is(err, ErrFuture) {
		t.Errorf("the end of time: %v", err)
	}
}
