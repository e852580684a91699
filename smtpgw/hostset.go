package smtpgw

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/smtpgw/pace"
)

// hostSets holds sessions with mail servers that are no nodes to what each set of them may have,
// over all domains that they serve.
type hostSets struct {
	now func() time.Time

	mu      sync.Mutex
	table   *pace.Table
	waiting map[string]int // workers, by set
	changed chan struct{}  // closed when a session of any set has ended
}

func newHostSets(s *Sending, now func() time.Time) *hostSets {
	return &hostSets{
		now: now, waiting: make(map[string]int), changed: make(chan struct{}),
		table: pace.New(pace.Config{Sessions: s.HostSessions, Grow: time.Minute, First: s.FirstRetry, Longest: max(s.FirstRetry, min(s.MaxRetry, 10*time.Minute))}),
	}
}

// hostSet names the hosts of a route, whatever their order; empty: it leads to a node.
func (r *Route) hostSet() string {
	names := make([]string, len(r.Hosts))
	for i, h := range r.Hosts {
		names[i] = h.Name
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// errBusy is that hosts have as many sessions as they may for a long time.
const errBusy = Reason("there are as many sessions with these servers as they take")

// ask waits until there may be an attempt to open a session with a set of hosts for mail of a
// domain, for some time. Nil: opened or failed has to follow.
func (h *hostSets) ask(ctx context.Context, hosts, domain string, round uint64, most time.Duration) error {
	if hosts == "" {
		return nil
	}
	patience := time.NewTimer(most)
	defer patience.Stop()
	for {
		h.mu.Lock()
		answer, cause := h.table.Ask(hosts, domain, round, h.now())
		changed := h.changed
		if answer == pace.Wait {
			h.waiting[hosts]++
		}
		h.mu.Unlock()
		switch answer {
		case pace.Go:
			return nil
		case pace.Paused:
			return cause
		}
		var err error
		select {
		case <-changed:
		case <-patience.C:
			err = errBusy
		case <-ctx.Done():
			err = ctx.Err()
		}
		h.mu.Lock()
		if h.waiting[hosts]--; h.waiting[hosts] == 0 {
			delete(h.waiting, hosts)
		}
		h.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// tell changes what is known of a set, and wakes who waits.
func (h *hostSets) tell(hosts string, fn func(t *pace.Table)) {
	if hosts == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	fn(h.table)
	close(h.changed)
	h.changed = make(chan struct{})
}

// opened has a session count until it is closed.
func (h *hostSets) opened(hosts string, o *outbound) {
	if hosts == "" {
		return
	}
	h.tell(hosts, func(t *pace.Table) { t.Opened(hosts) })
	o.hosts = hosts
	o.conn = &countedConn{Conn: o.conn, over: sync.OnceFunc(func() {
		h.tell(hosts, func(t *pace.Table) { t.Closed(hosts) })
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

// failed notes why there is no session. What was broken off here, or is about encryption or a
// password, says nothing of whether the hosts can be reached.
func (h *hostSets) failed(ctx context.Context, hosts string, err error) {
	h.tell(hosts, func(t *pace.Table) {
		if ctx.Err() != nil || !errors.Is(err, errUnreached) {
			t.GivenUp(hosts)
			return
		}
		t.Failed(hosts, err, h.now())
	})
}

// heard notes replies that ask for less: 421, or status 4.7.x.
func (h *hostSets) heard(o *outbound, replies []reply) {
	if o.hosts != "" && (o.parts || slices.ContainsFunc(replies, asksForLess)) {
		h.tell(o.hosts, func(t *pace.Table) { t.Slow(o.hosts, h.now()) })
	}
}

func asksForLess(r reply) bool {
	return r.code/100 == 4 && strings.HasPrefix(statusOf(r, 4), "4.7.")
}

// wanted reports whether others wait for a session with the hosts of one.
func (h *hostSets) wanted(o *outbound) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return o.hosts != "" && h.waiting[o.hosts] > 0
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
