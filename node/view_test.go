package node

import "testing"

// A founder that is alone has nobody to hear of its own records from, and may
// be the one that mines no blocks.
func TestFounderKnowsOwnRecords(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test") // long ago
	quiet(t, dir, nil)
	n := open(t, dir)
	if s := n.chain.State(); n.tipIsYoung(s) || !n.viewIsOld(s) || !n.knowsOwnRecords(s) {
		t.Errorf("young: %v, old view: %v, may sign: %v", n.tipIsYoung(s), n.viewIsOld(s), n.knowsOwnRecords(s))
	}
}
