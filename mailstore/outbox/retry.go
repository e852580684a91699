package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/wake"
)

// Retry makes sealed entries due at once, and tells how many of them were not due yet and may be
// carried: what is held stays held. Those that wait for their tokens go on waiting, and those that
// are under way are tried again should that fail.
// ErrGone when the one that is named is not there.
func (q *Queue) Retry(ctx context.Context, w Which) (moved int, err error) {
	switch {
	case w.All && !w.ofSender():
		return q.RetryAll(ctx)
	case w.Domain != "" && !w.ofSender():
		later, held, err := q.waiting(w.Domain, all)
		if err == nil {
			err = q.RetryDomain(ctx, w.Domain)
		}
		return later - held, err
	}
	err = q.steps(w, func(ids []uint64) error {
		n, err := q.retrySome(ctx, ids)
		moved += n
		return err
	})
	if err != nil {
		return moved, fmt.Errorf("retry mail in the queue: %w", err)
	}
	return moved, nil
}

// retrySome is Retry of some entries, in one transaction. One that has left is left out.
func (q *Queue) retrySome(ctx context.Context, ids []uint64) (moved int, err error) {
	some := make(map[uint64]bool, len(ids))
	for _, id := range ids {
		some[id] = true
	}
	q.way.hurry(func(id uint64, _ string) bool { return some[id] })
	err = q.store.Update(ctx, func(tx *mailstore.Tx) error {
		moved = 0
		for _, id := range ids {
			e, err := q.GetTx(tx, id)
			if errors.Is(err, ErrGone) || err == nil && e.Token == nil {
				continue
			}
			if err != nil {
				return err
			}
			if e.NextAttempt.After(q.now()) && !q.way.stays(id) {
				moved++
			}
			q.way.another(e.Domain)
			if err := q.Postpone(tx, &e, q.now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		wake.Up(q.sender)
	}
	return moved, err
}

// RetryDomain makes all sealed entries of a domain due at once, for when its node has come back,
// and also those for which an attempt is under way and fails. No entry is written for that: see
// head.
func (q *Queue) RetryDomain(ctx context.Context, domain string) error {
	under := q.way.hurry(func(_ uint64, d string) bool { return d == domain })
	n, _, err := q.waiting(domain, 1)
	if err == nil && (n > 0 || under[domain]) {
		q.way.another(domain)
		err = q.retry(ctx, []string{domain})
	}
	if err != nil {
		return fmt.Errorf("retry the mail for %s: %w", domain, err)
	}
	return nil
}

// RetryAll makes all sealed entries due at once, as when the clock was set back: nobody
// knows by which clock they were put off. It tells how many Retry would.
func (q *Queue) RetryAll(ctx context.Context) (moved int, err error) {
	under := q.way.hurry(func(uint64, string) bool { return true })
	q.way.anotherOfAll()
	domains, err := q.domains()
	var some []string
	for i, domain := range domains {
		n, held, countErr := 0, 0, err
		if err == nil {
			n, held, countErr = q.waiting(domain, all)
		}
		if err = countErr; err != nil {
			break
		}
		moved += n - held
		if n > 0 || under[domain] {
			some = append(some, domain)
		}
		if len(some) == retryStep || i == len(domains)-1 {
			err = q.retry(ctx, some)
			some = nil
		}
	}
	if err != nil {
		return moved, fmt.Errorf("retry all queue entries: %w", err)
	}
	return moved, nil
}

const (
	// retryStep is for how many domains one transaction begins another round.
	retryStep = 64
	// all is more than any queue has.
	all = 1 << 62
)

// retry begins another round for some domains.
func (q *Queue) retry(ctx context.Context, domains []string) error {
	if len(domains) == 0 {
		return nil
	}
	err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
		for _, domain := range domains {
			q.plan.touch(domain)
			err := q.change(tx, domain, func(ch *change) error {
				if ch.head.sealed() > 0 {
					ch.head.round++
					ch.head.retried = uint64(max(q.now().UnixMilli(), 0))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		wake.Up(q.sender)
	}
	return err
}

// waiting counts sealed entries of a domain that are due later, up to most, and how many of them
// are held.
func (q *Queue) waiting(domain string, most int) (n, held int, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		n, held = 0, 0
		h, err := headOf(sp, domain)
		if err != nil || h.sealed() == 0 {
			return err
		}
		later := placeAt(h.round, q.now().Add(time.Millisecond))
		return sp.Keys(ofDomain('s', domain), later.from(domain), func(key []byte) bool {
			if n++; q.way.stays(idOf(key)) {
				held++
			}
			return n < most
		})
	})
	return n, held, err
}

// domains returns the domains that have entries.
func (q *Queue) domains() (list []string, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		list = nil
		sp := r.Space(space)
		if _, err := load(sp); err != nil {
			return err
		}
		return sp.Keys([]byte("h"), nil, func(key []byte) bool {
			list = append(list, string(key[1:]))
			return true
		})
	})
	return list, err
}
