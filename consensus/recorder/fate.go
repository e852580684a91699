package recorder

import (
	"fmt"
	"slices"

	"cairn/consensus"
)

// Fate is what is to be expected of a node's recorder key, as a state of the chain has it.
type Fate int

// The fates of recorder keys.
const (
	Counts   Fate = iota // it is the node's, or the one that follows it here is
	Awaited              // no block has the node yet
	Left                 // the chain had it and went another way: the node has one before, and brings this one again
	Replaced             // by another recorder key of the node, which is not here
	Ended                // with its node
)

// FateOf tells what becomes of a recorder key of a node, and of the node's entry which block
// decided that. ours tells which other recorder keys are here. Of a key that the node had before,
// what became of the node decides, not what else ended the key: it may have been suspended since.
func FateOf(s *consensus.State, node, key consensus.Key, ours func(consensus.Key) bool) (Fate, consensus.OrgNode) {
	had, known := s.NodeByRecorder(key)
	if known {
		node = had.Node
	}
	now, there := s.NodeByKey(node)
	active := there && now.End == consensus.NodeActive
	switch {
	case known && had.End == consensus.NodeActive:
		return Counts, had
	case known && active && ours(now.Recorder):
		return Counts, now
	case known && active:
		org, _ := s.OrgByNode(node)
		had.End, had.Until = consensus.NodeDropped, org.ReplacedIn(&had)
		return Replaced, had
	case known:
		return Ended, now
	case !there:
		return Awaited, now
	case !active:
		return Ended, now
	case ours(now.Recorder):
		return Left, now
	}
	now.End, now.Until = consensus.NodeDropped, now.Since // of the one before, which ours would have followed
	return Replaced, now
}

// Follows returns the recorder key, another one that is here, with which a node that has key is to
// sign, as a state of the chain has it: the node's last one there, if what is sealed with it gets
// into a block in time. That is so since block at. Of a node that was revoked or suspended none is.
func Follows(s *consensus.State, node, key consensus.Key, ours func(consensus.Key) bool) (now consensus.OrgNode, at uint64, ok bool) {
	now, there := s.NodeByKey(node)
	if !there || now.Recorder == key || !ours(now.Recorder) || !sealsStill(s, &now) {
		return now, 0, false
	}
	if now.End == consensus.NodeActive {
		return now, now.Since, true
	}
	return now, now.Until, true
}

// sealsStill reports whether what is sealed with a node's recorder key gets into a block in time:
// the node has not ended, or was dropped by its organisation so short a while ago that what had
// been accepted until then is still sealed.
func sealsStill(s *consensus.State, node *consensus.OrgNode) bool {
	return node.End == consensus.NodeActive || node.End == consensus.NodeDropped && s.Height() < node.Until+consensus.DropGrace/2
}

// HowReplaced says when a recorder key was replaced by one that is not here, in words.
func HowReplaced(node *consensus.OrgNode) string {
	return fmt.Sprintf("this node's recorder key was replaced in block %d by another one, which is not here", node.Until)
}

// SetNode tells the Recorder, before Run, the key of its node, by which the chain is asked where it
// does not know the recorder key, and which recorder keys are here: those that sign and the one
// that is to follow.
func (r *Recorder) SetNode(node consensus.Key, here func(consensus.Key) bool) {
	r.node, r.here = node, here
}

// fate is that of a key of ours.
func (r *Recorder) fate(s *consensus.State, key consensus.Key) (Fate, consensus.OrgNode) {
	return FateOf(s, r.node, key, r.here)
}

// gone reports whether the chain went another way than one of our keys did, and what is to be
// expected of what that has sealed. A chain that has no block with our node yet says nothing.
func (r *Recorder) gone(s *consensus.State, key consensus.Key) (p prospect, gone bool) {
	if _, known := s.NodeByRecorder(key); known {
		return comes, false
	}
	switch fate, _ := r.fate(s, key); {
	case fate == Awaited:
		return comes, false
	case fate == Ended || r.over(s, key):
		return lost, true
	}
	return doubtful, true
}

// cannotCome reports whether no block takes more of a key of ours, as the chain is.
func (r *Recorder) cannotCome(s *consensus.State, key consensus.Key) bool {
	p, gone := r.gone(s, key)
	_, known := s.NodeByRecorder(key)
	return gone && p == lost || known && !s.Seals(key)
}

// anyGone says in short what outlook has to say of keys that are gone; empty if none is.
func (r *Recorder) anyGone(s *consensus.State) (text string) {
	keys := []consensus.Key{r.pub}
	for _, o := range r.epochs() {
		keys = append(keys, r.of(o))
	}
	slices.SortFunc(keys, func(a, b consensus.Key) int { return slices.Compare(a[:], b[:]) })
	for _, key := range slices.Compact(keys) {
		if p, gone := r.gone(s, key); gone {
			fate, _ := r.fate(s, key)
			text += fmt.Sprintf("%s %v %v\n", key, p, fate)
		}
	}
	return text
}
