package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/p2p"
)

// What is to be done without the key names the command for what was edited, and nothing else.
func TestUpdateByHand(t *testing.T) {
	before := &consensus.Update{Name: "Alpha", Domains: []string{"alpha.test"}, Records: consensus.RecordsSome}
	now := &consensus.Update{Name: "Al's", Domains: []string{"alpha.test", "beta.test"}, Records: consensus.RecordsAll, ThresholdFloor: 5}
	for want, u := range map[string]*consensus.Update{
		`put keys/org.pem there, then: cairn org update --name 'Al'\''s' --domain alpha.test --domain beta.test --records all --threshold-floor 5`: now,
		`put keys/org.pem there, then: cairn org update --name Beta`:                                                                               {Name: "Beta", Domains: before.Domains, Records: before.Records},
	} {
		if got := updateByHand(before, u); got != want && got != strings.ReplaceAll(want, "Beta", "'Beta'") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What was said of the configuration is taken back once the organisation is as that says. What
// could not be looked up is no change of the configuration.
func TestConfigurationReconciled(t *testing.T) {
	n, _ := alone(t)
	s := n.chain.State()
	n.refuseConfigured(errors.New("no key is here"))
	n.cfg.Organisation.Name = "Beta"
	if err := n.reconcileConfigured(t.Context(), s); err != nil || n.configProblem.Load() == nil {
		t.Errorf("while they differ: %v, %v", err, n.configProblem.Load())
	}
	n.cfg.Organisation.Name = "Alpha"
	n.cfg.Organisation.ThresholdFloor = 60 // unlike the chain, and not edited
	before, err := profileOf(&n.cfg.Organisation)
	if err != nil {
		t.Fatal(err)
	}
	before.Name = "Alpha of before"
	if _, err := n.noteConfigured(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if err := n.reconcileConfigured(t.Context(), s); err != nil || n.configProblem.Load() != nil {
		t.Errorf("once they agree: %v, %v", err, n.configProblem.Load())
	}
	n.now = func() time.Time { return unixMilli(s.Time()) }
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(orgSpace).Put([]byte(configuredKey), []byte("{")) })
	if err != nil {
		t.Fatal(err)
	}
	if done, err := n.proposeConfigured(t.Context(), s); done || err == nil || n.configProblem.Load() != nil {
		t.Errorf("with a damaged note: %v, %v, %v", done, err, n.configProblem.Load())
	}
}

// A copy of a node proposes nothing until it is said which one stays.
func TestCopyProposesNothing(t *testing.T) {
	n, _ := alone(t)
	s := n.chain.State()
	n.now = func() time.Time { return unixMilli(s.Time()) }
	n.cfg.Organisation.Name = "Beta"
	if _, err := n.copies.found(p2p.Copy{}, 0, n.now()); err != nil {
		t.Fatal(err)
	}
	if done, err := n.proposeConfigured(t.Context(), s); done || err != nil || n.configProblem.Load() != nil {
		t.Errorf("two copies: %v, %v, %v", done, err, n.configProblem.Load())
	}
	if ok, err := n.copies.stay(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if done, err := n.proposeConfigured(t.Context(), s); !done || err != nil {
		t.Errorf("the one that stays: %v, %v, %v", done, err, n.configProblem.Load())
	}
}
