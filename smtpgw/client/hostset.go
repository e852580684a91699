package client

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/smtpgw/pace"
	"cairn/smtpgw/reply"
)

// HostSets holds sessions with mail servers that are no nodes to what each set of them may have,
// over all domains that they serve, and deals them out among these domains.
type HostSets struct {
	now  func() time.Time
	turn time.Duration // that a domain keeps a session while others wait for one

	mu    sync.Mutex
	table *pace.Table
	lines map[string]*line // by set, of those with sessions or workers who wait
}

// line is who has sessions with a set of hosts, and who waits for one.
type line struct {
	waiting []*waiter      // the first one first
	has     map[string]int // sessions and attempts to have one, by domain
	turns   int            // that were given while somebody waited
	last    map[string]int // of them, by domain
}

// waiter is a worker who waits for a session.
type waiter struct {
	domain string
	round  uint64
	answer chan error // nil: he may open one
}

// NewHostSets returns host sets without sessions. turn is for how long a domain keeps a session
// while others wait for one.
func NewHostSets(c pace.Config, turn time.Duration, now func() time.Time) *HostSets {
	return &HostSets{now: now, turn: turn, lines: make(map[string]*line), table: pace.New(c)}
}

// HostSet names the hosts of a route, whatever their order; empty: it leads to a node.
func (r *Route) HostSet() string {
	names := make([]string, len(r.Hosts))
	for i, h := range r.Hosts {
		names[i] = h.Name
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// ErrBusy is that hosts had as many sessions as they may until there was no more time to wait.
const ErrBusy = Reason("there are as many sessions with these servers as they take")

// Ask waits until there may be an attempt to open a session with a set of hosts for mail of a
// domain. Nil: opened or failed has to follow. errBusy when ctx was done first.
func (h *HostSets) Ask(ctx context.Context, hosts, domain string, round uint64) error {
	if hosts == "" {
		return nil
	}
	w := &waiter{domain: domain, round: round, answer: make(chan error, 1)}
	h.tell(hosts, func(l *line) { l.waiting = append(l.waiting, w) })
	grown := time.NewTicker(h.turn)
	defer grown.Stop()
	for {
		select {
		case err := <-w.answer:
			return err
		case <-grown.C: // there may be more with time
			h.tell(hosts, func(*line) {})
		case <-ctx.Done():
			given := false
			h.tell(hosts, func(l *line) {
				i := slices.Index(l.waiting, w)
				if given = i < 0; !given {
					l.waiting = slices.Delete(l.waiting, i, i+1)
				}
			})
			if given && <-w.answer == nil {
				h.over(hosts, domain, func() { h.table.GivenUp(hosts) })
			}
			return ErrBusy
		}
	}
}

// Waiting tells how many wait for a session for mail of a domain.
func (h *HostSets) Waiting(domain string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lines {
		for _, w := range l.waiting {
			if w.domain == domain {
				n++
			}
		}
	}
	return n
}

// tell changes what is known of a set, and deals out what is free then.
func (h *HostSets) tell(hosts string, fn func(l *line)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lines[hosts]
	if l == nil {
		l = &line{has: make(map[string]int), last: make(map[string]int)}
		h.lines[hosts] = l
	}
	fn(l)
	for len(l.waiting) > 0 {
		w := l.next()
		answer, cause := h.table.Ask(hosts, w.domain, w.round, h.now())
		if answer == pace.Wait {
			break
		}
		if answer == pace.Go {
			l.has[w.domain]++
			l.turns++
			l.last[w.domain] = l.turns
		}
		l.waiting = slices.DeleteFunc(l.waiting, func(other *waiter) bool { return other == w })
		w.answer <- cause
	}
	if len(l.waiting) > 0 {
		return
	}
	if clear(l.last); len(l.has) == 0 {
		delete(h.lines, hosts)
	}
}

// next is whose turn it is of those who wait: of the domain that has the fewest sessions, or had
// its turn the longest ago, who has waited the longest.
func (l *line) next() *waiter {
	return slices.MinFunc(l.waiting, func(a, b *waiter) int {
		return cmp.Or(l.has[a.domain]-l.has[b.domain], l.last[a.domain]-l.last[b.domain])
	})
}

// over notes that a session has ended, or an attempt to have one.
func (h *HostSets) over(hosts, domain string, fn func()) {
	h.tell(hosts, func(l *line) {
		if l.has[domain]--; l.has[domain] <= 0 {
			delete(l.has, domain)
		}
		fn()
	})
}

// Opened has a session of a domain count until it is closed.
func (h *HostSets) Opened(hosts, domain string, o *Session) {
	if hosts == "" {
		return
	}
	h.tell(hosts, func(*line) { h.table.Opened(hosts) })
	o.hosts, o.opened = hosts, h.now()
	o.conn = &countedConn{Conn: o.conn, over: sync.OnceFunc(func() {
		h.over(hosts, domain, func() { h.table.Closed(hosts) })
	})}
}

// countedConn is the connection of a session that counts.
type countedConn struct {
	net.Conn
	over func()
}

func (c *countedConn) Close() error {
	defer c.over()
	return c.Conn.Close()
}

// Failed notes why there is no session. What was broken off here, or is about encryption or a
// password, says nothing of whether the hosts can be reached.
func (h *HostSets) Failed(ctx context.Context, hosts, domain string, err error) {
	if hosts == "" {
		return
	}
	h.over(hosts, domain, func() {
		if ctx.Err() != nil || !errors.Is(err, errUnreached) {
			h.table.GivenUp(hosts)
			return
		}
		h.table.Failed(hosts, err, h.now())
	})
}

// Heard notes replies that ask for less: 421, or status 4.7.x.
func (h *HostSets) Heard(o *Session, replies []reply.Reply) {
	if o.hosts != "" && (o.parts || slices.ContainsFunc(replies, asksForLess)) {
		h.tell(o.hosts, func(*line) { h.table.Slow(o.hosts, h.now()) })
	}
}

func asksForLess(r reply.Reply) bool {
	return r.Code/100 == 4 && strings.HasPrefix(reply.StatusOf(r, 4), "4.7.")
}

// Yields reports whether a session of a domain is to be given up for others who wait for one with
// its hosts: when nothing more is to be sent over it, at once where another domain has fewer than
// this one by two, and else when this one has had its turn.
func (h *HostSets) Yields(o *Session, domain string, more bool) bool {
	if o.hosts == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lines[o.hosts]
	if l == nil || len(l.waiting) == 0 {
		return false
	}
	w := l.next()
	return !more || l.has[w.domain] < l.has[domain]-1 || w.domain != domain && h.now().Sub(o.opened) >= h.turn
}

// errUnreached is that no host of a set could be reached, or all have turned the session away.
var errUnreached = errors.New("not reached")

// joined are the errors of all hosts as one, which is errUnreached only if each is.
func joined(errs []error) error {
	err := errors.Join(errs...)
	if slices.ContainsFunc(errs, func(e error) bool { return !errors.Is(e, errUnreached) }) {
		return reached{err}
	}
	return err
}

// reached is an error of a host that answered.
type reached struct{ error }

// Is hides that other hosts did not.
func (r reached) Is(target error) bool { return target != errUnreached && errors.Is(r.error, target) }

// As finds what is within.
func (r reached) As(target any) bool { return errors.As(r.error, target) }
