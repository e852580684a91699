package recorder

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

const (
	// sealEvery is how long records may gather in one micro-batch. A node that
	// has sealed nothing for that long seals the next record at once.
	sealEvery = 500 * time.Millisecond
	// window is how many of our batches may wait for a block at one time;
	// what is closed beyond it is kept back until earlier ones are included.
	window = consensus.MaxBatchesPerKey
	// enrolDepth is how many blocks must stand on our enrolment before we
	// seal: a recipient whose chain is a block behind must know the key.
	enrolDepth = 2
	// keepBlocks is how far below the tip a reorganisation may still ask for
	// our batches again.
	keepBlocks = 1000
)

// Entry is one queue entry: one message to the recipients of one domain.
type Entry struct {
	ID         uint64
	Recipients []string // envelope recipients, as given in RCPT
	Blob       [32]byte // names the message for Queue.Raw
	// Sent names the sender's own copy, labelled "recorded" once the record
	// is in a block. A zero Message means there is none.
	Sent Ref
}

// Ref names a stored message.
type Ref struct {
	Account mailstore.AccountID
	Message mailstore.MessageID
}

// Queue is the outbound queue as the recorder sees it.
type Queue interface {
	// Unsealed returns up to max entries that have no token yet, oldest
	// first, starting after the entry with the given id.
	Unsealed(after uint64, max int) ([]Entry, error)
	// Raw returns the message of an entry as it will leave below the token.
	Raw(e Entry) ([]byte, error)
	// Seal stores the folded token header with the entry, within tx. It
	// returns ErrGone when the entry was dropped meanwhile.
	Seal(tx *mailstore.Tx, id uint64, token []byte) error
	// Wake is signalled when entries were added.
	Wake() <-chan struct{}
}

// ErrGone is returned by Queue.Seal for an entry that is no longer queued.
var ErrGone = errors.New("queue entry is gone")

// Chain is the part of the chain manager the recorder follows.
type Chain interface {
	State() *consensus.State
	UpdatesSince(since chain.Index, max int) (reverted, applied []chain.Update, err error)
	Subscribe() (wake <-chan struct{}, cancel func())
}

// Recorder seals records with one recorder key. It is the only writer of its
// space in the mail store.
type Recorder struct {
	store  *mailstore.Store
	queue  Queue
	chain  Chain
	key    ed25519.PrivateKey
	pub    consensus.Key
	submit func(*consensus.Batch)
	log    *slog.Logger

	open     openBatch // as stored
	cursor   chain.Index
	lastSeal time.Time
	sentAt   map[uint64]time.Time // seq -> when we last submitted it
	halted   bool
}

// New returns a recorder that signs with key. It calls submit with each closed
// batch, again whenever one seems to have been forgotten on the way to a
// block; submit must not block for long.
func New(store *mailstore.Store, queue Queue, ch Chain, key ed25519.PrivateKey, submit func(*consensus.Batch), log *slog.Logger) *Recorder {
	return &Recorder{
		store: store, queue: queue, chain: ch, key: key, pub: consensus.PublicKey(key),
		submit: submit, log: log, sentAt: make(map[uint64]time.Time),
	}
}

// Run follows the queue and the chain until ctx is done. A fault of the store
// is logged and tried again: mail waits, nothing is lost.
func (r *Recorder) Run(ctx context.Context) error {
	if err := r.load(); err != nil {
		return fmt.Errorf("recorder: read the signing state: %w", err)
	}
	wake, cancel := r.chain.Subscribe()
	defer cancel()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.queue.Wake():
		case <-wake:
		case <-tick.C:
		}
		next, err := r.step(ctx, time.Now())
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.log.Error("recorder: step failed, trying again", "err", err)
			next = time.Second
			// What was refused may have happened all the same.
			if err := r.load(); err != nil {
				r.log.Error("recorder: read the signing state", "err", err)
			}
		}
		tick.Reset(next)
	}
}

// step does what is due at now and says when to look again at the latest.
func (r *Recorder) step(ctx context.Context, now time.Time) (time.Duration, error) {
	if err := r.follow(ctx); err != nil {
		return 0, fmt.Errorf("follow the chain: %w", err)
	}
	state := r.chain.State()
	if r.mayRecord(state) {
		if err := r.seal(ctx, now); err != nil {
			return 0, fmt.Errorf("seal: %w", err)
		}
		if err := r.close(ctx, state, now); err != nil {
			return 0, fmt.Errorf("close a batch: %w", err)
		}
	}
	if err := r.resubmit(state, now); err != nil {
		return 0, fmt.Errorf("submit batches: %w", err)
	}
	return sealEvery / 2, nil
}

// mayRecord reports whether tokens signed by our key would be understood.
func (r *Recorder) mayRecord(s *consensus.State) bool {
	org, ok := s.OrgByRecorder(r.pub)
	if !ok || (org.Height > 0 && s.Height() < org.Height+enrolDepth) {
		return false
	}
	if tip, ok := s.BatchTip(r.pub); ok && tip.Seq >= r.open.Seq {
		if !r.halted {
			r.halted = true
			r.log.Error("recorder: the chain holds batches of this key that the signing state does not know; "+
				"nothing is signed, outbound mail waits. Was an old copy of the data folder restored?",
				"chain_seq", tip.Seq, "own_seq", r.open.Seq)
		}
		return false
	}
	r.halted = false
	return true
}
