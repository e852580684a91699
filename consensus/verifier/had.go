package verifier

import (
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// hadScan bounds how many messages of one batch are looked at for an answer.
const hadScan = 1024

// Had tells a node what became of a record here, for each recipient of the question; HadUnknown
// unless the record is of its own organisation. Whether a delivery is under way is the caller's to
// say. An error is a fault of ours.
func (v *Verifier) Had(node consensus.Key, d record.Delivery) ([]record.Had, error) {
	all := make([]record.Had, len(d.Recipients))
	s := v.chain.State()
	asker, enrolled := courierOf(s, node)
	owner, known := s.OrgByRecorder(d.Recorder)
	if !enrolled || !known || asker.ID != owner.ID {
		return all, nil
	}
	err := v.store.View(func(rd *mailstore.Reader) (err error) {
		sp := rd.Space(space)
		stored, counted, err := hasRecord(sp, d)
		for i, rcpt := range d.Recipients {
			if err != nil {
				break
			}
			all[i], err = had(sp, d, rcpt, node, asker.ID)
			if all[i] == record.HadNot && (stored || !counted) {
				all[i] = record.HadUnknown // it may be what was not as recorded, and uses no record up
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up what became of a record: %w", err)
	}
	return all, nil
}

// had is Had for one recipient by its acceptance alone. Of what somebody else brought, the record
// itself has to say whose it is.
func had(sp mailstore.SpaceReader, d record.Delivery, rcpt string, node consensus.Key, org consensus.Hash) (record.Had, error) {
	first, before, err := acceptedBefore(sp, acceptedKey(d.Record, rcpt, ""))
	switch {
	case err != nil:
		return record.HadUnknown, err
	case !before:
		return record.HadNot, nil
	case !first.By.IsZero() && first.By != d.Record:
		return record.HadUnknown, nil
	case !first.Node.IsZero() && first.Node == node || !first.Courier.IsZero() && first.Courier == org:
		return record.HadIt, nil
	}
	f, there, err := findingAt(sp, mailstore.Ref{Account: first.Account, Message: first.Message})
	if err == nil && there && f.Recorder == d.Recorder && f.Record == d.Record {
		return record.HadIt, nil
	}
	return record.HadUnknown, err
}

// hasRecord reports whether a message with that record is stored, whatever was made of it; counted
// is false where there are too many to look.
func hasRecord(sp mailstore.SpaceReader, d record.Delivery) (stored, counted bool, err error) {
	keys, err := scanKeys(sp, batchPrefix(consensus.Series{Recorder: d.Recorder, Epoch: d.Epoch}, d.Seq), nil, hadScan)
	if err != nil || len(keys) == hadScan {
		return false, false, err
	}
	for _, key := range keys {
		f, there, err := findingAt(sp, mailstore.RefOf(key))
		if err != nil {
			return false, false, err
		}
		if there && (f.Record == d.Record || f.Lost) {
			return true, true, nil
		}
	}
	return false, true, nil
}

// findingAt reads the finding of a message. One that is damaged stands for any.
func findingAt(sp mailstore.SpaceReader, ref mailstore.Ref) (f Finding, there bool, err error) {
	there, err = sp.JSON(messageKey(ref), &f)
	if errors.Is(err, mailstore.ErrDamaged) {
		return Finding{Lost: true}, true, nil
	}
	return f, there, err
}
