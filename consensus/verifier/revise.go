package verifier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// reviseStep is how many messages one transaction revises at most: far below
// what fits in one, and so that deliveries need not wait long in between.
const reviseStep = 128

// task is the revision of the messages whose Refs end the keys with a prefix.
// It is stored under "due/" and that prefix until the last one is done.
type task struct {
	prefix []byte
	time   uint64 // of the block whose height the watched messages wait for, ms
	done   []byte // last key that was revised; nil: none

	damaged bool // what is stored of it
}

func dueKey(prefix []byte) []byte { return append([]byte(prefixDue), prefix...) }

// value is time u64, then the last key done.
func (t *task) value() []byte { return append(binary.BigEndian.AppendUint64(nil, t.time), t.done...) }

// putDue makes all keys with the prefix due for revision, from the first one.
func putDue(sp mailstore.Space, prefix []byte, time uint64) error {
	t := task{prefix: prefix, time: time}
	return sp.Put(dueKey(prefix), t.value())
}

// putDueIfAny is putDue unless there is no such key.
func putDueIfAny(sp mailstore.Space, prefix []byte, time uint64) error {
	keys, err := scanKeys(sp.SpaceReader, prefix, nil, 1)
	if err != nil || len(keys) == 0 {
		return err
	}
	return putDue(sp, prefix, time)
}

