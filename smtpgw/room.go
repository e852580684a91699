package smtpgw

import (
	"context"
	"time"

	"cairn/mailstore/textroom"
)

const (
	// firstText is how much room message text gets to begin with, in bytes.
	firstText = 16 << 10
	// claimed is the part of its text that a message must have brought before it gets the room for
	// all that it says it has.
	claimed = 8
)

// room is what one message has taken of a room for text, from its first bytes until it is answered.
type room struct {
	of   *textroom.Room
	ctx  context.Context // ends the wait for more; nil: there is no wait
	wait time.Duration   // all that the message may wait
	said int64           // size that the peer gave, in bytes; 0: none
	// crowded has others make room for so many bytes until the context is done; nil: nobody does.
	crowded func(ctx context.Context, of *textroom.Room, bytes int64)
	taken   int64
}

// take asks for n more bytes, and waits for them if it has to.
func (r *room) take(n int64) bool {
	if !r.of.Try(n) && !r.await(n) {
		return false
	}
	r.taken += n
	return true
}

func (r *room) await(n int64) bool {
	if r.ctx == nil || r.wait <= 0 || n > r.of.Max()-r.taken {
		return false
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.wait)
	defer cancel()
	begun := time.Now()
	if r.crowded != nil {
		go r.crowded(ctx, r.of, n)
	}
	taken, err := r.of.Take(ctx, n)
	r.wait -= time.Since(begun)
	if err == nil && taken < n { // there is never so much
		r.of.Give(taken)
		return false
	}
	return err == nil
}

// leave gives all of it back. A nil room holds nothing.
func (r *room) leave() {
	if r == nil {
		return
	}
	r.of.Give(r.taken)
	r.taken = 0
}

// grow returns b with place for n more bytes, for which it takes room; false if there is none. Text
// grows twofold, and at once to the size that was said if that is no more than any text gets, or
// when a part of it has come, so that little of it is copied and thrown away.
func (r *room) grow(b []byte, n int, most int64) ([]byte, bool) {
	need := int64(len(b) + n)
	if need <= int64(cap(b)) {
		return b, true
	}
	size := max(2*int64(cap(b)), need, firstText)
	if said := min(r.withMargin(), most); need <= said && said <= max(claimed*need, firstText) {
		size = said
	}
	have := int64(cap(b))
	if size = min(size, max(most, need)); r.of.Try(size - have) {
		r.taken += size - have
	} else if size = min(size, need+max(need/claimed, firstText)); !r.take(size - have) {
		return nil, false
	}
	grown := make([]byte, len(b), size)
	copy(grown, b)
	return grown, true
}

// withMargin is the size that was said and something more, since it may be an estimate (RFC 1870,
// section 6.1); 0 if none was said.
func (r *room) withMargin() int64 {
	if r.said <= 0 {
		return 0
	}
	return r.said + min(r.said/8+512, firstText)
}
