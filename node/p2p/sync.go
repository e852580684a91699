package p2p

import (
	"errors"
	"sync/atomic"
	"time"

	"cairn/consensus"
	"cairn/mailstore/wake"
)

const (
	// idleRounds is how many answers in a row may bring only headlines of blocks that are here,
	// before the peer is taken to be wasting our time.
	idleRounds = 40
	// firstBlocks are asked for first: a claim is soon found to be true.
	firstBlocks = 16
	// turnRequests is how long one peer may be the source while another could be, in deadlines of
	// one request.
	turnRequests = 3
)

var (
	// errTurn: another peer's turn has come.
	errTurn = errors.New("another peer is asked")
	// errCut: the answer did not come to its end, which may be the line's fault.
	errCut = errors.New("the answer was cut short")
	// errLighter: the peer's branch is as it said, with the block that it announced, and no better
	// than the own one.
	errLighter = errors.New("the branch of the peer has no more work")
)

// syncState is what the sync is doing. All but busy is of the sync's goroutine.
type syncState struct {
	busy atomic.Bool // blocks are asked for
	fair bool        // the next turn goes by the queue, see pickSource
}

func (h *Host) wakeSync() { wake.Up(h.syncWake) }

// lacks reports whether a block that a peer announced, if it did, is not here.
func (h *Host) lacks(wanted consensus.Hash) bool {
	if wanted.IsZero() {
		return false
	}
	_, err := h.chain.HeaderState(wanted)
	return err != nil
}

// behind reports whether a peer has, or seems to have, blocks that this node should fetch.
func (h *Host) behind(p standing) bool {
	if h.lacks(p.wanted) {
		return true
	}
	if p.status.Work.Cmp(h.chain.State().Work()) <= 0 {
		return false
	}
	_, err := h.chain.HeaderState(p.status.Tip)
	return err != nil
}

// Progress returns the height of the own chain, the greatest height that a peer ahead of it has
// told, and whether blocks come from one. What a peer tells counts for as long as it gives blocks
// that prove right; what it only claims, not at all.
func (h *Host) Progress() (height, best uint64, syncing bool) {
	height = h.chain.State().Height()
	best = height
	now := time.Now()
	for _, p := range h.roster.greeted() {
		if now.Sub(p.gave) < h.timing.claim && h.behind(p) {
			best, syncing = max(best, p.status.Height), true
		}
	}
	return height, best, syncing
}

// Members says how the enrolled nodes that are connected stand to this one. What others claim to
// have costs them nothing, and what these do only counts for a while if no block comes of it.
func (h *Host) Members() (m Members) {
	now := time.Now()
	for _, p := range h.roster.greeted() {
		if !h.enrolled(p.id) {
			continue
		}
		m.Connected++
		if now.Before(p.quiet) || !h.behind(p) {
			continue
		}
		m.Claiming++
		if now.Sub(h.roster.claim(p.id, now)) < h.timing.claim {
			m.Ahead++
		}
	}
	return m
}

// Members counts enrolled nodes.
type Members struct {
	Connected int
	Claiming  int // say that they have blocks which this node lacks
	Ahead     int // those of them that have given some lately, or have said so only lately
}

// syncBlocks fetches blocks until no peer is ahead. One peer at a time: what it sends is validated
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
			begin := time.Now()
			n, err := h.syncFrom(p)
			added += n
			pace := float64(n) / max(time.Since(begin), time.Millisecond).Seconds()
			now, _ := h.roster.standing(p.remote)
			// An announced block that did not come may have been invented to keep us busy.
			level := err == nil && !h.behind(standing{remote: p.remote, status: now.status, wanted: p.wanted}) || errors.Is(err, errLighter)
			moved := n > 0 && (err == nil || errors.Is(err, errTurn) || errors.Is(err, errCut))
			h.roster.settle(p.remote, level, moved, pace)
			h.syncing.fair = !h.syncing.fair
			if err != nil && !moved && !level && p.ctx.Err() == nil {
				h.stats.add("sync.failed")
				h.logOf(p.id).Info("sync with a peer ended early", "peer", p.id, "blocks", n, "err", err)
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

// sources returns the peers that are ahead and may be asked now, but for one that is left out (nil:
// none).
func (h *Host) sources(but *remote) (list []standing) {
	now := time.Now()
	for _, p := range h.roster.greeted() {
		if p.remote != but && !now.Before(p.quiet) && p.ctx.Err() == nil && h.behind(p) {
			list = append(list, p)
		}
	}
	return list
}

// pickSource chooses among the sources. What a peer claims costs it nothing, and a new name
// neither, so every other turn goes to the peer that has waited longest: nobody is kept waiting for
// ever by those who come later. The turns between go to the best: who gives blocks at the greatest
// pace, then whose node key is enrolled, who has failed less, whom this node has dialled.
func (h *Host) pickSource() (best standing, ok bool) {
	for _, p := range h.sources(nil) {
		if !ok || h.goesBefore(p, best) {
			best, ok = p, true
		}
	}
	return best, ok
}

// goesBefore reports whether p has the next turn rather than q.
func (h *Host) goesBefore(p, q standing) bool {
	if !h.syncing.fair {
		if p.pace != q.pace {
			return p.pace > q.pace
		}
		if known := h.enrolled(p.id); known != h.enrolled(q.id) {
			return known
		}
		if p.failures != q.failures {
			return p.failures < q.failures
		}
		if p.inbound != q.inbound {
			return q.inbound
		}
	}
	if since, other := h.queued(p), h.queued(q); !since.Equal(other) {
		return since.Before(other)
	}
	return p.status.Work.Cmp(q.status.Work) > 0
}

// queued returns since when a peer has been waiting for a turn. Each turn of its that led nowhere
// puts it as far back as a long turn of another would.
func (h *Host) queued(p standing) time.Time {
	since := p.since
	if p.asked.After(since) {
		since = p.asked
	}
	return since.Add(time.Duration(p.failures) * turnRequests * h.timing.request)
}
