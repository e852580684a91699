package mailstore

import (
	"bytes"
	"cmp"
	"slices"
)

// MapCheck is what a part of the node knows of its named map (see [Reader.Space]), for
// [Store.Check].
type MapCheck struct {
	Space string
	// MendOf returns what makes the damaged value of a key anew; nil if it does not follow from the
	// rest.
	MendOf func(key []byte) func(tx *Tx) error
	// CureOf, if there is one, says what helps where MendOf has nothing; empty where it is a
	// backup.
	CureOf func(key []byte) string
	// DoneOf, if there is one, says in a sentence without full stop what a mend of MendOf came to;
	// empty where it brings back what was there.
	DoneOf func(key []byte) string
	// Look, if there is one, reports what does not hang together in the map, each with what mends
	// it, if anything does. It returns the error of found as it is.
	Look func(r *Reader, found func(f Fault, mend func(tx *Tx) error) error) error
}

// mapOf returns what is known of the named map that a key is of, nil if nothing is, and the key in
// it.
func (c *check) mapOf(key []byte) (m *MapCheck, own []byte) {
	name, own, _ := bytes.Cut(key[1:], []byte{0})
	i := slices.IndexFunc(c.maps, func(m MapCheck) bool { return m.Space == string(name) })
	if key[0] != tableSpace || i < 0 {
		return nil, nil
	}
	return &c.maps[i], own
}

// mendOfMap is mendOf for the key of a named map.
func (c *check) mendOfMap(key []byte) func(tx *Tx) error {
	if m, own := c.mapOf(key); m != nil {
		return m.MendOf(own)
	}
	return nil
}

// cureOf is what helps against the damaged value of a key that nothing here makes anew.
func (c *check) cureOf(key []byte, bad *DamagedError) string {
	if m, own := c.mapOf(key); m != nil && m.CureOf != nil {
		return cmp.Or(m.CureOf(own), bad.Cure())
	}
	return bad.Cure()
}

// doneOf is what a mend comes to that does not bring back what was there.
func (c *check) doneOf(key []byte) string {
	if m, own := c.mapOf(key); m != nil && m.DoneOf != nil {
		return m.DoneOf(own)
	}
	return ""
}

// PutAgain returns what writes an empty value for a key of a named map again, which says all by
// itself, unless the key is gone meanwhile.
func PutAgain(space string, key []byte) func(tx *Tx) error {
	return func(tx *Tx) error {
		sp := tx.Space(space)
		if there, err := sp.Has(key); err != nil || !there {
			return err
		}
		return sp.Put(key, nil)
	}
}

// inMap is a damaged entry of a named map.
type inMap struct {
	key []byte
	bad *DamagedError
}

// mapsHold reports damaged entries of named maps, and holds the maps together. It comes behind what
// is said of labels, which it may change.
func (c *check) mapsHold() error {
	for _, at := range c.inMaps {
		if err := c.damaged(at.bad, c.mendOf(at.key, at.bad), c.cureOf(at.key, at.bad), c.doneOf(at.key)); err != nil {
			return err
		}
	}
	for _, m := range c.maps {
		if m.Look == nil {
			continue
		}
		err := m.Look(c.r, func(f Fault, mend func(tx *Tx) error) error {
			f.Table = TableSpace
			if mend != nil {
				f.Cure = cureAnew
			}
			return c.found(f, mend)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// IfThere runs fn with the map of that name, unless the key is gone meanwhile: what a MapCheck
// mends with.
func IfThere(space string, key []byte, fn func(sp Space) error) func(tx *Tx) error {
	return func(tx *Tx) error {
		sp := tx.Space(space)
		if there, err := sp.Has(key); err != nil || !there {
			return err
		}
		return fn(sp)
	}
}
