package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"cairn/mailstore"
)

// sentOf tells of a message how many entries wait and what became of whom.
func sentOf(t *testing.T, st *mailstore.Store, q *Queue, ref mailstore.Ref) (told string) {
	t.Helper()
	err := st.View(func(r *mailstore.Reader) error {
		s, err := q.SentOf(r, ref)
		told = fmt.Sprint(len(s.Waiting))
		for _, o := range s.Outcomes {
			told += " " + o.Recipient + " " + o.State
		}
		if spoilt(err) {
			told += " damaged"
			err = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return told
}

// Entries of a queue that an earlier version has written are known by their messages, also where
// that was interrupted; a later format is left alone.
func TestUpgradeOutcomes(t *testing.T) {
	st := openStore(t)
	before(t, st)
	q := New(st)
	if _, err := q.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := must(q.List(0, 100))(t)
	inOutcomes(t, st, func(sp mailstore.Space) error {
		return errors.Join(sp.Delete(outcomeFormatKey), sp.PutNumber(outcomeReachedKey, whole[1].ID),
			sp.Delete(ofEntry('w', whole[2].sent(), whole[2].ID)))
	})
	if _, err := New(st).Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	known := 0
	err := st.View(func(r *mailstore.Reader) error {
		return r.Space(outcomeSpace).Keys([]byte("w"), nil, func([]byte) bool {
			known++
			return true
		})
	})
	if known != len(whole) || err != nil {
		t.Errorf("%d of %d entries are known by their messages, %v", known, len(whole), err)
	}
	inOutcomes(t, st, func(sp mailstore.Space) error { return sp.PutNumber(outcomeFormatKey, outcomeFormat+1) })
	if _, err := New(st).Upgrade(t.Context()); !errors.Is(err, ErrLater) {
		t.Errorf("a later format: %v", err)
	}
}

func inOutcomes(t *testing.T, st *mailstore.Store, fn func(sp mailstore.Space) error) {
	t.Helper()
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return fn(tx.Space(outcomeSpace)) }); err != nil {
		t.Fatal(err)
	}
}

// What is noted of recipients is there after the entry is gone, beside what is damaged; what is
// damaged of a report holds nothing up.
func TestDamagedOutcomes(t *testing.T) {
	st := openStore(t)
	q := New(st)
	id := must(q.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example"}}, []byte(mailText)))(t)
	ref := mailstore.Ref{Account: 2, Message: id}
	es := must(q.List(0, 10))(t)
	update := func(fn func(tx *mailstore.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *mailstore.Tx) error {
		for i := range es {
			o := []Outcome{{Recipient: es[i].Recipients[0], State: Refused, Time: time.Now(), Reply: "550 5.1.1 no"}}
			if err := errors.Join(q.Note(tx, &es[i], o), q.Return(tx, &es[i], o, time.Minute), q.Remove(tx, &es[i])); err != nil {
				return err
			}
		}
		return nil
	})
	if got := sentOf(t, st, q, ref); got != "0 a@one.example refused b@two.example refused" {
		t.Errorf("known: %s", got)
	}
	inOutcomes(t, st, func(sp mailstore.Space) error {
		bad := []byte(`{"version":7}`)
		return errors.Join(sp.Put(ofEntry('o', ref, es[0].ID), bad), sp.Put(ofEntry('f', ref, es[0].ID), bad))
	})
	if got := sentOf(t, st, q, ref); got != "0 b@two.example refused damaged" {
		t.Errorf("known beside the damage: %s", got)
	}
	update(func(tx *mailstore.Tx) error {
		r, failed, err := q.Finished(tx, ref)
		if err == nil && (r == nil || len(failed) != 1 || string(r.Raw) != mailText) {
			t.Errorf("told of %+v, %+v", r, failed)
		}
		return err
	})
	if _, _, known, err := q.NextReturn(); known || err != nil {
		t.Errorf("a report is due still: %v, %v", known, err)
	}
}

// FuzzDecodeOutcomes: what is read is what is written again.
func FuzzDecodeOutcomes(f *testing.F) {
	f.Add([]byte(`{"version":1,"of":[{"to":"a@b.example","state":"refused","time":"2026-01-02T03:04:05Z","reply":"550 no"}]}`))
	f.Add([]byte(`{"version":1,"copy":{"Account":1,"Message":2},"due":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decodeReturn(b); err != nil && !errors.Is(err, errOutcome) {
			t.Error(err)
		}
		read, err := decodeOutcomes(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(storedOutcomes{outcomesVersion, read})
		if err != nil {
			return // a time before or after all years
		}
		if got, err := decodeOutcomes(again); err != nil || len(got) != len(read) {
			t.Errorf("%q is %+v, %v", again, got, err)
		}
	})
}
