package screen

import (
	"slices"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// Finding is what the verifier found out about one recipient's copy, as far as its place depends on
// it.
type Finding struct {
	Verdict record.Verdict
	Reasons []string // of the verdict

	From    string   // address of the first author, domain as A-label
	Domains []string // of all authors, A-labels

	Own         bool     // claims one of our own domains from outside, or may
	Untold      bool     // the latter: whom it claims cannot be told
	Lasting     bool     // invalid for what no later block, enrolment or pin can put right
	Decisive    bool     // something but the envelope recipient differs as no honest relay makes it
	Before      bool     // the record was used before, or is too old
	Unnamed     bool     // the record does not name the envelope recipient
	RecordedFor []string // addresses in To and Cc that the record names
	Forwarder   string   // the known forwarder's domain
}

// FindingOf takes from a judged finding what Decide asks for. domains are those of all authors.
func FindingOf(verdict record.Verdict, reasons, domains []string, f *record.Facts) Finding {
	return Finding{
		Verdict: verdict, Reasons: reasons, From: f.From, Domains: domains,
		Own:         f.OwnDomain != "",
		Untold:      f.OwnDomain == message.AnyDomain,
		Lasting:     f.TokenUnsound || f.TokenValid && f.Below(),
		Decisive:    f.Decisive(),
		Before:      f.Replayed || f.Old(),
		Unnamed:     !f.Named(),
		RecordedFor: slices.Clone(f.RecordedFor),
		Forwarder:   f.Forwarder,
	}
}

// Evidence is the finding as evidence: the result of the record, with the verdict at this moment,
// and that of the forwarder if one is known.
func (f Finding) Evidence() Evidence {
	result := Fail
	switch f.Verdict {
	case record.Verified:
		result = Pass
	case record.Vouched, record.Pending:
		result = Neutral
	case record.Unrecorded:
		result = None
	case record.Differs, record.Replayed:
		result = ByPolicy
	}
	e := Evidence{{
		Method: MethodRecord, Result: result, About: message.Domain(f.From), Property: "header.from",
		Reason: "verdict=" + string(f.Verdict),
	}}
	if f.Forwarder != "" {
		e = append(e, Result{Method: MethodForwarder, Result: Pass, About: f.Forwarder, Property: "policy.domain", Reason: "sent on by a known forwarder"})
	}
	return e
}
