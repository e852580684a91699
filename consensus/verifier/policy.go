package verifier

import (
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Labels the verifier sets beside the verdict's own.
const LabelQuarantine = "quarantine"

// Invalid says what becomes of mail with an invalid record.
type Invalid string

// What can become of mail with an invalid record.
const (
	InvalidSpam       Invalid = "spam"
	InvalidQuarantine Invalid = "quarantine"
	InvalidDiscard    Invalid = "discard" // accepted and dropped
)

// Policy is the node's own taste. It decides where mail goes, never what its
// verdict is but for the threshold.
type Policy struct {
	Threshold int     // least share of same components, in per cent, of a changed message; 0: record.DefaultThreshold
	Invalid   Invalid // empty: spam

	// Context is what the administrator knows about the way of mail to here;
	// its Forwarder is nil.
	Context record.Context
	// Forwarders are those that accounts named; nil: none did.
	Forwarders Forwarders
}

// threshold is the least share for mail that org recorded. Its declared floor
// may raise it and never lowers it. A nil org has none.
func (p Policy) threshold(org *consensus.Org) int {
	least := p.Threshold
	if least == 0 {
		least = record.DefaultThreshold
	}
	if org != nil {
		least = max(least, int(org.ThresholdFloor))
	}
	return least
}

// discards reports whether the policy drops an arrival. What is invalid only
// because this node's chain may not be as far as the sender's is kept.
func (p Policy) discards(f *Finding) bool {
	lasting := f.Record.IsZero() || !f.Facts.Comparison.Reaches(f.Facts.Threshold)
	return p.Invalid == InvalidDiscard && f.Verdict == record.Invalid && lasting
}

// VerdictLabel is the label that carries a verdict.
func VerdictLabel(v record.Verdict) string { return mailstore.VerdictPrefix + string(v) }

// labels is where a new message with this finding goes, unread aside.
func (p Policy) labels(f *Finding) []string {
	return []string{VerdictLabel(f.Verdict), p.box(f)}
}

// box is the one label that says where a message is found: inbox, spam or
// quarantine (DESIGN's table of verdicts).
func (p Policy) box(f *Finding) string {
	switch f.Verdict {
	case record.Verified, record.Vouched, record.Pending, record.Unrecorded:
		return mailstore.LabelInbox
	case record.Differs:
		if f.Facts.Comparison.MayBeWanted() && !f.Facts.Replayed {
			return mailstore.LabelInbox
		}
	case record.Invalid:
		if p.Invalid == InvalidQuarantine {
			return LabelQuarantine
		}
	}
	return mailstore.LabelSpam
}

// moves turns a change of verdict into label changes for a message that has
// the labels has. A message that its reader has moved since stays there; only
// the verdict's label changes then.
func moves(has, was, now []string) (add, remove []string) {
	if was[0] != now[0] {
		add, remove = append(add, now[0]), append(remove, was[0])
	}
	if was[1] != now[1] && slices.Contains(has, was[1]) {
		add, remove = append(add, now[1]), append(remove, was[1])
	}
	return add, remove
}
