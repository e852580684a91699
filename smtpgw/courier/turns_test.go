package courier

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
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

// odd is a server that answers a command as answer says; of what is empty, never.
type odd struct {
	banner string
	answer func(verb string) string
	took   func(from string) // is told of each mail that it has said 250 to; may be nil
	heard  func(line string) // is told of each command; may be nil
	served atomic.Int64
}

func (s *odd) dial(_ context.Context, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	s.served.Add(1)
	go func() {
		defer far.Close()
		io.WriteString(far, s.banner)
		text, from := false, ""
		for lines := bufio.NewScanner(far); lines.Scan(); {
			verb, rest, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
			if text && verb != "." {
				continue
			}
			if s.heard != nil && !text {
				s.heard(lines.Text())
			}
			reply := s.answer(verb)
			text = verb == "DATA" && strings.HasPrefix(reply, "354")
			if reply == "" {
				io.Copy(io.Discard, far)
				return
			}
			if verb == "MAIL" {
				from = rest
			}
			if _, err := io.WriteString(far, reply+"\r\n"); err == nil && verb == "." && reply[0] == '2' && s.took != nil {
				s.took(from)
			}
		}
	}()
	return near, nil
}

// silentAfter answers all commands up to one.
func silentAfter(verb string) *odd {
	return &odd{banner: "220 hello\r\n", answer: func(v string) string {
		switch v {
		case verb:
			return ""
		case "DATA":
			return "354 go on"
		}
		return "250 fine"
	}}
}

// TestSilentDomainsMakePlace: domains whose servers say nothing take all places again and again,
// and mail for others goes on. What was broken off waits for another attempt.
func TestSilentDomainsMakePlace(t *testing.T) {
	for _, verb := range []string{"EHLO", "MAIL", "DATA"} {
		t.Run(verb, func(t *testing.T) {
			far, silent := farNode(t), silentAfter(verb)
			to, at := []string{}, routes{"far.example": client.Route{Dial: tcp(far.addr)}}
			for i := range 6 {
				d := fmt.Sprintf("silent%d.example", i)
				at[d] = client.Route{To: d, Dial: silent.dial}
				to = append(to, "x@"+d)
			}
			n := nearNode(t, nil)
			n.courier.router = at
			s := &n.courier.cfg.Sending
			s.Domains, s.Sessions, s.NodeSessions, s.Turn, s.Dial, s.Reply = 3, 1, 1, 20*time.Millisecond, time.Hour, time.Hour
			for range 3 {
				n.send(t, "user@local.example", mailText("to all"), to...)
			}
			n.run(t)
			waitFor(t, func() bool { return silent.served.Load() >= 3 })
			n.send(t, "user@local.example", mailText("to one"), "bob@far.example")
			waitFor(t, func() bool { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) == 1 })
			waitFor(t, func() bool { return n.queued(t) == 18 })
			waitFor(t, func() bool { // each domain has its turn
				tried := map[string]bool{}
				for _, e := range must(n.queue.List(0, 100))(t) {
					if e.Attempts > 0 && !strings.Contains(e.LastError, string(client.ErrTooSlow)) {
						t.Fatalf("%s: %s", e.Domain, e.LastError)
					}
					tried[e.Domain] = tried[e.Domain] || e.Attempts > 0
				}
				return len(tried) == 6 && !slices.Contains(slices.Collect(maps.Values(tried)), false)
			})
		})
	}
}

// TestSlowServersAreServed: a server that takes longer to answer than a turn gets its mail all the
// same while others wait.
func TestSlowServersAreServed(t *testing.T) {
	const turn = 20 * time.Millisecond
	silent, took := silentAfter("EHLO"), make(chan string, 1)
	slow := &odd{banner: "220 hello\r\n", took: func(mail string) { took <- mail }, answer: func(verb string) string {
		switch verb {
		case "EHLO":
			<-time.After(3 * turn)
		case "DATA":
			return "354 go on"
		}
		return "250 fine"
	}}
	to, at := []string{"x@slow.example"}, routes{"slow.example": client.Route{To: "slow", Dial: slow.dial}}
	for i := range 6 {
		d := fmt.Sprintf("silent%d.example", i)
		at[d] = client.Route{To: d, Dial: silent.dial}
		to = append(to, "x@"+d)
	}
	n := nearNode(t, nil)
	n.courier.router = at
	s := &n.courier.cfg.Sending
	s.Domains, s.Sessions, s.NodeSessions, s.Turn, s.Dial, s.Reply = 3, 1, 1, turn, time.Hour, time.Hour
	s.FirstRetry, s.MaxRetry = time.Millisecond, 20*time.Millisecond
	for range 3 {
		n.send(t, "user@local.example", mailText("to all"), to...)
	}
	n.run(t)
	waitFor(t, func() bool { return len(took) > 0 })
}

