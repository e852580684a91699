package verifier

import (
	"context"
	"fmt"
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Assessment is what was found out about one arrival. Admit and Stored
// complete it for each recipient, within the delivery transaction.
type Assessment struct {
	v       *Verifier
	state   *consensus.State // that the arrival was checked against
	found   *Finding         // of the arrival as a whole
	token   *record.Token    // nil without a sound one
	alone   bool             // the arrival has one recipient
	courier consensus.Hash
	each    map[string]*Finding // by recipient, as admitted
}

// Check assesses an arrival. An error is a fault of ours: the sender should
// come again.
func (v *Verifier) Check(ctx context.Context, a Arrival) (*Assessment, error) {
	state := v.chain.State()
	as := &Assessment{v: v, state: state, alone: len(a.Recipients) == 1, each: make(map[string]*Finding, len(a.Recipients))}
	var courier *consensus.Org
	if a.Courier != nil {
		if org, ok := state.OrgByNode(*a.Courier); ok {
			courier, as.courier = org, org.ID
		}
	}
	found, token := v.examine(ctx, state, a.Raw, a.Recipients, courier)
	as.found, as.token = found, token
	err := v.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		for _, rcpt := range a.Recipients {
			again, replayed, err := as.seen(sp, rcpt)
			if err != nil {
				return err
			}
			found.Facts.Replayed = found.Facts.Replayed || replayed && !again
		}
		return found.locate(sp)
	})
	if err != nil {
		return nil, fmt.Errorf("look the record up: %w", err)
	}
	found.judge()
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
	f := new(Finding)
	*f = *as.found
	if as.token != nil {
		again, err := as.complete(tx.Space(space).SpaceReader, f, rcpt)
		if err != nil || again {
			return nil, false, err
		}
	}
	f.judge()
	as.each[rcpt] = f
	if as.v.policy.discards(f) {
		as.v.log.Info("discarded mail with an invalid record", "from", f.From, "reasons", f.Reasons)
		return nil, false, nil
	}
	return append(as.v.policy.labels(f), mailstore.LabelUnread), true, nil
}

// complete fills in what only the delivery transaction can tell about rcpt's
// copy. What the chain and the trust list say may have changed since Check.
func (as *Assessment) complete(sp mailstore.SpaceReader, f *Finding, rcpt string) (again bool, err error) {
	if !as.alone {
		f.addressedTo(rcpt, as.token)
	}
	state := as.v.chain.State()
	if org, ok := state.OrgByRecorder(f.Recorder); ok {
		f.recordedBy(org, as.v.pinnedWordOf(state, f, org), as.v.policy)
	}
	if err := f.locate(sp); err != nil {
		return false, err
	}
	again, f.Facts.Replayed, err = as.seen(sp, rcpt)
	return again, err
}

// seen reports whether the record was accepted for rcpt before, and whether
// this is just the recording organisation's own courier that comes again with
// the same message because it did not hear our answer.
func (as *Assessment) seen(sp mailstore.SpaceReader, rcpt string) (again, before bool, err error) {
	if as.token == nil {
		return false, false, nil
	}
	first, before, err := acceptedBefore(sp, as.found.Record, rcpt)
	if err != nil || !before {
		return false, false, err
	}
	own := !as.courier.IsZero() && as.courier == as.found.Org && as.courier == first.Courier
	return own && as.found.Facts.Comparison.AllSame(), true, nil
}

// Stored links rcpt's stored copy with its verdict, so that the chain and the
// trust list can revise it. Of recipients that share a copy, the first one's
// verdict is the copy's, as its labels are.
func (as *Assessment) Stored(tx *mailstore.Tx, rcpt string, m mailstore.Message) error {
	f, ok := as.each[rcpt]
	if !ok {
		return fmt.Errorf("store mail for %s: the recipient was not admitted", rcpt)
	}
	sp := tx.Space(space)
	ref := Ref{m.Account, m.ID}
	linked, err := sp.Has(messageKey(ref))
	if err != nil {
		return err
	}
	if !linked {
		f.Arrived = uint64(m.Received.UnixMilli())
		if err := as.v.link(tx, ref, f, as.overtaken(f)); err != nil {
			return err
		}
	}
	// Only the genuine message uses its record up: else whoever gets hold of
	// a token could spoil it with rubbish ahead of the mail.
	if f.Record.IsZero() || !f.Facts.Comparison.AllSame() {
		return nil
	}
	return remember(sp, f.Record, rcpt, acceptance{Courier: as.courier}, m.Received)
}

// overtaken reports whether an enrolment that matters to f may have been
// followed between Check and now, when f was in no index yet.
func (as *Assessment) overtaken(f *Finding) bool {
	now := as.v.chain.State()
	return f.Org.IsZero() || f.Org != as.found.Org || slices.ContainsFunc(f.Domains, func(domain string) bool {
		return !slices.Equal(as.state.OrgsByDomain(domain), now.OrgsByDomain(domain))
	})
}

// link stores f with the indexes that revisions go by; overtaken makes it due
// for one.
func (v *Verifier) link(tx *mailstore.Tx, ref Ref, f *Finding, overtaken bool) error {
	sp := tx.Space(space)
	if err := putJSON(sp, messageKey(ref), f); err != nil || f.Record.IsZero() {
		return err
	}
	if err := sp.Put(ref.append(batchPrefix(f.Recorder, f.Seq)), nil); err != nil {
		return err
	}
	if f.Facts.Inclusion != record.InclusionIncluded {
		if err := sp.Put(ref.append(watchPrefix(f.Deadline)), nil); err != nil {
			return err
		}
	}
	for _, key := range f.domainKeys(ref) {
		if err := sp.Put(key, nil); err != nil {
			return err
		}
	}
	if overtaken {
		return putDue(sp, recorderPrefix(f.Recorder), 0)
	}
	return nil
}
