package smtpgw

import "sync/atomic"

// budget bounds the message text that is held in memory at one time for a
// server, or for a part of its peers, so that many messages which come in
// slowly cannot use it up.
type budget struct {
	max  int64
	of   *budget // what the budget is a part of, or nil
	used atomic.Int64
}

// take takes n bytes out of the budget and all that it is a part of, if they
// have them.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.max && (b.of == nil || b.of.take(n)) {
		return true
	}
	b.used.Add(-n)
	return false
}

// give gives n bytes back.
func (b *budget) give(n int64) {
	for ; b != nil; b = b.of {
		b.used.Add(-n)
	}
}

// room is the part of a budget that one message has taken.
type room struct {
	budget *budget
	taken  int64
}

// take asks for n more bytes.
func (r *room) take(n int) bool {
	if !r.budget.take(int64(n)) {
		return false
	}
	r.taken += int64(n)
	return true
}

// leave gives all of it back. A nil room holds nothing.
func (r *room) leave() {
	if r == nil {
		return
	}
	r.budget.give(r.taken)
	r.taken = 0
}