// TestTextsMakePlace: servers that take texts and say nothing hold all the room for text, and large
// mail for others goes on.
func TestTextsMakePlace(t *testing.T) {
	far, silent := farNode(t), silentAfter("MAIL")
	at := routes{"far.example": client.Route{Dial: tcp(far.addr)}}
	n := nearNode(t, nil)
	n.courier.router = at
	s := &n.courier.cfg.Sending
	s.Turn, s.Reply = 20*time.Millisecond, time.Hour
	large := func(size int) string {
		return mailText("large") + strings.Repeat(strings.Repeat("x", 98)+"\r\n", size/100)
	}
	for i := range 4 {
		d := fmt.Sprintf("silent%d.example", i)
		at[d] = client.Route{To: d, Dial: silent.dial}
		for range 4 {
			n.send(t, "user@local.example", large(16<<20-4096), "x@"+d)
		}
	}
	n.run(t)
	waitFor(t, func() bool { return silent.served.Load() >= 16 })
	n.send(t, "user@local.example", large(2<<20), "bob@far.example")
	waitFor(t, func() bool { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) == 1 })
	waitFor(t, func() bool { return n.queued(t) == 16 })
}

// TestLongRepliesAreCut: of what a server says at length little is kept, told and logged.
func TestLongRepliesAreCut(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	for _, tt := range []struct{ name, banner, verb, reply, told string }{
		{"banner", "554 " + long + "\r\n", "", "", "turned away: 554 xxx"},
		{"banner of lines", strings.Repeat("554-"+long[:1000]+"\r\n", 40) + "554 \r\n", "", "", "turned away: 554 xxx"},
		{"no banner", long + "\r\n", "", "", "no reply of SMTP"},
		{"EHLO", "220 hello\r\n", "EHLO", "550 " + long, "EHLO refused: 550 xxx"},
		{"421", "220 hello\r\n", "MAIL", "421 " + long, "session ended by the other side: 421 xxx"},
		{"MAIL", "220 hello\r\n", "MAIL", "451 " + long, "451 xxx"},
		{"RCPT", "220 hello\r\n", "RCPT", "450 " + long, "450 xxx"},
		{"text", "220 hello\r\n", ".", "450 " + long, "450 xxx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := &odd{banner: tt.banner, answer: func(verb string) string {
				switch verb {
				case tt.verb:
					return tt.reply
				case "DATA":
					return "354 go on"
				}
				return "250 fine"
			}}
			var out gatewaytest.Lines
			n := nearNode(t, nil)
			n.courier.log = out.Log()
			n.courier.cfg.Sending.FirstRetry = time.Hour // one attempt
			n.courier.router = routes{"odd.example": client.Route{To: "odd", Dial: server.dial}}
			n.send(t, "user@local.example", mailText("hello"), "a@odd.example", "b@odd.example")
			n.run(t)
			var last string
			waitFor(t, func() bool {
				es := must(n.queue.List(0, 1))(t)
				last = es[0].LastError
				return es[0].Attempts > 0
			})
			if !strings.Contains(last, tt.told) || len(out.Text()) > 4<<10 || len(last) > 4<<10 {
				t.Errorf("%d octets in the log, and told: %.200s (%d octets)", len(out.Text()), last, len(last))
			}
		})
	}
}

// moody is a server that takes mail, and now and then does not: it says nothing more, goes away or
// has the mail come again.
type moody struct {
	mu    sync.Mutex
	mood  *rand.Rand
	calm  bool // from now on it takes all
	taken map[string]int
}

func (m *moody) say(verb string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch bad := m.mood.IntN(20); {
	case m.calm || verb == "EHLO":
	case bad == 0:
		return ""
	case bad == 1:
		return "421 gone"
	case bad == 2 && verb != "DATA":
		return "451 again"
	}
	if verb == "DATA" {
		return "354 go on"
	}
	return "250 fine"
}

