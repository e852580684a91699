package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cairn/mailstore"
)

// MapCheck is what a check of the store is to know of the queue: all but the entries follows from
// these.
func (q *Queue) MapCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: space, MendOf: q.mendOf, Look: lookOver}
}

// OutcomeCheck is what a check of the store is to know of what has become of sent mail.
func OutcomeCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: outcomeSpace, MendOf: mendOutcome, DoneOf: func(key []byte) string {
		switch string(key[:1]) {
		case "o":
			return "what became of some recipients of a sent mail is noted as not known"
		case "r", "f":
			return "the report to a sender lacks recipients, or is not written: what became of them is with the sent mail"
		}
		return ""
	}}
}

// mendOutcome returns what makes the damaged value of a key anew, or takes it away.
func mendOutcome(key []byte) func(tx *mailstore.Tx) error {
	switch string(key[:min(len(key), 1)]) {
	case "w", "t":
		return mailstore.PutAgain(outcomeSpace, key)
	case "h", "n", "a":
		key := bytes.Clone(key)
		return func(tx *mailstore.Tx) error {
			sp := tx.Space(outcomeSpace)
			if there, err := sp.Has(key); err != nil || !there {
				return err
			}
			return sp.PutNumber(key, 0)
		}
	case "u": // who may have it is not known then
		key := bytes.Clone(key)
		return func(tx *mailstore.Tx) error {
			sp := tx.Space(outcomeSpace)
			if there, err := sp.Has(key); err != nil || !there {
				return err
			}
			return sp.PutJSON(key, unclear{Version: unclearVersion})
		}
	case "b": // it is held until the recorder has looked
		key := bytes.Clone(key)
		return func(tx *mailstore.Tx) error {
			sp := tx.Space(outcomeSpace)
			if there, err := sp.Has(key); err != nil || !there {
				return err
			}
			return sp.PutJSON(key, until{Version: untilVersion})
		}
	case "v", "d", "o", "r", "f", "p": // without a format Upgrade notes all entries again
		key := bytes.Clone(key)
		return func(tx *mailstore.Tx) error { return tx.Space(outcomeSpace).Delete(key) }
	}
	return nil
}

// mendOf returns what makes the damaged value of a key anew; nil for an entry.
func (q *Queue) mendOf(key []byte) func(tx *mailstore.Tx) error {
	switch {
	case bytes.Equal(key, countsKey):
		return func(tx *mailstore.Tx) error { return recount(tx.Space(space)) }
	case bytes.Equal(key, lastKey):
		return func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			last, err := lastGiven(sp.SpaceReader)
			return errors.Join(err, sp.PutNumber(lastKey, last))
		}
	}
	switch string(key[:min(len(key), 1)]) {
	case "u", "l", "s": // the key is all
		return mailstore.PutAgain(space, key)
	case "h":
		domain := string(key[1:])
		return func(tx *mailstore.Tx) error {
			return q.change(tx, domain, func(*change) error { return nil }) // which makes a head anew
		}
	}
	return nil
}

// recount makes the counts anew. Stamps that were given are not given again.
func recount(sp mailstore.Space) error {
	c, err := countsAnew(sp.SpaceReader)
	if err != nil {
		return err
	}
	old, err := stored(sp.SpaceReader)
	if err != nil && !spoilt(err) {
		return err
	}
	c.stamp = max(c.stamp, old.stamp)
	return sp.Put(countsKey, c.encode())
}

type foundFunc = func(f mailstore.Fault, mend func(tx *mailstore.Tx) error) error

