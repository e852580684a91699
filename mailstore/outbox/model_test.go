package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cairn/mailstore"
)

// model is the queue as a list, and as the courier of this test knows it.
type model struct {
	entries map[uint64]*modelled
	last    uint64
	now     time.Time
}

type modelled struct {
	domain   string
	sealed   bool
	due      time.Time
	attempts int
}

func (m *model) ids(wanted func(e *modelled) bool) (list []uint64) {
	for id, e := range m.entries {
		if wanted(e) {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

var modelDomains = []string{"a.example", "b.example", "b.example.org", "[192.0.2.1]"}

// TestQueueIsAsModelled: whatever is done with the queue in whatever order, and whenever it is
// opened anew, what is due, what waits and what is counted is as in a list that is gone through
// from the beginning.
func TestQueueIsAsModelled(t *testing.T) {
	st := openStore(t)
	rapid.Check(t, func(rt *rapid.T) {
		empty(rt, st)
		m := &model{entries: make(map[uint64]*modelled), now: time.UnixMilli(1_000_000)}
		open := func() *Queue {
			q := New(st)
			q.SetClock(func() time.Time { return m.now })
			return q
		}
		q := open()
		check := func(err error) {
			rt.Helper()
			if err != nil {
				rt.Fatal(err)
			}
		}
		pick := func(wanted func(e *modelled) bool) (uint64, *modelled) {
			list := m.ids(wanted)
			if len(list) == 0 {
				return 0, nil
			}
			id := rapid.SampledFrom(list).Draw(rt, "id")
			return id, m.entries[id]
		}
		some := func(*modelled) bool { return true }
		sealed := func(e *modelled) bool { return e.sealed }
		update := func(fn func(tx *mailstore.Tx) error) { rt.Helper(); check(st.Update(context.Background(), fn)) }
		rt.Repeat(map[string]func(*rapid.T){
			"submit": func(*rapid.T) {
				to := rapid.SliceOfNDistinct(rapid.SampledFrom(modelDomains), 1, 3, rapid.ID).Draw(rt, "to")
				var rcpts []string
				for _, d := range to {
					rcpts = append(rcpts, "x@"+d)
					m.last++
					m.entries[m.last] = &modelled{domain: d}
				}
				_, err := q.Submit(context.Background(), Envelope{Ref: "r", Account: 2, Recipients: rcpts}, []byte(mailText))
				check(err)
			},
			"seal": func(*rapid.T) {
				if id, e := pick(some); e != nil {
					update(func(tx *mailstore.Tx) error { return q.Seal(tx, id, []byte("t")) })
					e.sealed, e.due = true, m.now
				}
			},
			"unseal": func(*rapid.T) {
				if id, e := pick(sealed); e != nil {
					update(func(tx *mailstore.Tx) error { return q.Unseal(tx, id) })
					e.sealed = false
				}
			},
			"put off": func(*rapid.T) {
				id, e := pick(sealed)
				if e == nil {
					return
				}
				at := m.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "for")) * time.Second)
				update(func(tx *mailstore.Tx) error {
					stored, err := q.GetTx(tx, id)
					if err != nil {
						return err
					}
					stored.Tried(m.now, "451 later")
					return q.Postpone(tx, &stored, at)
				})
				e.due = at
				e.attempts++
			},
			"drop": func(*rapid.T) {
				if id, _ := pick(some); id != 0 {
					check(q.Drop(context.Background(), id))
					delete(m.entries, id)
				}
			},
			"retry one": func(*rapid.T) {
				if id, e := pick(some); e != nil {
					_, err := q.Retry(context.Background(), Which{ID: id})
					check(err)
					if e.sealed {
						e.due = m.now
					}
				}
			},
			"retry a domain": func(*rapid.T) {
				d := rapid.SampledFrom(modelDomains).Draw(rt, "domain")
				check(q.RetryDomain(context.Background(), d))
				m.retry(d)
			},
			"retry all": func(*rapid.T) {
				n, err := q.RetryAll(context.Background())
				check(err)
				want := 0
				for _, d := range modelDomains {
					want += m.retry(d)
				}
				if n != want {
					rt.Fatalf("%d were not due, want %d", n, want)
				}
			},
			"time goes on": func(*rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 10).Draw(rt, "seconds")) * time.Second)
			},
			"clock is set back": func(*rapid.T) { m.now = m.now.Add(-5 * time.Second) },
			"what is known of a domain is damaged": func(*rapid.T) {
				d := rapid.SampledFrom(modelDomains).Draw(rt, "domain")
				update(func(tx *mailstore.Tx) error {
					sp := tx.Space(space)
					if known, err := sp.Has(headKey(d)); err != nil || !known {
						return err
					}
					return sp.Put(headKey(d), []byte{headVersion, 200})
				})
				for _, e := range m.entries {
					if e.domain == d && e.sealed {
						e.due = time.Time{}
					}
				}
				q = open()
			},
			"counts are damaged": func(*rapid.T) {
				gone := rapid.Bool().Draw(rt, "gone")
				update(func(tx *mailstore.Tx) error {
					if sp := tx.Space(space); !gone {
						return sp.Put(countsKey, []byte{format, 200})
					} else {
						return sp.Delete(countsKey)
					}
				})
			},
			"anew": func(*rapid.T) { q = open() },
			"":     func(*rapid.T) { m.compare(rt, q) },
		})
	})
}

