package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/consensus/mempool"
	"cairn/consensus/recorder"
	"cairn/node/api"
	"cairn/node/membership"
)

// ownID names our organisation. It is asked for several times for each mail.
func (n *Node) ownID() consensus.Hash {
	if known := n.ownName.Load(); known != nil && known.of == n.enrol {
		return known.id
	}
	known := &eventName{of: n.enrol, id: n.enrol.ID()}
	n.ownName.Store(known)
	return known.id
}

// eventName is the id of an event, which takes a hash over all of it.
type eventName struct {
	of *consensus.OrgEvent
	id consensus.Hash
}

// ownEntry is our organisation as the chain has it, in a network where organisations change.
func (n *Node) ownEntry(s *consensus.State) (*consensus.Org, error) {
	if s.Params().Version < consensus.ParamsV2 {
		return nil, api.Errorf(api.CodeNotAllowed, "cairn help init",
			"looking up the organisation: this network has parameters of version %d, in which an enrolment stands for good", s.Params().Version)
	}
	org, ok := s.Org(n.ownID())
	if !ok {
		return nil, api.Errorf(api.CodeTryLater, "cairn status", "looking up the organisation: it is no member of the network yet, as seen here")
	}
	return org, nil
}

// standing is what the next event of our organisation goes by.
func (n *Node) standing() (*membership.Standing, error) {
	s := n.chain.State()
	org, err := n.ownEntry(s)
	if err != nil {
		return nil, err
	}
	return membership.NewStanding(s.Params(), s.Height(), org, n.waitingEvents(s)), nil
}

// waitingEvents are the events of our organisation in the mempool that fit behind s, whichever of
// its nodes brought them.
func (n *Node) waitingEvents(s *consensus.State) []*consensus.OrgEvent {
	return n.pool.EventsOf(s, n.ownID())
}

// OrgStanding tells what an event of our organisation has to go by.
func (n *Node) OrgStanding(context.Context) (*api.OrgStanding, error) {
	st, err := n.standing()
	if err != nil {
		return nil, err
	}
	v := &api.OrgStanding{Height: st.Height(), Entry: st.Org().Encode()}
	for _, e := range st.Waiting() {
		v.Waiting = append(v.Waiting, e.Encode())
	}
	return v, nil
}

// ProposeEvent brings an event of our organisation to the network, as its administrator says: what
// he makes again came to nothing no more.
func (n *Node) ProposeEvent(ctx context.Context, r api.EventRequest) (*api.OrgEvent, error) {
	v, err := n.propose(ctx, r)
	if err == nil {
		if err := n.doneAgain(ctx, r.Event); err != nil { // it is on its way all the same
			n.log.Warn("that an event came to nothing is said still, though it was brought again", "type", v.Type, "event", v.ID, "err", err)
		}
	}
	return v, err
}

// propose brings an event of our organisation to the network, also one that the node makes by
// itself.
func (n *Node) propose(ctx context.Context, r api.EventRequest) (*api.OrgEvent, error) {
	e, err := consensus.DecodeEvent(r.Event)
	if err != nil {
		return nil, api.Errorf(api.CodeInvalid, "use the cairn command of the same version as the node", "reading the event: %v", err)
	}
	s := n.chain.State()
	st, err := n.standing()
	if err != nil {
		return nil, err
	}
	if e.Org() != n.ownID() {
		return nil, api.Errorf(api.CodeNotAllowed, "run the command on a node of that organisation", "bringing the event: it is about organisation %v, and this node's is %v", e.Org(), n.ownID())
	}
	if v := n.brought(s, e); v != nil {
		return v, nil
	}
	before := st.Profile() // with what waits for a block
	lacking, err := n.fits(s, e)
	if err == nil && !r.CutOff { // what no block would take is not to be meant
		err = n.checkCutOff(e, before)
	}
	if err == nil {
		err = n.checkBacklog(s, e)
	}
	if err != nil {
		return nil, err
	}
	if err := n.keepAndGive(ctx, s, e, lacking); err != nil {
		return nil, err
	}
	n.log.Info("an event of our organisation was brought to the network", "type", e.Type(), "event", e.ID())
	v := n.viewEvent(n.chain.State(), e)
	v.Unaddressed, err = n.unaddressed(e, before.Domains)
	return v, err
}

// fits checks an event behind those that wait. lacking: it lacks the word of members, and nothing
// else.
func (n *Node) fits(s *consensus.State, e *consensus.OrgEvent) (lacking bool, err error) {
	waiting := n.waitingEvents(s)
	if slices.ContainsFunc(waiting, func(w *consensus.OrgEvent) bool { return w.ID() == e.ID() }) {
		return false, nil
	}
	events := make([]consensus.OrgEvent, 0, len(waiting)+1)
	for _, w := range append(waiting, e) {
		events = append(events, *w)
	}
	err = consensus.ValidateEvents(s, events)[len(waiting)]
	lacking = unattested(err)
	if broken, ok := errors.AsType[*consensus.RuleError](err); ok && !broken.OfBlock() && !lacking {
		if n.fitsWithout(s, e) && broken.Rule != consensus.RuleEventPrev && len(waiting) > 0 {
			return false, refusedBehind(waiting, e, broken)
		}
		return false, eventRefused(e, err)
	}
	return lacking, n.checkPins(s, e)
}

// fitsWithout reports whether an event of ours would fit if none of ours waited before it.
func (n *Node) fitsWithout(s *consensus.State, e *consensus.OrgEvent) bool {
	if consensus.CheckEvent(s.Params(), s.ChainID(), e) != nil {
		return false
	}
	alone := *e
	if org, ok := s.Org(e.Org()); ok && !e.Prev.IsZero() {
		alone.Prev = org.LastEvent
	}
	return consensus.NewFit(s).Add(&alone) == nil
}

