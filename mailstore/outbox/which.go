package outbox

import (
	"errors"
	"slices"
	"strings"

	"cairn/mailstore"
)

// Which names entries of the queue: one by its ID; or those that fit all of Domain, From and
// Account that are given; or with All all that are queued now.
type Which struct {
	ID      uint64
	Domain  string              // which they go to
	From    string              // the envelope sender, without regard to case; NullSender: reports
	Account mailstore.AccountID // whose mail they are
	All     bool
}

// NullSender is the envelope sender of reports, as RFC 5321, section 4.5.5, writes it.
const NullSender = "<>"

// fits reports whether an entry is among those of Domain, From and Account.
func (w *Which) fits(e *Entry) bool {
	from := w.From == "" || w.From == NullSender && e.From == "" || e.From != "" && strings.EqualFold(w.From, e.From)
	return from && (w.Domain == "" || w.Domain == e.Domain) && (w.Account == 0 || w.Account == e.Account)
}

// ofSender reports whether entries have to be read to find those that are named.
func (w *Which) ofSender() bool { return w.From != "" || w.Account != 0 }

// keys returns where the keys of what is named are, of what goes to one domain or of all, and where
// those behind an entry begin.
func (w *Which) keys(after uint64) (table, from []byte) {
	if w.Domain != "" {
		return ofDomain('l', w.Domain), listKey(w.Domain, after+1)
	}
	return []byte("e"), entryKey(after + 1)
}

// step is how many entries one transaction changes.
const step = 512

// next returns the next entries that are named. Damaged ones whose sender counts are left out.
func (q *Queue) next(w Which, after uint64) (ids []uint64, err error) {
	switch {
	case w.ID != 0 && after == 0:
		_, err := q.Get(w.ID)
		return []uint64{w.ID}, err
	case w.ID != 0:
		return nil, nil
	case w.Domain == "" && !w.ofSender() && !w.All:
		return nil, errors.New("no entry is named")
	}
	table, from := w.keys(after)
	err = q.store.View(func(r *mailstore.Reader) error {
		ids = nil
		sp := r.Space(space)
		if w.ofSender() {
			seen, err := read(sp, table, from, step, w.fits)
			for i := range seen.entries {
				ids = append(ids, seen.entries[i].ID)
			}
			return err
		}
		return sp.Keys(table, from, func(key []byte) bool {
			ids = append(ids, idOf(key))
			return len(ids) < step
		})
	})
	return ids, err
}

// Each calls fn with the entries that are named and queued now, until there are no more or it
// returns an error. ErrGone when the one that is named is not there.
func (q *Queue) Each(w Which, fn func(id uint64) error) error {
	return q.steps(w, func(ids []uint64) error {
		for _, id := range ids {
			if err := fn(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// steps calls fn with the entries that are named, some at a time. Those that are queued meanwhile,
// as reports on what fn takes off the queue, are not among them.
func (q *Queue) steps(w Which, fn func(ids []uint64) error) error {
	last, err := q.last()
	if err != nil {
		return err
	}
	for after := uint64(0); ; {
		ids, err := q.next(w, after)
		ids = slices.DeleteFunc(ids, func(id uint64) bool { return w.ID == 0 && id > last })
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := fn(ids); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}

// last is the last id that was given to an entry.
func (q *Queue) last() (last uint64, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		last, err = lastGiven(r.Space(space))
		return err
	})
	return last, err
}

// Find returns up to most of the entries that are named, by ascending id, and how many there are.
// With an error that IsDamaged there are those beside the damaged ones.
func (q *Queue) Find(w Which, most int) (out []Entry, total int, err error) {
	if w.ofSender() {
		return q.findOfSender(w, most)
	}
	var bad error
	if w.Domain != "" {
		out, err = q.ListOf(w.Domain, 0, most)
		total, bad = q.LenOf(w.Domain)
	} else {
		out, err = q.List(0, most)
		total, bad = q.Len()
	}
	if bad != nil {
		err = bad
	}
	return out, total, err
}

func (q *Queue) findOfSender(w Which, most int) (out []Entry, total int, err error) {
	err = q.store.View(func(r *mailstore.Reader) error {
		out, total = nil, 0
		sp := r.Space(space)
		if _, err := load(sp); err != nil {
			return err
		}
		table, from := w.keys(0)
		seen, err := read(sp, table, from, all, func(e *Entry) bool {
			if !w.fits(e) {
				return false
			}
			total++
			return total <= most
		})
		if out = seen.entries; err == nil {
			err = shown(sp, out, q.now())
		}
		if err == nil {
			err = seen.damage()
		}
		return err
	})
	return out, total, err
}
