package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// provider is the way to one server that many domains have.
type provider struct {
	dial  func(context.Context) (net.Conn, error)
	dials atomic.Int64

	mu         sync.Mutex
	open, most int
}

// Route has the hosts in another order for each other domain.
func (p *provider) Route(_ context.Context, domain string) (Route, error) {
	hosts := []Host{{Name: "mx1.provider.example", Dial: p.connect}, {Name: "mx2.provider.example", Dial: p.connect}}
	if len(domain)%2 == 0 {
		hosts[0], hosts[1] = hosts[1], hosts[0]
	}
	return Route{To: "mail servers " + hosts[0].Name + " " + hosts[1].Name, Hosts: hosts}, nil
}

func (p *provider) connect(ctx context.Context) (net.Conn, error) {
	p.dials.Add(1)
	c, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
	p.most = max(p.most, p.open)
	return &countedConn{Conn: c, over: sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open--
	})}, nil
}

// toDomains queues a mail for each of so many domains.
func toDomains(t *testing.T, n *node, domains int) {
	t.Helper()
	for i := range domains {
		to := fmt.Sprintf("bob@d%d.example", i)
		n.send(t, "user@local.example", "To: "+to+"\r\n"+mailText("one"), to)
	}
}

// Mail for 300 domains whose servers are the same and cannot be reached is not tried 300 times.
func TestDeadProvider(t *testing.T) {
	n := nearNode(t, nil)
	p := &provider{dial: func(context.Context) (net.Conn, error) { return nil, errors.New("connection refused") }}
	n.courier.router = p
	n.courier.cfg.Sending.FirstRetry = time.Hour
	n.courier.hosts = newHostSets(&n.courier.cfg.Sending, n.courier.now)
	toDomains(t, n, 300)
	n.run(t)
	waitFor(t, func() bool {
		tried := 0
		for _, e := range must(n.queue.List(0, 400))(t) {
			if e.Attempts > 0 {
				tried++
				if want := "451 4.4.0 connect to a mail server of " + e.Domain + ": mx"; !strings.HasPrefix(e.LastError, want) {
					t.Fatalf("%s: %s", e.Domain, e.LastError)
				}
			}
		}
		return tried == 300
	})
	if got := p.dials.Load(); got > 2*20 {
		t.Errorf("%d connections were tried, want 2 for each of 20 sessions at most", got)
	}
}

// All that waits for a domain leaves when it is tried by hand and the servers are back: nothing is
// put off for what they were before, while the first attempt is under way.
func TestRetriedWhenBack(t *testing.T) {
	n := nearNode(t, nil)
	s := (&foreignServer{}).listen(t)
	var back atomic.Bool
	reached := make(chan struct{})
	p := &provider{dial: func(ctx context.Context) (net.Conn, error) {
		if !back.Load() {
			return nil, errors.New("connection refused")
		}
		<-reached
		return dialTo(s.addr)(ctx)
	}}
	n.courier.router = p
	n.courier.cfg.Sending.FirstRetry = time.Hour
	n.courier.hosts = newHostSets(&n.courier.cfg.Sending, n.courier.now)
	const mails = 5
	for range mails {
		n.send(t, "user@local.example", "To: bob@d0.example\r\n"+mailText("one"), "bob@d0.example")
	}
	n.run(t)
	tried := func(times uint32) (mails int) {
		for _, e := range must(n.queue.List(0, 10))(t) {
			if e.Attempts >= times {
				mails++
			}
		}
		return mails
	}
	waitFor(t, func() bool { return tried(1) == mails })
	back.Store(true)
	if err := n.queue.RetryDomain(t.Context(), "d0.example"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { // until all but the first are answered, or wait for one
		n.courier.hosts.mu.Lock()
		defer n.courier.hosts.mu.Unlock()
		waiting := 0
		for _, l := range n.courier.hosts.lines {
			waiting += len(l.waiting)
		}
		return waiting+tried(2) == mails-1
	})
	close(reached)
	waitFor(t, func() bool { // in the hour
		if left := tried(2); left > 0 {
			t.Fatalf("%d of %d mails are put off again", left, mails)
		}
		return len(must(n.queue.List(0, 10))(t)) == 0
	})
}

