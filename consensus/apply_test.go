package consensus

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestRevertUndoesApply drives a chain through random blocks, reverts and
// branches, and compares every state it comes back to with the one it left.
func TestRevertUndoesApply(t *testing.T) {
	t.Parallel()
	genesis, founder := testGenesis(t)
	rapid.Check(t, func(t *rapid.T) {
		type step struct {
			before *State
			undo   *Undo
		}
		s := genesis.State()
		var history []step
		miners := [][]member{{founder}} // who is enrolled, at each height
		enrolled := 0
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { checkLookups(t, s) },
			"block": func(t *rapid.T) {
				here := miners[len(miners)-1]
				now := here
				var events []OrgEvent
				for range rapid.IntRange(0, 2).Draw(t, "events") {
					enrolled++
					m := newMember(fmt.Sprint("member", enrolled))
					events = append(events, m.enrol(s.Params()))
					now = append(now[:len(now):len(now)], m)
				}
				b := draft(s, rapid.SampledFrom(here).Draw(t, "miner"), events, randomBatches(t, s, now))
				b.Header.Time = s.MedianTime() + rapid.Uint64Range(1, 50_000).Draw(t, "time")
				for i := range b.Batches { // all were closed before MedianTime+1000
					b.Header.Time = max(b.Header.Time, b.Batches[i].Time)
				}
				b.Header.BodyRoot = BodyRoot(b.Header.Version, b.Events, b.Batches)
				for _, m := range here {
					if m.key() == b.Header.Miner {
						solve(b, m)
					}
				}
				if err := ValidateBlock(s, b); err != nil {
					t.Fatal(err)
				}
				encoded := s.HeaderState().Encode()
				next, undo := ApplyBlock(s, b)
				if !bytes.Equal(encoded, s.HeaderState().Encode()) {
					t.Fatal("ApplyBlock changed the state it was given")
				}
				history = append(history, step{s, undo})
				miners = append(miners, now)
				s = next
			},
			"revert": func(t *rapid.T) {
				if len(history) == 0 {
					t.Skip("at genesis")
				}
				last := history[len(history)-1]
				history, miners = history[:len(history)-1], miners[:len(miners)-1]
				undo, err := DecodeUndo(s.Network(), last.undo.Encode())
				if err != nil {
					t.Fatal(err)
				}
				if len(undo.Formers)+len(undo.Tips) > 0 && !reflect.DeepEqual(undo, last.undo) {
					t.Fatalf("undo came back from its encoding as %+v, was %+v", undo, last.undo)
				}
				s = RevertBlock(s, undo)
				if !s.Equal(last.before) || !reflect.DeepEqual(s.BatchTips(), last.before.BatchTips()) {
					t.Fatalf("state after revert is not the one before the block")
				}
				if !reflect.DeepEqual(s.Orgs(), last.before.Orgs()) {
					t.Fatalf("members after revert are not those before the block")
				}
			},
		})
	})
}

// randomBatches returns up to three batches of some members, in rounds.
func randomBatches(t *rapid.T, s *State, members []member) []Batch {
	tips := make(map[Key]BatchTip)
	counts := make(map[Key]int)
	for _, m := range members {
		tips[m.key()], _ = s.BatchTip(Series{Recorder: m.key()})
		counts[m.key()] = rapid.IntRange(0, 3).Draw(t, "batches of "+m.name)
	}
	var batches []Batch
	for round := range 3 {
		for _, m := range members {
			if counts[m.key()] > round {
				tip := tips[m.key()]
				b := m.batchAfter(s, tip, max(tip.Time+1, s.MedianTime()+uint64(round)*100))
				batches, tips[m.key()] = append(batches, b), b.tip()
			}
		}
	}
	return batches
}

// checkLookups compares the state with one that is built anew from its parts.
func checkLookups(t *rapid.T, s *State) {
	hs, err := DecodeHeaderState(s.Network(), s.HeaderState().Encode())
	if err != nil {
		t.Fatal(err)
	}
	var orgs []*Org
	for i := len(s.Orgs()) - 1; i >= 0; i-- { // any order will do
		o, err := DecodeOrg(s.Network(), s.Orgs()[i].Encode())
		if err != nil {
			t.Fatal(err)
		}
		orgs = append(orgs, o)
	}
	anew, err := NewState(hs, orgs, s.Past(), s.BatchTips())
	if err != nil {
		t.Fatal(err)
	}
	if !anew.Equal(s) || !s.Equal(anew) {
		t.Fatal("a state put together from the parts of another differs from it")
	}
	if !reflect.DeepEqual(contentsOf(anew), contentsOf(s)) {
		t.Fatal("member lookups differ from those built anew")
	}
	for _, o := range s.Orgs() {
		byID, _ := s.Org(o.ID)
		byKey, _ := s.OrgByKey(o.Key)
		byRecorder, _ := s.OrgByRecorder(o.Nodes[0].Recorder)
		byNode, _ := s.OrgByNode(o.Nodes[0].Node)
		if byID != o || byKey != o || byRecorder != o || byNode != o || s.OrgsByDomain(o.Domains[0])[0] != o {
			t.Fatalf("organisation %s is not found in all ways", o.Name)
		}
	}
}

func TestNewStateRefusesSharedKeys(t *testing.T) {
	f := newRuleFixture(t)
	orgs := f.state.Orgs()
	copied := *orgs[0]
	copied.ID[0] ^= 1
	for name, orgs := range map[string][]*Org{
		"one organisation twice":     {orgs[0], orgs[0]},
		"two IDs with the same keys": {orgs[0], &copied},
	} {
		if _, err := NewState(f.state.HeaderState(), orgs, nil, nil); ruleOf(err) != RuleDuplicateKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDomainClaimsAreShared(t *testing.T) {
	f := newRuleFixture(t)
	e := f.gamma.unsigned(f.state.ChainID())
	e.Enrol().Domains = []string{"beta.example"}
	before := f.state
	f.extend(t, f.alpha, []OrgEvent{f.gamma.finish(e, 4)}, nil)
	claimants := f.state.OrgsByDomain("beta.example")
	if len(claimants) != 2 || compareHashes(claimants[0].ID, claimants[1].ID) >= 0 {
		t.Errorf("claimants of a shared domain: %v", claimants)
	}
	if claimants := before.OrgsByDomain("beta.example"); len(claimants) != 1 {
		t.Errorf("the state before has %d claimants, it had one", len(claimants))
	}
}

// TestValidateBatchesAfterForgery checks which batches of a list fall when one
// signature is wrong: that one and its key's later ones, nobody else's.
func TestValidateBatchesAfterForgery(t *testing.T) {
	f := newRuleFixture(t)
	own := f.run(3)
	batches := []Batch{own[0], own[1], f.beta.batch(f.state, f.state.Time()+1), own[2]}
	for i, err := range ValidateBatches(f.state, nil, batches) {
		if err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
	}
	batches[1].Signature[0] ^= 1
	want := []string{"", RuleBatchSignature, "", RuleBatchPrev}
	for i, err := range ValidateBatches(f.state, nil, batches) {
		if ruleOf(err) != want[i] {
			t.Errorf("batch %d: %v, want %q", i, err, want[i])
		}
	}
	if errs := ValidateBatches(f.state, nil, nil); len(errs) != 0 {
		t.Errorf("no batches: %v", errs)
	}
}
