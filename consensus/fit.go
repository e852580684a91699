package consensus

// Fit follows the member table through events that a block on top of a state would hold, so that
// each costs no more than itself. One goroutine at a time may use it.
type Fit struct{ t *memberEdit }

// NewFit returns a Fit without events yet.
func NewFit(s *State) *Fit { return &Fit{s.members.edit(s.Params(), s.Height()+1)} }

// Add takes in an event for which CheckEvent is nil. If what it does cannot be done after s and the
// events before it, Add returns a *RuleError and leaves it out.
func (f *Fit) Add(e *OrgEvent) error { return e.Content.apply(f.t, e) }

// NextBlock lets the events that follow stand in the block after that of those before.
func (f *Fit) NextBlock() { f.t = f.t.members.edit(f.t.params, f.t.height+1) }

// Seals reports whether batches of a recorder key count in a block with the events.
func (f *Fit) Seals(recorder Key) bool {
	_, ok := f.t.sealing(recorder, f.t.height)
	return ok
}
