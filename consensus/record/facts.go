package record

import (
	"math"
	"slices"
	"strings"
	"time"

	"cairn/mailstore/message"
)

// Inclusion says how far the record's micro-root got on the chain.
type Inclusion string

// The states of inclusion.
const (
	InclusionNone     Inclusion = "none"     // in no block of the best chain yet
	InclusionIncluded Inclusion = "included" // in a block of the best chain
	InclusionConflict Inclusion = "conflict" // another root stands at that place
	InclusionExpired  Inclusion = "expired"  // not in a block after 100 blocks, where batch times are in order
	InclusionLate     Inclusion = "late"     // not in a block after 100 blocks, and may yet get into one
	InclusionLapsed   Inclusion = "lapsed"   // awaited no longer
)

// DefaultThreshold is the least share, in percent, of a message that is called changed rather than
// invalid.
const DefaultThreshold = 75

// MaxAge is how long after its record's time a mail may arrive. Older records are replayed, unless
// who brings the mail explains it.
const MaxAge = 30 * 24 * time.Hour

// Facts is all that a verdict depends on. It is kept with stored mail as JSON; a field that is not
// there, in a finding from before it was known, is zero and changes no verdict.
type Facts struct {
	Comparison Comparison

	TokenPresent bool
	TokenValid   bool   // decoded, of this chain, path and signature right, key of a known organisation
	TokenFault   string // why it is not valid, for people
	TokenUnknown bool   `json:",omitempty"` // of a version not known here: as if there were none
	TokenUnsound bool   `json:",omitempty"` // malformed or signed wrongly: no block will put that right
	NotRecorded  string `json:",omitempty"` // why this node delivered mail of its own without a token

	Inclusion         Inclusion
	Recorder          string // name of the recording organisation, for people
	RecorderDomain    string `json:",omitempty"` // its domain, that of From if it has it; A-label
	FromDomainIsOrg   bool   // the From domain is one of the recording organisation's
	OrgTrusted        bool   // and it is trusted for that domain, by pin or DNS
	OrgPinned         bool   // the recording organisation is pinned by this node, for whatever domain
	RecipientInRecord bool
	Replayed          bool // this record was accepted for this recipient before
	DeclaresAll       bool // an organisation that speaks for a From domain, not the recording one, declared that it records all its mail

	// RecordVersion is 0 in findings from before it was kept: those keep their verdict.
	RecordVersion uint8  `json:",omitempty"`
	RecordTime    uint64 `json:",omitempty"` // in the record, unix ms
	ArrivalTime   uint64 `json:",omitempty"` // unix ms; 0: no arrival but a file, or from before it was kept
	ClockWrong    bool   `json:",omitempty"` // this node's clock was known to be wrong then

	From       string `json:",omitempty"` // address of the first author, domain as A-label, printable ASCII
	OwnDomain  string `json:",omitempty"` // domain of this node's organisation that mail from outside claims without its record
	OwnCourier bool   `json:",omitempty"` // a node of the recording organisation brought it
	Forwarder  string `json:",omitempty"` // domain of the known forwarder that sent it on, A-label
	// Stranger: who sent it on has a sound record of its own for this recipient, but is known to
	// nobody here. What is judged is the original record. Handed is a domain, as A-label, that the
	// stranger is trusted for, HandedClaims one that it only claims: each that of the address
	// written to, if known.
	Stranger     bool   `json:",omitempty"`
	Handed       string `json:",omitempty"`
	HandedClaims string `json:",omitempty"`
	// WrittenTo: the original record is for an address at the stranger's trusted domain, so its
	// author meant it to be sent on from there.
	WrittenTo bool `json:",omitempty"`
	// SentOnTime is that of the record of who sent it on, unix ms.
	SentOnTime  uint64   `json:",omitempty"`
	Unaddressed bool     `json:",omitempty"` // the envelope recipient is in neither To nor Cc
	RecordedFor []string `json:",omitempty"` // addresses in To and Cc that the record names as recipients

	SenderThreshold    int    `json:",omitempty"` // percent, asked for by the sender for this mail; 0: none
	RecipientThreshold int    `json:",omitempty"` // percent, set by the recipient; 0: none
	Threshold          int    // percent, the highest of all; 0 is DefaultThreshold
	ThresholdBy        string `json:",omitempty"` // whose it is; empty: the default
}

