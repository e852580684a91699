package smtpgw

import (
	"context"
	"errors"
	"time"

	"cairn/mailstore/textroom"
)

// Text that comes in holds memory, of which there is so much. Who sends a part of it and then
// nothing, from a few hosts, would have all of it for as long as a message may take to come, and
// nobody else's mail would be taken. So whose text comes slower than it might gives up its room
// where others wait for that.

const (
	// quickLine is the rate, in bytes a second, at which text has to come to keep its room while
	// others wait for it.
	quickLine = 64 << 10
	// lookEvery is how often it is looked again for whom to end while somebody waits; endEvery how
	// long who had to end has to give its room back.
	lookEvery, endEvery = time.Second, 100 * time.Millisecond
)

// turnOver is when the turn of the message on its way is over, at which it gives up its room to
// others; zero: there is none.
func (w *wire) turnOver() time.Time {
	if w.begun.IsZero() {
		return time.Time{}
	}
	return w.begun.Add(w.limits.TextTurn + time.Duration(w.received)*time.Second/quickLine)
}

// makeRoom ends sessions whose text holds room that a message waits for, one after the other, until
// ctx is done.
func (s *Server) makeRoom(ctx context.Context, of *textroom.Room, bytes int64) {
	for wait := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = lookEvery
		if lacking := of.Lacking(bytes); lacking != nil {
			wait = s.endSlowText(lacking)
		}
	}
}

// endSlowText ends the session whose text holds most of a room of those whose turn is over,
// strangers' before members', and tells when to look again.
func (s *Server) endSlowText(of *textroom.Room) (again time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	again = lookEvery
	var slowest *wire
	var most int64
	for w, p := range s.wires {
		over, received := w.at.turn()
		switch {
		case over.IsZero() || !w.texts.Within(of):
		case over.After(now):
			again = min(again, over.Sub(now))
		case slowest == nil || p.member != s.wires[slowest].member && !p.member || p.member == s.wires[slowest].member && received > most:
			slowest, most = w, received
		}
	}
	if slowest == nil {
		return again
	}
	slowest.slowed()
	p := s.wires[slowest]
	s.logOf(p, s.log).Warn("smtp: too much text is coming in, what comes slowest makes room", "mode", s.mode.String(), "peer", p.name, "size", most)
	return endEvery
}

// errSlow ends the wait for text whose turn is over.
var errSlow = errors.New("others wait for the memory that this text holds")

// slowed ends the wait for text, as where that comes too slowly.
func (w *wire) slowed() {
	w.at.mu.Lock()
	defer w.at.mu.Unlock()
	w.at.slowed = true
	w.Conn.SetReadDeadline(time.Unix(1, 0))
}
