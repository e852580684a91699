package smtpgw

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"cairn/mailstore"
	"cairn/smtpgw/screen"
)

// filingSpace holds the evidence that a decision about a stored message was
// made with, beside its finding: account u32, message u64 -> screen.Evidence,
// JSON. A message without such evidence has no entry.
const filingSpace = "filing"

// maxKept bounds the results that are kept with one message.
const maxKept = 64

// Filing keeps mail where screen.Decide sends it: at arrival, and when its
// verdict changes.
type Filing struct{ policy atomic.Pointer[screen.Policy] }

// NewFiling returns a filing by that policy.
func NewFiling(policy screen.Policy) *Filing {
	f := new(Filing)
	f.SetPolicy(policy)
	return f
}

// SetPolicy changes the policy, for decisions from now on. Mail stays where it was filed until its
// verdict changes.
func (f *Filing) SetPolicy(policy screen.Policy) { f.policy.Store(&policy) }

// decide is screen.Decide by the node's policy, with the finding's own evidence.
func (f *Filing) decide(found screen.Finding, beside screen.Evidence) screen.Decision {
	return screen.Decide(*f.policy.Load(), found, append(found.Evidence(), beside...))
}

// Keep stores the evidence about a message that later decisions need.
func (f *Filing) Keep(tx *mailstore.Tx, ref mailstore.Ref, e screen.Evidence) error {
	if len(e) == 0 {
		return nil
	}
	b, err := json.Marshal(e[:min(len(e), maxKept)])
	if err != nil {
		return err
	}
	return tx.Space(filingSpace).Put(ref.Append(nil), b)
}

func kept(rd *mailstore.Reader, ref mailstore.Ref) (e screen.Evidence, err error) {
	b, err := rd.Space(filingSpace).Get(ref.Append(nil))
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("stored evidence about message %d of account %d: %w", ref.Message, ref.Account, err)
	}
	return e, nil
}

// Decision is the decision about a stored message as its finding is now, with
// all evidence about it.
func (f *Filing) Decision(rd *mailstore.Reader, ref mailstore.Ref, found screen.Finding) (screen.Decision, screen.Evidence, error) {
	e, err := kept(rd, ref)
	return f.decide(found, e), append(found.Evidence(), e...), err
}

// Refile lets the labels of a stored message follow its finding. A message that
// its reader has moved since stays there.
func (f *Filing) Refile(tx *mailstore.Tx, ref mailstore.Ref, was, now screen.Finding) error {
	e, err := kept(&tx.Reader, ref)
	if err != nil {
		return err
	}
	before, after := f.decide(was, e), f.decide(now, e)
	has, err := tx.Labels(ref.Account, ref.Message)
	if err != nil {
		return err
	}
	add, remove := screen.Moves(has, before, after)
	if len(add)+len(remove) == 0 {
		return nil
	}
	return tx.SetLabels(ref.Account, ref.Message, add, remove)
}

// Forget drops what was kept about a message that is gone.
func (f *Filing) Forget(tx *mailstore.Tx, ref mailstore.Ref) error {
	return tx.Space(filingSpace).Delete(ref.Append(nil))
}