// Whose thresholds there are.
const (
	ByAdministrator = "this node's administrator"
	ByOrganisation  = "the sender's organisation"
	BySender        = "the sender"
	ByRecipient     = "the recipient"
)

// SetRecord notes what a token says of its record, and how that compares with what arrived.
func (f *Facts) SetRecord(t *Token, c Comparison) {
	f.RecordVersion, f.RecordTime = t.Record.Version, t.Record.Time
	f.Comparison, f.SenderThreshold, f.RecipientInRecord = c, c.SenderThreshold, c.RecipientInRecord
}

// SetFrom notes the first author's address as a sentence may have it: no longer than addresses are,
// and a question mark for what is not printable ASCII.
func (f *Facts) SetFrom(addr string) {
	const longest = 254 // RFC 5321, section 4.5.3.1.3, without the angle brackets
	addr = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, addr)
	f.From = addr[:min(len(addr), longest)]
}

// SetThreshold makes Threshold the highest of all that were set: nobody lowers another's. The
// administrator's and the organisation's are 0 where none is set; the administrator alone may go
// below the default. Of equal ones the first in that order decides.
func (f *Facts) SetThreshold(administrator, organisation int) {
	f.Threshold, f.ThresholdBy = DefaultThreshold, ""
	if administrator > 0 && administrator != DefaultThreshold {
		f.Threshold, f.ThresholdBy = min(administrator, 100), ByAdministrator
	}
	for _, t := range []struct {
		percent int
		by      string
	}{{organisation, ByOrganisation}, {f.SenderThreshold, BySender}, {f.RecipientThreshold, ByRecipient}} {
		if p := min(t.percent, 100); p > f.Threshold {
			f.Threshold, f.ThresholdBy = p, t.by
		}
	}
}

// Below reports whether the share is below the threshold.
func (f *Facts) Below() bool { return !f.Comparison.Reaches(f.threshold()) && !f.forwarded() }

func (f *Facts) threshold() int {
	if f.Threshold == 0 {
		return DefaultThreshold
	}
	return f.Threshold
}

// Named reports whether the record names the envelope recipient, or somebody whom it does name sent
// the mail on to it. That a stranger made another record of it is nobody's word but the stranger's.
func (f *Facts) Named() bool {
	return f.RecipientInRecord && f.Comparison.RecipientInRecord || f.Forwarder != "" || f.ByStranger() && f.WrittenTo
}

// Decisive reports whether something other than the envelope recipient differs as no honest relay
// makes it differ.
func (f *Facts) Decisive() bool {
	c := f.Comparison
	c.Parts = slices.DeleteFunc(slices.Clone(c.Parts), func(p Part) bool {
		return p.Type == message.Recipient && p.Outcome == Extra
	})
	c.RecipientInRecord = true
	return !c.MayBeWanted()
}

// forwarded reports whether a known forwarder sent the mail on with nothing but its own marks.
func (f *Facts) forwarded() bool { return f.Forwarder != "" && f.Comparison.Forwarded() }

// ByStranger reports whether somebody sent the mail on who is known to nobody here.
func (f *Facts) ByStranger() bool { return f.Stranger || f.Handed != "" }

// Old reports whether the mail arrived too long after its record was made, and neither who brought
// it nor this node's clock explains that.
func (f *Facts) Old() bool {
	age := f.age()
	return f.ArrivalTime != 0 && !f.ClockWrong && !f.OwnCourier && age > MaxAge
}

// age is that of the record which says that the mail is for this recipient: a known forwarder's,
// else the original. It is 0 of a known forwarder's from before that was kept.
func (f *Facts) age() time.Duration {
	made := f.RecordTime
	if f.Forwarder != "" {
		if made = f.SentOnTime; made == 0 {
			return 0
		}
	}
	if f.ArrivalTime <= made {
		return 0
	}
	const most = uint64(math.MaxInt64 / time.Millisecond)
	return time.Duration(min(f.ArrivalTime-made, most)) * time.Millisecond
}
