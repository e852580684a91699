package verifier

import (
	"context"
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
)

// onward is what is kept about mail that known forwarders sent on, or strangers that are trusted
// and that it was written to, so that it can be judged anew when one of them is trusted no longer,
// and when it is again.
type onward struct {
	By []handler `json:"by"` // the latest first
	// Strangers: nobody here has named them.
	Strangers bool `json:"strangers,omitempty"`
	// Unanswered: the DNS of one of them did not answer; it is asked again.
	Unanswered bool `json:"unanswered,omitempty"`
	// Direct: the author's record names the recipient itself too.
	Direct bool `json:"direct,omitempty"`
	// Distrusted: one of them is not trusted now, so that the facts are those of mail that a
	// stranger sent on. The others are what they were before.
	Distrusted bool   `json:"distrusted,omitempty"`
	InRecord   bool   `json:"in_record,omitempty"` // Facts.RecipientInRecord
	Compared   bool   `json:"compared,omitempty"`  // that of Facts.Comparison
	Handed     string `json:"handed,omitempty"`    // Facts.Handed, of strangers
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

// sentOnBy reports whether the message was sent on as that domain.
func (f *Finding) sentOnBy(domain string) bool {
	return f.Onward != nil && slices.ContainsFunc(f.Onward.By, func(h handler) bool { return h.Domain == domain })
}

// askOnward asks of each that sent a message on whether it is still trusted for the domain that it
// did it as. Of a domain whose pin was taken back, the silence of its DNS says no: what was known
// before, was by the pin.
func (v *Verifier) askOnward(ctx context.Context, s *consensus.State, f *Finding, unpinned string) []Answer {
	ask := v.trust.asker(ctx, s)
	answers := make([]Answer, len(f.Onward.By))
	for i, h := range f.Onward.By {
		org, ok := s.Org(h.Org)
		if !ok {
			answers[i] = NoAnswer // of another branch of the chain
			continue
		}
		if _, answers[i] = ask(h.Domain, org); answers[i] == NoAnswer && h.Domain == unpinned {
			answers[i] = silentNo
		}
	}
	return answers
}

// silentNo is NamesNot for want of an answer.
const silentNo Answer = "silent-no"

// sentOnAs makes f's facts those of mail that known forwarders sent on, or that a stranger did.
// Where one is trusted no longer, all are strangers; without an answer the facts stay as they are.
func (f *Finding) sentOnAs(answers []Answer) {
	o, facts := *f.Onward, &f.Facts
	silent := func(a Answer) bool { return a == NoAnswer || a == silentNo }
	no := func(a Answer) bool { return a == NamesNot || a == silentNo }
	o.Unanswered = slices.ContainsFunc(answers, silent)
	a := Names
	switch {
	case slices.ContainsFunc(answers, no):
		a = NamesNot
	case o.Unanswered:
		a = NoAnswer
	}
	switch {
	case a == NamesNot && !o.Distrusted && o.Strangers:
		o.Distrusted, o.Handed = true, facts.Handed
		facts.WrittenTo = false
		if no(answers[0]) {
			facts.Handed = ""
		}
	case a == Names && o.Distrusted && o.Strangers:
		facts.Handed, facts.WrittenTo = o.Handed, true
		o.Distrusted, o.Handed = false, ""
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
