package membership

import (
	"slices"

	"cairn/consensus"
)

// ProfileOf is what an organisation's entry says of it, as an update would.
func ProfileOf(o *consensus.Org) *consensus.Update {
	return &consensus.Update{Name: o.Name, Domains: o.Domains, Records: o.Records, ThresholdFloor: o.ThresholdFloor}
}

// SameProfile reports whether two updates say the same.
func SameProfile(a, b *consensus.Update) bool {
	return a.Name == b.Name && slices.Equal(a.Domains, b.Domains) && a.Records == b.Records && a.ThresholdFloor == b.ThresholdFloor
}

// Edited changes u, and returns it, to have what differs between before and now: what was changed
// by a command stays where nobody has edited it.
func Edited(u, before, now *consensus.Update) *consensus.Update {
	if before.Name != now.Name {
		u.Name = now.Name
	}
	if !slices.Equal(before.Domains, now.Domains) {
		u.Domains = now.Domains
	}
	if before.Records != now.Records {
		u.Records = now.Records
	}
	if before.ThresholdFloor != now.ThresholdFloor {
		u.ThresholdFloor = now.ThresholdFloor
	}
	return u
}
