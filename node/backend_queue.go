package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/node/api"
)

// queueLimit is how many entries of the queue are listed.
const queueLimit = 1000

// ListQueue lists the oldest entries of the queue, or of those to a domain.
func (n *Node) ListQueue(_ context.Context, domain string) (*api.QueueList, error) {
	l := &api.QueueList{Entries: []api.QueueEntry{}}
	entries, total, err := n.queued(domain)
	if outbox.IsDamaged(err) {
		l.Damaged = err.Error()
	} else if err != nil {
		return nil, err
	}
	l.Total = total
	err = n.viewQueue(func(view func(*outbox.Entry) (api.QueueEntry, error)) error {
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

// queued returns the oldest entries, and how many there are. With an error that is of damage there
// are those beside what is damaged.
func (n *Node) queued(domain string) (list []outbox.Entry, total int, err error) {
	if domain == "" {
		list, err = n.queue.List(0, queueLimit)
		total, bad := n.queue.Len()
		return list, total, cmp.Or(bad, err)
	}
	if domain, err = queueDomain(domain); err != nil {
		return nil, 0, err
	}
	list, err = n.queue.ListOf(domain, 0, queueLimit)
	total, bad := n.queue.LenOf(domain)
	return list, total, cmp.Or(bad, err)
}

// queueDomain is the domain of entries, which may be an address literal.
func queueDomain(domain string) (string, error) {
	c := maildomain.Canonical(domain)
	if !maildomain.Valid(c) && !strings.HasPrefix(c, "[") {
		return "", api.Errorf(api.CodeInvalid, "cairn queue ls", "%q is no mail domain", domain)
	}
	return c, nil
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
	err = n.viewQueue(func(view func(*outbox.Entry) (api.QueueEntry, error)) error {
		item.QueueEntry, err = view(&e)
		return err
	})
	return item, err
}

// RetryQueue makes an entry, those to a domain, or all, due at once.
func (n *Node) RetryQueue(ctx context.Context, r api.QueueRequest) (*api.QueueRetried, error) {
	one, of := r.ID != 0, r.Domain != ""
	switch {
	case one && of || one && r.All || of && r.All || !one && !of && !r.All:
		return nil, api.Errorf(api.CodeUsage, "cairn queue retry --help", "trying mail again: name an entry of the queue, or a domain, or say that all are meant")
	case r.All:
		due, err := n.queue.RetryAll(ctx)
		return &api.QueueRetried{Due: due}, err
	case of:
		return n.retryDomain(ctx, r.Domain)
	}
	e, err := n.queue.Get(r.ID)
	if err == nil {
		err = n.queue.Retry(ctx, r.ID)
	}
	if err != nil {
		return nil, noEntry(err, r.ID)
	}
	retried := &api.QueueRetried{}
	err = n.viewQueue(func(view func(*outbox.Entry) (api.QueueEntry, error)) error {
		v, err := view(&e)
		switch v.WaitsFor {
		case api.WaitsAttempt:
			retried.Due = 1
		case api.WaitsRecord, api.WaitsDelivery, api.WaitsHeld:
			retried.WaitsFor, retried.Why = v.WaitsFor, v.Why
		}
		return err
	})
	return retried, err
}

// retryDomain makes what goes to a domain due at once.
func (n *Node) retryDomain(ctx context.Context, domain string) (*api.QueueRetried, error) {
	domain, err := queueDomain(domain)
	if err != nil {
		return nil, err
	}
	due, err := n.queue.Waiting(domain)
	if err == nil {
		err = n.queue.RetryDomain(ctx, domain)
	}
	return &api.QueueRetried{Due: due}, err
}

func noEntry(err error, id uint64) error {
	if errors.Is(err, outbox.ErrGone) {
		return api.Errorf(api.CodeNotFound, "cairn queue ls", "there is no entry %d in the queue: it has been delivered or returned, or never was", id)
	}
	return err
}

// viewQueue gives a function that shows entries as of one moment.
func (n *Node) viewQueue(show func(view func(*outbox.Entry) (api.QueueEntry, error)) error) error {
	now := n.now()
	return n.store.View(func(rd *mailstore.Reader) error {
		recorder, err := n.recorder.Status(rd)
		if err != nil {
			return err
		}
		keyComes := n.recorderComesAgain(n.chain.State())
		names := make(map[mailstore.AccountID]string)
		return show(func(e *outbox.Entry) (api.QueueEntry, error) {
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
				Attempts: int(e.Attempts), LastError: e.LastError, Next: afterError(e),
			}
			here := false
			if e.Token == nil && recorder.Halted.Why != "" {
				if here, err = n.someHere(rd, e.Recipients); err != nil {
					return api.QueueEntry{}, err
				}
			}
			v.WaitsFor = waitsFor(e, n.queue.Held(e.ID), here, now)
			if name != "" {
				v.Message = fmt.Sprintf("%s/%d", name, e.Message)
			}
			switch {
			case e.Token == nil:
				v.Why = recorder.Halted.Why
				if v.WaitsFor == api.WaitsRecord {
					v.Next = recorder.Halted.Next
				}
			case v.WaitsFor == api.WaitsHeld:
				if v.Why = heldWhy; keyComes { // for what is held too
					v.Why, v.Next = recorder.Halted.Why, recorder.Halted.Next
				}
			default:
				v.NextAttempt = e.NextAttempt.UTC()
			}
			return v, nil
		})
	})
}

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