// settle revises all that is due, what was lost after the rest: it may make more of that due.
func (v *Verifier) settle(ctx context.Context) error {
	for _, settle := range []func(context.Context) error{v.settleKnown, v.settleLost, v.settleKnown} {
		if err := settle(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// settleKnown revises all that is due but what was lost.
func (v *Verifier) settleKnown(ctx context.Context) error { return v.settleEach(ctx, nextTask) }

// settleEach takes steps of the tasks that next returns, until that is nil.
func (v *Verifier) settleEach(ctx context.Context, next func(sp mailstore.SpaceReader) (*task, error)) error {
	for ctx.Err() == nil {
		var t *task
		err := v.store.View(func(rd *mailstore.Reader) (err error) {
			t, err = next(rd.Space(space))
			return err
		})
		if err != nil || t == nil {
			return err
		}
		if err := v.settleStep(ctx, t); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// settleStep revises the next messages of a task.
func (v *Verifier) settleStep(ctx context.Context, t *task) error {
	var keys [][]byte
	var asked map[mailstore.Ref]answers
	err := v.store.View(func(rd *mailstore.Reader) (err error) {
		keys, err = scanKeys(rd.Space(space), t.prefix, t.next(), reviseStep)
		return err
	})
	if err == nil && (t.ofMember() || t.ofLost()) {
		// The DNS has no place in a transaction.
		asked, err = v.askAhead(ctx, t, keys)
	}
	if err != nil || t.ofLost() && v.putOff(mailstore.RefOf(t.prefix), asked) {
		return err
	}
	err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
		for _, key := range keys {
			if err := v.revise(tx, mailstore.RefOf(key), t, asked); err != nil {
				return err
			}
		}
		return t.advance(tx.Space(space), keys)
	})
	if err != nil {
		return fmt.Errorf("revise %d messages: %w", len(keys), err)
	}
	return nil
}

// nextTask returns what is due first of all but what was lost, or nil.
func nextTask(sp mailstore.SpaceReader) (*task, error) {
	keys, err := scanKeys(sp, []byte(prefixDue), nil, 1)
	if err == nil && len(keys) > 0 && bytes.HasPrefix(keys[0], dueLost) {
		keys, err = scanKeys(sp, []byte(prefixDue), behindDueLost, 1)
	}
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return taskOf(sp, keys[0])
}

// taskOf reads the task with a key. One that is damaged begins anew.
func taskOf(sp mailstore.SpaceReader, key []byte) (*task, error) {
	t := &task{prefix: key[len(prefixDue):]}
	value, err := sp.Get(key)
	switch {
	case err == nil && len(value) >= 8:
		t.time, t.done = binary.BigEndian.Uint64(value), bytes.Clone(value[8:])
	case err == nil, errors.Is(err, mailstore.ErrDamaged):
		t.time, t.damaged = longAgo, true
	default:
		return nil, err
	}
	return t, nil
}

// longAgo is the time of a block that is not known: what waits for its height waits on.
const longAgo = 1

// ofMember reports whether the task is about all mail of one recorder key, or
// from one domain or sent on as it: who enrolled the key, or speaks for the
// domain, may have changed.
func (t *task) ofMember() bool {
	return bytes.HasPrefix(t.prefix, []byte(prefixDomain)) || bytes.HasPrefix(t.prefix, []byte(prefixVia)) || len(t.prefix) == len(recorderPrefix(consensus.Key{}))
}

// ofLost reports whether the task is to find out anew what was lost about one message.
func (t *task) ofLost() bool { return isFinding(t.prefix) }

// next is the least key after the last one done.
func (t *task) next() []byte {
	if len(t.done) == 0 {
		return nil
	}
	return append(bytes.Clone(t.done), 0)
}

// advance notes that keys are done. A task that was put anew meanwhile stays
// as it is, and one that is gone, as is what it was about, stays gone.
func (t *task) advance(sp mailstore.Space, keys [][]byte) error {
	stored, err := sp.Get(dueKey(t.prefix))
	if t.damaged && (err == nil && len(stored) < 8 || errors.Is(err, mailstore.ErrDamaged)) {
		stored, err = t.value(), nil
	}
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil || !bytes.Equal(stored, t.value()) {
		return err
	}
	if len(keys) < reviseStep {
		return sp.Delete(dueKey(t.prefix))
	}
	next := task{time: t.time, done: keys[len(keys)-1]}
	return sp.Put(dueKey(t.prefix), next.value())
}

// answers are what was asked about a message outside of any transaction.
type answers struct {
	word     *word    // about who recorded it; nil: that was not asked
	declared *Answer  // whether others declare, of one without a record; nil: that was not asked
	onward   []Answer // about who sent it on; nil: that was not asked
	anew     *anew    // of one whose finding was lost; nil: it stays so
	until    uint64   // of the same: it waits for a chain with a tip of that time, ms; 0: not
}

// askAhead asks whether the organisations that recorded the messages of keys
// are trusted and what others declare, where that may have changed, and about
// those that sent them on, if the task is that or there was no answer yet.
func (v *Verifier) askAhead(ctx context.Context, t *task, keys [][]byte) (map[mailstore.Ref]answers, error) {
	state := v.chain.State()
	found := make(map[mailstore.Ref]*Finding)
	err := v.store.View(func(rd *mailstore.Reader) error {
		for _, key := range keys {
			f, err := Of(rd, mailstore.RefOf(key))
			if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
				continue
			}
			if err != nil {
				return err
			}
			if err := v.locate(rd.Space(space), f); errors.Is(err, mailstore.ErrDamaged) {
				continue
			} else if err != nil {
				return err
			}
			found[mailstore.RefOf(key)] = f
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	asked := make(map[mailstore.Ref]answers, len(found))
	for ref, f := range found {
		var a answers
		if f.Lost {
			if a.anew, a.until, err = v.findAnew(ctx, ref, f); err != nil {
				return nil, err
			}
			asked[ref] = a
			continue
		}
		if f.Record.IsZero() {
			asked[ref] = v.askDeclared(ctx, state, f)
			continue
		}
		org, ok := f.recordingOrg(state)
		if ok && (!f.judgedBy(org) || !f.Facts.OrgTrusted || !v.pinnedWordOf(state, f, org).trusted) {
			w := v.wordOf(ctx, state, f, org)
			a.word = &w
		}
		if f.Onward != nil && (f.Onward.Unanswered || bytes.HasPrefix(t.prefix, []byte(prefixVia))) {
			a.onward = v.askOnward(ctx, state, f, "")
		}
		asked[ref] = a
	}
	return asked, ctx.Err()
}

// askDeclared asks what others declare about a message without a record.
func (v *Verifier) askDeclared(ctx context.Context, s *consensus.State, f *Finding) answers {
	courier, _ := s.Org(f.Courier)
	a := declared(s, f.Domains, courier, v.trust.asker(ctx, s))
	return answers{declared: &a}
}

// revise brings what is known about one message up to date, judges again and
// has the message filed anew. Mail is never removed by a verdict.
func (v *Verifier) revise(tx *mailstore.Tx, ref mailstore.Ref, t *task, asked map[mailstore.Ref]answers) error {
	return v.change(tx, ref, func(f *Finding) error {
		sp := tx.Space(space)
		if f.Lost {
			if a := asked[ref].anew; a != nil {
				return v.takeAnew(tx, ref, f, a)
			}
			return nil
		}
		was := *f
		if err := v.locate(sp.SpaceReader, f); err != nil {
			return err
		}
		behind := t.time != 0 && t.time < f.Arrived && !f.Facts.ClockWrong
		if f.isOverdue() && behind {
			// Our chain is behind: this block is older than the mail, so it
			// does not count against the record.
			*f = was
			f.Deadline += patience
			if err := f.locate(sp.SpaceReader); err != nil {
				return err
			}
		}
		if t.ofMember() {
			v.identify(f, asked[ref])
		}
		if f.Record.IsZero() {
			return nil
		}
		if err := sp.Delete(ref.Append(watchPrefix(was.Deadline))); err != nil || f.Facts.Inclusion == record.InclusionIncluded {
			return err
		}
		return sp.Put(ref.Append(watchPrefix(f.Deadline)), nil)
	})
}

// identify looks again at who recorded f's message, which was located, and at who sent it on.
func (v *Verifier) identify(f *Finding, asked answers) {
	if f.Record.IsZero() {
		if asked.declared != nil {
			f.declares(*asked.declared)
		}
		return
	}
	if asked.onward != nil {
		f.sentOnAs(asked.onward)
	}
	state := v.chain.State()
	org, ok := f.recordingOrg(state)
	switch {
	case !ok:
		f.recordedByNobody(state, v.cfg())
	case asked.word != nil:
		f.recordedBy(org, *asked.word, v.cfg())
	case !f.judgedBy(org): // enrolled or changed since askAhead looked
		f.recordedBy(org, v.pinnedWordOf(state, f, org), v.cfg())
	}
}

// change applies fn to the finding about one message and lets its place
// follow.
func (v *Verifier) change(tx *mailstore.Tx, ref mailstore.Ref, fn func(*Finding) error) error {
	f, err := Of(&tx.Reader, ref)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil // removed and forgotten
	}
	if errors.Is(err, mailstore.ErrDamaged) { // it keeps no other mail from being judged
		v.log.Error("verifier: the finding about a mail is damaged and stays as it is", "account", ref.Account, "message", ref.Message, "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.Message(ref.Account, ref.Message)
	if errors.Is(err, mailstore.ErrNotFound) {
		return v.forgetMessage(tx, ref, f)
	}
	if err != nil && !errors.Is(err, mailstore.ErrDamaged) {
		return err
	}
	was := *f
	if err := fn(f); err != nil {
		return err
	}
	if f.Lost { // still
		return nil
	}
	f.judge()
	sp := tx.Space(space)
	if err := errors.Join(sp.PutJSON(messageKey(ref), f), f.reindex(sp, ref, &was), v.noteUnanswered(sp, f)); err != nil {
		return err
	}
	err = v.filer.Refile(tx, ref, &was, f)
	if errors.Is(err, mailstore.ErrDamaged) {
		v.log.Error("verifier: what else a mail was filed by is damaged; it stays where it is", "account", ref.Account, "message", ref.Message, "err", err)
		return nil
	}
	return err
}

// reindex moves f's message in the index of the trust that verdicts stand on.
func (f *Finding) reindex(sp mailstore.Space, ref mailstore.Ref, was *Finding) error {
	if f.Org == was.Org && f.Facts.OrgPinned == was.Facts.OrgPinned {
		return nil
	}
	for _, key := range was.trustKeys(ref) {
		if err := sp.Delete(key); err != nil {
			return err
		}
	}
	return putKeys(sp, f.trustKeys(ref))
}
