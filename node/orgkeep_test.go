package node

import (
	"errors"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// What nobody has edited stays as a command has made it.
func TestEditedConfiguration(t *testing.T) {
	before := &consensus.Update{Name: "Alpha", Domains: []string{"alpha.test"}, Records: consensus.RecordsSome}
	chain := consensus.Update{Name: "Alpha Ltd", Domains: []string{"alpha.test", "more.test"}, Records: consensus.RecordsAll, ThresholdFloor: 80}
	for what, tt := range map[string]struct{ now, want consensus.Update }{
		"nothing": {*before, chain},
		"name": {
			consensus.Update{Name: "New", Domains: before.Domains, Records: before.Records},
			consensus.Update{Name: "New", Domains: chain.Domains, Records: chain.Records, ThresholdFloor: 80},
		},
		"the rest": {
			consensus.Update{Name: "Alpha", Domains: []string{"other.test"}, Records: consensus.RecordsNone, ThresholdFloor: 60},
			consensus.Update{Name: "Alpha Ltd", Domains: []string{"other.test"}, Records: consensus.RecordsNone, ThresholdFloor: 60},
		},
	} {
		u := chain
		if got := Edited(&u, before, &tt.now); !SameProfile(got, &tt.want) {
			t.Errorf("%s: %+v, want %+v", what, got, tt.want)
		}
	}
}

// What was said of the configuration is taken back once the organisation is as that says. What could not be
// looked up is no change of the configuration.
func TestConfigurationReconciled(t *testing.T) {
	n, _ := alone(t)
	s := n.chain.State()
	n.refuseConfigured(errors.New("no key is here"))
	n.cfg.Organisation.Name = "Beta"
	if err := n.reconcileConfigured(t.Context(), s); err != nil || n.configProblem.Load() == nil {
		t.Errorf("while they differ: %v, %v", err, n.configProblem.Load())
	}
	n.cfg.Organisation.Name = "Alpha"
	if err := n.reconcileConfigured(t.Context(), s); err != nil || n.configProblem.Load() != nil {
		t.Errorf("once they agree: %v, %v", err, n.configProblem.Load())
	}
	n.now = func() time.Time { return unixMilli(s.Time()) }
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.Space(orgSpace).Put([]byte(configuredKey), []byte("{")) })
	if err != nil {
		t.Fatal(err)
	}
	if done, err := n.proposeConfigured(t.Context(), s); done || err == nil || n.configProblem.Load() != nil {
		t.Errorf("with a damaged note: %v, %v, %v", done, err, n.configProblem.Load())
	}
}
