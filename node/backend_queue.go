package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/node/api"
	"cairn/smtpgw/address"
	"cairn/smtpgw/courier"
	"cairn/smtpgw/refuse"
)

// queueLimit is how many entries of the queue are listed.
const queueLimit = 1000

// ListQueue lists the oldest entries of the queue, of those that fit.
func (n *Node) ListQueue(_ context.Context, r api.QueueSelection) (*api.QueueList, error) {
	l := &api.QueueList{Entries: []api.QueueEntry{}}
	which, err := n.whichQueued(api.QueueRequest{Domain: r.Domain, From: r.From, Account: r.Account})
	if err != nil {
		return nil, err
	}
	entries, total, err := n.queue.Find(which, queueLimit)
	if outbox.IsDamaged(err) {
		l.Damaged = err.Error()
	} else if err != nil {
		return nil, err
	}
	l.Total = total
	err = n.viewQueue(func(view viewEntry) error {
		for i := range entries {
			v, err := view(&entries[i])
			if err != nil {
				return err
			}
			l.Entries = append(l.Entries, v)
		}
		return nil
	})
	return l, err
}

// whichQueued is what a request names.
func (n *Node) whichQueued(r api.QueueRequest) (w outbox.Which, err error) {
	w = outbox.Which{ID: r.ID, All: r.All}
	if w.From, err = queueSender(r.From); err != nil {
		return w, err
	}
	if r.Domain != "" {
		if w.Domain, err = queueDomain(r.Domain); err != nil {
			return w, err
		}
	}
	w.Account, err = n.accountID(r.Account)
	return w, err
}

// namesQueued reports whether a request names something: an entry, or some by where they go and
// whose they are, or all.
func namesQueued(r api.QueueRequest) bool {
	one, some := r.ID != 0, r.Domain != "" || r.From != "" || r.Account != ""
	return (one || some || r.All) && !(one && some || one && r.All || some && r.All)
}

const whatNames = "name an entry of the queue, or a domain, a sender or an account, or say that all are meant"

// queueDomain is the domain of entries, which may be an address literal.
func queueDomain(domain string) (string, error) {
	c := maildomain.Canonical(domain)
	if !maildomain.Valid(c) && !strings.HasPrefix(c, "[") {
		return "", api.Errorf(api.CodeInvalid, "cairn queue ls", "%q is no mail domain", domain)
	}
	return c, nil
}

// queueSender is the envelope sender of entries, with its angle brackets or without.
func queueSender(from string) (string, error) {
	if from == "" || from == outbox.NullSender {
		return from, nil
	}
	m, err := address.Parse(strings.TrimSuffix(strings.TrimPrefix(from, "<"), ">"), true)
	if refusal, refused := errors.AsType[*refuse.Refusal](err); refused {
		return "", api.Errorf(api.CodeInvalid, "cairn queue ls", "%q is no sender: %s", from, refusal.Text)
	}
	return m.String(), err
}

// QueueEntry shows an entry with its attempts.
func (n *Node) QueueEntry(_ context.Context, r api.QueueRequest) (*api.QueueItem, error) {
	e, err := n.queue.Get(r.ID)
	if err != nil {
		return nil, noEntry(err, r.ID)
	}
	item := &api.QueueItem{History: []api.QueueAttempt{}}
	for _, a := range e.History {
		item.History = append(item.History, api.QueueAttempt{Time: a.Time.UTC(), Result: a.Result})
	}
	err = n.viewQueue(func(view viewEntry) error {
		item.QueueEntry, err = view(&e)
		return err
	})
	return item, err
}

// RetryQueue makes what is named due at once.
func (n *Node) RetryQueue(ctx context.Context, r api.QueueRequest) (*api.QueueRetried, error) {
	if !namesQueued(r) {
		return nil, api.Errorf(api.CodeUsage, "cairn queue retry --help", "trying mail again: %s", whatNames)
	}
	which, err := n.whichQueued(r)
	if err != nil {
		return nil, err
	}
	retried := &api.QueueRetried{}
	if which.ID == 0 {
		retried.Due, err = n.queue.Retry(ctx, which)
		return retried, err
	}
	e, err := n.queue.Get(which.ID)
	if err == nil {
		_, err = n.queue.Retry(ctx, which)
	}
	if err != nil {
		return nil, noEntry(err, which.ID)
	}
	err = n.viewQueue(func(view viewEntry) error {
		v, err := view(&e)
		switch v.WaitsFor {
		case api.WaitsAttempt:
			retried.Due = 1
		case api.WaitsRecord, api.WaitsDelivery, api.WaitsHeld, api.WaitsBlock, api.WaitsRelease:
			retried.WaitsFor, retried.Why = v.WaitsFor, v.Why
		}
		return err
	})
	return retried, err
}