// TestTurnsLoseNothing: however short the turns are, each mail arrives once, nothing is left under
// way, and no lane without a worker.
func TestTurnsLoseNothing(t *testing.T) {
	const domains, mails = 7, 12
	for _, turn := range []time.Duration{100 * time.Microsecond, 5 * time.Millisecond, 100 * time.Millisecond} {
		t.Run(turn.String(), func(t *testing.T) {
			n := nearNode(t, nil)
			s := &n.courier.cfg.Sending
			s.Domains, s.Sessions, s.NodeSessions, s.Turn, s.Dial, s.Reply, s.IdleSession = 2, 2, 2, turn, time.Hour, 50*time.Millisecond, 5*time.Millisecond
			s.FirstRetry, s.MaxRetry = time.Millisecond, 20*time.Millisecond
			m := &moody{mood: rand.New(rand.NewPCG(7, uint64(turn))), taken: map[string]int{}}
			at, to := routes{}, []string{}
			for i := range domains {
				d := fmt.Sprintf("d%d.example", i)
				at[d] = client.Route{To: d, Dial: (&odd{banner: "220 hello\r\n", answer: m.say, took: func(mail string) {
					m.mu.Lock()
					defer m.mu.Unlock()
					m.taken[d+" "+mail]++
				}}).dial}
				to = append(to, "x@"+d)
			}
			n.courier.router = at
			for i := range mails {
				n.send(t, fmt.Sprintf("user%d@local.example", i), mailText("in turn"), to...)
			}
			n.run(t)
			waitFor(t, func() bool { return n.queued(t) <= domains*mails/2 })
			m.mu.Lock()
			m.calm = true
			m.mu.Unlock()
			waitFor(t, func() bool { return n.queued(t) == 0 })
			waitFor(t, func() bool { // a server counts when the sender has its answer
				m.mu.Lock()
				defer m.mu.Unlock()
				return len(m.taken) == domains*mails
			})
			m.mu.Lock()
			defer m.mu.Unlock()
			for mail, times := range m.taken {
				if times != 1 {
					t.Errorf("%s arrived %d times", mail, times)
				}
			}
			waitFor(t, func() bool {
				n.courier.mu.Lock()
				defer n.courier.mu.Unlock()
				return len(n.courier.trips) == 0 && len(n.courier.lanes) == 0
			})
		})
	}
}

// scanning is a server that has a mail, and looks at it until it is told to reply.
type scanning struct {
	took  atomic.Int64
	reply chan struct{}
	near  atomic.Pointer[deadlined]
}

// deadlined is a connection that tells until when is read.
type deadlined struct {
	net.Conn
	until atomic.Int64 // Unix ns
}

func (c *deadlined) SetReadDeadline(at time.Time) error {
	c.until.Store(at.UnixNano())
	return c.Conn.SetReadDeadline(at)
}

// shortened waits until the reply has no longer than a stop leaves it.
func (s *scanning) shortened(t *testing.T, n *node) {
	t.Helper()
	waitFor(t, func() bool {
		return time.Until(time.Unix(0, s.near.Load().until.Load())) <= n.courier.cfg.Sending.LastWords
	})
}

func (s *scanning) route() client.Route {
	server := &odd{banner: "220 hello\r\n", answer: func(verb string) string {
		switch verb {
		case "DATA":
			return "354 go on"
		case ".":
			s.took.Add(1)
			<-s.reply
		}
		return "250 fine"
	}}
	return client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.slow.example", Dial: func(ctx context.Context) (net.Conn, error) {
		conn, err := server.dial(ctx, "")
		s.near.Store(&deadlined{Conn: conn})
		return s.near.Load(), err
	}}}}
}

// TestStopWaitsForTheReply: a server that has all of a mail when the gateway stops gets it once.
func TestStopWaitsForTheReply(t *testing.T) {
	slow := &scanning{reply: make(chan struct{})}
	n := nearNode(t, nil)
	n.courier.router = routes{"slow.example": slow.route()}
	n.send(t, "user@local.example", mailText("once"), "x@slow.example")
	stop := n.run(t)
	waitFor(t, func() bool { return slow.took.Load() == 1 })
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	slow.shortened(t, n)
	close(slow.reply)
	<-stopped
	if left := n.queued(t); left != 0 || slow.took.Load() != 1 {
		t.Errorf("%d queued, taken %d times", left, slow.took.Load())
	}
}