// empty takes all out of a queue, as if there had been none.
func empty(t *rapid.T, st *mailstore.Store) {
	err := st.Update(context.Background(), func(tx *mailstore.Tx) (err error) {
		sp := tx.Space(space)
		scanErr := sp.Scan(nil, nil, func(key, _ []byte) bool {
			err = sp.Delete(key)
			return err == nil
		})
		return errors.Join(err, scanErr)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// retry makes all of a domain due by any clock, if anything there was put off. It returns how much
// that was.
func (m *model) retry(domain string) (n int) {
	for _, e := range m.entries {
		if e.domain == domain && e.sealed && e.due.After(m.now) {
			n++
		}
	}
	for _, e := range m.entries {
		if e.domain == domain && e.sealed && n > 0 {
			e.due = time.Time{}
		}
	}
	return n
}

// compare looks at the queue in all ways there are.
func (m *model) compare(t *rapid.T, q *Queue) {
	check := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
	found, next := dueIn(t, q, m.now)
	check("due", found, m.ids(func(e *modelled) bool { return e.sealed && !e.due.After(m.now) }))
	var first time.Time
	for _, e := range m.entries {
		if e.sealed && e.due.After(m.now) && (first.IsZero() || e.due.Before(first)) {
			first = e.due
		}
	}
	if !first.IsZero() && (next.IsZero() || next.After(first)) { // too early is no harm
		t.Fatalf("would look again at %s, want %s", next, first)
	}
	number := func(n int, err error) string { return fmt.Sprint(n, err) }
	count := func(wanted func(e *modelled) bool) string { return number(len(m.ids(wanted)), nil) }
	check("length", number(q.Len()), count(func(*modelled) bool { return true }))
	check("unsealed", number(q.LenUnsealed()), count(func(e *modelled) bool { return !e.sealed }))
	check("deferred", number(q.LenDeferred()), count(func(e *modelled) bool { return e.attempts > 0 }))
	for _, d := range modelDomains {
		of := func(e *modelled) bool { return e.domain == d }
		check("length of "+d, number(q.LenOf(d)), count(of))
		waiting, _, err := q.waiting(d, all)
		check("waiting of "+d, number(waiting, err), count(func(e *modelled) bool { return of(e) && e.sealed && e.due.After(m.now) }))
		listed, err := q.ListOf(d, 0, 1000)
		check("list of "+d, fmt.Sprint(ids(listed), err), fmt.Sprint(m.ids(of), nil))
	}
	for what, list := range map[string]func(uint64, int) ([]Entry, error){"list": q.List, "sealed": q.Sealed, "unsealed": q.Unsealed} {
		got, err := list(0, 1000)
		want := m.ids(func(e *modelled) bool { return what == "list" || e.sealed == (what == "sealed") })
		check(what, fmt.Sprint(ids(got), err), fmt.Sprint(want, nil))
		for _, e := range got {
			if s := m.entries[e.ID]; what == "list" && s.sealed && e.NextAttempt.After(m.now) != s.due.After(m.now) {
				t.Fatalf("entry %d is shown as due at %s, by now %s, want %s", e.ID, e.NextAttempt, m.now, s.due)
			}
		}
	}
}

// dueIn is what a courier would find due, as one that is not told of changes but by the queue, and
// when it would look again.
func dueIn(t interface{ Fatal(...any) }, q *Queue, now time.Time) (found []uint64, next time.Time) {
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	q.LookAgain()
	fail(q.Refresh(context.Background(), q.store.Update))
	none := func(string) bool { return false }
	domains, _ := q.DueDomains(now, time.Hour, none)
	for _, d := range domains {
		fail(q.Due(d, now, time.Hour, func(id uint64) bool { found = append(found, id); return true }))
	}
	fail(q.Advance(context.Background(), q.store.Update))
	_, next = q.DueDomains(now, time.Hour, none)
	slices.Sort(found)
	return found, next
}
