package node

import (
	"strconv"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/node/api"
)

// sayWaiting notes why a mail that was taken does not leave now, if it does not.
func (n *Node) sayWaiting(rd *mailstore.Reader, sent *api.Sent, as mailstore.Ref) error {
	halted, err := n.recorder.Halted(rd)
	if err != nil {
		return err
	}
	if halted.Why == "" {
		return n.sayWithheld(rd, sent, as)
	}
	sent.Waiting, sent.Next = halted.Why, halted.Next
	here := 0
	for _, to := range sent.To {
		has, err := n.submitter.Here(rd, to)
		if err != nil {
			return err
		}
		if has {
			here++
		}
	}
	if here > 0 {
		sent.Waiting += "; who has an account here gets it without a record"
	}
	sent.ForGood = halted.Ends && here < len(sent.To)
	return nil
}

// sayWithheld says of mail that was just submitted that it leaves only when its record is in a
// block, if that is so.
func (n *Node) sayWithheld(rd *mailstore.Reader, sent *api.Sent, as mailstore.Ref) error {
	entries, err := n.queue.EntriesOf(rd, as)
	if err != nil && !outbox.IsDamaged(err) {
		return err
	}
	for i := range entries {
		if n.queue.AwaitsBlock(entries[i].ID) {
			sent.Waiting, sent.Next = untilWhy, "cairn queue show "+strconv.FormatUint(entries[i].ID, 10)
			return nil
		}
	}
	return nil
}

// someHere reports whether mail for one of the recipients goes to an account of this node.
func (n *Node) someHere(rd *mailstore.Reader, recipients []string) (bool, error) {
	for _, rcpt := range recipients {
		if here, err := n.submitter.Here(rd, rcpt); here || err != nil {
			return here, err
		}
	}
	return false, nil
}

// isHere reports whether mail for an address goes to an account of this node.
func (n *Node) isHere(address string) (here bool, err error) {
	err = n.store.View(func(rd *mailstore.Reader) error {
		here, err = n.submitter.Here(rd, address)
		return err
	})
	return here, err
}

// whyUnrecorded says why nothing is recorded now; empty if it is.
func (n *Node) whyUnrecorded() (why string, err error) {
	err = n.store.View(func(rd *mailstore.Reader) error {
		halted, err := n.recorder.Halted(rd)
		why = halted.Why
		return err
	})
	return why, err
}
