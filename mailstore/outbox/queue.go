package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/wake"
)

// ErrGone says that an entry is no longer queued.
var ErrGone = errors.New("queue entry is gone")

// Queue is the durable outbound queue, kept in the mail store. Its methods may
// be called from many goroutines.
type Queue struct {
	store  *mailstore.Store
	now    func() time.Time
	log    *slog.Logger
	sealer chan struct{} // wakes who seals entries
	sender chan struct{} // wakes who carries sealed ones
	way    underway
	plan   plan
	told   sync.Map                                                // texts of damage that the log has
	until  func(rd *mailstore.Reader, domain string) (bool, error) // see SetUntilIncluded; may be nil
	free   atomic.Uint64                                           // the highest id that Enqueue left for the next entry; 0: none did yet
}

// New returns the queue that store holds.
func New(store *mailstore.Store) *Queue {
	return &Queue{
		store: store, now: time.Now, log: slog.New(slog.DiscardHandler),
		sealer: make(chan struct{}, 1), sender: make(chan struct{}, 1), way: newUnderway(), plan: newPlan(),
	}
}

// SetClock gives the Queue, before it is used, another clock than the machine's.
func (q *Queue) SetClock(now func() time.Time) { q.now = now }

// SetLog gives the Queue, before it is used, where to say what it finds damaged.
func (q *Queue) SetLog(log *slog.Logger) { q.log = log }

// Envelope is what a message is submitted with.
type Envelope struct {
	Ref        string // names the submission in replies, logs and Received
	From       string // empty: the null sender of reports
	Account    mailstore.AccountID
	Recipients []string    // as accepted: domain canonical
	Wish       record.Wish // about the record
	DSN        DSN         // about reports
	RequireTLS bool        // see Entry
	TLSReport  bool        // the same
	// UntilIncluded: it leaves only when its record is in a block.
	UntilIncluded bool
}

// Submit stores raw, which must have been through the gateway's checks or be made by
// this node, as a sent message of env.Account and queues it for its recipients, in
// one durable transaction. It returns the number of the sent copy.
func (q *Queue) Submit(ctx context.Context, env Envelope, raw []byte) (mailstore.MessageID, error) {
	return q.SubmitWith(ctx, env, raw, nil)
}

