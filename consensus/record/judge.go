package record

import (
	"fmt"
)

// Verdict is what a record says about a message that arrived.
type Verdict string

// The verdicts; doc/protocol.md says when each is given.
const (
	Verified   Verdict = "verified"
	Vouched    Verdict = "vouched"
	Pending    Verdict = "pending"
	Differs    Verdict = "changed"
	Missing    Verdict = "missing"
	Unrecorded Verdict = "unrecorded"
	Replayed   Verdict = "replayed"
	Invalid    Verdict = "invalid"
)

// Inclusion says how far the record's micro-root got on the chain.
type Inclusion string

// The states of inclusion.
const (
	InclusionNone     Inclusion = "none"     // no batch with that root was seen yet
	InclusionPending  Inclusion = "pending"  // in a batch that no block of the best chain holds
	InclusionIncluded Inclusion = "included" // in a block of the best chain
	InclusionConflict Inclusion = "conflict" // another root stands at that place
	InclusionExpired  Inclusion = "expired"  // not in a block after 100 blocks
)

// DefaultThreshold is the least share, in percent, of a message that is called changed rather than invalid.
const DefaultThreshold = 75

// Facts is all that a verdict depends on.
type Facts struct {
	Comparison Comparison

	TokenPresent bool
	TokenValid   bool   // decoded, of this chain, path and signature right, key of a known organisation
	TokenFault   string // why it is not valid, for people

	Inclusion         Inclusion
	Recorder          string // name of the recording organisation, for people
	FromDomainIsOrg   bool   // the From domain is one of the recording organisation's
	OrgTrusted        bool   // and it is trusted for that domain, by pin or DNS
	OrgPinned         bool   // the recording organisation is pinned by this node, for whatever domain
	RecipientInRecord bool
	Replayed          bool // this record was accepted for this recipient before
	DeclaresAll       bool // an organisation that speaks for a From domain, not the recording one, declared that it records all its mail
	Threshold         int  // percent; 0 is DefaultThreshold
}

// Judge returns the verdict and its reasons, the weightiest first. It depends on f alone.
func Judge(f Facts) (Verdict, []string) {
	threshold := f.Threshold
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	will, why := f.recordedBy()
	switch {
	case !f.TokenPresent && f.DeclaresAll:
		return Missing, []string{"no record, but the sender's organisation declared that it records all its mail"}
	case !f.TokenPresent:
		return Unrecorded, []string{"no record"}
	case !f.TokenValid:
		return Invalid, []string{orElse(f.TokenFault, "the token is not valid")}
	case f.Inclusion == InclusionConflict:
		return Invalid, []string{"the chain holds another record in the place that the token names"}
	case f.Inclusion == InclusionExpired:
		return Invalid, []string{"the record did not get into a block in time"}
	case !f.Comparison.Reaches(threshold):
		return Invalid, append([]string{shareReason(f.Comparison, "less than", threshold)}, f.Comparison.Differences()...)
	case f.DeclaresAll && !f.OrgPinned:
		// Anybody can enrol and record mail in others' names.
		return Missing, append([]string{
			"the sender's organisation declared that it records all its mail, but this is not its record",
			why + "; this node has not pinned " + orElse(f.Recorder, "that one"),
		}, f.Comparison.Differences()...)
	case !f.RecipientInRecord || !f.Comparison.RecipientInRecord:
		return Replayed, append([]string{"the envelope recipient is not in the record"}, f.Comparison.Differences()...)
	case !f.Comparison.AllSame():
		// Of a changed copy of what was delivered before, the change is what
		// its reader has to know.
		reasons := changedReasons(f.Comparison, threshold, why)
		if f.Replayed {
			reasons = append(reasons, deliveredBefore)
		}
		return Differs, reasons
	case f.Replayed:
		return Replayed, []string{deliveredBefore}
	}
	if f.Inclusion != InclusionIncluded {
		return Pending, []string{"not in a block yet, then it will be " + string(will), why}
	}
	return will, []string{"all parts are as recorded", why}
}

// recordedBy says who recorded a message, and what it comes to if all of it is as recorded and in a block.
func (f Facts) recordedBy() (will Verdict, why string) {
	switch {
	case !f.FromDomainIsOrg:
		return Vouched, "recorded by " + orElse(f.Recorder, "another organisation") + ", not by the From domain's organisation"
	case !f.OrgTrusted:
		return Vouched, "recorded by " + orElse(f.Recorder, "an organisation") + ", which claims the From domain, but its key is neither pinned nor published in that domain's DNS"
	}
	return Verified, "recorded by " + orElse(f.Recorder, "the sender's organisation") + ", which is trusted for the From domain"
}

const deliveredBefore = "this record was delivered to this recipient before"

func changedReasons(c Comparison, threshold int, why string) []string {
	reasons := []string{shareReason(c, "at least", threshold)}
	if !c.MayBeWanted() {
		reasons = append(reasons, "a difference that no honest relay makes: it cannot count as wanted")
	}
	return append(append(reasons, why), c.Differences()...)
}

func shareReason(c Comparison, how string, threshold int) string {
	return fmt.Sprintf("%d of %d parts are as recorded, %s %d %%", c.Same, c.Recorded+c.Extra, how, threshold)
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
