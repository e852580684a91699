package mailstore

import (
	"bytes"
	"slices"
	"strings"
)

// overlay is a set of writes above a source, in memory. Reads through it see the writes first.
type overlay struct {
	below  source
	writes map[string]write
	sorted []string // keys of writes in order, but for those in fresh
	fresh  []string // keys added since the last scan
	bytes  int64    // of keys and values
	inline int64    // of keys and those values that do not go to the value log
}

// write is what becomes of a key.
type write struct {
	value   []byte
	deleted bool
}

func newOverlay(below source) *overlay {
	return &overlay{below: below, writes: make(map[string]write)}
}

func (o *overlay) set(key string, w write) {
	old, found := o.writes[key]
	if !found {
		o.fresh = append(o.fresh, key)
		o.bytes += int64(len(key))
		o.inline += int64(len(key))
	}
	o.bytes += int64(len(w.value) - len(old.value))
	o.inline += inlineSize(w.value) - inlineSize(old.value)
	o.writes[key] = w
}

// absorb takes over the writes of an overlay that lies above o.
func (o *overlay) absorb(above *overlay) {
	for key, w := range above.writes {
		o.set(key, w)
	}
}

func (o *overlay) damaged(key []byte, why string) *DamagedError { return o.below.damaged(key, why) }

func (o *overlay) get(key []byte) ([]byte, error) {
	if w, found := o.writes[string(key)]; found {
		if w.deleted {
			return nil, ErrNotFound
		}
		return bytes.Clone(w.value), nil
	}
	return o.below.get(key)
}

func (o *overlay) has(key []byte) (bool, error) {
	if w, found := o.writes[string(key)]; found {
		return !w.deleted, nil
	}
	return o.below.has(key)
}

func (o *overlay) holds(key, value []byte) (found, same bool, err error) {
	if w, found := o.writes[string(key)]; found {
		return !w.deleted, !w.deleted && bytes.Equal(w.value, value), nil
	}
	return o.below.holds(key, value)
}

// walk merges the writes into what lies below. It walks the keys that were there when it began; a
// key deleted meanwhile is left out, one added meanwhile is not seen.
func (o *overlay) walk(prefix, from []byte, fn func(key, value []byte, bad *DamagedError) bool) error {
	own := o.keys(prefix, from)
	more := true
	emit := func(key string) {
		if w := o.writes[key]; more && !w.deleted {
			more = fn([]byte(key), w.value, nil)
		}
	}
	err := o.below.walk(prefix, from, func(key, value []byte, bad *DamagedError) bool {
		for more && len(own) > 0 && own[0] < string(key) {
			emit(own[0])
			own = own[1:]
		}
		if len(own) > 0 && own[0] == string(key) {
			own = own[1:]
		}
		if !more {
			return false
		}
		if w, found := o.writes[string(key)]; !found {
			more = fn(key, value, bad)
		} else if !w.deleted {
			more = fn(key, w.value, nil)
		}
		return more
	})
	if err != nil {
		return err
	}
	for len(own) > 0 && more {
		emit(own[0])
		own = own[1:]
	}
	return nil
}

// keys returns a copy of the keys with the prefix that are not below from, in order.
func (o *overlay) keys(prefix, from []byte) []string {
	if len(o.fresh) > 0 {
		o.sorted = append(o.sorted, o.fresh...)
		slices.Sort(o.sorted)
		o.fresh = o.fresh[:0]
	}
	start := string(prefix)
	if string(from) > start {
		start = string(from)
	}
	i, _ := slices.BinarySearch(o.sorted, start)
	j := i
	for j < len(o.sorted) && strings.HasPrefix(o.sorted[j], string(prefix)) {
		j++
	}
	return slices.Clone(o.sorted[i:j])
}

// weight returns at least what Badger counts for the writes in one transaction.
func (o *overlay) weight() int64 { return o.inline + int64(len(o.writes))*entryOverhead }

func inlineSize(value []byte) int64 {
	if len(value) >= valueThreshold {
		return 0 // entryOverhead has room for the pointer
	}
	return int64(len(value))
}
