package verifier

import (
	"context"
	"fmt"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
)

// Assessment is what was found out about one arrival. Admit and Stored
// complete it for each recipient, within the delivery transaction.
type Assessment struct {
	*opened
	v       *Verifier
	arrival *Arrival
	state   *consensus.State // that the arrival was checked against
	found   *Finding         // of the arrival as a whole
	top     *Finding         // the same by the topmost record, whoever sent it on
	token   *record.Token    // nil without a sound one
	way     *way             // nil if nobody sent it on whose record holds
	alone   bool             // the arrival has one recipient
	courier consensus.Hash
	each    map[string]*Finding // by recipient, as admitted
}

// Check assesses an arrival. An error is a fault of ours: the sender should
// come again.
func (v *Verifier) Check(ctx context.Context, a Arrival) (*Assessment, error) {
	state := v.chain.State()
	as := &Assessment{
		v: v, arrival: &a, state: state, opened: v.open(a.Raw),
		alone: len(a.Recipients) == 1, each: make(map[string]*Finding, len(a.Recipients)),
	}
	var courier *consensus.Org
	if a.Courier != nil {
		org, ok := courierOf(state, *a.Courier)
		if !ok && a.Local { // we, also after this node has ended
			org, ok = state.OrgByNode(*a.Courier)
		}
		if ok {
			courier, as.courier = org, org.ID
		}
	}
	var err error
	if as.found, as.token, err = v.examine(ctx, state, as.opened, a.Recipients, courier); err != nil {
		return nil, err
	}
	found := as.found
	as.top = found
	if !found.Facts.TokenPresent {
		found.Facts.NotRecorded = a.Unrecorded
	}
	found.Facts.ArrivalTime, found.Facts.ClockWrong = uint64(max(a.Received.UnixMilli(), 0)), v.cfg().Distrust()
	if !a.Local {
		found.Facts.OwnDomain = v.cfg().Own.claimed(found, as.header, a.Sender, state, courier)
	}
	err = v.store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		for _, rcpt := range a.Recipients {
			one := *found
			if as.token != nil && !as.alone {
				one.addressedTo(rcpt, as.token)
			}
			again, replayed, err := as.seen(sp, &one, rcpt)
			if err != nil {
				return err
			}
			found.Facts.Replayed = found.Facts.Replayed || replayed && !again
		}
		return v.locate(sp, found)
	})
	if err != nil {
		return nil, fmt.Errorf("look the record up: %w", err)
	}
	found.judge()
	if as.way, err = v.wayOf(ctx, as); err != nil {
		return nil, fmt.Errorf("look up who sent an arrival on: %w", err)
	}
	if as.way != nil && as.way.whole != nil {
		whole := *as.way.whole
		if err := v.store.View(func(rd *mailstore.Reader) error { return v.locate(rd.Space(space), &whole) }); err != nil {
			return nil, fmt.Errorf("look the record up: %w", err)
		}
		whole.judge()
		as.found = &whole
	}
	return as, nil
}

// Found is the finding about the arrival as a whole, at this moment. It is not
// to be changed.
func (as *Assessment) Found() *Finding { return as.found }

// Admit judges rcpt's copy, which goes to account. again is true of a courier
// that brings what was accepted from it before: no second copy is made of that.
func (as *Assessment) Admit(tx *mailstore.Tx, account mailstore.AccountID, rcpt string) (f *Finding, again bool, err error) {
	f = new(Finding)
	*f = *as.found
	if as.token != nil {
		if again, err = as.complete(&tx.Reader, f, account, rcpt); err != nil || again {
			return nil, again, err
		}
	}
	f.judge()
	as.each[rcpt] = f
	return f, false, nil
}

// complete fills in what only the delivery transaction can tell about rcpt's
// copy. What the chain and the trust list say may have changed since Check.
func (as *Assessment) complete(rd *mailstore.Reader, f *Finding, account mailstore.AccountID, rcpt string) (again bool, err error) {
	var onward *Finding
	if as.way != nil {
		if onward, err = as.way.sentOn(as, rd, account, rcpt); err != nil {
			return false, fmt.Errorf("look the forwarder up: %w", err)
		}
	}
	switch {
	case onward != nil:
		*f = *onward
	default:
		*f = *as.top
		if !as.alone {
			f.addressedTo(rcpt, as.token)
		}
	}
	own, err := rd.Account(account)
	if err != nil {
		return false, err
	}
	f.Facts.Unaddressed = !as.header.AddressedTo(append(own.Addresses, rcpt))
	if f.Facts.RecipientThreshold, err = thresholdOf(rd, account); err != nil {
		return false, err
	}
	sp := rd.Space(space)
	if err := as.v.locate(sp, f); err != nil {
		return false, err
	}
	state := as.v.chain.State()
	if org, ok := f.recordingOrg(state); ok {
		f.recordedBy(org, as.v.pinnedWordOf(state, f, org), as.v.cfg())
	} else {
		f.recordedByNobody(state, as.v.cfg())
	}
	again, f.Facts.Replayed, err = as.seen(sp, f, rcpt)
	return again, err
}

