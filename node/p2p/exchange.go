package p2p

import (
	"context"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// An exchange makes two mempools equal. The asking side sends the ids of what it has; the other
// answers with the ids that it lacks and with what the asker lacks; the asker sends what was
// wanted:
//
//	asker:  poolList (has)
//	other:  poolList (wants) | items | end
//	asker:  items | end
//
// An item is a frame of a kind byte and an encoded event or batch; a frame of no bytes ends the
// items. Events go first, batches of one recorder in the order of their numbers, so that each finds
// what it builds on.

// pending is this node's mempool by id.
type pending struct {
	list    poolList
	events  map[consensus.Hash]*consensus.OrgEvent
	batches map[consensus.Hash]*consensus.Batch
}

func (h *Host) pending() *pending {
	events, batches := h.pool.Events(), h.pool.Batches()
	p := &pending{events: make(map[consensus.Hash]*consensus.OrgEvent, len(events)), batches: make(map[consensus.Hash]*consensus.Batch, len(batches))}
	for _, e := range events {
		id := e.ID()
		p.events[id] = e
		p.list.Events = append(p.list.Events, id)
	}
	for _, b := range batches {
		id := b.ID()
		p.batches[id] = b
		p.list.Batches = append(p.list.Batches, id)
	}
	p.list.Events = p.list.Events[:min(len(p.list.Events), maxPoolEvents)]
	p.list.Batches = p.list.Batches[:min(len(p.list.Batches), maxPoolBatches)]
	return p
}

// without returns what p has and other does not.
func (p *pending) without(other *poolList) *poolList {
	has := make(map[consensus.Hash]bool, len(other.Events)+len(other.Batches))
	for _, id := range other.Events {
		has[id] = true
	}
	for _, id := range other.Batches {
		has[id] = true
	}
	missing := func(list []consensus.Hash) (m []consensus.Hash) {
		for _, id := range list {
			if !has[id] {
				m = append(m, id)
			}
		}
		return m
	}
	return &poolList{Events: missing(p.list.Events), Batches: missing(p.list.Batches)}
}

// lacks returns what other names and p does not have.
func (p *pending) lacks(other *poolList) *poolList {
	l := new(poolList)
	for _, id := range other.Events {
		if p.events[id] == nil {
			l.Events = append(l.Events, id)
		}
	}
	for _, id := range other.Batches {
		if p.batches[id] == nil {
			l.Batches = append(l.Batches, id)
		}
	}
	return l
}

// servePool is the other side of an exchange.
func (h *Host) servePool(_ context.Context, _ peer.ID, s network.Stream) error {
	raw, err := readFrame(s, maxPoolList)
	if err != nil {
		return err
	}
	theirs, err := decodePoolList(raw)
	if err != nil {
		return err
	}
	own := h.pending()
	if err := writeFrame(s, own.lacks(theirs).encode()); err != nil {
		return err
	}
	if err := own.send(s, own.without(theirs)); err != nil {
		return err
	}
	return h.takeItems(s)
}

// exchangePool is the asking side. What ended early is due again at the next exchange of status.
func (h *Host) exchangePool(r *remote) {
	err := h.ask(r.ctx, r.id, "pool", h.names.pool, func(s network.Stream) error {
		own := h.pending()
		if err := writeFrame(s, own.list.encode()); err != nil {
			return err
		}
		raw, err := readFrame(s, maxPoolList)
		if err != nil {
			return err
		}
		wanted, err := decodePoolList(raw)
		if err != nil {
			return err
		}
		if err := h.takeItems(s); err != nil {
			return err
		}
		return own.send(s, wanted)
	})
	if err != nil {
		h.roster.markPool(r)
	}
}

// send writes the items of l that p has, within the limits of one exchange.
func (p *pending) send(w io.Writer, l *poolList) error {
	items, size := 0, 0
	item := func(kind byte, encoded []byte) error {
		items++
		size += 1 + len(encoded)
		if items > maxPoolItems || size > maxPoolBytes {
			return nil
		}
		return writeFrame(w, append([]byte{kind}, encoded...))
	}
	for _, id := range l.Events {
		if e := p.events[id]; e != nil {
			if err := item(itemEvent, e.Encode()); err != nil {
				return err
			}
		}
	}
	for _, id := range l.Batches {
		if b := p.batches[id]; b != nil {
			if err := item(itemBatch, b.Encode()); err != nil {
				return err
			}
		}
	}
	return writeFrame(w, nil)
}

// takeItems reads items until the end, offers them to the mempool and passes on what it took.
func (h *Host) takeItems(r io.Reader) error {
	size := 0
	for items := 0; ; items++ {
		raw, err := readFrame(r, maxItem)
		if err != nil {
			return err
		}
		if len(raw) == 0 {
			return nil
		}
		if size += len(raw); items >= maxPoolItems || size > maxPoolBytes {
			return fmt.Errorf("%w: more items than an exchange may have", errMalformed)
		}
		if err := h.takeItem(raw); err != nil {
			return err
		}
	}
}

func (h *Host) takeItem(raw []byte) error {
	state, now := h.chain.State(), h.cfg.Now()
	switch kind, body := raw[0], raw[1:]; kind {
	case itemEvent:
		e, err := consensus.DecodeEvent(body)
		if err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		if err := h.pool.AddEvent(state, e, now); err == nil {
			h.stats.add("pool.event")
			h.PublishEvent(e)
		} else if bad(err) {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
	case itemBatch:
		b, err := consensus.DecodeBatch(body)
		if err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		if err := h.pool.AddBatch(state, b, now); err == nil {
			h.stats.add("pool.batch")
			h.PublishBatch(b)
		} else if bad(err) {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
	default:
		return fmt.Errorf("%w: an item of kind %d", errMalformed, kind)
	}
	return nil
}
