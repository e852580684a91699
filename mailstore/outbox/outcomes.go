package outbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// outcomeSpace is the durable map of what has become of sent mail, beside the queue: who waits is
// in its entries. Numbers in keys are big-endian; a ref is that of the sent copy.
//
//	v             number: the format, 1; not there while Upgrade is under way
//	d             number: the last entry that Upgrade has reached
//	w<ref><id>    empty: entries of the message that are queued
//	o<ref><id>    Outcomes of recipients of an entry
//	r<ref>        Return: the sender is to be told of failures
//	f<ref><id>    Outcomes: these failures
//	t<time><ref>  empty: when that is due (ms)
//	n<ref>        number: when the sender was told that the message waits (ms)
//	h<id>         number: since when somebody holds an entry (ms)
//	b<id>         until, JSON: an entry leaves only when its record is in a block
//	u<id>         unclear, JSON: an entry may have arrived, and with whom
//	a             number: since when entries are carried, by a run that has not ended in order (ms)
//	p             number: the last entry that an earlier one of them may have had under way
//	y<id>         number: for how long somebody held an entry that was released (ms)
//
// What is JSON says its version itself.
const outcomeSpace = "outcomes"

// outcomeFormat is the number under v.
const outcomeFormat = 1

var (
	outcomeFormatKey  = []byte("v")
	outcomeReachedKey = []byte("d")
)

// What became of a recipient.
const (
	Accepted = "accepted" // by whom is responsible for the mail from then on
	Refused  = "refused"  // for good
	GivenUp  = "given-up" // nobody took it in the time that mail is kept
	Dropped  = "dropped"  // taken out of the queue by hand
)

// Outcome is what became of one recipient of a message.
type Outcome struct {
	Recipient string    `json:"to"`
	State     string    `json:"state"` // Accepted, Refused, GivenUp or Dropped
	Time      time.Time `json:"time"`  // UTC, ms
	By        string    `json:"by,omitempty"`
	Reply     string    `json:"reply"` // code and text, at most maxOutcomeReply octets
	Original  string    `json:"orcpt,omitempty"`
	// Reported: a report says so that came to the return path, of a mail that By had accepted. Each
	// recipient who left with him knows that path.
	Reported bool `json:"reported,omitempty"`
}

// maxOutcomeReply bounds the text of an outcome, in octets.
const maxOutcomeReply = 1000

// storedOutcomes are the outcomes of one entry.
type storedOutcomes struct {
	Version int       `json:"version"`
	Of      []Outcome `json:"of"`
}

const outcomesVersion = 1

// errOutcome is the reason why a stored outcome cannot be read.
var errOutcome = errors.New("what is noted of mail that was sent is damaged or of a newer version: " + mailstore.NextCheck)

func ofMail(table byte, ref mailstore.Ref) []byte { return ref.Append([]byte{table}) }

func ofEntry(table byte, ref mailstore.Ref, id uint64) []byte {
	return binary.BigEndian.AppendUint64(ofMail(table, ref), id)
}

// sent names the sent copy of an entry.
func (e *Entry) sent() mailstore.Ref { return mailstore.Ref{Account: e.Account, Message: e.Message} }

// addOutcomes adds to what stands under key. What is damaged there is lost to what comes.
func addOutcomes(sp mailstore.Space, key []byte, more []Outcome) error {
	known, err := readOutcomes(sp.SpaceReader, key)
	if err != nil && !spoilt(err) {
		return err
	}
	for _, o := range more {
		if len(o.Reply) > maxOutcomeReply {
			o.Reply = o.Reply[:maxOutcomeReply]
		}
		o.Time = o.Time.UTC().Truncate(time.Millisecond)
		known = append(known, o)
	}
	return sp.PutJSON(key, storedOutcomes{outcomesVersion, known})
}

// readOutcomes reads what stands under key, none if nothing does.
func readOutcomes(sp mailstore.SpaceReader, key []byte) ([]Outcome, error) {
	b, err := sp.Get(key)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeOutcomes(b)
}