// Sessions with the same servers are bounded over all domains, and nothing is put off for that.
func TestSharedProvider(t *testing.T) {
	n := nearNode(t, nil)
	s := (&foreignServer{}).listen(t)
	p := &provider{dial: dialTo(s.addr)}
	n.courier.router = p
	n.courier.cfg.Sending.HostSessions, n.courier.cfg.Sending.FirstRetry = 3, time.Hour
	n.courier.hosts = newHostSets(&n.courier.cfg.Sending, n.courier.now)
	toDomains(t, n, 40)
	n.run(t)
	n.drained(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most > 3 {
		t.Errorf("%d sessions at one time, want 3 at most", p.most)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.texts) != 40 {
		t.Errorf("%d mails arrived, want 40", len(s.texts))
	}
}

// A server that answers 421 or 4.7.x has half as many sessions then.
func TestAskedForLess(t *testing.T) {
	for _, said := range []string{"421 4.7.0 too many", "450 4.7.1 slow down", "451 4.3.0 a fault", "250 fine"} {
		n := nearNode(t, nil)
		s := (&foreignServer{instead: func(line string, _ int) string {
			if strings.HasPrefix(line, "RCPT") {
				return said
			}
			return ""
		}}).listen(t)
		p := &provider{dial: dialTo(s.addr)}
		n.courier.router = p
		n.send(t, "user@local.example", mailText("one"), "bob@d1.example")
		e, raw, err := n.queue.Load(must(n.queue.List(0, 1))(t)[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		_, o := n.courier.attempt(t.Context(), newLane(t.Context(), e.Domain, n.courier.texts), nil, &e, raw)
		if o != nil {
			o.quit()
		}
		route, _ := p.Route(t.Context(), "x")
		free := 0
		for ; n.courier.hosts.ask(soon(t), route.hostSet(), "x", 0) == nil; free++ {
		}
		want := 20
		if strings.Contains(said, " 4.7.") {
			want = 10
		}
		if free != want {
			t.Errorf("%s: %d sessions, want %d", said, free, want)
		}
	}
}

// soon is a context that ends when what waits has had the time to.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// A domain with much mail does not keep another one with the same servers waiting until all of that
// has left, and what waits for a session counts for no attempt.
func TestSharedProviderInTurn(t *testing.T) {
	n := nearNode(t, nil)
	goOn := make(chan struct{})
	var arrived []string // domains, as their mail is taken
	s := &foreignServer{}
	s.instead = func(line string, _ int) string {
		if to, rcpt := strings.CutPrefix(line, "RCPT TO:<bob@"); rcpt {
			to, _, _ = strings.Cut(to, ">")
			arrived = append(arrived, to)
			if len(arrived) > 1 {
				s.mu.Unlock()
				<-goOn
				s.mu.Lock()
			}
		}
		return ""
	}
	s.listen(t)
	n.courier.router = &provider{dial: dialTo(s.addr)}
	n.courier.cfg.Sending.HostSessions, n.courier.cfg.Sending.Turn = 1, time.Nanosecond
	n.courier.hosts = newHostSets(&n.courier.cfg.Sending, n.courier.now)
	n.courier.hosts.turn = time.Millisecond
	for range 20 {
		n.send(t, "user@local.example", mailText("many"), "bob@many.example")
	}
	stop := n.run(t)
	waitFor(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(arrived) > 1
	})
	n.send(t, "user@local.example", mailText("urgent"), "bob@urgent.example")
	waitFor(t, func() bool {
		n.courier.hosts.mu.Lock()
		defer n.courier.hosts.mu.Unlock()
		for _, l := range n.courier.hosts.lines {
			for _, w := range l.waiting {
				if w.domain == "urgent.example" {
					return true
				}
			}
		}
		return false
	})
	close(goOn)
	n.drained(t)
	stop()
	if i := slices.Index(arrived, "urgent.example"); i < 0 || i > 10 {
		t.Errorf("mail to the other domain came at place %d of %q", i, arrived)
	}
}

// What is wrong with one of several hosts beside its being away is no trouble of the set.
func TestJoinedErrors(t *testing.T) {
	away := fmt.Errorf("%w: %w", Reason("refused"), errUnreached)
	for _, tt := range []struct {
		errs []error
		want bool
	}{{[]error{away, away}, true}, {[]error{away, Reason("TLS failed")}, false}, {[]error{Reason("TLS failed")}, false}} {
		err := joined(tt.errs)
		if got := errors.Is(err, errUnreached); got != tt.want {
			t.Errorf("%v: %v", tt.errs, got)
		}
		if _, ok := errors.AsType[Reason](err); !ok {
			t.Errorf("%v has no reason", err)
		}
	}
}
