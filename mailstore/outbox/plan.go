package outbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"cairn/mailstore"
)

// plan is when to look at which domain, in memory: as of the heads, and of what was seen when a
// domain was looked at.
type plan struct {
	mu      *sync.Mutex
	loaded  bool                // all heads were read
	touched map[string]struct{} // changed by transactions that may not be durable yet
	spots   map[string]*spot
	low     map[string]passed // what was seen of domains and is not stored
}

// spot is what the courier goes by for one domain that has sealed entries.
type spot struct {
	at    time.Time // when the first of its entries is due, which may be under way
	next  time.Time // when the first is due that was not when it was looked at; zero: none
	fresh bool      // not looked at since it was changed
}

// passed says that nothing stands before a place.
type passed struct {
	mark uint64 // of the head by which that was so
	low  place
}

func newPlan() plan {
	return plan{
		mu: new(sync.Mutex), touched: make(map[string]struct{}), spots: make(map[string]*spot), low: make(map[string]passed),
	}
}

// touch notes that a transaction changes a domain. It does no harm where that fails.
func (p *plan) touch(domain string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touched[domain] = struct{}{}
}

func (p *plan) lookAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.spots {
		s.fresh = true
	}
}

func (p *plan) take() (domains []string, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range p.touched {
		domains = append(domains, d)
	}
	clear(p.touched)
	return domains, !p.loaded
}

// LookAgain has all domains looked at whose time has come, also where nothing has changed.
func (q *Queue) LookAgain() { q.plan.lookAgain() }

// Refresh takes notice of what has changed since it was called last. update is that of the store:
// what is on its way to the disk is waited for.
func (q *Queue) Refresh(ctx context.Context, update func(context.Context, func(*mailstore.Tx) error) error) error {
	domains, whole := q.plan.take()
	if len(domains) == 0 && !whole {
		return nil
	}
	err := update(ctx, func(*mailstore.Tx) error { return nil })
	if err == nil && whole {
		domains, err = q.domains()
	}
	heads := make([]head, len(domains))
	var bad []string
	if err == nil {
		bad, err = q.heads(domains, heads)
	}
	if err == nil && len(bad) > 0 {
		err = update(ctx, func(tx *mailstore.Tx) error {
			for _, d := range bad {
				if err := q.change(tx, d, func(*change) error { return nil }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	p := &q.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		for _, d := range domains {
			p.touched[d] = struct{}{}
		}
		return fmt.Errorf("read when mail is due: %w", err)
	}
	p.loaded = true
	for i, d := range domains {
		if heads[i].sealed() == 0 {
			delete(p.spots, d)
			continue
		}
		p.spots[d] = &spot{at: heads[i].due(), fresh: true}
	}
	return nil
}

// heads reads the heads of domains. Those in bad are damaged and were made anew.
func (q *Queue) heads(domains []string, heads []head) (bad []string, err error) {
	err = q.store.View(func(r *mailstore.Reader) (err error) {
		sp := r.Space(space)
		bad = nil
		for i, d := range domains {
			if heads[i], err = storedHead(sp, d); spoilt(err) {
				if heads[i], err = headAnew(sp, d); err == nil {
					bad = append(bad, d)
				}
			}
			if spoilt(err) {
				q.log.Error("the mail to a domain waits: what is stored of it is damaged", "domain", d, "err", err, "next", mailstore.NextCheck)
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return bad, err
}

// DueDomains returns the domains that are to be looked at, the longest waiting first as far as that
// is known: those of which something has become due, and those that a clock which was ahead has put
// off longer than any attempt is. next is when the first of the others is to be; zero when there is
// none. Where full is true, a domain is left for another time.
func (q *Queue) DueDomains(now time.Time, longest time.Duration, full func(domain string) bool) (domains []string, next time.Time) {
	due, next := q.plan.due(now, now.Add(longest), full)
	slices.SortFunc(due, func(a, b dueDomain) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.domain, b.domain)) })
	for _, d := range due {
		domains = append(domains, d.domain)
	}
	return domains, next
}

// NextOf returns when the first entry of a domain becomes due that was not when Due was last asked;
// zero if there is none, or something has changed since.
func (q *Queue) NextOf(domain string) time.Time {
	q.plan.mu.Lock()
	defer q.plan.mu.Unlock()
	if s, ok := q.plan.spots[domain]; ok && !s.fresh {
		return s.next
	}
	return time.Time{}
}

type dueDomain struct {
	domain string
	at     time.Time // of its spot
}

// due returns the domains of DueDomains in no order. Writers wait while it reads.
func (p *plan) due(now, latest time.Time, full func(domain string) bool) (domains []dueDomain, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, s := range p.spots {
		due := s.next
		if s.fresh {
			due = s.at
		}
		switch {
		case due.IsZero():
		case !due.After(now), s.fresh && !due.Before(latest):
			if !full(d) {
				domains = append(domains, dueDomain{d, s.at})
			}
		case next.IsZero() || due.Before(next):
			next = due
		}
	}
	return domains, next
}