func decodeOutcomes(b []byte) ([]Outcome, error) {
	var stored storedOutcomes
	if err := json.Unmarshal(b, &stored); err != nil || stored.Version != outcomesVersion {
		return nil, errOutcome
	}
	return stored.Of, nil
}

// outcomesOf reads all outcomes in a table about a message, in the order of the entries. Those that
// are damaged are left out, and told of by the error.
func outcomesOf(sp mailstore.SpaceReader, table byte, ref mailstore.Ref) (all []Outcome, err error) {
	var keys [][]byte
	err = sp.Keys(ofMail(table, ref), nil, func(key []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	var bad error
	for _, key := range keys {
		some, readErr := readOutcomes(sp, key)
		if spoilt(readErr) {
			bad = readErr
		} else {
			err = errors.Join(err, readErr)
		}
		all = append(all, some...)
	}
	if err == nil {
		err = bad
	}
	return all, err
}

// Note keeps what became of recipients of an entry, for as long as the sent copy is there. It comes
// in the transaction that takes them off the queue.
func (q *Queue) Note(tx *mailstore.Tx, e *Entry, outcomes []Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	_, err := tx.Message(e.Account, e.Message)
	if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
		return nil // nobody can ask
	}
	if err != nil {
		return err
	}
	return addOutcomes(tx.Space(outcomeSpace), ofEntry('o', e.sent(), e.ID), outcomes)
}

// Sent is what is known of a message that was sent: the entries with recipients who wait, and what
// became of the others. With an error that IsDamaged there is what can be read.
type Sent struct {
	Waiting  []Entry
	Outcomes []Outcome // by entry, then by time
}

// SentOf tells what is known of a sent copy; of one that an earlier version has sent, nothing of
// recipients who do not wait any more.
func (q *Queue) SentOf(r *mailstore.Reader, ref mailstore.Ref) (s Sent, err error) {
	s.Waiting, err = q.EntriesOf(r, ref)
	if err != nil && !IsDamaged(err) {
		return s, err
	}
	outcomes, bad := outcomesOf(r.Space(outcomeSpace), 'o', ref)
	s.Outcomes = outcomes
	if err == nil {
		err = bad
	}
	return s, err
}

// EntriesOf returns the entries of a message. With an error that IsDamaged there are those beside
// the damaged ones.
func (q *Queue) EntriesOf(r *mailstore.Reader, ref mailstore.Ref) (entries []Entry, err error) {
	var ids []uint64
	err = r.Space(outcomeSpace).Keys(ofMail('w', ref), nil, func(key []byte) bool {
		ids = append(ids, idOf(key))
		return true
	})
	if err != nil {
		return nil, err
	}
	sp := r.Space(space)
	var bad error
	for _, id := range ids {
		e, err := getEntry(sp, id)
		switch {
		case errors.Is(err, ErrGone): // an earlier version took it out
		case spoilt(err):
			bad = err
		case err != nil:
			return nil, err
		default:
			entries = append(entries, e)
		}
	}
	if err := shown(sp, entries, q.now()); err != nil {
		return nil, err
	}
	return entries, bad
}

// waits reports whether an entry of a message is queued.
func waits(sp mailstore.SpaceReader, ref mailstore.Ref) (found bool, err error) {
	err = sp.Keys(ofMail('w', ref), nil, func([]byte) bool {
		found = true
		return false
	})
	return found, err
}

// Return says that the sender of a message is to be told of failures.
type Return struct {
	Version int           `json:"version"`
	Ref     mailstore.Ref `json:"copy"` // the sent copy, which may be gone
	Mail    string        `json:"mail"` // Entry.Ref
	From    string        `json:"from"`
	Created time.Time     `json:"created"`
	Blob    []byte        `json:"blob"` // the message, which is kept until then
	Due     time.Time     `json:"due"`  // UTC, ms
	Failed  int           `json:"failed"`
	EnvID   string        `json:"envid,omitempty"`
	Full    bool          `json:"full,omitempty"` // a report on failures has the whole message
	// RequireTLS is that of the entries: the report goes as they had to (RFC 8689, section 5).
	RequireTLS bool `json:"requiretls,omitempty"`

	Raw []byte `json:"-"` // the message, of one that was taken off; nil: it is damaged
}

const (
	returnVersion = 1
	// MaxReturned is how many recipients one report names at least, before it is due at once.
	MaxReturned = 500
)

// returnName keeps a message until the report about it is written.
func returnName(ref mailstore.Ref) string {
	return fmt.Sprintf("return/%d/%d", ref.Account, ref.Message)
}

func returnDueKey(r *Return) []byte {
	k := binary.BigEndian.AppendUint64([]byte("t"), uint64(max(r.Due.UnixMilli(), 0)))
	return r.Ref.Append(k)
}

func decodeReturn(b []byte) (r Return, err error) {
	if err := json.Unmarshal(b, &r); err != nil || r.Version != returnVersion || len(r.Blob) != 32 {
		return Return{}, errOutcome
	}
	return r, nil
}

func readReturn(sp mailstore.SpaceReader, ref mailstore.Ref) (r Return, known bool, err error) {
	b, err := sp.Get(ofMail('r', ref))
	if errors.Is(err, mailstore.ErrNotFound) {
		return r, false, nil
	}
	if err == nil {
		r, err = decodeReturn(b)
	}
	return r, err == nil, err
}

// Return notes failures of recipients of an entry that the sender is to be told of, at the latest
// after some time. It comes in the transaction that takes them off the queue.
func (q *Queue) Return(tx *mailstore.Tx, e *Entry, failed []Outcome, within time.Duration) error {
	sp := tx.Space(outcomeSpace)
	ref := e.sent()
	r, known, err := readReturn(sp.SpaceReader, ref)
	if err != nil && !spoilt(err) {
		return err
	}
	if !known {
		r = Return{
			Version: returnVersion, Ref: ref, Mail: e.Ref, From: e.From, Created: e.Created.UTC(), Blob: e.Blob[:],
			EnvID: e.DSN.EnvID, Full: e.DSN.Full, RequireTLS: e.RequireTLS,
			Due: q.now().Add(within).UTC().Truncate(time.Millisecond),
		}
		if err := tx.HoldBlob(e.Blob, returnName(ref)); err != nil {
			return err
		}
	} else if err := sp.Delete(returnDueKey(&r)); err != nil {
		return err
	}
	if r.Failed += len(failed); r.Failed >= MaxReturned {
		r.Due = q.now().UTC().Truncate(time.Millisecond)
	}
	return errors.Join(
		addOutcomes(sp, ofEntry('f', ref, e.ID), failed),
		sp.PutJSON(ofMail('r', ref), r),
		sp.Put(returnDueKey(&r), nil),
	)
}

// Finished is what the sender of a message is to be told of, taken off the list, if no entry of the
// message is queued any more. Nil: there is nothing to tell, or not yet.
func (q *Queue) Finished(tx *mailstore.Tx, ref mailstore.Ref) (*Return, []Outcome, error) {
	sp := tx.Space(outcomeSpace).SpaceReader
	// One look tells of most mail that there is nothing; what waits is found by going over all that
	// was written.
	if _, known, err := readReturn(sp, ref); err == nil && !known {
		return nil, nil, nil
	}
	left, err := waits(sp, ref)
	if err != nil || left {
		return nil, nil, err
	}
	return q.TakeReturn(tx, ref)
}

// TakeReturn takes what the sender of a message is to be told of off the list; nil if there is
// nothing. What is damaged of it is left out.
func (q *Queue) TakeReturn(tx *mailstore.Tx, ref mailstore.Ref) (*Return, []Outcome, error) {
	sp := tx.Space(outcomeSpace)
	r, known, err := readReturn(sp.SpaceReader, ref)
	if spoilt(err) {
		return nil, nil, nil // a check of the store removes it
	}
	if err != nil || !known {
		return nil, nil, err
	}
	failed, err := outcomesOf(sp.SpaceReader, 'f', ref)
	if err != nil && !spoilt(err) {
		return nil, nil, err
	}
	r.Raw, err = tx.Raw([32]byte(r.Blob))
	if err != nil && !errors.Is(err, mailstore.ErrDamaged) && !errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil, err
	}
	var keys [][]byte
	err = sp.Keys(ofMail('f', ref), nil, func(key []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, key := range append(keys, ofMail('r', ref), returnDueKey(&r)) {
		err = errors.Join(err, sp.Delete(key))
	}
	return &r, failed, errors.Join(err, tx.ReleaseBlob([32]byte(r.Blob), returnName(ref)))
}

// ToldDelay reports whether the sender of a message was told that it waits.
func (q *Queue) ToldDelay(r *mailstore.Reader, e *Entry) (bool, error) {
	return r.Space(outcomeSpace).Has(ofMail('n', e.sent()))
}

// TellDelay notes that the sender of a message is told that it waits.
func (q *Queue) TellDelay(tx *mailstore.Tx, e *Entry) error {
	return tx.Space(outcomeSpace).PutNumber(ofMail('n', e.sent()), uint64(max(q.now().UnixMilli(), 0)))
}

// NextReturn tells of which message the sender is to be told first, and when; known is false if
// there is none.
func (q *Queue) NextReturn() (ref mailstore.Ref, due time.Time, known bool, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		return r.Space(outcomeSpace).Keys([]byte("t"), nil, func(key []byte) bool {
			ref, due, known = mailstore.RefOf(key), time.UnixMilli(int64(binary.BigEndian.Uint64(key[1:]))), true
			return false
		})
	})
	return ref, due, known, err
}