// refusedBehind is why an event goes to no block that would fit, were there not what waits for one.
func refusedBehind(waiting []*consensus.OrgEvent, e *consensus.OrgEvent, broken *consensus.RuleError) error {
	names := make([]string, len(waiting))
	for i, w := range waiting {
		names[i] = fmt.Sprintf("%s %.8s", w.Type(), w.ID())
	}
	return api.Errorf(api.CodeTryLater, "see what waits for a block, and decide when it is in one: cairn status",
		"the %s was not brought to the network: it does not go with what waits for a block (%s), after which it breaks the rule %s: %s",
		e.Type(), strings.Join(names, ", "), broken.Rule, broken.Detail)
}

// give is offer for an event that fits; the error says so to people.
func (n *Node) give(s *consensus.State, e *consensus.OrgEvent, lacking bool) error {
	if err := n.offer(s, e, lacking); err != nil {
		return eventRefused(e, err)
	}
	return nil
}

// offer gives an event to the miners here and elsewhere, or to the members whose word it lacks.
func (n *Node) offer(s *consensus.State, e *consensus.OrgEvent, lacking bool) error {
	take := n.pool.AddEvent
	if lacking {
		take = n.applications.add
	}
	if err := take(s, e, n.now()); err != nil && !errors.Is(err, mempool.ErrKnown) {
		return err
	}
	n.host.PublishEvent(e)
	return nil
}

// checkPins refuses an event that claims a domain which this node has pinned to somebody else. It
// is no rule of the network: other nodes go by their own pins.
func (n *Node) checkPins(s *consensus.State, e *consensus.OrgEvent) error {
	key, domains := e.Claims()
	for _, d := range domains {
		if err := n.trust.Conflict(s, d, key); err != nil {
			return api.Errorf(api.CodeNotAllowed, "leave the domain out, or take the pin back first: cairn org untrust "+d,
				"bringing the %s: this node trusts another organisation for %s, and brings no claim of it to the network", e.Type(), d)
		}
	}
	return nil
}

// eventHints are what to do about a broken rule.
var eventHints = map[string]string{
	consensus.RuleEventPrev:   "another event of the organisation came in between, run the same command again",
	consensus.RuleEventSigner: "cairn org changes",
	consensus.RuleUnknownNode: "cairn org node ls",
	consensus.RuleNodeCount:   "cairn org node ls",
	consensus.RulePossession:  "make the request anew on the new machine, with org node request",
	consensus.RuleDuplicateKey: "a key counts once in a network: make others, by an init in an empty directory of the new machine, " +
		"and the request anew",
	consensus.RuleUnattested: "other members have to attest, with org attest on their nodes",
}

// eventRefused is why an event goes to no block, with the rule or the policy that says so.
func eventRefused(e *consensus.OrgEvent, err error) error {
	if rule, ok := errors.AsType[*consensus.RuleError](err); ok {
		code := api.CodeInvalid
		if rule.Rule == consensus.RuleEventPrev {
			code = api.CodeTryLater
		}
		return api.Errorf(code, eventHints[rule.Rule], "the %s was not brought to the network, it breaks the rule %s: %s", e.Type(), rule.Rule, rule.Detail)
	}
	if policy, ok := errors.AsType[*mempool.PolicyError](err); ok {
		code, hint := api.CodeTryLater, "run the same command again when what waits is in a block: cairn status"
		if policy.Policy == mempool.PolicyPinned {
			code, hint = api.CodeNotAllowed, "cairn org pins"
		}
		return api.Errorf(code, hint, "the %s was not brought to the network, this node's policy %s refuses it: %s", e.Type(), policy.Policy, policy.Detail)
	}
	return fmt.Errorf("bringing the %s to the network: %w", e.Type(), err)
}

func (n *Node) viewEvent(s *consensus.State, e *consensus.OrgEvent) *api.OrgEvent {
	_, domains := e.Claims()
	p := s.Params()
	var ends []string
	counting := ""
	switch c := e.Content.(type) {
	case *consensus.Rotate:
		counting = "from its block on"
	case *consensus.DropNode:
		ends = []string{c.Node.String()}
	case *consensus.Revoke:
		counting = "from its block on"
		for _, node := range c.Nodes {
			ends = append(ends, node.String())
		}
	}
	v := &api.OrgEvent{
		ID: e.ID().String(), Type: e.Type().String(), Org: e.Org().String(), Domains: domains, Ends: ends, Counting: counting,
		WaitsFor: fmt.Sprintf("a block that takes it up, one comes every %v on average", p.BlockInterval),
	}
	if note := n.attestNote(s, e.ID()); note != "" {
		v.WaitsFor = note
	}
	if r, ok := e.Content.(*consensus.Rotate); ok && r.Recovery.IsZero() {
		v.Counts = s.Height() + 1 + p.RotationDelay()
		v.Counting = "about " + (time.Duration(p.RotationDelay()) * p.BlockInterval).String() + " after its block"
	}
	if org, ok := s.Org(e.Org()); ok && e.Type() == consensus.EventRotate && org.Pending.At > s.Height()+1 {
		v.Replaces = org.Pending.Key.String()
	}
	if r := membership.ContentOf[*consensus.Replace](e); r != nil {
		v.Recorder = r.Recorder.String()
		v.Then = fmt.Sprintf("%d blocks later the node takes the key by itself, starting anew for that; what the one before signed gets into blocks for %d more",
			recorder.EnrolDepth, consensus.DropGrace)
	}
	return v
}
