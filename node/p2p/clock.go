package p2p

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// maxClockError is how far off an answer may be by the time that it took. One that took longer says
// nothing.
const maxClockError = 5 * time.Second

// serveTime tells a peer what this node's clock says: ms since 1970 as u64.
func (h *Host) serveTime(_ context.Context, _ peer.ID, s network.Stream) error {
	_, err := s.Write(binary.BigEndian.AppendUint64(nil, uint64(max(h.cfg.Now().UnixMilli(), 0))))
	return err
}

// askTime asks a peer for its time. Nodes of before this protocol do not answer.
func (h *Host) askTime(r *remote) {
	var begin, end time.Time
	var answer [8]byte
	err := h.ask(r.ctx, r.id, "time", h.names.time, func(s network.Stream) error {
		begin = time.Now()
		if err := s.CloseWrite(); err != nil { // opens the stream at the other end
			return err
		}
		if _, err := io.ReadFull(s, answer[:]); err != nil {
			return fmt.Errorf("read the time: %w", err)
		}
		end = time.Now()
		return nil
	})
	took := end.Sub(begin)
	if err != nil || took > 2*maxClockError {
		return
	}
	told := time.UnixMilli(int64(min(binary.BigEndian.Uint64(answer[:]), 1<<62)))
	h.roster.toldTime(r, &toldTime{told: told, at: begin.Add(took / 2)})
}

// toldTime is what a peer's clock said at a moment, by how long this program has been running: so
// it goes on being true when this machine's clock is set.
type toldTime struct{ told, at time.Time }

// ahead is by how much the peer's clock is ahead of one that says now.
func (t *toldTime) ahead(now time.Time) time.Duration {
	return t.told.Add(time.Since(t.at)).Sub(now)
}

// toldTime notes what a peer's clock says.
func (r *roster) toldTime(p *remote, t *toldTime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.told = t
}

// Clocks is what the clocks of other organisations say about this node's.
type Clocks struct {
	Votes int           // organisations, one vote each
	Ahead time.Duration // by how much the middle one is ahead of this node's
}

// Clocks returns what connected members of other organisations say. They may lie, and be wrong
// themselves.
func (h *Host) Clocks() Clocks {
	s, now := h.chain.State(), h.cfg.Now().Round(0)
	byOrg := make(map[consensus.Hash][]time.Duration)
	for _, p := range h.roster.greeted() {
		if org, ok := s.ActiveNode(p.key); ok && p.told != nil {
			byOrg[org.ID] = append(byOrg[org.ID], p.told.ahead(now))
		}
	}
	if own, ok := s.OrgByNode(h.self); ok {
		delete(byOrg, own.ID)
	}
	votes := make([]time.Duration, 0, len(byOrg))
	for _, list := range byOrg {
		votes = append(votes, middle(list))
	}
	if len(votes) == 0 {
		return Clocks{}
	}
	return Clocks{Votes: len(votes), Ahead: middle(votes)}
}

// middle returns the median; of an even number the one nearer to zero, so that half of the votes do
// not make a clock wrong.
func middle(list []time.Duration) time.Duration {
	slices.Sort(list)
	low, high := list[(len(list)-1)/2], list[len(list)/2]
	if high.Abs() < low.Abs() {
		return high
	}
	return low
}
