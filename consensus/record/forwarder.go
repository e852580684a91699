package record

import (
	"cairn/consensus"
)

// KnownForwarders returns who sent a message on, for each hop but the original
// the forwarder that accounts for it, the latest first; ok only if each hop has
// one. hops are what Custody returned without an error. A forwarder accounts
// for a hop if it is authenticated, its own node having recorded what it sent
// on, and if the record below that hop is for its posting address: so what the
// author sent there, and nothing else, came this way.
//
// known are those of the account that the message is for. speaks reports
// whether the organisation that has the recorder key is trusted for a domain.
func KnownForwarders(hops []Hop, known []Forwarder, speaks func(recorder consensus.Key, domain string) bool) (list []Forwarder, ok bool) {
	if len(hops) < 2 {
		return nil, false
	}
	trusted := make(map[consensus.Key]map[string]bool)
	asked := func(recorder consensus.Key, domain string) bool {
		if trusted[recorder] == nil {
			trusted[recorder] = make(map[string]bool)
		}
		answer, before := trusted[recorder][domain]
		if !before {
			answer = speaks(recorder, domain)
			trusted[recorder][domain] = answer
		}
		return answer
	}
	for i, hop := range hops[:len(hops)-1] {
		below, found := hops[i+1].Token, false
		for _, f := range known {
			if found = asked(hop.Token.Recorder, f.Domain) && below.HasRecipient(f.Posting); found {
				list = append(list, f)
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return list, true
}
