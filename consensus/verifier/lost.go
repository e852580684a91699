package verifier

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// A finding that is damaged is lost. A check of the store with repair puts one in its place that
// says no more than that, and makes it due: the node then finds out anew what the mail, as it is
// stored, the chain and the trust list tell. Where that depends on what only the arrival told, it
// stays not known.

// lostReason is what a finding says in the place of one that was lost.
const lostReason = "not known: how this mail was verified was lost by damage"

// lostDone is what a check says that it did about one.
const lostDone = "how that mail was verified is noted as not known: when the node runs it finds that out anew, as far as the mail and the chain tell"

// linkPrefixes begin the keys that lead to a message.
var linkPrefixes = []string{prefixBatch, prefixDomain, prefixVia, prefixOrg, prefixWatch}

// mendFinding returns what puts a finding that is lost in the place of a damaged one. What led to
// that goes: it comes again with what is found out anew.
func mendFinding(key []byte) func(tx *mailstore.Tx) error {
	ref := mailstore.RefOf(key)
	return func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		if there, err := sp.Has(key); err != nil || !there {
			return err
		}
		labels, err := tx.Labels(ref.Account, ref.Message)
		if err != nil && !errors.Is(err, mailstore.ErrDamaged) && !errors.Is(err, mailstore.ErrNotFound) {
			return err
		}
		f := &Finding{Lost: true, Verdict: lostVerdict(labels), Reasons: []string{lostReason}}
		f.Facts.TokenFault = lostReason // so that it is told too by a Cairn that knows of no lost ones
		if f.Deadline, err = unlink(sp, ref); err != nil {
			return err
		}
		if f.Late, err = wasLate(sp.SpaceReader, f.Deadline); err != nil {
			return err
		}
		return errors.Join(sp.PutJSON(key, f), putDue(sp, key, 0), relabel(tx, ref, labels, f.Verdict))
	}
}

// lostVerdict is the verdict of mail of which nothing is known but what its labels say: none of the
// good ones, which are to be proved, and still the bad one that it had.
func lostVerdict(labels []string) record.Verdict {
	for _, bad := range []record.Verdict{record.Missing, record.Replayed, record.Invalid} {
		if slices.Contains(labels, mailstore.VerdictPrefix+string(bad)) {
			return bad
		}
	}
	return record.Unrecorded
}

// relabel lets the labels of a message say its verdict, if they say one. Its place stays.
func relabel(tx *mailstore.Tx, ref mailstore.Ref, labels []string, verdict record.Verdict) error {
	now := mailstore.VerdictPrefix + string(verdict)
	var was []string
	for _, l := range labels {
		if strings.HasPrefix(l, mailstore.VerdictPrefix) {
			was = append(was, l)
		}
	}
	if len(was) == 0 || len(was) == 1 && was[0] == now {
		return nil
	}
	return tx.SetLabels(ref.Account, ref.Message, []string{now}, was)
}

// unlink takes away the keys that lead to a message. deadline is the height that it was watched
// for; 0: for none.
func unlink(sp mailstore.Space, ref mailstore.Ref) (deadline uint64, err error) {
	var keys [][]byte
	for _, prefix := range linkPrefixes {
		err := sp.Keys([]byte(prefix), nil, func(key []byte) bool {
			if len(key) >= len(prefix)+mailstore.RefSize && mailstore.RefOf(key) == ref {
				keys = append(keys, bytes.Clone(key))
			}
			return true
		})
		if err != nil {
			return 0, err
		}
	}
	for _, key := range keys {
		if height, ok := watchedFor(key); ok {
			deadline = max(deadline, height)
		}
		if err := sp.Delete(key); err != nil {
			return 0, err
		}
	}
	return deadline, nil
}

// wasLate reports whether a record that was watched for that height was late by then: it is further
// ahead of the chain, as far as that was followed, than any that is not, or behind it.
func wasLate(sp mailstore.SpaceReader, deadline uint64) (bool, error) {
	cursor, err := cursorIn(sp)
	if errors.Is(err, mailstore.ErrDamaged) {
		return false, nil
	}
	return deadline != 0 && (deadline <= cursor.Height || deadline > cursor.Height+patience), err
}

// anew is what was found out again about a message whose finding was lost.
type anew struct {
	as *Assessment
	f  *Finding
}

// untilStart is a time that no tip has: what waits for it is tried again at the next start.
const untilStart = math.MaxUint64

// dueLost begins the keys of tasks that are about what was lost, behindDueLost is behind them all.
var dueLost, behindDueLost = dueKey([]byte(prefixMessage)), dueKey(append([]byte(prefixMessage), bytes.Repeat([]byte{0xff}, mailstore.RefSize+1)...))

// settleLost tries to find out anew what was lost. What waits stays due.
func (v *Verifier) settleLost(ctx context.Context) error {
	tip, from := v.chain.State().Time(), dueLost
	return v.settleEach(ctx, func(sp mailstore.SpaceReader) (*task, error) {
		key, err := v.nextLost(sp, from, tip)
		if err != nil || key == nil {
			return nil, err
		}
		from = append(bytes.Clone(key), 0)
		return taskOf(sp, key)
	})
}

// nextLost returns the first key, not below from, of a task about something lost that does not
// wait, as the tip's time is; nil if there is none.
func (v *Verifier) nextLost(sp mailstore.SpaceReader, from []byte, tip uint64) (next []byte, err error) {
	err = sp.Keys(dueLost, from, func(key []byte) bool {
		if isFinding(key[len(prefixDue):]) && tip >= v.waiting[mailstore.RefOf(key)] {
			next = bytes.Clone(key)
		}
		return next == nil
	})
	return next, err
}

