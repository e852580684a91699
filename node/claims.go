package node

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cairn/consensus"
)

// Bounds of what a report says about strangers, who choose their own names.
const (
	maxClaims    = 5
	maxClaimName = 24 // octets
)

// claimsOn tells people who claims a domain that nobody is trusted for: how many, since when, and
// who they are, oldest claim first, at most maxClaims. It has no key. Whoever is in a hurry pastes
// what stands there, and anybody can claim any domain; the key has to come from the organisation
// itself. since gives the time of a block, zero if it is not known.
func claimsOn(domain string, claims []*consensus.Org, since func(height uint64) time.Time) string {
	list := make([]string, 0, maxClaims+1)
	for i, org := range byAge(claims) {
		if i == maxClaims {
			list = append(list, fmt.Sprintf("%d more", len(claims)-i))
			break
		}
		when := ""
		if t := since(org.Height); !t.IsZero() {
			when = " of " + t.UTC().Format(time.DateOnly)
		}
		list = append(list, fmt.Sprintf("%s (id %.8s, since block %d%s)", shortName(org.Name), org.ID, org.Height, when))
	}
	number := "1 member claims"
	if len(claims) != 1 {
		number = fmt.Sprintf("%d members claim", len(claims))
	}
	return fmt.Sprintf("%s this domain, which proves nothing: %s; before one is trusted, somebody at the organisation has to read out "+
		"the fingerprint of its key over another way than this network, such as the telephone, and the node's administrator "+
		"compares it with what the command \"cairn org trust %s\" shows", number, strings.Join(list, ", "), domain)
}

// byAge sorts claims of a domain, the oldest first.
func byAge(claims []*consensus.Org) []*consensus.Org {
	return slices.SortedFunc(slices.Values(claims), func(a, b *consensus.Org) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), slices.Compare(a.ID[:], b.ID[:]))
	})
}

// shortName quotes a name that a stranger chose.
func shortName(name string) string {
	if len(name) > maxClaimName {
		cut := maxClaimName
		for cut > 0 && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut] + "..."
	}
	return strconv.Quote(name)
}

// blockTime returns the time of the block at a height of the best branch, zero if it is not there.
func (n *Node) blockTime(height uint64) time.Time {
	i, ok := n.chain.IndexAt(height)
	if !ok {
		return time.Time{}
	}
	b, err := n.chain.Block(i.ID)
	if err != nil {
		return time.Time{}
	}
	return unixMilli(b.Header.Time)
}
