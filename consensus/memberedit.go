package consensus

import "slices"

// Former is an organisation whose entry in the member table a block made or changed.
type Former struct {
	ID  Hash
	New bool // it had none before; else the last of its former entries was it
}

// memberEdit is a member table to which events are applied one after another. The table that it
// began with stays as it is.
type memberEdit struct {
	*members // that of before until there is a change, then a copy, whose tree done brings up to date
	base     *members
	params   *Params
	height   uint64 // of the block with the events
	formers  []Former
	changes  map[Hash]int // events that the block has of an organisation
	history  [2]int       // bytes of former entries that the block leaves: by revocations, by other events
}

// Limits of a block under version 2, so that what it changes is stored at once, and no organisation
// takes the room of others.
const (
	MaxOrgEvents = 8
	MaxHistory   = 128 << 10 // bytes of former entries, and as many that revocations leave
)

func (m *members) edit(p *Params, height uint64) *memberEdit {
	return &memberEdit{members: m, base: m, params: p, height: height}
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

// next returns a copy of the entry of e's organisation, for e to change, if e comes next there.
func (t *memberEdit) next(e *OrgEvent) (*Org, error) {
	o, ok := t.orgs.Get(e.Subject)
	switch {
	case !ok:
		return nil, broken(RuleUnknownOrg, "no member has the ID %v", e.Subject)
	case !e.Prev.IsZero() && e.Prev != o.LastEvent:
		return nil, broken(RuleEventPrev, "the event follows %v, the organisation's last one is %v", e.Prev, o.LastEvent)
	case t.changes[o.ID] >= MaxOrgEvents:
		return nil, broken(RuleEventCount, "the block has %d events of organisation %v", MaxOrgEvents, o.ID)
	}
	if size := *t.historyOf(e) + pastSize(o); size > MaxHistory {
		return nil, broken(RuleHistory, "the block leaves %d bytes of former entries, at most %d allowed", size, MaxHistory)
	}
	return o.changed(t.height), nil
}

// subject is next for an event that the organisation's key has to sign.
func (t *memberEdit) subject(e *OrgEvent) (*Org, error) {
	o, err := t.next(e)
	if err == nil && e.Signer != o.Key {
		return nil, broken(RuleEventSigner, "the event is signed by %v, the organisation's key is %v", e.Signer, o.Key)
	}
	return o, err
}

// follow makes o the entry of its organisation after e, which its next event has to name.
func (t *memberEdit) follow(o *Org, e *OrgEvent) {
	o.LastEvent, o.Changed = e.ID(), t.height
	t.succeed(o, e)
}

// succeed makes o the entry of its organisation after e, and counts the one before.
func (t *memberEdit) succeed(o *Org, e *OrgEvent) {
	former, _ := t.orgs.Get(o.ID)
	*t.historyOf(e) += pastSize(former)
	t.put(o)
}

// historyOf is what counts the history that e leaves. That of revocations has room of its own,
// which nobody else can fill.
func (t *memberEdit) historyOf(e *OrgEvent) *int {
	if e.Type() == EventRevoke {
		return &t.history[0]
	}
	return &t.history[1]
}

// put makes o the entry of its organisation.
func (t *memberEdit) put(o *Org) {
	if t.members == t.base {
		c := *t.base
		t.members, t.changes = &c, make(map[Hash]int)
	}
	former, was := t.orgs.Get(o.ID)
	t.formers = append(t.formers, Former{o.ID, !was})
	t.changes[o.ID]++
	if was {
		t.remember(&Past{former, t.height})
	}
	t.replace(former, o)
	t.own(o) // its new keys are free: apply has seen to that
}

// done returns the table after the events.
func (t *memberEdit) done() *members {
	if t.members == t.base {
		return t.base
	}
	return t.hash(t.base, idsOf(t.formers))
}

func idsOf(formers []Former) []Hash {
	ids := make([]Hash, len(formers))
	for i := range formers {
		ids[i] = formers[i].ID
	}
	return ids
}

// all takes in the events of a block. Those that do not fit in are passed over: ValidateBlock
// refuses them.
func (t *memberEdit) all(events []OrgEvent) {
	for i := range events {
		if err := events[i].Content.apply(t, &events[i]); err != nil {
			continue
		}
	}
}

// apply returns the table after the events of a block, see memberEdit.all.
func (m *members) apply(p *Params, events []OrgEvent, height uint64) (after *members, formers []Former) {
	t := m.edit(p, height)
	t.all(events)
	return t.done(), t.formers
}

// revert returns the table before the events that changed these entries.
func (m *members) revert(formers []Former) *members {
	if len(formers) == 0 {
		return m
	}
	c := *m
	for _, f := range slices.Backward(formers) {
		now, _ := c.orgs.Get(f.ID)
		if f.New {
			c.replace(now, nil)
			c.disown(now, nil)
			continue
		}
		before := c.forget().Org
		c.replace(now, before)
		c.disown(now, before.keys())
	}
	return c.hash(m, idsOf(formers))
}
