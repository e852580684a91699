package membership

import (
	"slices"

	"cairn/consensus"
)

// SettledAfter is how many blocks have to stand on one with an event before what it overtook is
// said to come to nothing: a reorganisation might drop it.
const SettledAfter = 20

// ContentOf is an event's content if it is of kind C, else C's zero value.
func ContentOf[C consensus.Content](e *consensus.OrgEvent) (c C) {
	c, _ = e.Content.(C)
	return c
}

// BlockOf finds the block with an event that changed its organisation's entry: the first one from
// which the entry has it as its last event, since a suspension leaves that as it is.
func BlockOf(s *consensus.State, e *consensus.OrgEvent) (height uint64, in bool) {
	id := e.ID()
	for _, o := range s.Entries(e.Org()) {
		if o.LastEvent == id {
			return o.Changed, true
		}
	}
	return 0, false
}

// Overtaken reports whether an event can follow no more, since another one did for so long that it
// stays.
func Overtaken(s *consensus.State, e *consensus.OrgEvent) bool {
	is := precedes(e)
	if is == nil {
		return false
	}
	until, _ := LastWas(s, e.Org(), is)
	return until != 0 && s.Height() >= until+SettledAfter
}

// ComeToNothing lists those of events that were overtaken, with all that were to follow them, each
// behind what it follows. What is in a block was not.
func ComeToNothing(s *consensus.State, events []*consensus.OrgEvent) (lost []*consensus.OrgEvent) {
	dead := make(map[consensus.Hash]bool)
	for again := true; again; {
		again = false
		for _, e := range events {
			if id := e.ID(); !dead[id] && (dead[e.Prev] || Overtaken(s, e)) {
				if _, in := BlockOf(s, e); !in {
					lost, dead[id], again = append(lost, e), true, true
				}
			}
		}
	}
	return lost
}

// IsAsTold reports whether what an event was to do is so, whoever did it.
func IsAsTold(s *consensus.State, e *consensus.OrgEvent) bool {
	org, member := s.Org(e.Org())
	switch c := e.Content.(type) {
	case *consensus.Update:
		return member && SameProfile(c, ProfileOf(org))
	case *consensus.AddNode:
		at, known := s.NodeByRecorder(c.Recorder)
		return known && at.Node == c.Node
	case *consensus.Replace:
		at, known := s.NodeByRecorder(c.Recorder)
		return known && at.Node == e.Signer
	case *consensus.DropNode:
		_, active := s.ActiveNode(c.Node)
		return member && !active
	case *consensus.Rotate:
		return member && (org.Key == c.Key || org.Pending.Key == c.Key)
	case *consensus.Revoke:
		return member && org.Key == c.Key
	}
	return false
}

// KnowsBefore reports whether s has what an event follows. Else it says nothing about the event:
// what that follows may wait for a block, or be in one that is not here yet.
func KnowsBefore(s *consensus.State, e *consensus.OrgEvent) bool {
	is := precedes(e)
	if is == nil {
		return true
	}
	_, known := LastWas(s, e.Org(), is)
	return known
}

// precedes tells the entries of its organisation that an event may follow, as far as they stand for
// good once there: those with the event before it, of a revocation those with its recovery key. It
// is nil of an event that may follow any.
func precedes(e *consensus.OrgEvent) func(*consensus.Org) bool {
	switch {
	case !e.Prev.IsZero():
		return func(o *consensus.Org) bool { return o.LastEvent == e.Prev }
	case e.Type() == consensus.EventRevoke:
		recovery := consensus.RecoveryCommitment(e.Signer)
		return func(o *consensus.Org) bool { return o.Recovery == recovery }
	}
	return nil
}

// LastWas tells the height of the block after the event of which an organisation's entry was no
// more what is says; 0 if it is so still. known: it was so once, as far as s goes.
func LastWas(s *consensus.State, org consensus.Hash, is func(*consensus.Org) bool) (until uint64, known bool) {
	for _, o := range slices.Backward(s.Entries(org)) {
		if is(o) {
			return until, true
		}
		until = o.Changed
	}
	return 0, false
}
