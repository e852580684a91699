package node

import (
	"slices"
	"testing"

	"cairn/consensus"
	"cairn/node/membership"
)

// The founder's organisation that invites with a later key than it founded the network with is one,
// by that key.
func TestInviteWithALaterKey(t *testing.T) {
	founder := &consensus.Enrol{Domains: []string{"alpha.test"}, OrgKey: consensus.Key{1}}
	for name, tt := range map[string]struct {
		invite membership.Invite
		want   []Pin
	}{
		"the founder, same key": {
			membership.Invite{OrgKey: consensus.Key{1}, Domains: []string{"alpha.test"}},
			[]Pin{{Domain: "alpha.test", Key: consensus.Key{1}, Source: PinGenesis}, {Domain: "alpha.test", Key: consensus.Key{1}, Source: PinInvite}},
		},
		"the founder, later key": {
			membership.Invite{OrgKey: consensus.Key{2}, Domains: []string{"alpha.org", "alpha.test"}},
			[]Pin{{Domain: "alpha.org", Key: consensus.Key{2}, Source: PinInvite}, {Domain: "alpha.test", Key: consensus.Key{2}, Source: PinInvite}},
		},
		"another": {
			membership.Invite{OrgKey: consensus.Key{3}, Domains: []string{"beta.test"}},
			[]Pin{{Domain: "alpha.test", Key: consensus.Key{1}, Source: PinGenesis}, {Domain: "beta.test", Key: consensus.Key{3}, Source: PinInvite}},
		},
	} {
		if got := othersPins(founder, &tt.invite); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
