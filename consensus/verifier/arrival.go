package verifier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// rememberFor is how long an accepted record is remembered, so that a second
// delivery is told from a first.
const rememberFor = 30 * 24 * time.Hour

// Assessment is what was found out about one arrival. Admit and Stored
// complete it for each recipient, within the delivery transaction.
type Assessment struct {
	v       *Verifier
	found   *Finding      // of the arrival as a whole
	token   *record.Token // nil without a sound one
	courier consensus.Hash
	each    map[string]*Finding // by recipient, as admitted
}

// acceptance is the first delivery of a record to a recipient.
type acceptance struct {
	Courier consensus.Hash `json:"courier,omitzero"` // org of the node that brought it; zero: not known
}

// Check assesses an arrival. An error is a fault of ours: the sender should
// come again.
func (v *Verifier) Check(ctx context.Context, a Arrival) (*Assessment, error) {
	found, token, err := v.inspect(ctx, a.Raw, a.Recipients)
	if err != nil {
		return nil, err
	}
	as := &Assessment{v: v, found: found, token: token, each: make(map[string]*Finding)}
	if a.Courier != nil {
		if org, ok := v.chain.State().OrgByNode(*a.Courier); ok {
			as.courier = org.ID
		}
	}
	return as, nil
}

// AuthResult is the x-cairn method's result for Authentication-Results (RFC
// 8601, section 2.7): the state at arrival, which never changes.
func (as *Assessment) AuthResult() (result, reason string) {
	switch as.found.Verdict {
	case record.Verified:
		result = "pass"
	case record.Vouched, record.Pending:
		result = "neutral"
	case record.Unrecorded:
		result = "none"
	case record.Differs, record.Replayed:
		result = "policy"
	default:
		result = "fail"
	}
	return result, "verdict=" + string(as.found.Verdict)
}

// Admit judges rcpt's copy and gives its labels. store is false for a courier
// that comes again with what was accepted from it before, and for what the
// policy discards.
func (as *Assessment) Admit(tx *mailstore.Tx, rcpt string) (labels []string, store bool, err error) {
	f := *as.found
	sp := tx.Space(space)
	if !f.Record.IsZero() {
		// What the chain says may have changed since Check, up to the cursor
		// that this transaction sees. Later blocks revise the stored verdict.
		p, err := placeOf(sp.SpaceReader, f.Recorder, f.Seq)
		if err != nil {
			return nil, false, err
		}
		f.place(p)
		f.Facts.RecipientInRecord = as.names(rcpt)
		var first acceptance
		known, err := getJSON(sp.SpaceReader, acceptedKey(f.Record, rcpt), &first)
		if err != nil {
			return nil, false, err
		}
		if known && as.isRecorder() && first.Courier == as.courier {
			return nil, false, nil
		}
		f.Facts.Replayed = known
	}
	f.judge()
	as.each[rcpt] = &f
	if f.Verdict == record.Invalid && as.v.policy.Invalid == InvalidDiscard {
		as.v.log.Info("discarded mail with an invalid record", "reasons", f.Reasons)
		return nil, false, nil
	}
	return append(as.v.policy.labels(&f), mailstore.LabelUnread), true, nil
}

// isRecorder reports whether a node of the recording organisation itself
// brought the arrival. Only its courier may come again with the same record.
func (as *Assessment) isRecorder() bool {
	return !as.courier.IsZero() && as.courier == as.found.Org
}

// names reports whether the record is for rcpt, among others.
func (as *Assessment) names(rcpt string) bool {
	for _, got := range message.Components(nil, []string{rcpt}) {
		for _, c := range as.token.Record.Commitments {
			salt := record.Salt(as.token.Secret, c.Type, c.Index)
			if c.Type == message.Recipient && c.C == record.CommitTo(c.Type, c.Index, salt, sha256.Sum256(got.Content)) {
				return true
			}
		}
	}
	return false
}

// Stored links rcpt's stored copy with its verdict, so that the chain and the
// trust list can revise it.
func (as *Assessment) Stored(tx *mailstore.Tx, rcpt string, m mailstore.Message) error {
	f, ok := as.each[rcpt]
	if !ok {
		return fmt.Errorf("recipient was not admitted")
	}
	sp := tx.Space(space)
	ref := Ref{m.Account, m.ID}
	if err := putJSON(sp, messageKey(ref), f); err != nil {
		return err
	}
	if f.Record.IsZero() {
		return nil
	}
	if err := sp.Put(ref.append(batchPrefix(f.Recorder, f.Seq)), nil); err != nil {
		return err
	}
	if f.Facts.Inclusion != record.InclusionIncluded {
		if err := sp.Put(ref.append(watchPrefix(f.Deadline)), nil); err != nil {
			return err
		}
	}
	if f.Org.IsZero() {
		if err := sp.Put(ref.append(keyPrefix(f.Recorder)), nil); err != nil {
			return err
		}
	}
	return remember(sp, f.Record, rcpt, acceptance{Courier: as.courier}, m.Received)
}

func acceptedKey(id consensus.Hash, rcpt string) []byte {
	return append(append([]byte("accepted/"), id[:]...), rcpt...)
}

func ageKey(at time.Time, accepted []byte) []byte {
	k := binary.BigEndian.AppendUint64([]byte("age/"), uint64(at.Unix()))
	return append(k, accepted[len("accepted/"):]...)
}

// remember notes the first delivery of a record to a recipient.
func remember(sp mailstore.Space, id consensus.Hash, rcpt string, a acceptance, at time.Time) error {
	key := acceptedKey(id, rcpt)
	known, err := sp.Has(key)
	if err != nil || known {
		return err
	}
	if err := putJSON(sp, key, a); err != nil {
		return err
	}
	return sp.Put(ageKey(at, key), nil)
}

// forget drops acceptances from before a time.
func forget(sp mailstore.Space, before time.Time) error {
	const head = len("age/") + 8
	end := binary.BigEndian.AppendUint64([]byte("age/"), uint64(before.Unix()))
	var old [][]byte
	err := sp.Scan([]byte("age/"), nil, func(key, _ []byte) bool {
		if bytes.Compare(key[:head], end) >= 0 {
			return false
		}
		old = append(old, bytes.Clone(key))
		return len(old) < followStep
	})
	for _, key := range old {
		if err == nil {
			err = sp.Delete(append([]byte("accepted/"), key[head:]...))
		}
		if err == nil {
			err = sp.Delete(key)
		}
	}
	return err
}
