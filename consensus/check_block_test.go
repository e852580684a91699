package consensus

import (
	"fmt"
	"slices"
	"testing"
)

// ofBefore are the rules that only the blocks before show, with whom ValidateBlock alone may refuse
// what passed ValidateHeader, CheckBlock and ValidateMembers.
var ofBefore = []string{RuleBatchSeq, RuleBatchPrev, RuleBatchTime, RuleEpoch, RuleStateRoot}

// partsDisagree holds what the parts of validation say about a block to what ValidateBlock said.
func partsDisagree(s *State, b *Block, whole error) error {
	header := ValidateHeader(s.hs, &b.Header)
	alone := CheckBlock(s.Network(), b)
	headline := ValidateHeadline(s, b.Headline())
	part := header
	if part == nil {
		part = alone
	}
	if part == nil {
		part = ValidateMembers(s, b)
	}
	switch {
	case whole == nil && (part != nil || headline != nil):
		return fmt.Errorf("a valid block: CheckBlock %v, headline %v, parts %w", alone, headline, part)
	case whole != nil && part == nil && !slices.Contains(ofBefore, ruleOf(whole)):
		return fmt.Errorf("only ValidateBlock sees that %w", whole)
	case header != nil && ruleOf(headline) != ruleOf(header):
		return fmt.Errorf("the header is refused for %w, the headline for %w", header, headline)
	}
	return nil
}

// One batch again and again, or batches that do not follow each other, are refused without a state.
func TestCheckBlockSeesWhatIsInTheBlock(t *testing.T) {
	g, alpha := testGenesis(t)
	s := g.State()
	first := alpha.batch(s, s.Time()+10)
	second := alpha.batchAfter(s, first.tip(), s.Time()+20)
	other := alpha.batchAfter(s, BatchTip{Seq: 1, ID: Hash{9}}, s.Time()+20)
	later := alpha.batchAfter(s, BatchTip{Seq: 6, ID: Hash{9}}, s.Time()+20)
	for _, c := range []struct {
		name    string
		batches []Batch
		rule    string
	}{
		{"in order", []Batch{first, second}, ""},
		{"of a series that began before", []Batch{later}, ""},
		{"twice", []Batch{first, first}, RuleBatchSeq},
		{"220 times", slices.Repeat([]Batch{first}, 220), RuleBatchCount},
		{"backwards", []Batch{second, first}, RuleBatchSeq},
		{"after another", []Batch{first, other}, RuleBatchPrev},
	} {
		b := solve(draft(s, alpha, nil, c.batches), alpha)
		if err := CheckBlock(s.Network(), b); ruleOf(err) != c.rule {
			t.Errorf("%s: %v, want %q", c.name, err, c.rule)
		}
	}
}

// Along headlines alone members and header state are those along whole blocks.
func TestAfterHeadline(t *testing.T) {
	f := newRuleFixture(t)
	bare, whole := f.genesis.State(), f.genesis.State()
	for _, b := range f.blocks {
		if err := ValidateHeadline(bare, b.Headline()); err != nil {
			t.Fatalf("headline %d: %v", b.Header.Height, err)
		}
		bare = AfterHeadline(bare, b.Headline())
		whole, _ = ApplyBlock(whole, b)
		if bare.Tip() != whole.Tip() || bare.Work() != whole.Work() || bare.members.root != whole.members.root {
			t.Fatalf("block %d: the states differ", b.Header.Height)
		}
	}
}
