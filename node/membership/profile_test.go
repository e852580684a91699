package membership

import (
	"testing"

	"cairn/consensus"
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
