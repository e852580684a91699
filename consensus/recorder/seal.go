package recorder

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"runtime"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// Draft is one record before it has its place in a micro-batch.
type Draft struct {
	Secret record.Secret
	Record record.Record
}

// NewDraft commits to the components of raw for recipients. It does no I/O:
// secret is the record's randomness, at the time it bears.
func NewDraft(secret record.Secret, raw []byte, recipients []string, at time.Time) Draft {
	components := message.Components(raw, recipients)
	return Draft{
		Secret: secret,
		Record: record.Record{
			Version:     record.RecordVersion,
			Time:        uint64(at.UnixMilli()),
			Commitments: record.Commit(secret, components),
		},
	}
}

// Place is where a micro-batch stands: the next one of a batch.
type Place struct {
	Chain consensus.ChainID
	Seq   uint64
	Micro uint16
}

// Tokens builds the micro-batch of drafts at place, signs its root with key
// and returns a token for each draft, in order. It does no I/O.
func Tokens(key ed25519.PrivateKey, place Place, drafts []Draft) (consensus.MicroRoot, []record.Token) {
	leaves := make([]consensus.Hash, len(drafts))
	for i := range drafts {
		leaves[i] = drafts[i].Record.Leaf()
	}
	root, path := record.Tree(leaves)
	micro := consensus.MicroRoot{Root: root, Count: uint16(len(drafts))}
	signing := consensus.MicroSigningBytes(place.Chain, place.Seq, place.Micro, micro)
	sig := consensus.Signature(ed25519.Sign(key, signing))

	tokens := make([]record.Token, len(drafts))
	for i, d := range drafts {
		tokens[i] = record.Token{
			Version: record.TokenVersion, ChainID: place.Chain, Recorder: consensus.PublicKey(key),
			Seq: place.Seq, Micro: place.Micro, Leaf: uint16(i), Count: micro.Count,
			Secret: d.Secret, Record: d.Record, Path: path(i), Signature: sig,
		}
	}
	return micro, tokens
}

// seal gives every waiting entry its token, one micro-batch at a time.
func (r *Recorder) seal(ctx context.Context, now time.Time) error {
	for ctx.Err() == nil {
		if len(r.open.Micros) == consensus.MaxMicros || now.Sub(r.lastSeal) < sealEvery {
			return nil
		}
		entries, err := r.queue.Unsealed(0, consensus.MaxMicroRecords)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := r.sealMicro(ctx, entries, now); err != nil {
			return err
		}
		// A full micro-batch says that more is waiting: no reason to let it.
		if len(entries) < consensus.MaxMicroRecords {
			r.lastSeal = now
		}
	}
	return nil
}

// sealMicro seals entries as the next micro-batch of the open batch: the
// signing state and all tokens become durable together, or not at all.
func (r *Recorder) sealMicro(ctx context.Context, entries []Entry, now time.Time) error {
	drafts, entries, err := r.drafts(entries, now)
	if err != nil || len(entries) == 0 {
		return err
	}
	place := Place{Chain: r.chain.State().ChainID(), Seq: r.open.Seq, Micro: uint16(len(r.open.Micros))}
	micro, tokens := Tokens(r.key, place, drafts)

	next := r.open
	next.Micros = append(append([]consensus.MicroRoot(nil), r.open.Micros...), micro)
	if len(r.open.Micros) == 0 {
		next.Opened = uint64(now.UnixMilli())
	}
	err = r.store.Update(ctx, func(tx *mailstore.Tx) error {
		var sent []Ref
		for i, e := range entries {
			err := r.queue.Seal(tx, e.ID, tokens[i].Header())
			if errors.Is(err, ErrGone) {
				continue
			}
			if err != nil {
				return err
			}
			if e.Sent.Message != 0 {
				sent = append(sent, e.Sent)
			}
		}
		if len(sent) > 0 {
			if err := putJSON(tx.Space(space), sentKey(place.Seq, place.Micro), sent); err != nil {
				return err
			}
		}
		return putJSON(tx.Space(space), []byte(keyOpen), next)
	})
	if err != nil {
		return err
	}
	r.open = next
	r.log.Debug("recorder: sealed a micro-batch", "seq", place.Seq, "micro", place.Micro, "records", len(entries))
	return nil
}

// drafts extracts and commits entries on all cores. Entries whose message is
// gone are left out.
func (r *Recorder) drafts(entries []Entry, now time.Time) ([]Draft, []Entry, error) {
	drafts := make([]Draft, len(entries))
	errs := make([]error, len(entries))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(entries)) {
		wg.Go(func() {
			for i := range next {
				raw, err := r.queue.Raw(entries[i])
				if err != nil {
					errs[i] = err
					continue
				}
				var secret record.Secret
				rand.Read(secret[:]) // never fails
				drafts[i] = NewDraft(secret, raw, entries[i].Recipients, now)
			}
		})
	}
	for i := range entries {
		next <- i
	}
	close(next)
	wg.Wait()

	kept := 0
	for i := range entries {
		switch {
		case errors.Is(errs[i], ErrGone):
			continue
		case errs[i] != nil:
			return nil, nil, errs[i]
		}
		drafts[kept], entries[kept] = drafts[i], entries[i]
		kept++
	}
	return drafts[:kept], entries[:kept], nil
}