// lookOver holds the places of the entries, the heads and the counts to the entries. A queue that
// Upgrade has not brought up yet has none of these.
func lookOver(r *mailstore.Reader, found foundFunc) error {
	sp := r.Space(space)
	c, err := stored(sp)
	damaged := spoilt(err) // which was reported
	if damaged {
		c, err = countsAnew(sp)
	}
	if err != nil || !c.whole {
		return err
	}
	v, err := surveyOf(sp)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(v.places)) {
		what := ""
		switch p := v.places[id]; {
		case !p.entry:
			what = "is not there, and keys that lead to it are"
		case p.odd:
			what = "has another form than this version of Cairn gives it"
		default:
			continue
		}
		err := found(mailstore.Fault{Text: fmt.Sprintf("entry %d of the queue %s", id, what), Cure: "see that the disk is well and restore a backup"}, nil)
		if err != nil {
			return err
		}
	}
	missing := false
	for _, name := range slices.Sorted(maps.Keys(v.domains)) {
		d := v.domains[name]
		missing = missing || len(d.missing) > 0
		if err := v.holdDomain(name, d, found); err != nil {
			return err
		}
	}
	if damaged { // and reported: it was made anew from entries that had no place, if there are some
		if !missing {
			return nil
		}
	} else if v.agrees(&c) {
		return nil
	}
	return found(mailstore.Fault{Text: "the counts of the queue are not those of its entries"},
		func(tx *mailstore.Tx) error { return recount(tx.Space(space)) })
}

// survey is what the entries of the queue and the keys of their places say. An entry that cannot be
// read is where its keys are.
type survey struct {
	sp      mailstore.SpaceReader
	places  map[uint64]*placed
	domains map[string]*surveyed
	unsure  bool // there is an entry of which nobody knows where it belongs
}

// placed is where an entry is.
type placed struct {
	domain           string
	unsealed, sealed bool
	entry            bool // it is there itself, whether it can be read or not
	odd              bool // it is as it was stored, and cannot be taken apart
}

// surveyed is what is known of a domain.
type surveyed struct {
	all, unsealed, deferred uint64
	first, last             place    // of what is sealed
	unread                  bool     // some of its entries cannot be read
	missing                 []uint64 // entries that have no place, or not all of it
}

func surveyOf(sp mailstore.SpaceReader) (*survey, error) {
	v := &survey{sp: sp, places: make(map[uint64]*placed), domains: make(map[string]*surveyed)}
	var failed error
	err := errors.Join(
		sp.Keys([]byte("h"), nil, func(key []byte) bool {
			v.domain(string(key[1:]))
			return true
		}),
		sp.Keys([]byte("l"), nil, func(key []byte) bool {
			v.place(idOf(key)).domain = string(key[1 : len(key)-9])
			return true
		}),
		sp.Keys([]byte("s"), nil, func(key []byte) bool {
			at, id := sealedAt(key)
			p := v.place(id)
			p.domain, p.sealed = string(key[1:len(key)-21]), true
			v.domain(p.domain).seal(at)
			return true
		}),
		sp.Keys([]byte("u"), nil, func(key []byte) bool {
			v.place(idOf(key)).unsealed = true
			return true
		}),
		sp.Keys([]byte("e"), nil, func(key []byte) bool {
			failed = v.entry(idOf(key))
			return failed == nil
		}),
	)
	v.count()
	return v, errors.Join(err, failed)
}

func (v *survey) place(id uint64) *placed {
	if v.places[id] == nil {
		v.places[id] = new(placed)
	}
	return v.places[id]
}

func (v *survey) domain(name string) *surveyed {
	if v.domains[name] == nil {
		v.domains[name] = &surveyed{first: nowhere}
	}
	return v.domains[name]
}

// seal notes that something sealed stands at p.
func (d *surveyed) seal(p place) {
	if p.before(d.first) {
		d.first = p
	}
	if d.last.before(p) {
		d.last = p
	}
}

// entry notes an entry, and whether it is in its places.
func (v *survey) entry(id uint64) error {
	p := v.place(id)
	p.entry = true
	e, err := getEntry(v.sp, id)
	if spoilt(err) {
		p.odd = errors.Is(err, errEntry)
		v.unsure = v.unsure || p.domain == ""
		if p.domain != "" {
			v.domain(p.domain).unread = true
		}
		return nil
	}
	if err != nil {
		return err
	}
	d := v.domain(e.Domain)
	if e.Attempts > 0 {
		d.deferred++
	}
	if p.sealed = e.Token != nil; p.sealed {
		d.seal(placeAt(e.round, e.NextAttempt))
	}
	p.domain, p.unsealed = e.Domain, !p.sealed
	for _, key := range keysOfPlace(&e) {
		there, err := v.sp.Has(key)
		if err != nil {
			return err
		}
		if !there {
			d.missing = append(d.missing, id)
			return nil
		}
	}
	return nil
}

