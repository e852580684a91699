package limits

import "time"

// knownShare is how many recipients a peer may name for each that is known, before most count as
// unknown: who looks for mailboxes finds few, and who brings the mail of many has few that are not
// here.
const knownShare = 5

// fades is how often the recipients that were named count half.
const fades = 24 * time.Hour

// named is how many recipients were named in the last days, and how many of them were unknown.
type named struct {
	day          uint16 // since the Table began
	all, unknown uint32
}

// count counts more that were named, or that turned out to be unknown.
func (n *named) count(all, unknown uint32, now int64) {
	day := uint16(now / int64(fades))
	passed := day - n.day
	n.all, n.unknown, n.day = n.all>>passed+all, n.unknown>>passed+unknown, day
}

// mostlyUnknown reports whether fewer than one in knownShare are known.
func (n *named) mostlyUnknown() bool {
	all := max(n.all, n.unknown)
	return uint64(all-n.unknown)*knownShare < uint64(all)
}
