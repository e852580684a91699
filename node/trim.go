package node

import (
	"context"
	"fmt"
	"time"

	"cairn/mailstore"
)

// The mail store keeps the places of the last keptChanges changes of its journal, so that an index
// that a power cut throws back goes on from there; what is before them is trimmed every trimEvery.
const (
	keptChanges = 100_000
	trimEvery   = 10 * time.Minute
)

// trimJournal trims the mail store's journal until ctx is done.
func (n *Node) trimJournal(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	var trouble said
	for {
		if err := n.trimBefore(ctx, keptChanges); trouble.news(err) && ctx.Err() == nil {
			n.log.Warn("the mail store's journal could not be trimmed, trying again", "err", err, "in", trimEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// trimBefore trims the journal up to where all have followed it, and leaves the last kept changes.
// Who collects reports looks for the arrival of mail that is there, which is never trimmed.
func (n *Node) trimBefore(ctx context.Context, kept mailstore.ModSeq) error {
	seen := n.index.Cursor()
	err := n.store.View(func(rd *mailstore.Reader) error {
		last, err := rd.ModSeq()
		if err != nil {
			return err
		}
		seen = min(seen, max(last, kept)-kept)
		for _, follower := range []struct {
			name string
			seen func(rd *mailstore.Reader) (mailstore.ModSeq, error)
		}{{"verifier", n.verifier.Seen}, {"history", n.history.Seen}, {"lists", n.lists.Seen}} {
			at, err := follower.seen(rd)
			if err != nil {
				return fmt.Errorf("%s: how far it has followed: %w", follower.name, err)
			}
			seen = min(seen, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return n.store.Trim(ctx, seen)
}
