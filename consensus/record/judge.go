package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cairn/mailstore/message"
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

// Verdicts are all of them, the best first. The slice is the caller's.
func Verdicts() []Verdict {
	return []Verdict{Verified, Vouched, Pending, Differs, Missing, Unrecorded, Replayed, Invalid}
}

// Judge returns the verdict and its reasons, the weightiest first. It depends on f alone.
func Judge(f Facts) (Verdict, []string) {
	v, reasons := f.judge()
	if f.Unaddressed && f.TokenValid {
		reasons = append(reasons, "not addressed to you: your address is in neither To nor Cc")
	}
	return v, reasons
}

func (f *Facts) judge() (Verdict, []string) {
	c := f.Comparison
	will, why := f.recordedBy()
	switch {
	case !f.TokenPresent, f.TokenUnknown:
		return f.withoutRecord()
	case !f.TokenValid:
		return Invalid, []string{orElse(f.TokenFault, "the token is not valid")}
	case f.Inclusion == InclusionConflict:
		return Invalid, []string{"the chain holds another record in the place that the token names"}
	case f.Inclusion == InclusionExpired:
		return Invalid, []string{"the record did not get into a block in time"}
	case f.Below():
		return Invalid, append([]string{f.shareReason("less than")}, c.Differences()...)
	case f.OwnDomain != "":
		return Missing, append([]string{f.ownReason("this is not our record"), why}, c.Differences()...)
	case f.DeclaresAll && !f.OrgPinned:
		// Anybody can enrol and record mail in others' names.
		return Missing, append([]string{
			"the sender's organisation declared that it records all its mail, but this is not its record",
			why + "; this node has not pinned " + named(f.Recorder, "that one"),
		}, c.Differences()...)
	case !f.Named():
		reasons := append([]string{
			"the envelope recipient is not in the record: it was made for somebody else, or was sent on by a forwarder that is not known here",
		}, f.replays()...)
		return Replayed, f.replayedReasons(reasons, why)
	case f.ByStranger() && len(f.replays()) > 0:
		return Replayed, f.replayedReasons(f.replays(), why)
	case f.ByStranger(), !c.AllSame() && !f.forwarded():
		// Of a changed copy of what was delivered before, the change is what
		// its reader has to know.
		return Differs, append(f.changedReasons(why), f.replays()...)
	}
	if replays := f.replays(); len(replays) > 0 {
		return Replayed, append(replays, why)
	}
	reasons := []string{"all parts are as recorded", why}
	switch {
	case f.Forwarder != "":
		reasons[0] = f.sentOn()
	case will == Vouched: // what it is not comes first
		slices.Reverse(reasons)
	}
	switch f.Inclusion {
	case InclusionIncluded:
		return will, reasons
	case InclusionLate:
		return Pending, append([]string{"late: in no block a hundred blocks after it arrived, as when its sender's node was cut off " +
			"or had a wrong clock; should it get into one, it will be " + string(will)}, reasons...)
	case InclusionLapsed:
		return Unrecorded, append([]string{"its record has not got into a block, and is waited for no longer"}, reasons...)
	}
	return Pending, append([]string{"not in a block yet, then it will be " + string(will)}, reasons...)
}

// withoutRecord judges mail that has no token, or none that can be read here.
func (f *Facts) withoutRecord() (Verdict, []string) {
	none := "no record"
	switch {
	case f.NotRecorded != "":
		none = "no record: sent from one account of this node to another while it could record nothing; " + f.NotRecorded
	case f.TokenUnknown:
		none = "no record that this version of Cairn can read: " + orElse(f.TokenFault, "its token is of a later version")
	}
	switch {
	case f.OwnDomain != "":
		return Missing, []string{f.ownReason(none)}
	case f.DeclaresAll:
		return Missing, []string{none + ", but the sender's organisation declared that it records all its mail"}
	}
	return Unrecorded, []string{none}
}

func (f *Facts) ownReason(but string) string {
	if f.OwnDomain == message.AnyDomain {
		return "whom the mail claims to be from cannot be told, since that is written in a charset that is not known here, costs too much to read, or may stand behind a line that is no header field: it may be somebody of our own, but it came from outside: " + but
	}
	return fmt.Sprintf("the mail claims to be from %s, a domain of our own, but it came from outside: %s", f.OwnDomain, but)
}

