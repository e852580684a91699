package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
	"cairn/mailstore"
)

// mayRecord reports whether tokens signed by our key would be understood and
// their places are free.
func (r *Recorder) mayRecord(ctx context.Context, s *consensus.State) (bool, error) {
	if !r.abreast.Load() && r.known(s) {
		r.abreast.Store(true)
	}
	since, ok := r.enrolled(s)
	if !ok || since > 0 && s.Height() < since+EnrolDepth || r.lacks(s) != "" {
		return false, nil
	}
	if s.Params().HasEpochs() {
		return true, r.keepEpoch(ctx, s)
	}
	if !r.abreast.Load() {
		return false, nil
	}
	why, err := r.conflict(s, &r.open)
	if err != nil {
		return false, err
	}
	tip, _ := s.BatchTip(r.series(&r.open))
	if why != "" && r.halted == "" {
		r.log.Error("recorder: "+why+"; nothing is signed, outbound mail waits. "+
			"Was an old copy of the data folder restored, or does another node use this key?",
			"chain_seq", tip.Seq, "own_seq", r.open.Seq)
	}
	r.halted = why
	return why == "", nil
}

// NextStatus is what Halted.Next is where the node's status says what is waited for.
const NextStatus = "cairn status"

// NextConnect is Halted.Next where another node has to be found.
const NextConnect = "cairn peers connect ADDRESS"

// Halted says why nothing is signed; the zero value: all is well.
type Halted struct {
	Why  string
	Next string // what to do, or the command that tells more
	Ends bool   // nothing that the network does will change it
}

// HowEnded says why and when a node ended as one of its organisation's, in words; empty while it
// has not.
func HowEnded(node *consensus.OrgNode) string {
	switch node.End {
	case consensus.NodeDropped:
		return fmt.Sprintf("this node was dropped by its organisation in block %d", node.Until)
	case consensus.NodeRevoked:
		return fmt.Sprintf("this node was revoked with its organisation's key in block %d", node.Until)
	case consensus.NodeSuspended:
		return fmt.Sprintf("this node was suspended in block %d, as two batches with one number were signed with its recorder key", node.Until)
	}
	return ""
}

// Halted may be called while Run runs.
func (r *Recorder) Halted(rd *mailstore.Reader) (h Halted, err error) {
	s := r.chain.State()
	fate, node := r.fate(s, r.pub)
	since, _ := r.enrolled(s)
	_, at, follows := Follows(s, r.node, r.pub, r.here)
	epochs, err := storedEpochs(rd)
	if err != nil {
		return h, err
	}
	seals := r.seals(s, epochs)
	switch why := r.silent(); {
	case why != "":
		return Halted{why, "end the other one first, then: cairn org node stays", true}, nil
	case r.lacks(s) != "":
		return Halted{r.lacks(s), NextConnect, false}, nil
	case fate != Left && follows && !seals:
		return Halted{fmt.Sprintf("the chain has another recorder key for this node, which is here; the node takes it %d blocks after block %d and records again",
			EnrolDepth, at), "cairn chain status", false}, nil
	case fate == Replaced && !seals:
		return Halted{HowReplaced(&node), "cairn org node rekey", true}, nil
	case fate == Ended && !seals:
		return Halted{HowEnded(&node), "send from another node of the organisation: cairn org node ls", true}, nil
	case fate == Left:
		return Halted{fmt.Sprintf("the chain as it is here lacks the block with this node's recorder key, as after a network that was split came together; "+
			"the node brings the key again by itself, and records again %d blocks after it is in one", EnrolDepth), "cairn org node ls", false}, nil
	case fate == Awaited:
		return Halted{"the recorder key of this node is in no block yet", NextStatus, false}, nil
	case since > 0 && s.Height() < since+EnrolDepth:
		return Halted{fmt.Sprintf("the recorder key of this node is new; it is used from block %d on, so that others know it", since+EnrolDepth), "cairn chain status", false}, nil
	case !seals && s.Mines(r.pub):
		return r.haltedByStarts(s, epochs), nil
	case !seals:
		return Halted{"the chain does not have the recorder key of this node as one that signs", "cairn org node ls", false}, nil
	case s.Params().HasEpochs():
		return h, nil
	}
	open := epochs[len(epochs)-1]
	tip, _ := s.BatchTip(r.series(open))
	why, err := conflict(rd.Space(space), open, tip)
	switch {
	case err != nil:
		return h, err
	case why != "":
		return Halted{why + ": this is an old copy of the node's directory", "run the copy that sent mail last, or restore a later backup: cairn backup restore FILE", true}, nil
	case !r.abreast.Load():
		return Halted{"the chain as seen here may be older than what this node signed last; waiting for a node of another organisation", "cairn peers", false}, nil
	}
	return h, nil
}

// enrolled returns the height of the block since which our key counts; not ok if
// it does not, or no longer.
func (r *Recorder) enrolled(s *consensus.State) (since uint64, ok bool) {
	org, _ := s.OrgByRecorder(r.pub)
	if !s.Seals(r.pub) {
		return 0, false
	}
	i := slices.IndexFunc(org.Nodes, func(n consensus.OrgNode) bool { return n.Recorder == r.pub })
	return org.Nodes[i].Since, true
}

// conflict says how the chain contradicts what o says was signed in its epoch.
func (r *Recorder) conflict(s *consensus.State, o *openBatch) (why string, err error) {
	tip, _ := s.BatchTip(r.series(o))
	err = r.store.View(func(rd *mailstore.Reader) (err error) {
		why, err = conflict(rd.Space(space), o, tip)
		return err
	})
	return why, err
}

// conflict says how the chain, whose last batch of our key is tip, contradicts
// the signing state; empty if it does not.
func conflict(sp mailstore.SpaceReader, open *openBatch, tip consensus.BatchTip) (why string, err error) {
	signed := open.Prev
	switch {
	case tip.Seq == 0:
		return "", nil
	case tip.Seq >= open.Seq:
		return "the chain holds batches of this key that the signing state does not know", nil
	case tip.Seq < open.Seq-1:
		b, err := closedBatch(sp, number{open.Epoch, tip.Seq})
		if errors.Is(err, mailstore.ErrNotFound) {
			return "", nil // long settled
		}
		if err != nil {
			return "", err
		}
		signed = b.ID()
	}
	if signed != tip.ID {
		return "the chain holds another batch in the place of one that was signed here", nil
	}
	return "", nil
}
