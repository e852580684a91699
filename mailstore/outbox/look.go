package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cairn/mailstore"
)

// look is what was seen of a domain's sealed entries.
type look struct {
	head  head
	first *place    // where the first one stands
	next  time.Time // when the first is due that is not
	taken int
	whole bool // fn was given all that is due
}

// Due calls fn for each sealed entry of a domain whose next attempt is not after now, the longest
// waiting first, until fn returns false; and for those that a clock which was ahead has put off
// longer than any attempt is. fn is called again for an entry, in a later call, as long as it is
// due.
func (q *Queue) Due(domain string, now time.Time, longest time.Duration, fn func(id uint64) bool) error {
	var l look
	err := q.store.View(func(r *mailstore.Reader) (err error) {
		l, err = lookAt(r.Space(space), domain, now, longest, fn)
		return err
	})
	if err != nil {
		return fmt.Errorf("the mail for %s: %w", domain, err)
	}
	q.plan.looked(domain, &l, now)
	return nil
}

func lookAt(sp mailstore.SpaceReader, domain string, now time.Time, longest time.Duration, fn func(id uint64) bool) (l look, err error) {
	l.whole = true
	if l.head, err = headOf(sp, domain); err != nil || l.head.sealed() == 0 {
		return l, err
	}
	give := func(id uint64) bool {
		l.taken++
		l.whole = fn(id)
		return l.whole
	}
	err = sp.Keys(ofDomain('s', domain), l.head.low.from(domain), func(key []byte) bool {
		p, id := sealedAt(key)
		if l.first == nil {
			l.first = &p
		}
		if !l.head.isDue(p, now) {
			l.next = p.time()
			return false
		}
		return give(id)
	})
	if err != nil || !l.whole || l.next.IsZero() {
		return l, err
	}
	latest := placeAt(l.head.round, now.Add(longest))
	return l, sp.Keys(ofDomain('s', domain), latest.from(domain), func(key []byte) bool {
		_, id := sealedAt(key)
		return give(id)
	})
}

// advanceAfter is after how many entries it is worth a write that a domain begins later.
const advanceAfter = 256

func (p *plan) looked(domain string, l *look, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.first == nil {
		delete(p.spots, domain)
		return
	}
	h := &l.head
	if h.low.before(*l.first) && (!h.isDue(*l.first, now) || l.taken >= advanceAfter) {
		p.low[domain] = passed{h.mark, *l.first}
	}
	s := &spot{at: (&head{round: h.round, low: *l.first}).due(), next: l.next, fresh: !l.whole}
	if s.fresh {
		s.next = time.Time{}
	}
	p.spots[domain] = s
}

// advance has a domain begin where nothing stands before, but for what was given a place since that
// was seen.
func (ch *change) advance(seen passed) {
	h := &ch.head
	if h.sealed() == 0 || h.mark != seen.mark {
		return
	}
	h.low = seen.low
	if h.early.before(h.low) {
		h.low = h.early
	}
	ch.mark()
}

// Advance stores how far domains were looked through, so that nobody reads again over what is gone.
func (q *Queue) Advance(ctx context.Context, update func(context.Context, func(*mailstore.Tx) error) error) error {
	q.plan.mu.Lock()
	low := q.plan.low
	q.plan.low = make(map[string]passed)
	q.plan.mu.Unlock()
	domains := make([]string, 0, len(low))
	for d := range low {
		domains = append(domains, d)
	}
	for some := range slices.Chunk(domains, retryStep) {
		err := update(ctx, func(tx *mailstore.Tx) error {
			for _, d := range some {
				err := q.change(tx, d, func(ch *change) error {
					ch.advance(low[d])
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
