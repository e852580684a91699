package p2p

import (
	"context"
	"errors"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore/diskroom"
)

// judgeBlock takes a gossiped block into the chain. It passes on what became the tip, so a block is
// whole and valid at each hop.
func (h *Host) judgeBlock(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	c, err := decodeCompactBlock(m.Data)
	if err != nil {
		return pubsub.ValidationReject
	}
	return h.takeCompact(ctx, from, c)
}

// takeCompact judges the header by its parent first: only a member's header with its proof of work,
// at a place where its block would be kept, makes this node ask for a body. Of a block whose parent
// is not known, nothing can be told yet; its sender alone is asked, by the sync.
func (h *Host) takeCompact(ctx context.Context, from peer.ID, c *compactBlock) pubsub.ValidationResult {
	if c.Header.ChainID != h.chainID {
		return pubsub.ValidationReject
	}
	id := c.Header.ID()
	if _, err := h.chain.HeaderState(id); err == nil {
		return pubsub.ValidationIgnore
	}
	if err := h.chain.CheckHeader(&c.Header, h.cfg.Now()); err != nil {
		return h.refuseHeader(from, c, err)
	}
	if b, ok := c.assemble(h.pool); ok {
		h.stats.add("block.rebuilt")
		return h.takeBlock(b, from)
	}
	b, source, err := h.fetchBlock(ctx, id, from)
	if err != nil {
		h.stats.add("block.not-rebuilt")
		h.roster.want(from, id)
		h.wakeSync()
		return pubsub.ValidationIgnore
	}
	h.stats.add("block.fetched")
	result := h.takeBlock(b, source)
	if result == pubsub.ValidationReject && source != from {
		// The sender of the header has shown nothing bad, and who gave the block may have it beside
		// its best branch, unjudged.
		return pubsub.ValidationIgnore
	}
	return result
}

// refuseHeader tells what it means for its sender that a gossiped header was refused with err, and
// does what may come of it.
func (h *Host) refuseHeader(from peer.ID, c *compactBlock, err error) pubsub.ValidationResult {
	id := c.Header.ID()
	var broken *consensus.RuleError
	switch {
	case errors.Is(err, chain.ErrKnown):
	case errors.Is(err, chain.ErrUnknownParent):
		h.stats.add("block.orphan")
		h.roster.want(from, id)
		h.wakeSync()
	case errors.Is(err, chain.ErrNotWanted):
		h.stats.add("block.not-wanted")
	case errors.Is(err, consensus.ErrFuture):
		h.stats.add("block.early")
		h.future.hold(&early{compact: c, header: &c.Header.Header, from: from}, h.cfg.Now(), h.params.BlockInterval)
	case errors.As(err, &broken) && broken.Rule == consensus.RuleUnknownMiner && c.Header.Prev != h.chain.State().Tip():
		h.stats.add("block.stranger") // the sender may have been on that branch before an event of it
	case errors.As(err, &broken):
		h.stats.add("block.refused")
		h.log.Debug("rejected a gossiped header", "id", id, "err", err)
		return pubsub.ValidationReject
	default:
		if h.unread.News(err, time.Now()) {
			h.log.Error("could not look at a gossiped header", "id", id, "err", err, "try", h.typable(diskroom.Next(err)))
		}
	}
	return pubsub.ValidationIgnore
}

// takeBlock adds a whole block to the chain. One beside the best branch is not passed on: it has
// been checked by what it shows itself only, and peers that know the state under it would hold its
// faults against this node. Who needs it gets it by sync.
func (h *Host) takeBlock(b *consensus.Block, from peer.ID) pubsub.ValidationResult {
	now := h.cfg.Now()
	status, err := h.chain.AddBlock(b, now)
	var broken *consensus.RuleError
	switch {
	case err == nil && status == chain.SideBranch:
		h.stats.add("block.aside")
		return pubsub.ValidationIgnore
	case err == nil:
		h.stats.add("block.added")
		return pubsub.ValidationAccept
	case errors.Is(err, chain.ErrKnown), errors.Is(err, chain.ErrNotWanted):
		return pubsub.ValidationIgnore
	case errors.Is(err, chain.ErrUnknownParent):
		h.roster.want(from, b.ID())
		h.wakeSync()
		return pubsub.ValidationIgnore
	case errors.Is(err, consensus.ErrFuture):
		h.stats.add("block.early")
		h.future.hold(&early{whole: b, header: &b.Header.Header, from: from}, now, h.params.BlockInterval)
		return pubsub.ValidationIgnore
	case errors.As(err, &broken):
		h.stats.add("block.invalid")
		h.logOf(from).Warn("rejected a block", "id", b.ID(), "height", b.Header.Height, "peer", from, "err", err)
		return pubsub.ValidationReject
	}
	h.notStored(b.Header.Height, err)
	return pubsub.ValidationIgnore
}

// notStored tells of a block that our own store did not take.
func (h *Host) notStored(height uint64, err error) {
	if h.unstored.News(err, time.Now()) {
		h.log.Error("could not store a block", "height", height, "err", err, "try", h.typable(diskroom.Next(err)))
	}
}

func (h *Host) typable(hint string) string {
	if h.cfg.Typable == nil {
		return hint
	}
	return h.cfg.Typable(hint)
}