// recordedBy says who recorded a message, and what it comes to if all of it is as recorded and in a
// block.
func (f *Facts) recordedBy() (will Verdict, why string) {
	will = Vouched
	switch {
	case !f.FromDomainIsOrg:
		why = "recorded by " + named(f.Recorder, "another organisation") + ", not by the From domain's organisation"
	case !f.OrgTrusted:
		why = "recorded by " + named(f.Recorder, "an organisation") + ", which claims the From domain, but its key is neither pinned nor published in that domain's DNS"
	default:
		why = "recorded by " + named(f.Recorder, "the sender's organisation") + ", which is trusted for the From domain"
		if f.Forwarder == "" {
			will = Verified
		}
	}
	if f.RecordVersion != 0 && f.RecordVersion < RecordVersion {
		return Vouched, fmt.Sprintf("%s; recorded in version %d of the record, which does not cover all of a mail", why, f.RecordVersion)
	}
	return will, why
}

// sentOn is the whole sentence about a mail that a known forwarder sent on. It names domains and an
// address, never display names: those are whoever's choice.
func (f *Facts) sentOn() string {
	return fmt.Sprintf("Sent on by %s. Recorded by %s for %s: %s",
		f.Forwarder, orElse(f.RecorderDomain, "an organisation without a domain"), orElse(f.From, "nobody"), f.Comparison.Words(f.From))
}

// handedOn says who sent a mail on that nobody here has named.
func (f *Facts) handedOn() string {
	switch {
	case f.Handed == "" && f.HandedClaims != "": // whom to name is for later
		return "sent on by an organisation that claims " + f.HandedClaims + " but is not trusted for it here"
	case f.Handed == "":
		return "sent on by an organisation without a domain"
	}
	to := ""
	for _, address := range f.RecordedFor {
		if message.Domain(address) == f.Handed {
			to = " for " + address
			break
		}
	}
	return fmt.Sprintf("sent on by %s%s, which you have not named as a list or forwarder of yours", f.Handed, to)
}

// replays says why a mail that may be genuine is none that arrives as it was sent.
func (f *Facts) replays() (reasons []string) {
	if f.Replayed {
		reasons = append(reasons, "this record was delivered to this recipient before")
	}
	if f.Old() {
		record, made := "the record", f.RecordTime
		if f.Forwarder != "" {
			record, made = "the forwarder's record", f.SentOnTime
		}
		reasons = append(reasons, fmt.Sprintf("%s was %d days old when the mail arrived%s; %d are allowed, "+
			"unless a node of the organisation that made it brings it", record, int(f.age().Hours()/24), at(made), int(MaxAge.Hours()/24)))
	}
	return reasons
}

// replayedReasons goes on behind why a mail is replayed with what else its reader has to know.
func (f *Facts) replayedReasons(reasons []string, why string) []string {
	return append(append(f.alteredBy(reasons), why), f.Comparison.Differences()...)
}

// alteredBy says behind reasons whether a mail was altered for good, and by whom it was sent on.
func (f *Facts) alteredBy(reasons []string) []string {
	if f.Decisive() {
		reasons = append(reasons, "a difference that no honest relay makes: it cannot count as wanted")
	}
	if f.ByStranger() {
		reasons = append(reasons, f.handedOn())
	}
	return reasons
}

func (f *Facts) changedReasons(why string) []string {
	differences := f.Comparison.Differences()
	reasons := append(f.alteredBy([]string{f.shareReason("at least")}), why)
	return append(append(reasons, differences...), notSaid(f.Comparison.Quoted(), differences)...)
}

// notSaid are the quotations that no difference ends in.
func notSaid(quoted, differences []string) []string {
	return slices.DeleteFunc(quoted, func(q string) bool {
		_, text, _ := strings.Cut(q, ": ")
		return slices.ContainsFunc(differences, func(d string) bool { return strings.HasSuffix(d, ": "+text) })
	})
}

func (f *Facts) shareReason(how string) string {
	kept, of := f.Comparison.Counted()
	reason := fmt.Sprintf("%d of %d parts are as recorded, %s %d %%", kept, of, how, f.threshold())
	if f.ThresholdBy != "" {
		reason += ", which " + f.ThresholdBy + " asks for"
	}
	return reason
}

// at says when, of a time in unix ms; nothing of 0.
func at(ms uint64) string {
	if ms == 0 || ms > 1<<53 {
		return ""
	}
	return ", recorded at " + time.UnixMilli(int64(ms)).UTC().Format("2006-01-02 15:04:05 UTC")
}

// named is the name of an organisation, which its owner chose: in quotation marks, so that nothing
// of it can be taken for what is said of it.
func named(name, fallback string) string {
	if name == "" {
		return fallback
	}
	return strconv.Quote(name)
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