// DropDue takes a time off the list at which nobody is to be told of anything, as damage leaves it.
func (q *Queue) DropDue(tx *mailstore.Tx, ref mailstore.Ref, due time.Time) error {
	return tx.Space(outcomeSpace).Delete(returnDueKey(&Return{Ref: ref, Due: due}))
}

// SweepOutcomes drops what is noted of messages that are gone. It looks at up to most notes after
// the one that after names, and returns the last one; nil at the end.
func (q *Queue) SweepOutcomes(tx *mailstore.Tx, after []byte, most int) (last []byte, err error) {
	sp := tx.Space(outcomeSpace)
	var keys [][]byte
	err = sp.Keys([]byte("o"), append(after, 0), func(key []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return len(keys) < most
	})
	for _, key := range keys {
		ref := mailstore.RefOf(key[:len(key)-8])
		_, msgErr := tx.Message(ref.Account, ref.Message)
		switch {
		case errors.Is(msgErr, mailstore.ErrNotFound):
			err = errors.Join(err, sp.Delete(key))
		case msgErr != nil && !errors.Is(msgErr, mailstore.ErrDamaged):
			return nil, msgErr
		}
	}
	if len(keys) < most {
		return nil, err
	}
	return keys[len(keys)-1], err
}

// upgradeOutcomes notes the entries of a queue that an earlier version has written.
func (q *Queue) upgradeOutcomes(tx *mailstore.Tx) (done bool, err error) {
	sp := tx.Space(outcomeSpace)
	format, known, err := sp.Number(outcomeFormatKey)
	switch {
	case spoilt(err): // it is made anew
	case err != nil:
		return false, err
	case known && format > outcomeFormat:
		return false, fmt.Errorf("what has become of sent mail: %w (format %d, known are those up to %d)", ErrLater, format, outcomeFormat)
	case known:
		return true, nil
	}
	after, _, err := sp.Number(outcomeReachedKey)
	if err != nil && !spoilt(err) {
		return false, err
	}
	seen, err := read(tx.Space(space).SpaceReader, []byte("e"), entryKey(after+1), upgradeStep, anyEntry)
	if err != nil {
		return false, err
	}
	for i := range seen.entries {
		e := &seen.entries[i]
		if err := sp.Put(ofEntry('w', e.sent(), e.ID), nil); err != nil {
			return false, err
		}
		after = e.ID
	}
	if len(seen.entries) < upgradeStep {
		return true, errors.Join(sp.Delete(outcomeReachedKey), sp.PutNumber(outcomeFormatKey, outcomeFormat))
	}
	return false, sp.PutNumber(outcomeReachedKey, after)
}
