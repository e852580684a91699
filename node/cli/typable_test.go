package cli

import (
	"fmt"
	"strings"
	"testing"

	"cairn/node/api"
)

// Every next step in a status can be typed as it stands, at whatever depth it lies.
func TestNextStepsInStatusAreComplete(t *testing.T) {
	dir := at(t, &desk{status: api.Status{
		SilentPeers: []api.Silent{{Next: "cairn 1"}}, Mail: api.MailStatus{Next: "cairn 2"}, Chain: api.ChainStatus{MiningNext: "cairn 3"},
		Org: api.OrgSummary{RefusedNext: "cairn 4", Overtaken: []api.OvertakenEvent{{Next: "cairn 5"}}},
	}})
	_, status, _ := cairn(t, "", "status", "--json", "--dir", dir)
	for n := range 5 {
		if want := fmt.Sprintf(`next": "cairn %d --dir %s"`, n+1, dir); !strings.Contains(status, want) {
			t.Errorf("%s is not in %s", want, status)
		}
	}
}