// HoldQueue keeps entries from being carried.
func (n *Node) HoldQueue(ctx context.Context, r api.QueueRequest) (*api.QueueChanged, error) {
	if !namesQueued(r) {
		return nil, api.Errorf(api.CodeUsage, "cairn queue hold --help", "holding mail back: %s", whatNames)
	}
	which, err := n.whichQueued(r)
	if err != nil {
		return nil, err
	}
	held, err := n.queue.HoldByHand(ctx, which)
	if err == nil && held == 0 {
		err = n.noneNamed(which)
	}
	if err != nil {
		return nil, noEntry(err, which.ID)
	}
	return &api.QueueChanged{Entries: held}, nil
}

// noneNamed is the error of a command for which nothing is queued that it names.
func (n *Node) noneNamed(w outbox.Which) error {
	if w.ID != 0 || w.All {
		return nil
	}
	_, total, err := n.queue.Find(w, 1)
	if outbox.IsDamaged(err) {
		return nil
	}
	if err == nil && total == 0 {
		err = api.Errorf(api.CodeNotFound, "cairn queue ls", "nothing of that is in the queue")
	}
	return err
}

// ReleaseQueue has entries carried again.
func (n *Node) ReleaseQueue(ctx context.Context, r api.QueueRequest) (*api.QueueChanged, error) {
	if !namesQueued(r) {
		return nil, api.Errorf(api.CodeUsage, "cairn queue release --help", "releasing mail: %s", whatNames)
	}
	which, err := n.whichQueued(r)
	if err != nil {
		return nil, err
	}
	released, err := n.queue.ReleaseByHand(ctx, which)
	if err != nil {
		return nil, noEntry(err, which.ID)
	}
	return &api.QueueChanged{Entries: released}, nil
}

// DropQueue takes entries off the queue.
func (n *Node) DropQueue(ctx context.Context, r api.QueueDrop) (*api.QueueChanged, error) {
	if !namesQueued(r.QueueRequest) {
		return nil, api.Errorf(api.CodeUsage, "cairn queue drop --help", "dropping mail: %s", whatNames)
	}
	which, err := n.whichQueued(r.QueueRequest)
	if err != nil {
		return nil, err
	}
	v := &api.QueueChanged{}
	err = n.queue.Each(which, func(id uint64) error {
		e, reported, err := n.courier.Drop(ctx, id, r.Silent)
		switch {
		case err == nil:
			v.Entries++
			if reported {
				v.Reports++
			}
			if reported && which.ID != 0 {
				v.To = e.From
			}
		case which.ID != 0:
		case errors.Is(err, courier.ErrUnderWay):
			v.UnderWay++
			return nil
		case errors.Is(err, outbox.ErrGone): // it has left meanwhile
			return nil
		case outbox.IsDamaged(err): // it holds up no others
			v.Damaged = cmp.Or(v.Damaged, err.Error())
			return nil
		}
		return err
	})
	if err == nil && v.Entries == 0 && v.UnderWay == 0 && v.Damaged == "" {
		err = n.noneNamed(which)
	}
	if errors.Is(err, courier.ErrUnderWay) {
		return nil, api.Errorf(api.CodeTryLater, fmt.Sprintf("cairn queue hold %d", r.ID), "entry %d is not dropped: %v, and may succeed; hold it, and try again", r.ID, err)
	}
	if err != nil {
		return nil, noEntry(err, which.ID)
	}
	return v, nil
}

// viewSent adds to what is shown of a sent message what became of its recipients.
func (n *Node) viewSent(rd *mailstore.Reader, ref mailstore.Ref, v *api.Message) error {
	sent, err := n.queue.SentOf(rd, ref)
	if err != nil && !outbox.IsDamaged(err) { // which a check tells of
		return err
	}
	view, err := n.entryViewer(rd)
	if err != nil {
		return err
	}
	for _, o := range sent.Outcomes {
		v.Deliveries = append(v.Deliveries, api.Delivery{To: o.Recipient, State: o.State, Time: o.Time, By: o.By, Reply: o.Reply, Reported: o.Reported})
	}
	v.Record = api.RecordSealed
	if slices.Contains(v.Labels, recorder.LabelRecorded) {
		v.Record = api.RecordBlock
	}
	for i := range sent.Waiting {
		e := &sent.Waiting[i]
		if e.Token == nil {
			v.Record = api.RecordWaits
		}
		q, err := view(e)
		if err != nil {
			return err
		}
		d := api.Delivery{
			State: api.StateWaiting, Reply: e.LastError, Entry: e.ID,
			WaitsFor: q.WaitsFor, Why: q.Why, Attempts: q.Attempts, NextAttempt: q.NextAttempt,
		}
		if n := len(e.History); n > 0 {
			d.Time = e.History[n-1].Time.UTC()
		}
		for _, to := range e.Recipients {
			d.To = to
			v.Deliveries = append(v.Deliveries, d)
		}
	}
	if len(v.Deliveries) == 0 {
		v.Record = ""
	}
	return nil
}

