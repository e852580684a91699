package day

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"cairn/testnet"
)

// world is the mail servers of others, and what they have seen.
type world struct {
	plan    *plan
	kinds   []Kind        // of hosts
	second  time.Duration // of the day, as it is here
	inbound func() string // of the node

	server    *smtp.Server
	port      string
	listeners []net.Listener
	work      sync.WaitGroup
	ctx       context.Context

	mu       sync.Mutex
	taken    map[string]int       // recipients
	when     map[string]time.Time // the first of that
	greylist map[string]time.Time // sender and recipient, and when they came first
	reports  int                  // that are still to be sent
	fault    error
}

// serverName is what all servers of the world say they are. Reports that they bring count as
// theirs, since SPF passes for it.
const serverName = "mx.example.net"

const (
	slowReply = 300 * time.Millisecond // in the time of the machine
	greyFor   = 5 * 60                 // seconds of the day
)

// newWorld starts the servers. Close ends them.
func newWorld(ctx context.Context, p *plan, second time.Duration, inbound func() string) (_ *world, err error) {
	w := &world{
		plan: p, kinds: make([]Kind, p.hosts), second: second, inbound: inbound, ctx: ctx,
		taken: map[string]int{}, when: map[string]time.Time{}, greylist: map[string]time.Time{},
	}
	for _, d := range p.domains {
		w.kinds[d.host] = d.kind
	}
	w.server = smtp.NewServer(smtp.BackendFunc(w.session))
	w.server.Domain = serverName
	w.server.MaxRecipients, w.server.MaxMessageBytes = 100, 10<<20
	w.server.ReadTimeout, w.server.WriteTimeout = 5*time.Minute, time.Minute
	w.server.ErrorLog = log.New(io.Discard, "", 0)
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for host, kind := range w.kinds {
		if kind == Down {
			continue
		}
		if err := w.listen(host); err != nil {
			return nil, fmt.Errorf("a mail server of the world: %w", err)
		}
	}
	for _, l := range w.listeners {
		w.work.Go(func() { w.server.Serve(l) })
	}
	return w, nil
}

// listen opens the socket of a host. All have the same port, which the first one finds.
func (w *world) listen(host int) error {
	a := hostAddr(host)
	l, err := net.Listen("tcp", net.JoinHostPort(net.IP(a[:]).String(), cmp.Or(w.port, "0")))
	if err != nil {
		return err
	}
	w.listeners = append(w.listeners, l)
	w.port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	return nil
}

func (w *world) close() {
	w.server.Close()
	for _, l := range w.listeners {
		l.Close()
	}
	w.work.Wait()
}

// idle reports whether the world has nothing more to say.
func (w *world) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reports == 0
}

// pause waits as long, or until the day is given up.
func (w *world) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// session is one with a server of the world.
type session struct {
	w    *world
	kind Kind
	from string
	to   []string
}

func (w *world) session(c *smtp.Conn) (smtp.Session, error) {
	at := c.Conn().LocalAddr().(*net.TCPAddr).IP.To4()
	host := int(at[2])<<8 | int(at[3])
	s := &session{w: w, kind: w.kinds[host]}
	return s, s.slow()
}

func (s *session) slow() error {
	if s.kind != Slow {
		return nil
	}
	return s.w.pause(slowReply)
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func refusal(code int, status [3]int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode(status), Message: text}
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.kind == Refuse {
		return refusal(550, [3]int{5, 7, 1}, "no mail is taken from you")
	}
	s.from = from
	return s.slow()
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	to = strings.ToLower(to)
	switch {
	case strings.HasPrefix(to, goneName):
		return refusal(550, [3]int{5, 1, 1}, "there is nobody of that name")
	case s.kind == Grey && s.w.isNew(s.from+" "+to):
		return refusal(451, [3]int{4, 7, 1}, "you are not known yet; come again in five minutes")
	}
	s.to = append(s.to, to)
	return s.slow()
}

// isNew reports whether a sender and a recipient came together first less than five minutes ago.
func (w *world) isNew(both string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, known := w.greylist[both]
	if !known {
		w.greylist[both] = time.Now()
	}
	return !known || time.Since(first) < greyFor*w.second
}

func (s *session) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if err := s.slow(); err != nil {
		return err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, to := range s.to {
		if s.w.taken[to]++; s.w.taken[to] == 1 {
			s.w.when[to] = time.Now()
		}
		if strings.HasPrefix(to, lateName) && s.from != "" {
			s.w.reports++
			from := s.from
			s.w.work.Go(func() { s.w.report(from, to) })
		}
	}
	return nil
}

// report sends a report about mail that was taken to its return path, a minute later, and again
// each minute as long as it is put off.
func (w *world) report(to, about string) {
	var err error
	for putOff := true; putOff; {
		if err = w.pause(60 * w.second); err != nil {
			break
		}
		err = testnet.SendOneAs(w.inbound(), serverName, "", to, reportOn(to, about))
		reply, refused := errors.AsType[*textproto.Error](err)
		putOff = refused && reply.Code/100 == 4
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports--
	if err != nil && !errors.Is(err, context.Canceled) && w.fault == nil {
		w.fault = fmt.Errorf("the report about %s, to %s: %w", about, to, err)
	}
}

// reportOn writes a report on a failure (RFC 3464).
func reportOn(to, about string) []byte {
	text := fmt.Sprintf(`From: MAILER-DAEMON@%s
To: %s
Subject: Undelivered mail
Message-ID: <report-%s>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

There is nobody of that name.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; %s

Final-Recipient: rfc822; %s
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 there is nobody of that name

--b--
`, serverName, to, about, serverName, about)
	return []byte(strings.ReplaceAll(text, "\n", "\r\n"))
}
