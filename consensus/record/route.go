package record

import (
	"bytes"
	"slices"

	"cairn/mailstore/message"
)

const maxHops = 64 // Received fields among which a route is looked for

// findRoute looks for the recorded way, of which less stands below the token, among all Received
// fields: a relay that reorders fields put the token further down. It is the lowest of them, as
// hops go on top.
func (c *comparer) findRoute() {
	ours, theirs := c.origin.of(message.Route), c.received(message.Route)
	if len(ours) != 1 || len(theirs) == 1 && ours[0].is(theirs[0].digest) {
		return
	}
	below := 0
	if len(theirs) == 1 {
		below = bytes.Count(theirs[0].Content(), []byte("\n")) + 1
	}
	for n := below + 1; n <= maxHops; n++ {
		way := c.d.LowestHops(n)
		if len(way) == 0 || !c.origin.budget.spend(way[0].Size()+tryWork) {
			return
		}
		if ours[0].is(way[0].Digest()) {
			c.arrivals = slices.DeleteFunc(c.arrivals, func(a arrival) bool { return isTrace(a.Type) })
			c.arrive(way)
			return
		}
	}
}
