package mailstore

import (
	"fmt"
	"slices"
)

// Labels that the node itself sets and reads.
const (
	LabelInbox   = "inbox"
	LabelUnread  = "unread"
	LabelSent    = "sent"
	LabelSpam    = "spam"
	LabelDeleted = "deleted"

	// LabelQuarantine is of mail that is held for a person to look at, out of every other list.
	LabelQuarantine = "quarantine"
	// LabelWaiting is of a sender's copy while somebody waits for it who was tried without success.
	LabelWaiting = "waiting"

	// VerdictPrefix begins the label that carries a message's verdict, as in "verdict/pending". The
	// query verdict:pending finds it. The prefix keeps words such as "changed" from being taken for
	// labels in a query.
	VerdictPrefix = "verdict/"
)

// SystemLabels are the labels that the node itself gives and takes, but for those of verdicts.
func SystemLabels() []string {
	return []string{LabelInbox, LabelUnread, LabelSent, LabelSpam, LabelDeleted, LabelQuarantine, LabelWaiting}
}

// MaxLabel is the length limit of a label name in bytes.
const MaxLabel = 64

// CheckLabel returns an error if name is not a label name: 1 to 64 bytes of lower-case ASCII
// letters, digits and - _ . /
func CheckLabel(name string) error {
	if name == "" {
		return fmt.Errorf("label name is empty: use 1 to %d lower-case letters, digits or - _ . /", MaxLabel)
	}
	if len(name) > MaxLabel {
		return fmt.Errorf("label name has %d bytes, more than %d: choose a shorter one", len(name), MaxLabel)
	}
	for i, c := range []byte(name) {
		if !labelByte(c) {
			return fmt.Errorf("label name %q has %q at byte %d: use only lower-case letters, digits and - _ . /", name, name[i:i+1], i)
		}
	}
	return nil
}

func labelByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '/':
		return true
	}
	return false
}

// labelSet returns names checked, sorted and without repetition, in a slice of its own.
func labelSet(names []string) ([]string, error) {
	for _, name := range names {
		if err := CheckLabel(name); err != nil {
			return nil, err
		}
	}
	set := slices.Clone(names)
	slices.Sort(set)
	return slices.Compact(set), nil
}

// changeLabels returns the sorted set old with add put in and remove taken out; a name in both is
// in the result.
func changeLabels(old, add, remove []string) []string {
	set := make([]string, 0, len(old)+len(add))
	for _, name := range old {
		if !slices.Contains(remove, name) {
			set = append(set, name)
		}
	}
	set = append(set, add...)
	slices.Sort(set)
	return slices.Compact(set)
}
