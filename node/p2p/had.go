package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/record"
)

// A node that does not know what became of a message which it had handed to another one asks that
// one by the record:
//
//	request: recorder key 32 | epoch u64 | seq u64 | record 32 | n u8 | n x (length u16, address)
//	answer:  n octets, each a record.Had
//
// Both are one frame.
const (
	maxHadRecipients = 64 // of one question
	hadHead          = 32 + 8 + 8 + 32 + 1
	maxHadRequest    = hadHead + maxHadRecipients*(2+maxAccountAddress)
	hadAtOnce        = 16 // questions that a node may have under way
)

// errNotTold: the peer is no node that is told what became of records.
var errNotTold = errors.New("p2p: asked what became of a record by a node that is not told")

// hadRequest is a question on the wire.
type hadRequest struct{ record.Delivery }

func (r *hadRequest) encode() []byte {
	b := append(make([]byte, 0, hadHead), r.Recorder[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Epoch)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = append(b, r.Record[:]...)
	b = append(b, uint8(len(r.Recipients)))
	for _, rcpt := range r.Recipients {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(rcpt))), rcpt...)
	}
	return b
}

func decodeHadRequest(b []byte) (*hadRequest, error) {
	p := parser{b: b}
	r := &hadRequest{record.Delivery{Recorder: consensus.Key(p.hash()), Epoch: p.uint64(), Seq: p.uint64(), Record: p.hash()}}
	n := int(p.uint8())
	if n == 0 || n > maxHadRecipients {
		p.fail("%d recipients", n)
	}
	for i := 0; i < n && p.err == nil; i++ {
		size := int(p.uint16())
		if size == 0 || size > maxAccountAddress {
			p.fail("an address of %d bytes", size)
		}
		r.Recipients = append(r.Recipients, string(p.take(size)))
	}
	return r, p.end()
}

// decodeHad reads the answer for so many recipients.
func decodeHad(b []byte, recipients int) ([]record.Had, error) {
	if len(b) != recipients {
		return nil, fmt.Errorf("%w: %d answers for %d recipients", errMalformed, len(b), recipients)
	}
	all := make([]record.Had, recipients)
	for i, c := range b {
		if all[i] = record.Had(c); all[i] > record.HadNot {
			return nil, fmt.Errorf("%w: an answer of %d", errMalformed, c)
		}
	}
	return all, nil
}

// serveHad tells an enrolled node what became of a record. While a mail stream of that node, or of
// another one of this organisation, is open here, what is not stored may yet be: looked at before
// the store is, so that nothing is between the two.
func (h *Host) serveHad(_ context.Context, from peer.ID, s network.Stream) error {
	key, ok := nodeKey(from)
	if !ok || h.cfg.Had == nil || !h.enrolled(from) {
		return errNotTold
	}
	raw, err := readFrame(s, maxHadRequest)
	if err != nil {
		return err
	}
	r, err := decodeHadRequest(raw)
	if err != nil {
		return err
	}
	under := h.mayBeUnderWay(from)
	all, err := h.cfg.Had(key, r.Delivery)
	if err != nil || len(all) != len(r.Recipients) {
		return fmt.Errorf("look up a record for node %s: %d answers, %w", key, len(all), err)
	}
	answer := make([]byte, len(all))
	for i, had := range all {
		if had == record.HadNot && under {
			had = record.HadUnknown
		}
		answer[i] = byte(had)
	}
	return writeFrame(s, answer)
}

// mayBeUnderWay reports whether a mail stream is open that a peer, or another node of this
// organisation, has opened.
func (h *Host) mayBeUnderWay(from peer.ID) bool {
	beside := map[peer.ID]bool{from: true}
	for _, key := range h.chain.State().NodesBeside(h.self) {
		if id, err := peerID(key); err == nil {
			beside[id] = true
		}
	}
	h.mail.mu.Lock()
	defer h.mail.mu.Unlock()
	for c, n := range h.mail.incoming {
		if n > 0 && beside[c.node] {
			return true
		}
	}
	return false
}

// Had asks a node what became of a record there, for each recipient of the question: 64 at most.
// The error wraps ErrNodeNotFound if the node cannot be reached at present.
func (h *Host) Had(ctx context.Context, node consensus.Key, d record.Delivery) (all []record.Had, err error) {
	r := hadRequest{d}
	if _, err := decodeHadRequest(r.encode()); err != nil {
		return nil, fmt.Errorf("p2p: ask what became of a record: %w", err)
	}
	id, err := h.reach(ctx, node)
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (network.Stream, error) { return h.open(ctx, id, h.names.had) }
	err = h.askOver(ctx, id, "had", open, func(s network.Stream) error {
		if err := writeFrame(s, r.encode()); err != nil {
			return err
		}
		raw, err := readFrame(s, maxHadRecipients)
		if err != nil {
			return fmt.Errorf("read what node %s has: %w", node, err)
		}
		all, err = decodeHad(raw, len(d.Recipients))
		return err
	})
	return all, err
}
