package p2p

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
)

// idleRounds is how many answers in a row may consist of known blocks only, before the peer is taken to be wasting our time.
const idleRounds = 40

// syncState tells Progress what the sync is doing.
type syncState struct{ busy atomic.Bool }

func (h *Host) wakeSync() { signal(h.syncWake) }

// behind reports whether a peer has, or seems to have, blocks that this node should fetch.
func (h *Host) behind(p standing) bool {
	if p.wanted {
		return true
	}
	if p.status.Work.Cmp(h.chain.State().Work()) <= 0 {
		return false
	}
	_, err := h.chain.HeaderState(p.status.Tip)
	return err != nil
}

// Progress returns the height of the own chain, the greatest height that a peer ahead of it has told, and whether blocks are being
// fetched or about to be.
func (h *Host) Progress() (height, best uint64, syncing bool) {
	height = h.chain.State().Height()
	best, syncing = height, h.syncing.busy.Load()
	now := time.Now()
	for _, p := range h.roster.greeted() {
		if now.After(p.quiet) && h.behind(p) {
			best, syncing = max(best, p.status.Height), true
		}
	}
	return height, best, syncing
}

// syncBlocks fetches blocks from whichever peer has most work, until no peer is ahead. One peer at a time: what it sends is validated
// before more is asked for.
func (h *Host) syncBlocks() {
	again := time.NewTicker(time.Second) // peers that were left alone for a while
	defer again.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.syncWake:
		case <-again.C:
		}
		added := 0
		for h.ctx.Err() == nil {
			p, ok := h.pickSource()
			if !ok {
				break
			}
			h.syncing.busy.Store(true)
			n, err := h.syncFrom(p)
			added += n
			now, _ := h.roster.standing(p.remote)
			// An announced block that led to nothing may have been invented to keep us busy.
			level := err == nil && (n > 0 || !p.wanted) && !h.behind(standing{remote: p.remote, status: now.status})
			h.roster.settle(p.remote, level)
			if err != nil && p.ctx.Err() == nil {
				h.stats.add("sync.failed")
				h.log.Info("sync with a peer ended early", "peer", p.id, "blocks", n, "err", err)
			} else {
				h.stats.add("sync.done")
			}
		}
		h.syncing.busy.Store(false)
		if added > 0 {
			h.announce()
		}
	}
}

// pickSource chooses the peer with most work among those that are ahead.
func (h *Host) pickSource() (best standing, ok bool) {
	now := time.Now()
	for _, p := range h.roster.greeted() {
		if now.Before(p.quiet) || p.ctx.Err() != nil || !h.behind(p) {
			continue
		}
		if !ok || p.status.Work.Cmp(best.status.Work) > 0 {
			best, ok = p, true
		}
	}
	return best, ok
}

// syncFrom fetches blocks from one peer until it has no more, and returns how many were new.
func (h *Host) syncFrom(p standing) (added int, err error) {
	locator := h.chain.Locator()
	for idle := 0; idle < idleRounds; {
		if len(locator) == 0 {
			return added, errors.New("the chain database could not be read: see the log")
		}
		locator = locator[:min(len(locator), maxLocator)]
		list, err := h.requestBlocks(p.ctx, p.id, &blockRequest{Kind: blocksAfter, Limit: maxBlocks, Hashes: locator})
		if err != nil {
			return added, err
		}
		if len(list) == 0 {
			return added, nil
		}
		n, err := h.takeAll(p, list)
		added += n
		if err != nil {
			return added, err
		}
		if n > 0 {
			idle = 0
		} else {
			idle++
		}
		// These blocks may lie on a branch that is not the best one yet, so the next locator begins with them.
		last := list[len(list)-1].ID()
		locator = append([]consensus.Hash{last}, h.chain.Locator()...)
	}
	h.blame(p.id, 1)
	return added, errors.New("the peer sends only blocks that are known")
}

// takeAll adds fetched blocks to the chain, oldest first.
func (h *Host) takeAll(p standing, list []*consensus.Block) (added int, err error) {
	for _, b := range list {
		now := h.cfg.Now()
		_, err := h.chain.AddBlock(b, now)
		var broken *consensus.RuleError
		switch {
		case err == nil:
			h.stats.add("sync.block")
			added++
		case errors.Is(err, chain.ErrKnown):
		case errors.Is(err, consensus.ErrFuture):
			h.stats.add("block.early")
			h.future.hold(&early{whole: b, header: &b.Header.Header, from: p.id}, now, h.params.BlockInterval)
			return added, fmt.Errorf("block %d: %w", b.Header.Height, err)
		case errors.As(err, &broken), errors.Is(err, chain.ErrUnknownParent):
			h.stats.add("block.invalid")
			h.blame(p.id, banAfter/2)
			return added, fmt.Errorf("block %d of the peer: %w", b.Header.Height, err)
		default:
			h.log.Error("could not store a block; is the disk full?", "height", b.Header.Height, "err", err)
			return added, err
		}
	}
	return added, nil
}
