package consensus

// CheckEvent checks what an event shows by itself: form, identity stamp, and all signatures.
func CheckEvent(p *Params, chain ChainID, e *OrgEvent) error {
	if err := checkEventForm(p, chain, e); err != nil {
		return err
	}
	sigs := newSignatures(1 + len(e.Content.keys()))
	e.Content.queue(sigs, e)
	return sigs.first()
}

// ValidateEvent checks an event against a state: CheckEvent, and that it fits in there.
func ValidateEvent(s *State, e *OrgEvent) error { return ValidateEvents(s, []OrgEvent{*e})[0] }

// ValidateEvents checks events in the order in which a block would hold them: each against s and the
// valid ones before it. The result has one entry per event, nil for a valid one.
func ValidateEvents(s *State, events []OrgEvent) []error {
	errs := make([]error, len(events))
	t := s.members.edit(s.Height() + 1)
	for i := range events {
		e := &events[i]
		if errs[i] = CheckEvent(s.Params(), s.ChainID(), e); errs[i] == nil {
			errs[i] = e.Content.apply(t, e)
		}
	}
	return errs
}

// checkEventForm is CheckEvent without the signatures.
func checkEventForm(p *Params, chain ChainID, e *OrgEvent) error {
	switch _, known := eventTypes[e.Type()]; {
	case e.Version != p.Version:
		return broken(RuleVersion, "event of version %d, the network's is %d", e.Version, p.Version)
	case !known:
		return broken(RuleEventType, "event of type %d, which this program does not know", e.Type())
	case e.ChainID != chain:
		return broken(RuleChain, "event of chain %v, this is %v", e.ChainID, chain)
	}
	return e.Content.check(p, chain, e)
}
