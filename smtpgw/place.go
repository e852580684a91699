package smtpgw

import (
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	// lingers is from when on a session that has brought no message holds a place which others of
	// its own network may need more.
	lingers = 10 * time.Second
	// partingTime is how long a session that makes place has to take the word.
	partingTime = 2 * time.Second
	// hurried is from when on message text has to come at the least rate to keep its place. Else it
	// has until DataTimeout.
	hurried = 10 * time.Second
)

// activity is what a wire waits for, as whoever looks for a place sees it. Its methods may be
// called from any goroutine.
type activity struct {
	mu       sync.Mutex
	since    time.Time // of the connection, or of the last message that was taken: what it does beside that counts for nothing
	waits    waiting
	slow     time.Time // while text is awaited: from then on it comes slower than it must
	yielding bool
	woken    chan struct{} // ends a pause; nil: there is none

	over     time.Time // while the rest of a message is awaited: when its turn ends, see turnOver
	received int64     // of that message
	slowed   bool      // its turn has ended, and others need its room
}

// waiting is what the peer has to do next.
type waiting uint8

const (
	notAtAll waiting = iota // it is our turn
	toRead                  // take a reply
	toSpeak                 // send a command
	toSend                  // send message text
)

// wait notes what is waited for, and calls set, which sets its deadline. It reports false if the
// session is to make place.
func (a *activity) wait(for_ waiting, slow time.Time, set func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.yielding {
		return false
	}
	a.waits, a.slow = for_, slow
	set()
	return true
}

// waitMore is wait for what a message goes on with, of which so much has come. It reports false too
// if its turn has ended.
func (a *activity) waitMore(for_ waiting, slow, over time.Time, received int64, set func()) bool {
	if !a.wait(for_, slow, set) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over, a.received = over, received
	return !a.slowed
}

// turn is when the turn of a message ends that is waited for, and how much of it has come; zero:
// there is none, or it was ended.
func (a *activity) turn() (over time.Time, received int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waits == notAtAll || a.yielding || a.slowed {
		return time.Time{}, 0
	}
	return a.over, a.received
}

// works notes that it is our turn, and reports whether the session is to make place.
func (a *activity) works() (yielding bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits, a.woken, a.over = notAtAll, nil, time.Time{}
	return a.yielding || a.slowed
}

// ended is why nothing more is read from a session that had to end.
func (a *activity) ended() error {
	if a.isYielding() {
		return errYield
	}
	return errSlow
}

// pauses notes that a reply is put off. What is returned is closed when that has to end; ok is
// false if it must not begin.
func (a *activity) pauses() (woken <-chan struct{}, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.yielding {
		return nil, false
	}
	a.waits, a.woken = toRead, make(chan struct{})
	return a.woken, true
}

// wakes ends a pause.
func (a *activity) wakes() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wake()
}

// wake is wakes for who holds mu.
func (a *activity) wake() {
	if a.woken != nil {
		close(a.woken)
		a.woken = nil
	}
}

// useful notes that the peer has brought a message.
func (a *activity) useful(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = now
}

func (a *activity) isYielding() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.yielding
}

// idle reports whether the peer is waited for and sends no text as it must, and since when it has
// brought nothing.
func (a *activity) idle(now time.Time) (since time.Time, idle bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.since, !a.yielding && a.waits != notAtAll && (a.waits != toSend || now.After(a.slow))
}

// yield makes the connection end at once if it waits for its peer, else before it does so again.
func (w *wire) yield() {
	w.at.mu.Lock()
	defer w.at.mu.Unlock()
	w.at.yielding = true
	w.at.wake()
	switch w.at.waits {
	case toRead:
		w.Conn.SetWriteDeadline(time.Unix(1, 0))
	case toSpeak, toSend:
		w.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// errYield ends the wait for a peer whose place another one has got. It is no deadline of the
// peer's.
var errYield = yieldError{}

type yieldError struct{}

func (yieldError) Error() string { return "another connection has the place" }

const yieldWords = "too many connections, and this one has brought nothing for the longest time; try again later"

// slowFrom is when text that goes on like this is slower than it must be.
func (w *wire) slowFrom() time.Time {
	return w.begun.Add(max(hurried, w.earned()))
}

// read reads from the connection, after set has set the deadline.
func (w *wire) read(p []byte, set func()) (int, error) {
	for_, slow := toSpeak, time.Time{}
	if w.text {
		for_, slow = toSend, w.slowFrom()
	}
	if !w.at.waitMore(for_, slow, w.turnOver(), w.received, set) {
		return 0, w.at.ended()
	}
	n, err := w.stream.Read(p)
	if w.at.works() && n == 0 && os.IsTimeout(err) {
		return 0, w.at.ended()
	}
	return n, err
}

// write writes to the connection. Who makes place has little time to take it.
func (w *wire) write(p []byte) error {
	set := func(d time.Duration) { w.Conn.SetWriteDeadline(time.Now().Add(d)) }
	if !w.at.wait(toRead, time.Time{}, func() { set(w.limits.WriteTimeout) }) {
		set(partingTime)
	}
	_, err := w.stream.Write(p)
	w.at.works()
	return err
}

// place is an open connection as makePlace weighs it.
type place struct {
	member  bool
	long    bool      // it has brought nothing for as long as lingers
	network int       // connections of its network, or of its node if that is enrolled
	since   time.Time // it has brought nothing since
}

// yields reports whether p makes place before q does: strangers before members, who lingers before
// who has just come, who comes from where most come from, and who has brought nothing for the
// longest time.
func (p place) yields(q place) bool {
	switch {
	case p.member != q.member:
		return q.member
	case p.long != q.long:
		return p.long
	case p.network != q.network:
		return p.network > q.network
	}
	return p.since.Before(q.since)
}

// makePlace ends one of the sessions that may be ended for a newcomer, and counts it out; false if
// there is none. Sessions that are served at this moment, or whose text comes as it must, go on.
// With lingering only those that linger are ended, and of members only these in any case. The
// caller holds mu.
func (s *Server) makePlace(lingering bool, may func(*peer) bool) bool {
	var worst *wire
	var at place
	now := time.Now()
	for w, p := range s.wires {
		since, idle := w.at.idle(now)
		if !idle || !may(p) || s.mode == Submission && (!s.isRemote(p) || w.signed.Load()) { // our own users are not ended for each other
			continue
		}
		q := place{p.member, now.Sub(since) >= lingers, s.networks[p.network], since}
		if !q.long && (lingering || p.member) {
			continue
		}
		if worst == nil || q.yields(at) {
			worst, at = w, q
		}
	}
	if worst == nil {
		return false
	}
	p := s.wires[worst]
	s.uncount(p)
	worst.yield()
	s.notePlaced(now, p)
	return true
}

// notePlaced logs that a session made place, once in a while.
func (s *Server) notePlaced(now time.Time, p *peer) {
	s.placed++
	if now.Sub(s.placedSaid) < time.Minute {
		return
	}
	s.log.Warn("smtp: too many connections; idle ones make place for newcomers", "mode", s.mode.String(), "peer", p.name, "ended", s.placed)
	s.placed, s.placedSaid = 0, now
}

// networkName is the IPv4 /24 or IPv6 /48 that an address is in: one site, or one customer of a
// provider, commonly has as much.
func networkName(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(ip, bits).Masked().String()
}