// TestMailIsGivenOnceThoughOthersWait: who has all of a mail and has not replied when its turn ends
// makes place for others, and gets the mail once.
func TestMailIsGivenOnceThoughOthersWait(t *testing.T) {
	slow, far := &scanning{reply: make(chan struct{})}, farNode(t)
	n := nearNode(t, nil)
	n.courier.router = routes{"slow.example": slow.route(), "far.example": client.Route{Dial: tcp(far.addr)}}
	s := &n.courier.cfg.Sending
	s.Domains, s.Sessions, s.NodeSessions, s.Turn = 1, 1, 1, 10*time.Millisecond
	n.send(t, "user@local.example", mailText("once"), "x@slow.example")
	n.run(t)
	waitFor(t, func() bool { return slow.took.Load() == 1 })
	n.send(t, "user@local.example", mailText("meanwhile"), "bob@far.example")
	waitFor(t, func() bool { return n.queued(t) == 1 })
	close(slow.reply)
	waitFor(t, func() bool { return n.queued(t) == 0 })
	if slow.took.Load() != 1 {
		t.Errorf("taken %d times", slow.took.Load())
	}
	waitFor(t, func() bool {
		n.courier.mu.Lock()
		defer n.courier.mu.Unlock()
		return len(n.courier.lanes) == 0 && len(n.courier.parted) == 0
	})
}

// TestLanesPartWhileWorkersCome: a lane whose workers only wait makes place while others of them
// are about to take what is due.
func TestLanesPartWhileWorkersCome(t *testing.T) {
	n := nearNode(t, nil)
	c := n.courier
	c.cfg.Sending.Turn, c.cfg.Sending.Domains = time.Millisecond, 1
	for range 3000 {
		l := newLane(t.Context(), "a.example", c.texts.Part(laneBytes))
		waits := &trip{lane: l, final: time.Hour, stop: func(error) {}}
		waits.Given.Store(time.Now().Add(-time.Second).UnixNano())
		c.mu.Lock()
		c.trips[waits], c.lanes[l.domain] = true, l
		clear(c.parted)
		l.workers, l.since = 1, time.Now().Add(-time.Second)
		for id := range 7 {
			l.pending <- uint64(1000 + id)
		}
		for l.workers < 8 {
			l.workers++
			l.idle++
			c.work.Go(func() { c.serve(t.Context(), l) })
		}
		c.makePlace(1)
		delete(c.trips, waits)
		c.mu.Unlock()
	}
	c.work.Wait()
}

// TestPartedDomainHasItsSessions: a domain that has made place while replies are waited for gets no
// more sessions than it may have, however much mail for it waits.
func TestPartedDomainHasItsSessions(t *testing.T) {
	far, silent := farNode(t), silentAfter(".")
	n := nearNode(t, nil)
	n.courier.router = routes{"far.example": client.Route{Dial: tcp(far.addr)}, "silent.example": client.Route{
		To: "outside", Hosts: []client.Host{{Name: "mx", Dial: func(ctx context.Context) (net.Conn, error) { return silent.dial(ctx, "") }}},
	}}
	s := &n.courier.cfg.Sending
	s.Domains, s.Sessions, s.NodeSessions, s.Turn, s.Reply, s.LastWords = 1, 2, 2, time.Millisecond, time.Hour, time.Millisecond
	for range 10 {
		n.send(t, "user@local.example", mailText("light"), "x@silent.example")
	}
	n.run(t)
	waitFor(t, func() bool { return silent.served.Load() == 2 })
	for i := range 3 {
		n.send(t, "user@local.example", mailText("for others"), "bob@far.example")
		waitFor(t, func() bool { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) == i+1 })
	}
	if got := silent.served.Load(); got != 2 {
		t.Errorf("%d sessions", got)
	}
}

// TestSilentAfterTextsMakePlace: far more servers than there are places say nothing after the text,
// and mail for others goes on.
func TestSilentAfterTextsMakePlace(t *testing.T) {
	far, silent := farNode(t), silentAfter(".")
	at := routes{"far.example": client.Route{Dial: tcp(far.addr)}}
	n := nearNode(t, nil)
	n.courier.router = at
	s := &n.courier.cfg.Sending
	s.Domains, s.Sessions, s.NodeSessions, s.Turn, s.Reply, s.LastWords = 2, 2, 2, time.Millisecond, time.Hour, time.Millisecond
	for i := range 5 * 2 * maxParted {
		d := fmt.Sprintf("silent%d.example", i)
		at[d] = client.Route{To: d, Hosts: []client.Host{{Name: d, Dial: func(ctx context.Context) (net.Conn, error) { return silent.dial(ctx, "") }}}}
		n.send(t, "user@local.example", mailText("light"), "x@"+d)
	}
	n.run(t)
	waitFor(t, func() bool { return silent.served.Load() >= 2*(maxParted+1) })
	n.send(t, "user@local.example", mailText("for others"), "bob@far.example")
	waitFor(t, func() bool { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) == 1 })
}
