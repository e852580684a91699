package recorder

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/textroom"
)

const (
	// sealEvery is how long records may gather in one micro-batch. A node that
	// has sealed nothing for that long seals the next record at once.
	sealEvery = 500 * time.Millisecond
	// idle is how long to rest when nothing is due.
	idle = time.Second
	// window is how many of our batches may wait for a block at one time;
	// what is closed beyond it is kept back until earlier ones are included.
	window = consensus.MaxBatchesPerKey
	// EnrolDepth is how many blocks must stand on our enrolment before we
	// seal: a recipient whose chain is a block behind must know the key.
	EnrolDepth = 2
	// keepBlocks is how far below the tip a reorganisation may still ask for
	// our batches again.
	keepBlocks = 1000
)

// Entry is one queue entry: one message to the recipients of one domain.
type Entry struct {
	ID         uint64
	Recipients []string // envelope recipients, as given in RCPT
	Blob       [32]byte // names the message for Queue.Raw
	Wish       record.Wish
	// Of what Sealed returns.
	Token []byte // folded header field
	Local bool   // all recipients have accounts here
	// Sent names the sender's own copy, labelled "recorded" once the record
	// is in a block. A zero Message means there is none.
	Sent mailstore.Ref
}

// Queue is the outbound queue as the recorder sees it.
type Queue interface {
	// Unsealed returns up to so many entries that have no token yet, oldest
	// first, starting after the entry with the given id.
	Unsealed(after uint64, most int) ([]Entry, error)
	// Raw returns the message of an entry as it will leave below the token.
	Raw(e Entry) ([]byte, error)
	// Seal stores the folded token header with the entry, within tx. It
	// returns outbox.ErrGone when the entry was dropped meanwhile.
	Seal(tx *mailstore.Tx, id uint64, token []byte) error
	// Sealed returns up to so many entries that have a token, by ascending id,
	// starting after the entry with the given id.
	Sealed(after uint64, most int) ([]Entry, error)
	// Hold keeps entries from leaving until Release, and returns those that no
	// attempt to deliver is under way for.
	Hold(ids []uint64) (free []uint64)
	Release(ids []uint64)
	// Unseal takes the token of an entry back, within tx. The entry is held, and no
	// attempt is under way for it. It returns outbox.ErrGone when the entry was
	// dropped meanwhile.
	Unseal(tx *mailstore.Tx, id uint64) error
	// Wake is signalled when entries were added.
	Wake() <-chan struct{}
}

// Chain is the part of the chain manager the recorder follows.
type Chain interface {
	State() *consensus.State
	UpdatesSince(since chain.Index, most int) (reverted, applied []chain.Update, err error)
	Subscribe() (wake <-chan struct{}, cancel func())
	IndexAt(height uint64) (chain.Index, bool)
	Block(id consensus.Hash) (*consensus.Block, error)
}

// Store is the mail store as the recorder uses it. An error of Update does not
// say whether the transaction has become durable; *mailstore.Store has the
// whole contract.
type Store interface {
	Update(ctx context.Context, fn func(*mailstore.Tx) error) error
	View(fn func(*mailstore.Reader) error) error
}

// Recorder seals records with one recorder key. It is the only writer of its
// space in the mail store.
type Recorder struct {
	store Store
	queue Queue
	chain Chain
	keyring
	node   consensus.Key
	here   func(consensus.Key) bool // see SetNode
	known  func(*consensus.State) bool
	submit func(*consensus.Batch)
	log    *slog.Logger
	now    func() time.Time
	texts  *textroom.Room                // for what is taken apart
	lacks  func(*consensus.State) string // why the chain here is not the one that counts; empty: it is
	silent func() string                 // why nothing may be signed; empty: it may

	abreast  atomic.Bool   // known was true once
	epoch    atomic.Uint64 // the one that this Recorder has opened; 0: none
	open     openBatch     // as stored
	formers  []former      // as stored
	restored bool          // the store was made from a backup, and no epoch was opened since
	cursor   chain.Index   // as stored
	unsure   bool          // an update failed: these may not be as stored
	lastSeal time.Time
	sentAt   map[number]time.Time // when we last submitted a batch
	halted   string               // why nothing is signed; empty: all is well
	missing  number               // of the batch that was last found to be missing
	held     map[uint64]bool      // entries whose token is in doubt
	holder   Holder               // may be nil
	lookedIn consensus.Hash       // the block that was the last one when the holder was told
	looked   string               // outlook when what is sealed was last looked through
}

