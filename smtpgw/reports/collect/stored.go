package collect

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/mailstore"
)

// space is the durable map in the mail store. Numbers are u64, big endian.
//
//	j             modseq: how far the store's journal was followed
//	l             number of the last report
//	d             day<<16 | how many mails with reports came on that day (since 1970, UTC)
//	r<number>     Report as JSON
//	i<identity>   number of the report that has it
const space = "reports"

// version is that of the stored form.
const version = 1

var (
	cursorKey = []byte("j")
	lastKey   = []byte("l")
	dayKey    = []byte("d")
)

func reportKey(number uint64) []byte { return binary.BigEndian.AppendUint64([]byte("r"), number) }

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// add keeps f under the next number, unless it is there; isNew says which.
func add(sp mailstore.Space, f *Report) (isNew bool, err error) {
	id, err := f.identity()
	if err != nil {
		return false, err
	}
	known, err := sp.Has(append([]byte("i"), id...))
	if err != nil || known {
		return false, err
	}
	last, err := sp.Last(lastKey, []byte("r"))
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(f)
	if err != nil {
		return false, err
	}
	return true, errors.Join(sp.Put(reportKey(last+1), b), sp.PutNumber(append([]byte("i"), id...), last+1), sp.PutNumber(lastKey, last+1))
}

// dropOld removes reports that came before a time, and the oldest of those beyond maxReports. What
// is damaged holds up nothing and is left.
func dropOld(sp mailstore.Space, before time.Time) error {
	last, err := sp.Last(lastKey, []byte("r"))
	if err != nil {
		return err
	}
	gone := 0
	var bad error
	err = sp.Keys([]byte("r"), nil, func(key []byte) bool {
		f, err := numbered(sp.SpaceReader, numberOf(key))
		if errors.Is(err, mailstore.ErrDamaged) {
			return true
		}
		if bad = err; err != nil || gone == mostGone || last-f.Number < maxReports && !f.Received.Before(before) {
			return false
		}
		gone++
		id, err := f.identity()
		bad = errors.Join(err, sp.Delete(reportKey(f.Number)), sp.Delete(append([]byte("i"), id...)))
		return bad == nil
	})
	return errors.Join(err, bad)
}

func dayOf(t time.Time) uint64 { return uint64(t.Unix() / (24 * 60 * 60)) }

// ofDay is how many mails with reports came on the day of t, if that is the last one.
func ofDay(sp mailstore.SpaceReader, t time.Time) (uint64, error) {
	n, err := sp.Count(dayKey)
	if n>>16 != dayOf(t) {
		n = 0
	}
	return n & (1<<16 - 1), err
}

func countDay(sp mailstore.Space, t time.Time) error {
	n, err := ofDay(sp.SpaceReader, t)
	if err != nil {
		return err
	}
	return sp.PutNumber(dayKey, dayOf(t)<<16|(n+1))
}

func decode(number uint64, value []byte) (f Report, err error) {
	if err := json.Unmarshal(value, &f); err != nil {
		return f, fmt.Errorf("stored report: %w", err)
	}
	if f.Version != version {
		return f, fmt.Errorf("stored report: version %d is not known here; use the cairn that wrote it", f.Version)
	}
	f.Number = number
	return f, nil
}

// All returns at most so many reports that came after a time and are about a domain, or with ""
// all: the last ones, the newest first, and how many there are.
func All(rd *mailstore.Reader, domain string, after time.Time, most int) (list []Report, total int, err error) {
	sp := rd.Space(space)
	var numbers []uint64
	err = sp.Keys([]byte("r"), nil, func(key []byte) bool {
		numbers = append(numbers, numberOf(key))
		return true
	})
	for _, n := range slices.Backward(numbers) {
		f, oneErr := numbered(sp, n)
		if err = errors.Join(err, oneErr); err != nil {
			return nil, 0, err
		}
		if f.Received.Before(after) || !f.about(domain) {
			continue
		}
		if total++; len(list) < most {
			list = append(list, f)
		}
	}
	return list, total, err
}

func (f *Report) about(domain string) bool {
	return domain == "" || slices.ContainsFunc(f.Domains, func(d string) bool { return isOurs(d, []string{domain}) })
}

// One returns the report with a number; mailstore.ErrNotFound when there is none.
func One(rd *mailstore.Reader, number uint64) (Report, error) {
	return numbered(rd.Space(space), number)
}

func numbered(sp mailstore.SpaceReader, number uint64) (Report, error) {
	b, err := sp.Get(reportKey(number))
	if err != nil {
		return Report{}, err
	}
	return decode(number, b)
}