// keysOfPlace are the keys without a value that lead to an entry.
func keysOfPlace(e *Entry) [][]byte {
	if e.Token == nil {
		return [][]byte{listKey(e.Domain, e.ID), unsealedKey(e.ID)}
	}
	return [][]byte{listKey(e.Domain, e.ID), sealedKey(e.Domain, placeAt(e.round, e.NextAttempt), e.ID)}
}

// count counts the entries of each domain.
func (v *survey) count() {
	for _, p := range v.places {
		if p.domain == "" {
			v.unsure = true
			continue
		}
		d := v.domain(p.domain)
		d.unread = d.unread || !p.entry
		d.all++
		if !p.sealed {
			d.unsealed++
		}
	}
}

// holdDomain holds what is known of a domain to its entries. A head that cannot be read was
// reported.
func (v *survey) holdDomain(name string, d *surveyed, found foundFunc) error {
	h, err := storedHead(v.sp, name)
	text := ""
	switch {
	case err != nil && !spoilt(err):
		return err
	case len(d.missing) > 0:
		text = fmt.Sprintf("%d entries of the queue to %s are not in their places; the first is entry %d", len(d.missing), name, d.missing[0])
	case err == nil && !v.unsure && !d.agrees(&h):
		text = fmt.Sprintf("what the queue knows of %s is not what its entries say", name)
	default:
		return nil
	}
	return found(mailstore.Fault{Text: text}, func(tx *mailstore.Tx) error { return mendDomain(tx.Space(space), name, d.missing) })
}

// agrees reports whether a head is that of the domain.
func (d *surveyed) agrees(h *head) bool {
	if h.all != d.all || h.unsealed != d.unsealed || h.deferred != d.deferred && !d.unread {
		return false
	}
	return h.sealed() == 0 || !d.first.before(h.low) && d.last.round <= h.round
}

// agrees reports whether the counts are those of the entries.
func (v *survey) agrees(c *counts) bool {
	if v.unsure {
		return true
	}
	var sum surveyed
	for _, d := range v.domains {
		sum.all += d.all
		sum.unsealed += d.unsealed
		sum.deferred += d.deferred
		sum.unread = sum.unread || d.unread
	}
	for id, p := range v.places {
		if p.unsealed && id < c.first {
			return false
		}
	}
	return c.all == sum.all && c.unsealed == sum.unsealed && (c.deferred == sum.deferred || sum.unread)
}

// mendDomain puts entries of a domain in their places again, and makes its head anew but for its
// round, which says what a retry has made due.
func mendDomain(sp mailstore.Space, domain string, missing []uint64) error {
	for _, id := range missing {
		e, err := getEntry(sp.SpaceReader, id)
		if spoilt(err) || errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		for _, key := range keysOfPlace(&e) {
			if err := sp.Put(key, nil); err != nil {
				return err
			}
		}
	}
	ch := change{sp: sp, domain: domain}
	var err error
	if ch.counts, err = stored(sp.SpaceReader); spoilt(err) {
		ch.counts, err = countsAnew(sp.SpaceReader)
	}
	if err != nil {
		return err
	}
	anew, err := headAnew(sp.SpaceReader, domain)
	if err != nil {
		return err
	}
	return ch.apply(func(ch *change) error {
		h := &ch.head
		if anew.sealed() > 0 {
			h.round = max(h.round, anew.round-1)
		}
		h.all, h.unsealed, h.deferred, h.low = anew.all, anew.unsealed, anew.deferred, anew.low
		ch.mark()
		return nil
	})
}
