package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/p2p"
)

// summary is our organisation, as it is enrolled or waits for that.
func (n *Node) summary(s *consensus.State, peers int, now time.Time) api.OrgSummary {
	own := n.ownAt(s)
	org := api.OrgSummary{Name: own.Name, Domains: own.Domains, Key: keyOf(s, own).String(), RecoveryKeyHere: HasRecoveryKey(n.dir)}
	if o, ok := s.OrgByNode(n.id.NodeKey()); ok {
		org.ID, org.Enrolled, org.Height, org.Ended = o.ID.String(), true, o.Height, n.ended(s)
		if org.Ended != "" {
			org.EndedNext = n.afterEnd(s)
		}
		org.Pending = n.viewPending(s, o)
		for _, e := range slices.Concat(n.waitingEvents(s), n.ownApplications(s)) {
			org.Proposed = append(org.Proposed, *n.viewEvent(s, e))
		}
		if problem := n.configProblem.Load(); problem != nil {
			org.Refused, org.RefusedNext = problem.Message, problem.Hint
		}
		return org
	}
	org.Added = !n.enrolledItself()
	w := enrolWait{added: org.Added, peers: peers, height: s.Height(), interval: s.Params().BlockInterval, tipAge: now.Sub(unixMilli(s.Time()))}
	if problem := n.enrolProblem.Load(); problem != nil {
		w.problem = *problem
	}
	_, w.best, w.syncing = n.host.Progress()
	if org.Awaited = n.lacks(s) != ""; org.Awaited { // the enrolment is in blocks that are not here, or was
		w.problem, w.syncing, w.best = "", true, max(w.best, n.othersSeen.Load())
	}
	if n.passedOver(s) {
		w.passed, w.domains, w.attested = passedOverAfter, own.Domains, s.Params().Admission == consensus.AdmissionAttested
	}
	w.attest = n.attestNote(s, n.ownID())
	org.WaitsFor = w.String()
	return org
}

// enrolWait is what decides how soon an enrolment gets into a block.
type enrolWait struct {
	attest       string // the word of members that it waits for
	added        bool   // to an organisation, which does it: this node enrols nobody
	problem      string // why it cannot be brought to the network
	peers        int
	height, best uint64
	syncing      bool
	interval     time.Duration // between blocks
	tipAge       time.Duration

	passed   int // blocks that came without it since it was brought, once they are many
	domains  []string
	attested bool // members have to give their word
}

// String names the first thing that has to change.
func (w enrolWait) String() string {
	switch {
	case w.problem != "":
		return "a change, as it stands no node will take it: " + w.problem
	case w.peers == 0:
		return "a node of the network, none is connected"
	case w.syncing:
		return fmt.Sprintf("the network's blocks, %d of %d are here", w.height, w.best)
	case w.attest != "":
		return w.attest
	case w.added:
		return "its organisation to add this node: cairn org node add on a node of it, with what cairn org node request printed here"
	}
	if w.passed > 0 {
		why := "where nodes of the network have " + strings.Join(w.domains, " or ") + " pinned to another key"
		if w.attested {
			why += ", or lack the word of members"
		}
		return fmt.Sprintf("a block that takes it up, and the last %d came without it, as %s: call who runs one and compare the key, shown here by cairn org show, there by: cairn org pins", w.passed, why)
	}
	return fmt.Sprintf("a block that takes it up, one comes every %v on average and the last is %v old", w.interval, max(w.tipAge, 0).Round(time.Second))
}

// passedOverAfter is after how many blocks without an enrolment it is said why that may be.
const passedOverAfter = 6

// noteBrought keeps since when our enrolment has been before nodes of the network, as it is while
// well.
func (n *Node) noteBrought(well bool) {
	if !well {
		n.broughtAt.Store(0)
		return
	}
	n.broughtAt.CompareAndSwap(0, n.now().UnixMilli())
}

// passedOver reports whether so many blocks were made since our enrolment was brought, by what they
// say of their time: those that are fetched from before then count for nothing.
func (n *Node) passedOver(s *consensus.State) bool {
	brought := n.broughtAt.Load()
	if brought == 0 || s.Height() < passedOverAfter {
		return false
	}
	at, ok := n.chain.IndexAt(s.Height() - passedOverAfter + 1)
	if !ok {
		return false
	}
	b, err := n.chain.Block(at.ID)
	return err == nil && unixMilli(b.Header.Header.Time).After(time.UnixMilli(brought))
}

// clockStatus compares now with the time of the chain's tip.
func clockStatus(s *consensus.State, now time.Time) api.ClockStatus {
	ahead, wrong := tipAhead(s, now)
	return api.ClockStatus{
		Time: now.UTC().Truncate(time.Millisecond), TipTime: unixMilli(s.Time()),
		TipAhead: ahead.Truncate(time.Millisecond).Seconds(), Wrong: wrong,
	}
}

// peersByOrg counts connected nodes by the organisation that has, or had, enrolled them.
func peersByOrg(s *consensus.State, peers []p2p.Peer) []api.OrgPeers {
	list := []api.OrgPeers{}
	for _, p := range peers {
		var o api.OrgPeers
		org, known := s.OrgByNode(p.Node)
		if known {
			o.ID, o.Org = org.ID.String(), org.Name
		}
		i := slices.IndexFunc(list, func(e api.OrgPeers) bool { return e.ID == o.ID })
		if i < 0 {
			i, list = len(list), append(list, o)
		}
		list[i].Nodes++
		if _, active := s.ActiveNode(p.Node); known && !active {
			list[i].Ended++
		}
	}
	slices.SortFunc(list, func(a, b api.OrgPeers) int {
		if a.ID == "" || b.ID == "" { // only one of them is
			return len(b.ID) - len(a.ID)
		}
		return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func (n *Node) silentPeers() []api.Silent {
	list := []api.Silent{}
	for _, s := range n.host.Silent() {
		v := api.Silent{Address: s.Addr, Since: s.Since.UTC().Truncate(time.Second)}
		if s.Why != nil {
			v.Why = s.Why.Error()
			_, v.Next = n.apartNext(s.Why, s.Addr)
		}
		list = append(list, v)
	}
	return list
}