// putOff notes until when the finding about a message waits, if it does.
func (v *Verifier) putOff(ref mailstore.Ref, asked map[mailstore.Ref]answers) bool {
	delete(v.waiting, ref)
	until := asked[ref].until
	if until != 0 {
		v.waiting[ref] = until
	}
	return until != 0
}

// findAnew finds out again what lost says is not known; nil if what is stored does not tell it. If
// it may tell that later, until is when: at a tip of that time. Other damage leaves it as it is
// until the next start, but for that of places, which Follow mends.
func (v *Verifier) findAnew(ctx context.Context, ref mailstore.Ref, lost *Finding) (a *anew, until uint64, err error) {
	m, raw, err := v.storedArrival(ref)
	if err == nil && len(m.Recipients) > 0 {
		a, until, err = v.judgeAnew(ctx, ref, &m, raw, lost)
	}
	switch {
	case errors.Is(err, mailstore.ErrNotFound):
		return nil, 0, nil
	case errors.Is(err, mailstore.ErrDamaged) && !v.placesDamaged.Load():
		v.log.Error("verifier: how a mail was verified was lost, and what would tell it anew is damaged; it is tried again at the next start",
			"account", ref.Account, "message", ref.Message, "err", err)
		return nil, untilStart, nil
	}
	return a, until, err
}

// storedArrival reads a message and its text.
func (v *Verifier) storedArrival(ref mailstore.Ref) (m mailstore.Message, raw []byte, err error) {
	err = v.store.View(func(rd *mailstore.Reader) (err error) {
		if m, err = rd.Message(ref.Account, ref.Message); err == nil {
			raw, err = rd.Raw(m.Blob)
		}
		return err
	})
	return m, raw, err
}

// judgeAnew is findAnew that takes the stored message as the arrival that it was. By which node it
// came is not known, and whether it was of our own.
func (v *Verifier) judgeAnew(ctx context.Context, ref mailstore.Ref, m *mailstore.Message, raw []byte, lost *Finding) (a *anew, until uint64, err error) {
	as, err := v.Check(ctx, Arrival{Raw: raw, Sender: m.From, Recipients: m.Recipients, Received: m.Received})
	if err != nil {
		return nil, 0, err
	}
	f, sure := new(Finding), true
	*f = *as.found
	if as.token != nil {
		err = v.store.View(func(rd *mailstore.Reader) error {
			sure, err = as.completeAnew(rd, f, ref, m.Recipients[0], lost)
			return err
		})
	}
	f.Facts.ClockWrong = false // nobody knows
	f.Arrived = uint64(m.Received.UnixMilli())
	f.judge()
	if err != nil || sure && f.follows(lost) {
		return &anew{as, f}, 0, err
	}
	return nil, f.awaits(as.state), nil
}

// awaits is the time of the tip from which on the chain may tell of f, which was found out anew,
// what it does not tell as far as it is here; 0: it tells no more.
func (f *Finding) awaits(s *consensus.State) uint64 {
	known := !f.Org.IsZero() && !f.Facts.ByStranger() && f.Facts.OwnDomain == ""
	switch {
	case !known && s.Time() < f.Arrived: // as long as those may come that it is of
		return f.Arrived
	case f.Asked: // what its DNS says
		return untilStart
	}
	return 0
}

// completeAnew is complete of a message that is stored. sure is false if it is not known whether it
// was the first with its record.
func (as *Assessment) completeAnew(rd *mailstore.Reader, f *Finding, ref mailstore.Ref, rcpt string, lost *Finding) (sure bool, err error) {
	if _, err := as.complete(rd, f, ref.Account, rcpt); err != nil {
		return false, err
	}
	sp := rd.Space(space)
	if lost.Deadline != 0 { // else it was in a block
		f.Deadline, f.Late = lost.Deadline, lost.Late && f.Epoch != 0
		if err := as.v.locate(sp, f); err != nil {
			return false, err
		}
	}
	f.Facts.Replayed, sure, err = replayedBefore(sp, f, ref, rcpt)
	return sure, err
}

// replayedBefore reports whether f's record was accepted for rcpt before the message that f is
// about. known is false if nothing tells.
func replayedBefore(sp mailstore.SpaceReader, f *Finding, ref mailstore.Ref, rcpt string) (replayed, known bool, err error) {
	first, before, err := acceptedBefore(sp, f.acceptedKey(rcpt))
	if err == nil && !before && f.Facts.ByStranger() {
		first, before, err = acceptedBefore(sp, acceptedKey(f.Record, rcpt, ""))
	}
	switch {
	case err != nil:
		return false, false, err
	case !before: // which it would have been remembered as, had it used its record up
		return false, !f.usesUp() && !f.Facts.ByStranger(), nil
	case first.Account != ref.Account: // or nobody knows of which it was
		return false, false, nil
	}
	return first.Message < ref.Message, true, nil
}

// follows reports whether f, which was found out anew, follows from what is stored, and not from
// what is not known of the arrival: whether it came from outside, and who brought it. lost is what
// was known instead.
func (f *Finding) follows(lost *Finding) bool {
	switch {
	case f.Facts.TokenUnsound:
		return true
	case f.Facts.OwnDomain != "":
		return false
	case f.Record.IsZero(): // such mail is judged once, when it arrives
		return f.Verdict == lost.Verdict && !f.Asked
	}
	return !f.Facts.Old()
}

// takeAnew puts what was found out anew in the place of what was lost.
func (v *Verifier) takeAnew(tx *mailstore.Tx, ref mailstore.Ref, f *Finding, a *anew) error {
	*f = *a.f
	if err := v.locate(tx.Space(space).SpaceReader, f); err != nil {
		return err
	}
	return v.link(tx, ref, f, a.as.overtaken(f))
}
