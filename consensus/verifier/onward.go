package verifier

import (
	"context"
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
)

// onward is what is kept about mail that known forwarders sent on, so that it can be judged anew
// when one of them is trusted no longer, and when it is again.
type onward struct {
	By []handler `json:"by"` // the latest first
	// Direct: the author's record names the recipient itself too.
	Direct bool `json:"direct,omitempty"`
	// Distrusted: one of them is not trusted now, so that the facts are those of mail that a
	// stranger sent on. The others are what they were before.
	Distrusted bool `json:"distrusted,omitempty"`
	InRecord   bool `json:"in_record,omitempty"` // Facts.RecipientInRecord
	Compared   bool `json:"compared,omitempty"`  // that of Facts.Comparison
}

// handler is a forwarder and the organisation that recorded in its name.
type handler struct {
	Domain string         `json:"domain"`
	Org    consensus.Hash `json:"org"`
}

// onwardBy notes who sent a message on.
func onwardBy(s *consensus.State, h handed, hops []record.Hop) *onward {
	o := new(onward)
	for i, f := range h.by {
		if org, ok := sealer(s, hops[i].Token.Recorder); ok {
			o.By = append(o.By, handler{Domain: f.Domain, Org: org.ID})
		}
	}
	return o
}

// original is the finding about what the author sent, of a message that known
// forwarders sent on.
func (v *Verifier) original(as *Assessment, w *way, h handed) (*Finding, error) {
	with := v.cfg().Context
	with.Forwarder = &h.by[0]
	if as.alone {
		with.Recipient = as.arrival.Recipients[0]
	}
	f, err := v.about(as, w, h.original.Token, with)
	if err != nil {
		return nil, err
	}
	f.Facts.Forwarder = h.by[0].Domain
	f.Onward = onwardBy(as.state, h, w.hops)
	f.Facts.OwnCourier = as.top.Facts.OwnCourier // of the forwarder, whose record's age counts
	return f, nil
}

// sentOnBy reports whether a known forwarder of that domain sent the message on.
func (f *Finding) sentOnBy(domain string) bool {
	return f.Onward != nil && slices.ContainsFunc(f.Onward.By, func(h handler) bool { return h.Domain == domain })
}

// askOnward asks whether all that sent a message on are still trusted for the domains that they did
// it as: NamesNot if one of them is not.
func (v *Verifier) askOnward(ctx context.Context, s *consensus.State, f *Finding) Answer {
	all := Names
	ask := v.trust.asker(ctx, s)
	for _, h := range f.Onward.By {
		org, ok := s.Org(h.Org)
		if !ok {
			return NoAnswer // of another branch of the chain
		}
		switch _, a := ask(h.Domain, org); a {
		case NamesNot:
			return NamesNot
		case NoAnswer:
			all = NoAnswer
		}
	}
	return all
}

// sentOnAs makes f's facts those of mail that known forwarders sent on, or that a stranger did.
// Without an answer they stay as they are.
func (f *Finding) sentOnAs(a Answer) {
	o, facts := *f.Onward, &f.Facts
	switch {
	case a == NamesNot && !o.Distrusted:
		o.Distrusted = true
		o.InRecord, o.Compared = facts.RecipientInRecord, facts.Comparison.RecipientInRecord
		facts.RecipientInRecord, facts.Comparison.RecipientInRecord = o.Direct, o.Direct
		facts.Stranger, facts.HandedClaims, facts.Forwarder = true, facts.Forwarder, ""
	case a == Names && o.Distrusted:
		facts.RecipientInRecord, facts.Comparison.RecipientInRecord = o.InRecord, o.Compared
		facts.Stranger, facts.HandedClaims, facts.Forwarder = false, "", facts.HandedClaims
		o.Distrusted, o.InRecord, o.Compared = false, false, false
	}
	f.Onward = &o
}