// SubmitWith is Submit with what else its transaction is to do, if not nil.
func (q *Queue) SubmitWith(ctx context.Context, env Envelope, raw []byte, also func(*mailstore.Tx) error) (mailstore.MessageID, error) {
	groups := groupRecipients(raw, env.Recipients)
	text := mailstore.NewBlob(raw)
	var id mailstore.MessageID
	err := q.store.Update(ctx, func(tx *mailstore.Tx) error {
		var err error
		if id, err = q.submit(tx, env, groups, text, int64(len(raw))); err == nil && also != nil {
			err = also(tx)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("queue message %s: %w", env.Ref, err)
	}
	wake.Up(q.sealer)
	return id, nil
}

// SubmitTx is Submit within a transaction. The caller calls WakeSealer once it
// has been committed.
func (q *Queue) SubmitTx(tx *mailstore.Tx, env Envelope, raw []byte) (mailstore.MessageID, error) {
	return q.submit(tx, env, groupRecipients(raw, env.Recipients), mailstore.NewBlob(raw), int64(len(raw)))
}

func (q *Queue) submit(tx *mailstore.Tx, env Envelope, groups []Group, text mailstore.Blob, size int64) (mailstore.MessageID, error) {
	now := q.now().Truncate(time.Millisecond)
	blob, err := tx.Put(text)
	if err != nil {
		return 0, err
	}
	id, err := tx.AddMessage(mailstore.Message{
		Account: env.Account, Blob: blob, Size: size, Received: now,
		From: env.From, Recipients: env.Recipients, Outgoing: true,
	}, []string{mailstore.LabelSent})
	if err != nil {
		return 0, err
	}
	return id, q.Enqueue(tx, env, groups, id, blob)
}

// Enqueue adds an entry for each group of recipients of a message, of which id
// is the sent copy. The caller calls WakeSealer once tx has been committed.
func (q *Queue) Enqueue(tx *mailstore.Tx, env Envelope, groups []Group, id mailstore.MessageID, blob [32]byte) error {
	now := q.now().Truncate(time.Millisecond)
	sp := tx.Space(space)
	last, err := q.lastGiven(sp.SpaceReader)
	if err != nil {
		return err
	}
	for _, g := range groups {
		last++
		e := Entry{
			ID: last, Ref: env.Ref, Account: env.Account, Message: id, Blob: blob,
			From: env.From, Domain: g.Domain, Recipients: g.Recipients, Created: now, Wish: env.Wish, DSN: env.DSN.about(g.Recipients), RequireTLS: env.RequireTLS, TLSReport: env.TLSReport,
		}
		if !keyed(e.Domain) {
			return fmt.Errorf("%q is no mail domain", e.Domain)
		}
		err := q.change(tx, e.Domain, func(ch *change) error { return errors.Join(sp.Put(listKey(e.Domain, e.ID), nil), ch.put(&e)) })
		if err != nil {
			return err
		}
		if err := q.awaitBlock(tx, &e, env.UntilIncluded); err != nil {
			return fmt.Errorf("mail to %s: %w", e.Domain, err)
		}
		// The sender may delete the sent copy before the mail has left.
		if err := tx.HoldBlob(blob, holdName(e.ID)); err != nil {
			return err
		}
		if err := tx.Space(outcomeSpace).Put(ofEntry('w', e.sent(), e.ID), nil); err != nil {
			return err
		}
	}
	q.free.Store(max(q.free.Load(), last+1))
	return sp.PutNumber(lastKey, last)
}

// lastGiven is lastGiven that looks for entries behind the last one only where there may be any:
// at first, and where the stored number is below what this queue has given. Looking goes over all
// that a group of transactions has written.
func (q *Queue) lastGiven(sp mailstore.SpaceReader) (uint64, error) {
	if free := q.free.Load(); free > 0 {
		if last, _, err := sp.Number(lastKey); err == nil && last+1 >= free {
			return last, nil
		}
	}
	return lastGiven(sp)
}

// lastGiven returns the last id that was given to an entry. It is told from the ids that are there
// where it is damaged, or has one behind it: damage may hide it, or its latest value.
func lastGiven(sp mailstore.SpaceReader) (last uint64, err error) {
	last, _, err = sp.Number(lastKey)
	if err == nil {
		used, err := holds(sp, 'e', entryKey(last+1))
		if err != nil || !used {
			return last, err
		}
	} else if !spoilt(err) {
		return 0, err
	}
	last = 0
	for _, table := range []byte("elsu") {
		err := sp.Keys([]byte{table}, nil, func(key []byte) bool {
			last = max(last, idOf(key))
			return true
		})
		if err != nil {
			return 0, err
		}
	}
	return last + skippedIDs, nil
}

// skippedIDs is how many ids are left out where the last one is not known: entries that are gone
// may have had them.
const skippedIDs = 100

// Unsealed returns up to most entries that have no token yet, oldest first,
// starting after the entry with the given id. Those that are damaged wait and hold
// up no others; each is told to the log once.
func (q *Queue) Unsealed(after uint64, most int) ([]Entry, error) {
	var seen reading
	err := q.store.View(func(r *mailstore.Reader) error {
		sp := r.Space(space)
		c, err := load(sp)
		if err != nil || c.unsealed == 0 {
			return err
		}
		seen, err = read(sp, []byte("u"), unsealedKey(max(after+1, c.first)), most, anyEntry)
		return err
	})
	q.tell(seen.damaged)
	return seen.entries, err
}

// Raw returns the message of an entry as it leaves below the token.
func (q *Queue) Raw(e Entry) ([]byte, error) {
	var raw []byte
	err := q.store.View(func(r *mailstore.Reader) error {
		var err error
		raw, err = r.Raw(e.Blob)
		return err
	})
	return raw, err
}

// Wake returns the channel that is signalled when entries were added. It has
// one reader: the recorder.
func (q *Queue) Wake() <-chan struct{} { return q.sealer }

// WakeSealer signals Wake.
func (q *Queue) WakeSealer() { wake.Up(q.sealer) }

// WakeCourier returns the channel that is signalled when entries were given a
// token or another time, perhaps in a transaction that is not durable yet. It
// has one reader: the courier.
func (q *Queue) WakeCourier() <-chan struct{} { return q.sender }

// Store returns the store that holds the queue.
func (q *Queue) Store() *mailstore.Store { return q.store }
