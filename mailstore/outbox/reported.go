package outbox

import (
	"errors"
	"slices"
	"time"

	"cairn/mailstore"
)

// Reported replaces what became of recipients of an entry that other servers had accepted and now
// report on: of each of whom now returns another outcome, whose recipient, time and state stand as
// given. It returns what was replaced, and whether the recipient left alone; nothing where nobody
// can ask any more. What is not Accepted stays, so that a report counts once. With what is damaged
// nothing is done.
func Reported(tx *mailstore.Tx, sent mailstore.Ref, id uint64, now func(Outcome) (Outcome, bool)) (changed []Outcome, alone bool, err error) {
	sp := tx.Space(outcomeSpace)
	key := ofEntry('o', sent, id)
	known, err := readOutcomes(sp.SpaceReader, key)
	if spoilt(err) {
		return nil, false, nil
	}
	if err != nil || len(known) == 0 {
		return nil, false, err
	}
	for i, o := range known {
		if o.State != Accepted {
			continue
		}
		if other, is := now(o); is {
			other.Reply = other.Reply[:min(len(other.Reply), maxOutcomeReply)]
			other.Time, other.Original = other.Time.UTC().Truncate(time.Millisecond), o.Original
			other.Reported = true
			known[i] = other
			changed = append(changed, other)
		}
	}
	if len(changed) == 0 {
		return nil, false, nil
	}
	return changed, len(known) == 1, sp.PutJSON(key, storedOutcomes{outcomesVersion, known})
}

// Waits reports whether a recipient of an entry of a sent copy waits, or an attempt for him is not
// settled yet. What is damaged does not.
func Waits(r *mailstore.Reader, sent mailstore.Ref, id uint64, is func(recipient string) bool) (bool, error) {
	e, err := getEntry(r.Space(space), id)
	if errors.Is(err, ErrGone) || spoilt(err) {
		return false, nil
	}
	return err == nil && e.sent() == sent && slices.ContainsFunc(e.Recipients, is), err
}