func noEntry(err error, id uint64) error {
	if errors.Is(err, outbox.ErrGone) {
		return api.Errorf(api.CodeNotFound, "cairn queue ls", "there is no entry %d in the queue: it has been delivered or returned, or never was", id)
	}
	return err
}

// viewQueue gives a function that shows entries as of one moment.
func (n *Node) viewQueue(show func(view viewEntry) error) error {
	return n.store.View(func(rd *mailstore.Reader) error {
		view, err := n.entryViewer(rd)
		if err != nil {
			return err
		}
		return show(view)
	})
}

// viewEntry shows an entry.
type viewEntry func(*outbox.Entry) (api.QueueEntry, error)

// entryViewer returns what shows entries as of now and rd.
func (n *Node) entryViewer(rd *mailstore.Reader) (viewEntry, error) {
	now := n.now()
	recording, err := n.recorder.Status(rd)
	if err != nil {
		return nil, err
	}
	keyComes := n.recorderComesAgain(n.chain.State())
	names := make(map[mailstore.AccountID]string)
	return func(e *outbox.Entry) (api.QueueEntry, error) {
		name, known := names[e.Account]
		if !known {
			a, err := rd.Account(e.Account)
			if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
				return api.QueueEntry{}, err
			}
			name = a.Name // none: the account was removed
			names[e.Account] = name
		}
		v := api.QueueEntry{
			ID: e.ID, Ref: e.Ref, From: e.From, Domain: e.Domain, Recipients: e.Recipients, Created: e.Created.UTC(),
			RequireTLS: e.RequireTLS, Attempts: int(e.Attempts), LastError: e.LastError, Next: afterError(e),
		}
		_, v.Unclear = n.queue.Unclear(e.ID)
		here := false
		until := n.queue.AwaitsBlock(e.ID)
		if !until && e.Token == nil && recording.Halted.Why != "" {
			if here, err = n.someHere(rd, e.Recipients); err != nil {
				return api.QueueEntry{}, err
			}
		}
		v.WaitsFor = waitsFor(e, n.queue.Held(e.ID), here, now)
		switch {
		case n.queue.HeldByHand(e.ID):
			v.WaitsFor = api.WaitsRelease
		case until && v.WaitsFor != api.WaitsRecord && v.WaitsFor != api.WaitsHeld:
			v.WaitsFor = api.WaitsBlock
		}
		if name != "" {
			v.Message = fmt.Sprintf("%s/%d", name, e.Message)
		}
		switch {
		case v.WaitsFor == api.WaitsRelease:
			v.Why, v.Next = "somebody holds it", fmt.Sprintf("cairn queue release %d", e.ID)
		case v.WaitsFor == api.WaitsBlock:
			v.Why, v.Next = untilWhy, fmt.Sprintf("cairn queue release %d", e.ID)
		case e.Token == nil:
			v.Why = recording.Halted.Why
			if v.WaitsFor == api.WaitsRecord {
				v.Next = recording.Halted.Next
			}
		case v.WaitsFor == api.WaitsHeld:
			if v.Why = heldWhy; keyComes { // for what is held too
				v.Why, v.Next = recording.Halted.Why, recording.Halted.Next
			}
		default:
			v.NextAttempt = e.NextAttempt.UTC()
		}
		return v, nil
	}, nil
}

// untilWhy is why mail waits that is held until its record is in a block.
const untilWhy = "it leaves when its record is in a block, or is released"

// heldWhy is why the recorder holds what is recorded.
const heldWhy = "whether a block will hold its record is in doubt, as after a restore; it leaves with that block, or is recorded anew within 20"

// afterError is the command that tells more about why an entry did not get through; empty if there
// is none. It is not taken from what the other side says.
func afterError(e *outbox.Entry) (next string) {
	if strings.HasSuffix(e.LastError, dnsSilent(e.Domain)) {
		next = "cairn org trust " + e.Domain
	}
	return next
}

// waitsFor says what an entry waits for. unrecorded: it is delivered to accounts here without a
// record.
func waitsFor(e *outbox.Entry, held, unrecorded bool, now time.Time) string {
	switch {
	case e.Token == nil && unrecorded:
		return api.WaitsDelivery
	case e.Token == nil:
		return api.WaitsRecord
	case held:
		return api.WaitsHeld
	case e.NextAttempt.After(now):
		return api.WaitsAttempt
	}
	return api.WaitsNothing
}
