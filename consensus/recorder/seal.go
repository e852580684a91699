package recorder

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// Draft is one record before it has its place in a micro-batch.
type Draft struct {
	Secret record.Secret
	Record record.Record
}

// NewDraft commits to the components of raw for recipients, and to the record
// that raw came here with if it bears one. It does no I/O: secret is the
// record's randomness, at the time it bears.
//
// What wish leaves out is not in the record, and the record says so. What it asks to derive is.
func NewDraft(secret record.Secret, raw []byte, recipients []string, wish record.Wish, at time.Time) Draft {
	d := record.ToSeal(raw, recipients)
	return Draft{
		Secret: secret,
		Record: record.Record{
			Version:     record.RecordVersion,
			Kind:        record.KindMail,
			Time:        uint64(at.UnixMilli()),
			Commitments: record.Commit(secret, wished(wish, d)),
			Tags:        record.TagsOf(secret, append(wishHints(wish), d.Hints()...)),
		},
	}
}

// Place is where a micro-batch stands: the next one of a batch.
type Place struct {
	Chain consensus.ChainID
	Epoch uint64 // of the recorder key; 0 where there are none
	Seq   uint64
	Micro uint16
}

func (p Place) number() number { return number{p.Epoch, p.Seq} }

// Tokens builds the micro-batch of drafts at place, signs its root with key
// and returns a token for each draft, in order; the records bear the epoch of
// the place. It does no I/O.
func Tokens(key ed25519.PrivateKey, place Place, drafts []Draft) (consensus.MicroRoot, []record.Token) {
	leaves := make([]consensus.Hash, len(drafts))
	for i, d := range drafts {
		d.Record.Epoch = place.Epoch
		leaves[i] = d.Record.Leaf()
	}
	root, path := record.Tree(leaves)
	micro := consensus.MicroRoot{Root: root, Count: uint16(len(drafts))}
	signing := consensus.MicroSigningBytes(place.Chain, place.Epoch, place.Seq, place.Micro, micro)
	sig := consensus.Signature(ed25519.Sign(key, signing))

	tokens := make([]record.Token, len(drafts))
	for i, d := range drafts {
		d.Record.Epoch = place.Epoch
		tokens[i] = record.Token{
			Version: record.TokenVersion, ChainID: place.Chain, Recorder: consensus.PublicKey(key),
			Seq: place.Seq, Micro: place.Micro, Leaf: uint16(i), Count: micro.Count,
			Secret: d.Secret, Record: d.Record, Path: path(i), Signature: sig,
		}
	}
	return micro, tokens
}

// seal gives every waiting entry its token, one micro-batch at a time. full
// reports that the open batch has to be closed before there can be more.
func (r *Recorder) seal(ctx context.Context, now time.Time) (full bool, err error) {
	if within(sealEvery, r.lastSeal, now) {
		return false, nil
	}
	limit, after := consensus.MaxMicroRecords, uint64(0)
	var unreadable error
	for ctx.Err() == nil {
		if len(r.open.Micros) == consensus.MaxMicros {
			return true, unreadable
		}
		entries, err := r.queue.Unsealed(after, limit+1)
		if err != nil || len(entries) == 0 {
			return false, errors.Join(unreadable, err)
		}
		more := len(entries) > limit
		if more {
			entries = entries[:together(entries, limit)]
		}
		drafts, readable, err := r.drafts(ctx, entries, now)
		unreadable = errors.Join(unreadable, err)
		err = r.sealMicro(ctx, drafts, readable, now)
		if errors.Is(err, mailstore.ErrTooBig) && limit > 1 {
			limit /= 2
			continue
		}
		if err != nil {
			r.unsure = true
			return false, errors.Join(unreadable, err)
		}
		after = entries[len(entries)-1].ID
		if !more {
			r.lastSeal = now
			return false, unreadable
		}
	}
	return false, ctx.Err()
}

