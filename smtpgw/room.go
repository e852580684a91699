package smtpgw

import "sync/atomic"

// budget bounds the message text that all sessions of a server hold in memory
// at one time, so that many peers who each send a large message slowly cannot
// use it up.
type budget struct {
	max  int64
	used atomic.Int64
}

// room is the part of a budget that one message has taken.
type room struct {
	budget *budget
	taken  int64
}

// take asks for n more bytes.
func (r *room) take(n int) bool {
	if r.budget.used.Add(int64(n)) > r.budget.max {
		r.budget.used.Add(-int64(n))
		return false
	}
	r.taken += int64(n)
	return true
}

// leave gives all of it back.
func (r *room) leave() {
	r.budget.used.Add(-r.taken)
	r.taken = 0
}
