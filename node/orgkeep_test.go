package node

import (
	"errors"
	"testing"
	"time"

	"cairn/mailstore"
)

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
