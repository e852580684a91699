package membership

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/node/api"
)

// Step is what one event changed in an organisation's entry, or the height from which an announced
// key counts.
type Step struct {
	ID      consensus.Hash // of the event, or made of keys and that height: the same on every branch
	Behind  consensus.Hash // of a suspension: the event before it; else zero
	Height  uint64
	Changes []api.OrgChange
}

// StepsOf tells how an organisation's entry came to be what it is at the tip, the enrolment first;
// nil of one that is not there. When each was is for the caller to say: Time and About are zero.
func StepsOf(s *consensus.State, id consensus.Hash) (list []Step) {
	entries := s.Entries(id)
	for i, now := range entries {
		until := s.Height()
		if i+1 < len(entries) {
			until = entries[i+1].Changed
		}
		if i == 0 {
			enrolled := keyChange(now.Height, "enrolled", consensus.Key{}, now.Key)
			list = append(list, Step{ID: now.LastEvent, Height: now.Height, Changes: []api.OrgChange{enrolled}})
		} else {
			list = append(list, stepBetween(entries[i-1], now))
		}
		// No event makes a pending key count: its height does.
		if p := now.Pending; p.At != 0 && p.At <= until {
			counts := sha256.Sum256(binary.BigEndian.AppendUint64(p.Key[:], p.At))
			list = append(list, Step{ID: counts, Height: p.At, Changes: []api.OrgChange{keyChange(p.At, "key", now.Key, p.Key)}})
		}
	}
	markGone(list)
	return list
}

// markGone notes with each key that was announced and never came to count in which block that was
// decided.
func markGone(list []Step) {
	var announced *api.OrgChange // the last one
	for i := range list {
		for k := range list[i].Changes {
			switch c := &list[i].Changes[k]; {
			case c.What == "key-pending":
				announced = c
			case c.What == "key-pending-gone" && announced != nil:
				announced.Gone = c.Height
			}
		}
	}
}

// stepBetween is the step from one entry to the next. A suspension is no event that the next one
// names, so it leaves the last one as it is; a recorder key is suspended once.
func stepBetween(was, now *consensus.Org) Step {
	step := Step{ID: now.LastEvent, Height: now.Changed, Changes: entryChanges(was, now)}
	if now.LastEvent != was.LastEvent {
		return step
	}
	for _, n := range now.Nodes {
		before := slices.ContainsFunc(was.Nodes, func(o consensus.OrgNode) bool { return o.Recorder == n.Recorder && o.End == n.End })
		if n.End == consensus.NodeSuspended && !before {
			step.ID, step.Behind = sha256.Sum256(n.Recorder[:]), now.LastEvent
		}
	}
	return step
}

// ChangesOf are the changes of all steps.
func ChangesOf(s *consensus.State, id consensus.Hash) (list []api.OrgChange) {
	for _, step := range StepsOf(s, id) {
		list = append(list, step.Changes...)
	}
	return list
}

// entryChanges are what one block changed in an entry.
func entryChanges(was, now *consensus.Org) (list []api.OrgChange) {
	add := func(what, from, to string) {
		list = append(list, api.OrgChange{Height: now.Changed, What: what, From: from, To: to})
	}
	if was.Name != now.Name {
		add("name", was.Name, now.Name)
	}
	if !slices.Equal(was.Domains, now.Domains) {
		add("domains", strings.Join(was.Domains, ", "), strings.Join(now.Domains, ", "))
	}
	if was.Records != now.Records {
		add("records", was.Records.String(), now.Records.String())
	}
	if was.ThresholdFloor != now.ThresholdFloor {
		add("threshold", fmt.Sprintf("%d %%", was.ThresholdFloor), fmt.Sprintf("%d %%", now.ThresholdFloor))
	}
	counted := was.KeyAt(now.Changed)
	if counted != now.Key {
		what := "key"
		if was.Recovery != now.Recovery { // only a revocation changes both
			what = "key-revoked"
		}
		list = append(list, keyChange(now.Changed, what, counted, now.Key))
	}
	if was.Pending.At != 0 && counted == was.Key && now.Pending != was.Pending { // taken back, or replaced by the next
		list = append(list, keyChange(now.Changed, "key-pending-gone", was.Pending.Key, consensus.Key{}))
	}
	if now.Pending.At != 0 && now.Pending != was.Pending {
		c := keyChange(now.Changed, "key-pending", now.Key, now.Pending.Key)
		c.Counts = now.Pending.At
		list = append(list, c)
	}
	if was.Recovery != now.Recovery {
		add("recovery", was.Recovery.String(), now.Recovery.String())
	}
	for _, n := range now.Nodes {
		i := slices.IndexFunc(was.Nodes, func(o consensus.OrgNode) bool { return o.Recorder == n.Recorder })
		before := activeOf(was, n.Node)
		switch {
		case i < 0 && before != nil:
			list = append(list, api.OrgChange{Height: now.Changed, What: "recorder", Node: n.Node.String(), From: before.Recorder.String(), To: n.Recorder.String()})
		case i < 0:
			add("node-added", "", n.Node.String())
		case ReplacedBy(now, &n) != nil: // what ends it ends no node
			if n.End == consensus.NodeSuspended && was.Nodes[i].End != n.End {
				list = append(list, api.OrgChange{Height: now.Changed, What: "recorder-suspended", Node: n.Node.String(), From: n.Recorder.String()})
			}
		case was.Nodes[i].End != n.End:
			add("node-"+EndWord(n.End), n.Node.String(), "")
		}
	}
	return list
}

// EndWord is why a node ended, in a word as the API has it; empty: it has not.
func EndWord(e consensus.NodeEnd) string { return nodeEnds[e] }

var nodeEnds = map[consensus.NodeEnd]string{
	consensus.NodeActive: "", consensus.NodeDropped: "dropped", consensus.NodeRevoked: "revoked", consensus.NodeSuspended: "suspended",
}

// keyChange is a change of an org key; a zero one is left out.
func keyChange(height uint64, what string, from, to consensus.Key) api.OrgChange {
	c := api.OrgChange{Height: height, What: what}
	if !from.IsZero() {
		c.From = from.String()
	}
	if !to.IsZero() {
		c.To, c.Fingerprint = to.String(), fingerprint.Of(to)
	}
	return c
}