// New returns a recorder that signs with key; formers are the keys that the node had before, the
// oldest first. It signs nothing before known has once said that the chain's state holds what the
// key signed before: an old copy of the data folder would else sign for the same places again.
// Where recorder keys have epochs it signs at once, in one that nobody has signed in before. It
// calls submit with each closed batch, again whenever one seems to have been forgotten on the way
// to a block; submit must not block for long.
func New(store Store, queue Queue, ch Chain, key ed25519.PrivateKey, formers []ed25519.PrivateKey, known func(*consensus.State) bool, submit func(*consensus.Batch), log *slog.Logger) *Recorder {
	r := &Recorder{
		store: store, queue: queue, chain: ch, keyring: newKeyring(key, formers),
		known: known, submit: submit, log: log, now: time.Now, silent: func() string { return "" }, unsure: true,
		lacks:  func(*consensus.State) string { return "" },
		texts:  textroom.New(textBytes),
		sentAt: make(map[number]time.Time), held: make(map[uint64]bool),
	}
	r.here = r.ours
	return r
}

// SetClock gives the Recorder, before Run, another clock than the machine's.
func (r *Recorder) SetClock(now func() time.Time) { r.now = now }

// SetHolder gives the Recorder, before Run, what holds mail until its record is in a block.
func (r *Recorder) SetHolder(h Holder) { r.holder = h }

// SetTexts gives the Recorder, before Run, another room for the text of mail that it takes apart.
func (r *Recorder) SetTexts(texts *textroom.Room) { r.texts = texts }

// SetLacks gives the Recorder, before Run, what says of a state of the chain why it is not that of
// the network, though nothing contradicts it; empty: it is. Nothing is signed on one that is not.
func (r *Recorder) SetLacks(why func(*consensus.State) string) { r.lacks = why }

// SetSilent gives the Recorder, before Run, what says why nothing may be signed; empty: it may. It
// is asked again and again.
func (r *Recorder) SetSilent(why func() string) { r.silent = why }

// Run follows the queue and the chain until ctx is done. A fault of the store
// is logged and tried again: mail waits, nothing is lost.
func (r *Recorder) Run(ctx context.Context) error {
	wake, cancel := r.chain.Subscribe()
	defer cancel()
	tick := time.NewTimer(0)
	defer tick.Stop()
	var trouble logration.Trouble
	defer r.stop(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.queue.Wake():
		case <-wake:
		case <-tick.C:
		}
		next, err := r.step(ctx, r.now())
		if ctx.Err() != nil {
			return nil
		}
		if trouble.News(err, time.Now()) {
			r.log.Error("recorder: step failed, trying again", "err", err)
		}
		if err != nil {
			next = time.Second
		}
		tick.Reset(next)
	}
}

// step does what is due at now and says when to look again at the latest. The
// parts do not wait for each other: a chain that cannot be read holds up no
// mail.
func (r *Recorder) step(ctx context.Context, now time.Time) (next time.Duration, err error) {
	var errs []error
	try := func(what string, part func() error) {
		if ctx.Err() != nil {
			return
		}
		if err := r.load(); err != nil {
			errs = append(errs, fmt.Errorf("read the signing state: %w", err))
			return
		}
		if err := part(); err != nil {
			r.unsure = true
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	try("follow the chain", func() error { return r.follow(ctx) })
	state := r.chain.State()
	try("see which mail has its record in a block", func() error { return r.noteIncluded(ctx, state) })
	if r.silent() == "" {
		try("seal", func() error { return r.record(ctx, state, now) })
		try("settle former epochs", func() error { return r.settleFormers(ctx, state) })
		try("seal anew", func() error { return r.sealAnew(ctx, state) })
		try("submit batches", func() error { return r.resubmit(state, now) })
	}
	try("prune batches", func() error { return r.prune(ctx) })
	return r.wait(state, now), errors.Join(errs...)
}

// record seals what waits and closes what is to be closed, unless the key may
// not sign now.
func (r *Recorder) record(ctx context.Context, s *consensus.State, now time.Time) error {
	for {
		may, err := r.mayRecord(ctx, s)
		if err != nil || !may {
			return err
		}
		if !r.seals(s, r.epochs()) { // what is sealed still counts for a while
			return r.close(ctx, s, now)
		}
		full, sealErr := r.seal(ctx, now)
		if r.unsure {
			return sealErr
		}
		if err := errors.Join(sealErr, r.close(ctx, s, now)); err != nil || !full {
			return err
		}
	}
}

// wait is how long nothing becomes due by itself.
func (r *Recorder) wait(s *consensus.State, now time.Time) time.Duration {
	wait := idle
	if within(sealEvery, r.lastSeal, now) {
		wait = min(wait, sealEvery-now.Sub(r.lastSeal))
	}
	if len(r.open.Micros) > 0 {
		opened, half := time.UnixMilli(int64(r.open.Opened)), s.Params().BlockInterval/2
		if within(half, opened, now) {
			wait = min(wait, half-now.Sub(opened))
		}
	}
	return max(wait, time.Millisecond)
}

// within reports whether now is less than d after then. A clock that was set back
// since, so that then is still to come, holds nothing up.
func within(d time.Duration, then, now time.Time) bool {
	since := now.Sub(then)
	return since >= 0 && since < d
}
