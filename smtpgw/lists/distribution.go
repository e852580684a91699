package lists

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// fanOut is how many members one transaction queues a post for.
const fanOut = 480

var underWay = []byte("w")

// distribution is a post on its way to the members.
type distribution struct {
	List  mailstore.AccountID `json:"list"`
	Ref   string              `json:"ref"`
	Sent  mailstore.MessageID `json:"sent"` // the copy that goes out, in the list's account
	After string              `json:"after"`
	// RequireTLS: the post came with REQUIRETLS.
	RequireTLS bool `json:"requiretls,omitempty"`
}

// startPost stores what goes to the members of l, and that it is under way.
func startPost(tx *mailstore.Tx, l *List, p *post, m mailstore.Message, out []byte, ref string, now time.Time) error {
	if err := tx.SetLabels(m.Account, m.ID, []string{LabelPosted}, []string{LabelHeld, LabelApproved}); err != nil {
		return err
	}
	sp := tx.Space(space)
	blob, err := tx.PutBlob(out)
	if err != nil {
		return err
	}
	id, err := tx.AddMessage(mailstore.Message{
		Account: l.Account, Blob: blob, Size: int64(len(out)), Received: now,
		From: l.Owner, Recipients: []string{l.Address}, Outgoing: true,
	}, []string{mailstore.LabelSent})
	if err != nil {
		return err
	}
	b, err := json.Marshal(distribution{List: l.Account, Ref: ref, Sent: id, RequireTLS: slices.Contains(p.labels, LabelRequireTLS)})
	if err != nil {
		return err
	}
	return errors.Join(
		sp.Put(keyOf('h', l.Account), encodeHour(now, p.inHour+1)),
		sp.Put(underWay, b),
	)
}

// finish queues the distribution under way, if there is one, for the members
// that it has not been queued for.
func (d *Distributor) finish(ctx context.Context) error {
	for d.pending && ctx.Err() == nil {
		more := false
		err := d.store.Update(ctx, func(tx *mailstore.Tx) (err error) {
			more, err = d.step(tx)
			return err
		})
		if err != nil {
			return err
		}
		d.pending = more
		d.queue.WakeSealer()
	}
	return ctx.Err()
}

// step queues for some members and reports whether there was something to do.
func (d *Distributor) step(tx *mailstore.Tx) (more bool, err error) {
	sp := tx.Space(space)
	b, err := sp.Get(underWay)
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var w distribution
	if err := json.Unmarshal(b, &w); err != nil {
		return false, fmt.Errorf("stored distribution: %w", err)
	}
	l, err := Of(&tx.Reader, w.List)
	if errors.Is(err, ErrNone) {
		return true, sp.Delete(underWay)
	}
	if err != nil {
		return false, err
	}
	sent, err := tx.Message(l.Account, w.Sent)
	if errors.Is(err, mailstore.ErrNotFound) { // somebody took it back
		return true, sp.Delete(underWay)
	}
	if err != nil {
		return false, err
	}
	members, err := Members(&tx.Reader, l, w.After, fanOut)
	if err != nil {
		return false, err
	}
	if len(members) == 0 {
		return true, sp.Delete(underWay)
	}
	env := outbox.Envelope{Ref: w.Ref, From: l.Owner, Account: l.Account, RequireTLS: w.RequireTLS}
	if err := d.queue.Enqueue(tx, env, memberGroups(members), w.Sent, sent.Blob); err != nil {
		return false, err
	}
	w.After = members[len(members)-1]
	if b, err = json.Marshal(w); err != nil {
		return false, err
	}
	return true, sp.Put(underWay, b)
}

// encodeHour notes how many posts were sent on in the hour of a time.
func encodeHour(at time.Time, posts int) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/3600))
	return binary.BigEndian.AppendUint32(b, uint32(posts))
}

// postsIn returns how many posts were sent on in the hour of a time.
func postsIn(sp mailstore.SpaceReader, account mailstore.AccountID, at time.Time) (int, error) {
	b, err := sp.Get(keyOf('h', account))
	if errors.Is(err, mailstore.ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(b) != 12 {
		err = errors.New("the stored number of posts is damaged")
	}
	if err != nil || binary.BigEndian.Uint64(b) != uint64(at.Unix()/3600) {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(b[8:])), nil
}
