package verifier

import (
	"context"
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
)

// onward is what is kept about mail that others sent on, so that it can be judged anew when one of
// them is trusted no longer, and when it is, or is again.
type onward struct {
	By []handler `json:"by"` // the latest first
	// Unanswered: the DNS of one of them did not answer; it is asked again.
	Unanswered bool `json:"unanswered,omitempty"`

	// Strangers: nobody here has named them. Unwritten: not each of them had what it sent on
	// written to it; By is the latest alone then.
	Strangers bool `json:"strangers,omitempty"`
	Unwritten bool `json:"unwritten,omitempty"`

	// Of known forwarders. Direct: the author's record names the recipient itself too. Distrusted:
	// one of them is not trusted now, so that the facts are those of mail that a stranger sent on;
	// the others are what they were before.
	Direct     bool `json:"direct,omitempty"`
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

// sentOnBy reports whether the message was sent on as that domain.
func (f *Finding) sentOnBy(domain string) bool {
	return f.Onward != nil && slices.ContainsFunc(f.Onward.By, func(h handler) bool { return h.Domain == domain })
}

// askOnward asks of each that sent a message on whether it still claims the domain that it did it
// as, and is trusted for that. Of a domain whose pin was taken back, the silence of its DNS says
// no: that it was known was by the pin, if the DNS has not said so since.
func (v *Verifier) askOnward(ctx context.Context, s *consensus.State, f *Finding, unpinned string) []Answer {
	return f.Onward.ask(s, v.trust.asker(ctx, s), unpinned)
}

func (o *onward) ask(s *consensus.State, ask asker, unpinned string) []Answer {
	answers := make([]Answer, len(o.By))
	for i, h := range o.By {
		org, ok := s.Org(h.Org)
		switch {
		case !ok:
			answers[i] = NoAnswer // of another branch of the chain
		case !claims(org, []string{h.Domain}):
			answers[i] = NamesNot
		default:
			if _, answers[i] = ask(h.Domain, org); answers[i] == NoAnswer && h.Domain == unpinned {
				answers[i] = silentNo
			}
		}
	}
	return answers
}

// silentNo is NamesNot for want of an answer.
const silentNo Answer = "silent-no"

func (a Answer) isSilent() bool { return a == NoAnswer || a == silentNo }

func (a Answer) isNo() bool { return a == NamesNot || a == silentNo }

// all is what answers come to: NamesNot if one says no, NoAnswer if one is missing, else Names.
func all(answers []Answer) Answer {
	switch {
	case slices.ContainsFunc(answers, Answer.isNo):
		return NamesNot
	case slices.ContainsFunc(answers, Answer.isSilent):
		return NoAnswer
	}
	return Names
}

// sentOnAs makes f's facts those of mail that came by those who are trusted now, by what was asked
// about each that sent it on. Without an answer they stay as they are.
func (f *Finding) sentOnAs(answers []Answer) {
	o := *f.Onward
	f.Onward = &o
	o.Unanswered = slices.ContainsFunc(answers, Answer.isSilent)
	if o.Strangers {
		f.sentByStrangers(answers)
	} else {
		f.sentByKnown(all(answers))
	}
}

// sentByStrangers: the latest has a name while it is trusted for it, and what they sent on was
// written to them while all are.
func (f *Finding) sentByStrangers(answers []Answer) {
	switch latest := answers[0]; {
	case latest == Names:
		f.Facts.Handed = f.Onward.By[0].Domain
	case latest.isNo():
		f.Facts.Handed = ""
	}
	switch all(answers) {
	case Names:
		f.Facts.WrittenTo = !f.Onward.Unwritten
	case NamesNot:
		f.Facts.WrittenTo = false
	}
}

// sentByKnown: where one forwarder is trusted no longer, all are strangers.
func (f *Finding) sentByKnown(a Answer) {
	o, facts := f.Onward, &f.Facts
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
}
