package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
)

// head is what is known of a domain's entries without looking at them.
//
// A retry of the domain begins another round: what was put off in an earlier one is due, and no
// entry has to be written anew. What is put off later belongs to the new round.
type head struct {
	all      uint64
	unsealed uint64
	deferred uint64
	round    uint32
	retried  uint64 // when the round began (ms); 0: it is the first, or nobody knows

	// Of meaning while there are sealed entries.
	low   place  // none stands before it
	early place  // the first of those that were given to entries since mark
	mark  uint64 // counts.stamp when low was last set higher
}

// headVersion is the first octet of a stored head.
const headVersion = 1

func (h *head) sealed() uint64 { return h.all - h.unsealed }

// due is a time by which nothing of the domain is due, but may be right after; of what is due by
// its round, the beginning of time.
func (h *head) due() time.Time {
	if h.low.round < h.round {
		return time.UnixMilli(0)
	}
	return h.low.time()
}

// isDue reports whether what stands at p is due.
func (h *head) isDue(p place, now time.Time) bool { return p.round < h.round || !p.after(now) }

func (h *head) encode() []byte {
	b := []byte{headVersion}
	for _, n := range []uint64{h.all, h.unsealed, h.deferred, uint64(h.round), h.retried, uint64(h.low.round), h.low.at, uint64(h.early.round), h.early.at, h.mark} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeHead(b []byte) (h head, err error) {
	d := decoder{b: b}
	version := d.uint(255)
	h.all, h.unsealed, h.deferred = d.uint(1<<64-1), d.uint(1<<64-1), d.uint(1<<64-1)
	h.round, h.retried = uint32(d.uint(1<<32-1)), d.uint(1<<63-1)
	h.low = place{uint32(d.uint(1<<32 - 1)), d.uint(1<<63 - 1)}
	h.early = place{uint32(d.uint(1<<32 - 1)), d.uint(1<<63 - 1)}
	h.mark = d.uint(1<<64 - 1)
	if d.bad || len(d.b) > 0 || version != headVersion || h.unsealed > h.all || h.deferred > h.all || h.low.round > h.round {
		return head{}, fmt.Errorf("head of a domain: %w", errCounts)
	}
	return h, nil
}

// headOf reads the head of a domain; one without entries has the zero head. Where it is damaged it
// is made anew.
func headOf(sp mailstore.SpaceReader, domain string) (head, error) {
	h, err := storedHead(sp, domain)
	if spoilt(err) {
		return headAnew(sp, domain)
	}
	return h, err
}

// storedHead reads the head of a domain as it is.
func storedHead(sp mailstore.SpaceReader, domain string) (head, error) {
	b, err := sp.Get(headKey(domain))
	if errors.Is(err, mailstore.ErrNotFound) {
		return head{}, nil
	}
	if err != nil {
		return head{}, err
	}
	return decodeHead(b)
}
