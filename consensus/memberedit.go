package consensus

import "slices"

// Former is what an organisation's entry in the member table was before a block.
type Former struct {
	ID  Hash
	Org *Org // nil: it was none
}

// memberEdit is a member table to which events are applied one after another. The table that it
// began with stays as it is.
type memberEdit struct {
	*members // that of before until there is a change, then a copy
	base     *members
	height   uint64 // of the block with the events
	formers  []Former
}

func (m *members) edit(height uint64) *memberEdit {
	return &memberEdit{members: m, base: m, height: height}
}

// checkFree refuses keys that are, or were, an organisation's.
func (t *memberEdit) checkFree(keys []ownKey) error {
	for _, k := range keys {
		if t.has(k) {
			return takenError(k)
		}
	}
	return nil
}

// put makes o the entry of its organisation.
func (t *memberEdit) put(o *Org) {
	if t.members == t.base {
		t.members = t.base.clone()
	}
	former := t.byID[o.ID]
	t.formers = append(t.formers, Former{o.ID, former})
	if former != nil {
		t.remove(former)
	}
	t.add(o)
}

// done returns the table after the events.
func (t *memberEdit) done() *members {
	if t.members == t.base {
		return t.base
	}
	return t.hash()
}

// apply returns the table after the events of a block. Those that do not fit in are passed over:
// ValidateBlock refuses them.
func (m *members) apply(events []OrgEvent, height uint64) (after *members, formers []Former) {
	t := m.edit(height)
	for i := range events {
		if err := events[i].Content.apply(t, &events[i]); err != nil {
			continue
		}
	}
	return t.done(), t.formers
}

// revert returns the table before the events that replaced these entries.
func (m *members) revert(formers []Former) *members {
	if len(formers) == 0 {
		return m
	}
	c := m.clone()
	for _, f := range slices.Backward(formers) {
		if now := c.byID[f.ID]; now != nil {
			c.remove(now)
		}
		if f.Org != nil {
			c.add(f.Org)
		}
	}
	return c.hash()
}
