package courier

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

	"cairn/smtpgw/client"
	"cairn/smtpgw/gatewaytest"
)

// provider is the way to one server that many domains have.
type provider struct {
	dial  func(context.Context) (net.Conn, error)
	dials atomic.Int64

	mu         sync.Mutex
	open, most int
}

// Route has the hosts in another order for each other domain.
func (p *provider) Route(_ context.Context, domain string) (client.Route, error) {
	hosts := []client.Host{{Name: "mx1.provider.example", Dial: p.connect}, {Name: "mx2.provider.example", Dial: p.connect}}
	if len(domain)%2 == 0 {
		hosts[0], hosts[1] = hosts[1], hosts[0]
	}
	return client.Route{To: "mail servers " + hosts[0].Name + " " + hosts[1].Name, Hosts: hosts}, nil
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
	return &noted{Conn: c, over: sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open--
	})}, nil
}

// noted is a connection that says when it is closed.
type noted struct {
	net.Conn
	over func()
}

func (c *noted) Close() error {
	defer c.over()
	return c.Conn.Close()
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
	n.courier.hosts = client.NewHostSets(n.courier.cfg.Sending.pace(), n.courier.cfg.Sending.Turn, n.courier.now)
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
	s := (&gatewaytest.Foreign{}).Listen(t)
	var back atomic.Bool
	reached := make(chan struct{})
	p := &provider{dial: func(ctx context.Context) (net.Conn, error) {
		if !back.Load() {
			return nil, errors.New("connection refused")
		}
		<-reached
		return gatewaytest.DialTo(s.Addr)(ctx)
	}}
	n.courier.router = p
	n.courier.cfg.Sending.FirstRetry = time.Hour
	n.courier.hosts = client.NewHostSets(n.courier.cfg.Sending.pace(), n.courier.cfg.Sending.Turn, n.courier.now)
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
		return n.courier.hosts.Waiting("d0.example")+tried(2) == mails-1
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
	s := (&gatewaytest.Foreign{}).Listen(t)
	p := &provider{dial: gatewaytest.DialTo(s.Addr)}
	n.courier.router = p
	n.courier.cfg.Sending.HostSessions, n.courier.cfg.Sending.FirstRetry = 3, time.Hour
	n.courier.hosts = client.NewHostSets(n.courier.cfg.Sending.pace(), n.courier.cfg.Sending.Turn, n.courier.now)
	toDomains(t, n, 40)
	n.run(t)
	n.drained(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most > 3 {
		t.Errorf("%d sessions at one time, want 3 at most", p.most)
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if len(s.Texts) != 40 {
		t.Errorf("%d mails arrived, want 40", len(s.Texts))
	}
}

// A server that answers 421 or 4.7.x has half as many sessions then.
func TestAskedForLess(t *testing.T) {
	for _, said := range []string{"421 4.7.0 too many", "450 4.7.1 slow down", "451 4.3.0 a fault", "250 fine"} {
		n := nearNode(t, nil)
		s := (&gatewaytest.Foreign{Instead: func(line string, _ int) string {
			if strings.HasPrefix(line, "RCPT") {
				return said
			}
			return ""
		}}).Listen(t)
		p := &provider{dial: gatewaytest.DialTo(s.Addr)}
		n.courier.router = p
		n.send(t, "user@local.example", mailText("one"), "bob@d1.example")
		e, raw, err := n.queue.Load(must(n.queue.List(0, 1))(t)[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		_, o := n.courier.attempt(t.Context(), newLane(t.Context(), e.Domain, n.courier.texts), nil, &e, raw)
		if o != nil {
			o.Quit()
		}
		route, _ := p.Route(t.Context(), "x")
		free := 0
		for ; n.courier.hosts.Ask(soon(t), route.HostSet(), "x", 0) == nil; free++ {
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
	s := &gatewaytest.Foreign{}
	s.Instead = func(line string, _ int) string {
		if to, rcpt := strings.CutPrefix(line, "RCPT TO:<bob@"); rcpt {
			to, _, _ = strings.Cut(to, ">")
			arrived = append(arrived, to)
			if len(arrived) > 1 {
				s.Mu.Unlock()
				<-goOn
				s.Mu.Lock()
			}
		}
		return ""
	}
	s.Listen(t)
	n.courier.router = &provider{dial: gatewaytest.DialTo(s.Addr)}
	n.courier.cfg.Sending.HostSessions, n.courier.cfg.Sending.Turn = 1, time.Nanosecond
	n.courier.hosts = client.NewHostSets(n.courier.cfg.Sending.pace(), time.Millisecond, n.courier.now)
	for range 20 {
		n.send(t, "user@local.example", mailText("many"), "bob@many.example")
	}
	stop := n.run(t)
	waitFor(t, func() bool {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		return len(arrived) > 1
	})
	n.send(t, "user@local.example", mailText("urgent"), "bob@urgent.example")
	waitFor(t, func() bool { return n.courier.hosts.Waiting("urgent.example") > 0 })
	close(goOn)
	n.drained(t)
	stop()
	if i := slices.Index(arrived, "urgent.example"); i < 0 || i > 10 {
		t.Errorf("mail to the other domain came at place %d of %q", i, arrived)
	}
}
