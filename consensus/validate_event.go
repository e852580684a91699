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

// ValidateEvents checks events in the order in which a block would hold them: each against s and
// the valid ones before it. The result has one entry per event, nil for a valid one.
func ValidateEvents(s *State, events []OrgEvent) []error {
	errs := make([]error, len(events))
	fit := NewFit(s)
	for i := range events {
		e := &events[i]
		if errs[i] = CheckEvent(s.Params(), s.ChainID(), e); errs[i] == nil {
			errs[i] = fit.Add(e)
		}
	}
	return errs
}

// checkEventForm is CheckEvent without the signatures.
func checkEventForm(p *Params, chain ChainID, e *OrgEvent) error {
	switch known := eventTypes[e.Type()]; {
	case e.Version != p.Version:
		return broken(RuleVersion, "event of version %d, the network's is %d", e.Version, p.Version)
	case !known.ok(p.Version):
		return broken(RuleEventType, "event of type %d, which this program does not know", e.Type())
	case e.ChainID != chain:
		return broken(RuleChain, "event of chain %v, this is %v", e.ChainID, chain)
	}
	if p.Version >= ParamsV2 {
		if err := checkEventV2(p, e); err != nil {
			return err
		}
	}
	return e.Content.check(p, chain, e)
}

// checkEventV2 checks what all events of version 2 have in common.
func checkEventV2(p *Params, e *OrgEvent) error {
	if err := checkAttestations(p, e); err != nil {
		return err
	}
	for _, k := range e.Content.keys() {
		if err := checkKey(k); err != nil {
			return err
		}
	}
	ordered := e.Type() != EventRevoke && e.Type() != EventSuspend
	switch enrol := e.Enrol(); {
	case enrol != nil && (!e.Subject.IsZero() || !e.Prev.IsZero() || e.Signer != enrol.OrgKey):
		return broken(RuleEventPrev, "an enrolment that names an organisation, a previous event, or another signer than its org key")
	case enrol != nil:
		return nil
	case e.Subject.IsZero() || e.Prev.IsZero() == ordered:
		return broken(RuleEventPrev, "an event of type %v of organisation %v after event %v", e.Type(), e.Subject, e.Prev)
	}
	if got := leadingZeroBits(e.ID()); got < int(p.BatchStamp) {
		return broken(RuleEventStamp, "event stamp of %d bits, the network demands %d", got, p.BatchStamp)
	}
	return nil
}