// together returns how many of the entries, of which there are more than
// limit, to take so that the records of one message go into one batch.
func together(entries []Entry, limit int) int {
	n := limit
	for n > 0 && entries[limit].Sent.Message != 0 && entries[n-1].Sent == entries[limit].Sent {
		n--
	}
	if n == 0 {
		return limit // more than one micro-batch holds
	}
	return n
}

// sealMicro seals entries as the next micro-batch of the open batch: the
// signing state and all tokens become durable together, or not at all.
func (r *Recorder) sealMicro(ctx context.Context, drafts []Draft, entries []Entry, now time.Time) error {
	if len(entries) == 0 {
		return nil
	}
	state := r.chain.State()
	place := Place{Chain: state.ChainID(), Epoch: r.open.Epoch, Seq: r.open.Seq, Micro: uint16(len(r.open.Micros))}
	micro, tokens := Tokens(r.key, place, drafts)
	headers := make([][]byte, len(tokens))
	for i := range tokens {
		headers[i] = tokens[i].Header()
	}

	next := r.open
	next.Micros = append(slices.Clone(r.open.Micros), micro)
	if len(r.open.Micros) == 0 {
		next.Opened = uint64(now.UnixMilli())
		if state.Params().HasEpochs() {
			next.Tip = state.Tip()
		}
	}
	err := r.store.Update(ctx, func(tx *mailstore.Tx) error {
		var sent []sentCopy
		for i, e := range entries {
			err := r.queue.Seal(tx, e.ID, headers[i])
			if errors.Is(err, outbox.ErrGone) {
				continue
			}
			if err != nil {
				return err
			}
			switch n := len(sent); {
			case e.Sent.Message == 0:
			case n > 0 && sent[n-1].Ref == e.Sent:
				sent[n-1].records++
			default:
				sent = append(sent, sentCopy{e.Sent, 1})
			}
		}
		if err := noteSent(tx, place, sent); err != nil {
			return err
		}
		return tx.Space(space).PutJSON([]byte(keyOpen), next)
	})
	if err != nil {
		return err
	}
	r.open = next
	r.log.Debug("recorder: sealed a micro-batch", "seq", place.Seq, "micro", place.Micro, "records", len(entries))
	return nil
}

// textBytes is how much text of mail is taken apart at one time.
const textBytes = 64 << 20

// draft commits to the message of an entry, once there is room for it.
func (r *Recorder) draft(ctx context.Context, e *Entry, now time.Time) (d Draft, err error) {
	var size int64
	err = r.store.View(func(rd *mailstore.Reader) error {
		size, err = rd.RawSize(e.Blob)
		return err
	})
	if err != nil {
		return d, err
	}
	taken, err := r.texts.Take(ctx, size)
	if err != nil {
		return d, err
	}
	defer r.texts.Give(taken)
	raw, err := r.queue.Raw(*e)
	if err != nil {
		return d, err
	}
	var secret record.Secret
	rand.Read(secret[:]) // never fails
	return NewDraft(secret, raw, e.Recipients, e.Wish, now), nil
}

// drafts extracts and commits entries on all cores. Entries whose message is
// gone or cannot be read are left out: one must not hold up the others. The
// error is about the latter.
func (r *Recorder) drafts(ctx context.Context, entries []Entry, now time.Time) (drafts []Draft, readable []Entry, err error) {
	drafts = make([]Draft, len(entries))
	errs := make([]error, len(entries))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(entries)) {
		wg.Go(func() {
			for i := range next {
				drafts[i], errs[i] = r.draft(ctx, &entries[i], now)
			}
		})
	}
	for i := range entries {
		next <- i
	}
	close(next)
	wg.Wait()

	kept := 0
	var unreadable []error
	for i := range entries {
		switch {
		case errors.Is(errs[i], outbox.ErrGone), errors.Is(errs[i], mailstore.ErrNotFound):
			continue // dropped from the queue meanwhile
		case errs[i] != nil:
			unreadable = append(unreadable, fmt.Errorf("queue entry %d: %w", entries[i].ID, errs[i]))
			continue
		}
		drafts[kept] = drafts[i]
		readable = append(readable, entries[i])
		kept++
	}
	return drafts[:kept], readable, errors.Join(unreadable...)
}