// seen reports whether the record was accepted for rcpt before, and whether
// this is just the same courier, of the recording organisation or of who sent it
// on, that comes again with the same message because it did not hear our answer.
// What a stranger sent on is taken once, and not behind what came straight.
func (as *Assessment) seen(sp mailstore.SpaceReader, f *Finding, rcpt string) (again, before bool, err error) {
	if as.token == nil {
		return false, false, nil
	}
	first, before, err := acceptedBefore(sp, f.acceptedKey(rcpt))
	if err == nil && !before && f.Facts.ByStranger() {
		first, before, err = acceptedBefore(sp, acceptedKey(f.Record, rcpt, ""))
	}
	if err != nil || !before {
		return false, false, err
	}
	onward := f.Facts.Forwarder != "" || f.Facts.ByStranger()
	again = as.comesAgain(&first) && (as.mayRecord(f) || onward) && (f.genuine() || f.Facts.ByStranger() && f.usesUp())
	again = again || as.cameOutside(&first, f) && f.genuine()
	return again, true, nil
}

// comesAgain reports whether the courier is the one that brought the first copy, with the same
// record: that node, which the chain may have lost since, or another one of its organisation.
func (as *Assessment) comesAgain(first *acceptance) bool {
	if !first.By.IsZero() && first.By != as.top.Record {
		return false
	}
	return as.node() == first.Node && !first.Node.IsZero() || as.courier == first.Courier && !first.Courier.IsZero()
}

// cameOutside reports whether the first copy was brought by no node, with the same record, and now
// the organisation that recorded it brings it, while that may be in its queue: it gave the mail to
// a mail server when no node answered, and did not hear what became of it.
func (as *Assessment) cameOutside(first *acceptance, f *Finding) bool {
	byNobody := first.Courier.IsZero() && first.Node.IsZero() && first.Account != 0 && first.By == as.top.Record
	now, most := f.Facts.ArrivalTime, uint64(record.MaxAge.Milliseconds())
	return byNobody && !f.Org.IsZero() && as.courier == f.Org && (now <= f.Time || now-f.Time <= most)
}

// mayRecord reports whether the courier may be of the organisation that made the record. A node
// that the chain knows no more may, and so may any where it does not know the key of the record: it
// went another way, or they have ended.
func (as *Assessment) mayRecord(f *Finding) bool {
	return as.courier == f.Org || as.courier.IsZero() || f.Org.IsZero()
}

// node is the one that brought the arrival; zero: none.
func (as *Assessment) node() (key consensus.Key) {
	if as.arrival.Courier != nil {
		key = *as.arrival.Courier
	}
	return key
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
	ref := m.Ref()
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
	if f.Record.IsZero() || !f.usesUp() {
		return nil
	}
	return remember(sp, f.acceptedKey(rcpt), acceptance{Courier: as.courier, Node: as.node(), By: as.top.Record, Account: ref.Account, Message: ref.Message})
}

// overtaken reports whether an enrolment that matters to f may have been
// followed between Check and now, when f was in no index yet.
func (as *Assessment) overtaken(f *Finding) bool {
	return f.Org.IsZero() || f.Org != as.found.Org || f.OrgEvent != as.found.OrgEvent || f.contested(as.state, as.v.chain.State())
}

// link stores f with the indexes that revisions go by; overtaken makes it due
// for one.
func (v *Verifier) link(tx *mailstore.Tx, ref mailstore.Ref, f *Finding, overtaken bool) error {
	sp := tx.Space(space)
	if err := sp.PutJSON(messageKey(ref), f); err != nil || f.Record.IsZero() && !f.Asked {
		return err
	}
	if err := v.noteUnanswered(sp, f); err != nil {
		return err
	}
	if f.Record.IsZero() {
		return v.linkAsked(sp, ref, f)
	}
	if err := sp.Put(ref.Append(batchPrefix(f.series(), f.Seq)), nil); err != nil {
		return err
	}
	if f.Facts.Inclusion != record.InclusionIncluded {
		if err := sp.Put(ref.Append(watchPrefix(f.Deadline)), nil); err != nil {
			return err
		}
	}
	if err := putKeys(sp, append(f.domainKeys(ref), f.trustKeys(ref)...)); err != nil {
		return err
	}
	if overtaken {
		return putDue(sp, recorderPrefix(f.Recorder), 0)
	}
	return nil
}

// linkAsked is link of a message without a record. A domain that was pinned meanwhile is not asked
// for any more.
func (v *Verifier) linkAsked(sp mailstore.Space, ref mailstore.Ref, f *Finding) error {
	err := putKeys(sp, f.domainKeys(ref))
	for _, domain := range f.Domains {
		if _, pinned := v.trust.PinOf(domain); pinned && err == nil {
			err = putDue(sp, domainPrefix(domain), 0)
		}
	}
	return err
}

// ownDomain returns the domain of our own that the author of f claims, unless the arrival is from
// one of our own nodes; who recorded the original, recordedBy asks. Where the author is one in
// Reply-To, what the message as a whole claims is claimed too.
func (as *Assessment) ownDomain(f *Finding) string {
	if as.arrival.Local {
		return ""
	}
	courier, _ := as.state.Org(as.courier)
	if d := as.v.cfg().Own.claimed(f, &record.Header{Domains: f.Domains}, "", as.state, courier); d != "" {
		return d
	}
	return as.top.Facts.OwnDomain
}
