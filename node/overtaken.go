package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// overtakenShown is for how long the status says that an event came to nothing.
const overtakenShown = 30 * 24 * time.Hour

// overtaken is an event of ours that no block will hold, since another one came before it.
type overtaken struct {
	event *consensus.OrgEvent
	found time.Time // when that was certain
}

// againHints are how what an event was to do is done after all. A recorder key is brought again as
// it is.
var againHints = map[consensus.EventType]string{
	consensus.EventUpdate:   "look at what came instead, with org changes, and if it is meant still run again: cairn org update",
	consensus.EventAddNode:  "run again: cairn org node add REQUEST",
	consensus.EventDropNode: "run again: cairn org node drop NODEKEY",
	consensus.EventReplace:  "look at which key the node has, with org node ls, and if it is to have another one run again: cairn org node rekey",
	consensus.EventRotate:   "run again: cairn org rotate-key",
	consensus.EventRevoke:   "look at who came before, with org changes, and if it was none of you run again, with the recovery key that was written last: cairn org revoke --recovery FILE -o FILE",
}

// again is how what e was to do is done after all, or what instead: a node that ended gets no
// recorder key.
func (n *Node) again(s *consensus.State, e *consensus.OrgEvent) string {
	if fate, _ := n.recorderFate(s); fate == recorder.Ended && e.Type() == consensus.EventReplace {
		return n.afterEnd(s)
	}
	return againHints[e.Type()]
}

// settleOvertaken forgets those of the kept events that no block will hold any more, with all that
// were to follow them, and says so: to the postmaster and in the status.
func (n *Node) settleOvertaken(ctx context.Context, s *consensus.State, kept []*consensus.OrgEvent) error {
	noted, err := n.overtakenEvents()
	if err != nil {
		return err
	}
	events := slices.DeleteFunc(slices.Clone(kept), func(e *consensus.OrgEvent) bool { return e == nil })
	for _, o := range noted {
		events = append(events, o.event) // what follows one of them comes to nothing too, unless a block has it after all
	}
	lost := slices.DeleteFunc(membership.ComeToNothing(s, events), func(e *consensus.OrgEvent) bool { return !slices.Contains(kept, e) })
	if len(lost) == 0 {
		return nil
	}
	var text strings.Builder
	var said []*consensus.OrgEvent
	for _, e := range lost {
		n.log.Warn("an event of our organisation will be in no block: another one came before it", "type", e.Type(), "event", e.ID())
		if membership.IsAsTold(s, e) {
			continue
		}
		former, err := n.putOrgKeyBack(s, func(key consensus.Key) bool { return key == orgKeyOf(e) })
		if err != nil {
			return fmt.Errorf("put the organisation's key back, as a %s came to nothing: %w", e.Type(), err)
		}
		said = append(said, e)
		fmt.Fprintf(&text, "\r\n  event     %s\r\n  type      %s\r\n  next      %s\r\n", e.ID(), e.Type(), n.typable(n.again(s, e)))
		if former != "" {
			fmt.Fprintf(&text, "  key       %s is the key again that signs; the one that was to come is %s: keep it, it is the\r\n"+
				"            organisation's if the chain goes the way of the %s yet, and is in no backup\r\n", home.OrgKey, former, e.Type())
		}
	}
	settled := func(tx *mailstore.Tx) error {
		space := tx.Space(orgSpace)
		var errs []error
		for _, e := range lost {
			errs = append(errs, space.Delete(eventKey(e)))
			if slices.Contains(said, e) {
				at := binary.BigEndian.AppendUint64(nil, uint64(n.now().UnixMilli()))
				errs = append(errs, space.Put(overtakenKey(e), append(at, e.Encode()...)))
			}
		}
		return errors.Join(errs...)
	}
	if len(said) == 0 {
		return n.store.Update(ctx, settled)
	}
	text.WriteString("\r\n")
	text.WriteString(n.allChanges(n.ownID()))
	return n.tellPostmaster(ctx, "A change of "+n.homeFirst()[0]+" came to nothing", "What was brought here for our own organisation came to nothing: another event of it was in a block before, as where the\r\n"+
		"network was parted or another node of ours was faster. What you were told of it holds no more.\r\n"+text.String(), settled)
}

// overtakenEvents reads what came to nothing, the oldest first.
func (n *Node) overtakenEvents() (list []overtaken, err error) {
	var bad error
	err = n.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(orgSpace).Scan([]byte(overtakenPrefix), nil, func(_, value []byte) bool {
			if len(value) < 8 {
				bad = errors.New("its note is damaged")
				return false
			}
			var e *consensus.OrgEvent
			if e, bad = consensus.DecodeEvent(slices.Clone(value[8:])); bad != nil {
				return false
			}
			list = append(list, overtaken{e, unixMilli(binary.BigEndian.Uint64(value))})
			return true
		})
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading which events came to nothing: %w", err)
	}
	slices.SortStableFunc(list, func(a, b overtaken) int { return a.found.Compare(b.found) })
	return list, nil
}

// viewOvertaken is what the status says of events that came to nothing, lately.
func (n *Node) viewOvertaken(s *consensus.State) (list []api.OvertakenEvent, err error) {
	events, err := n.overtakenEvents()
	for _, o := range events {
		_, in := membership.BlockOf(s, o.event) // the chain went its way after all
		if n.now().Sub(o.found) < overtakenShown && !in && !membership.IsAsTold(s, o.event) {
			list = append(list, api.OvertakenEvent{ID: o.event.ID().String(), Type: o.event.Type().String(), Found: o.found.UTC(), Next: n.again(s, o.event)})
		}
	}
	return list, err
}

// doneAgain drops the notes of events like the one that is brought in their place, by their
// administrator: of nodes those about the same one.
func (n *Node) doneAgain(ctx context.Context, event []byte) error {
	e, err := consensus.DecodeEvent(event)
	if err != nil {
		return err
	}
	noted, err := n.overtakenEvents()
	noted = slices.DeleteFunc(noted, func(o overtaken) bool { return o.event.Type() != e.Type() || nodeOf(o.event) != nodeOf(e) })
	if err != nil || len(noted) == 0 {
		return err
	}
	return n.store.Update(ctx, func(tx *mailstore.Tx) error {
		var errs []error
		for _, o := range noted {
			errs = append(errs, tx.Space(orgSpace).Delete(overtakenKey(o.event)))
		}
		return errors.Join(errs...)
	})
}

// nodeOf is the node that an event takes in, drops or gives another recorder key; the zero key if
// it is about none.
func nodeOf(e *consensus.OrgEvent) (node consensus.Key) {
	switch c := e.Content.(type) {
	case *consensus.AddNode:
		node = c.Node
	case *consensus.DropNode:
		node = c.Node
	case *consensus.Replace:
		node = e.Signer
	}
	return node
}
