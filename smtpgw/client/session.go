package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/reply"
)

// Session is the client's side of an SMTP session. It carries one mail at a time, and is not for
// several goroutines. What is exported of it is for its user to read.
type Session struct {
	To   string // Route.To of the route that it was opened for
	Name string // of the other side, for people
	// Foreign: the other side is no node. It gets its text by DATA, which is what all know, and
	// nothing that it has not said it takes.
	Foreign bool
	Known   bool // the other side was told who this node is, with a password
	Texted  bool // it was told to send a text since Begin, and perhaps has it

	conn  net.Conn
	text  *bufio.Reader
	limit *io.LimitedReader
	w     *bufio.Writer
	ext   map[string]string // extensions by upper-case keyword
	wait  time.Duration     // for a reply
	dirty bool              // a transaction may be open on the other side
	whole bool              // the text goes only where no recipient is refused
	parts bool              // it said 421 (RFC 5321, section 3.8)
	keeps bool              // what the other side cannot take as it is waits for another way

	hosts  string        // the set that it counts for, see HostSets; empty: none
	opened time.Time     // since when it does
	last   time.Duration // for the reply to a text of which the other side has all, at a stop

	// Of the mail that it carries, see Begin.
	dsn        *outbox.DSN
	requireTLS bool
	progress   *Progress

	// byIPv4 opens one in its place; nil: it is no session of IPv6, or there is no other way.
	byIPv4 func(context.Context) (*Session, error)

	mu  sync.Mutex
	end time.Time // nothing is read beyond, however long a reply may take; zero: no end
}

// Progress is how far a mail has come, for who watches it from another goroutine.
type Progress struct {
	Moved atomic.Int64 // octets that were written
	Given atomic.Int64 // since when a server that is no node has all of its text, in Unix ns; 0: not yet
}

const (
	// maxReply bounds what is read of one reply.
	maxReply = 64 << 10
	// maxReplyKept bounds what is kept of one, twice the longest line of RFC 5321 (section
	// 4.5.3.1.5).
	maxReplyKept = 1 << 10
	// piece is how much of a message has to get on its way within the time
	// for a reply.
	piece = 64 << 10
)

// greet opens a session on conn, which it closes on failure.
func greet(conn net.Conn, hostname string, wait time.Duration) (*Session, error) {
	o := &Session{wait: wait, progress: new(Progress)}
	o.attach(conn)
	err := o.banner()
	if err == nil {
		err = o.hello(hostname)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return o, nil
}

// InStep waits for a millisecond whether something has come that was not asked for, since the last
// reply or before, and reports whether nothing has. What is asked next would else be taken to have
// that answer. It leaves a deadline for reading behind, as each reader sets its own.
func (o *Session) InStep() bool {
	o.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	o.limit.N = maxReply
	_, err := o.text.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// attach makes conn what the session goes over.
func (o *Session) attach(conn net.Conn) {
	o.conn, o.limit = conn, &io.LimitedReader{R: conn}
	o.text = bufio.NewReader(o.limit)
	o.w = bufio.NewWriter(patient{o})
}

// patient writes to a connection however long it takes, as long as it goes on.
type patient struct{ *Session }

func (p patient) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var written int
		p.conn.SetWriteDeadline(time.Now().Add(p.wait))
		written, err = p.conn.Write(b[n:min(n+piece, len(b))])
		p.progress.Moved.Add(int64(written))
		n += written
	}
	return n, err
}

// ErrTooSlow as the cause of a context ends a mail at once, also while the reply to its text is
// waited for: others wait.
const ErrTooSlow = Reason("it took too long while mail for others waited")

// turnedAway is that a server takes no session from here.
type turnedAway struct {
	reply reply.Reply
	ip6   bool
}

// Error is that of the Reason.
func (e *turnedAway) Error() string { return e.Unwrap().Error() }

// Unwrap is what people are told.
func (e *turnedAway) Unwrap() error { return Reason("turned away: " + e.reply.String()) }

func (o *Session) banner() error {
	banner, err := o.read()
	if err != nil {
		return fmt.Errorf("wait for the banner: %w", err)
	}
	if !banner.OK() {
		return &turnedAway{banner, overIPv6(o.conn)}
	}
	return nil
}

// hello says who this node is, and notes what the other side offers: nothing if it knows no EHLO
// (RFC 5321, section 4.1.1.1).
func (o *Session) hello(hostname string) error {
	o.ext = make(map[string]string)
	fmt.Fprintf(o.w, "EHLO %s\r\n", hostname)
	code, msg, err := o.readLines()
	if err != nil {
		return fmt.Errorf("wait for the reply to EHLO: %w", err)
	}
	if code == 500 || code == 502 || code == 504 {
		fmt.Fprintf(o.w, "HELO %s\r\n", hostname)
		r, err := o.read()
		if err != nil {
			return fmt.Errorf("wait for the reply to HELO: %w", err)
		}
		if code, msg = r.Code, ""; code != 250 {
			return Reason("HELO refused: " + r.String())
		}
	}
	if code != 250 {
		return Reason(fmt.Sprintf("EHLO refused: %s", replyOfLines(code, msg)))
	}
	for i, line := range strings.Split(msg, "\n") {
		if keyword, param, _ := strings.Cut(line, " "); i > 0 {
			o.ext[strings.ToUpper(keyword)] = param
		}
	}
	return nil
}

// Begin readies the session for one mail: p hears how far it comes, dsn is what its sender asked
// about reports, nil for nothing, and with requireTLS it goes on only where that is kept (RFC
// 8689).
func (o *Session) Begin(p *Progress, dsn *outbox.DSN, requireTLS bool) {
	o.progress, o.Texted, o.dsn, o.requireTLS = p, false, dsn, requireTLS
}

// Close breaks the session off.
func (o *Session) Close() error { return o.conn.Close() }

// Quit ends the session. The reply is not waited for.
func (o *Session) Quit() {
	o.conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(o.conn, "QUIT\r\n")
	o.conn.Close()
}

// read sends what is buffered and reads one reply.
func (o *Session) read() (reply.Reply, error) {
	code, msg, err := o.readLines()
	return replyOfLines(code, msg), err
}

// readFinal reads the reply to a text, which may take twice as long as any other (RFC 5321, section
// 4.5.3.2.6).
func (o *Session) readFinal() (reply.Reply, error) {
	code, msg, err := o.readLinesWithin(2 * o.wait)
	return replyOfLines(code, msg), err
}

// until has what is under way for a mail end with ctx. What it returns is to be called when it has
// ended.
func (o *Session) until(ctx context.Context) (over func()) {
	p, broken := o.progress, make(chan struct{})
	p.Given.Store(0)
	stop := context.AfterFunc(ctx, func() {
		defer close(broken)
		o.breakOff(ctx, p)
	})
	return func() {
		if !stop() {
			<-broken
		}
	}
}

// breakOff ends what is under way. A server that has all of a text, and is no node, which knows
// what it has, takes the mail, and would get it once more: at a stop its last words are waited for.
func (o *Session) breakOff(ctx context.Context, p *Progress) {
	if p.Given.Load() == 0 || errors.Is(context.Cause(ctx), ErrTooSlow) {
		o.conn.Close()
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end = time.Now().Add(o.last)
	o.conn.SetReadDeadline(o.end)
}

// expect sets how long a reply may take to come.
func (o *Session) expect(wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := time.Now().Add(wait)
	if !o.end.IsZero() && o.end.Before(at) {
		at = o.end
	}
	o.conn.SetReadDeadline(at)
}

// replyOfLines is what is kept of a reply: it waits in memory with many others, and goes into
// reports and the log.
func replyOfLines(code int, lines string) reply.Reply {
	if len(lines) > maxReplyKept {
		lines = strings.ToValidUTF8(lines[:maxReplyKept], "") + "..."
	}
	return reply.With(code, strings.ReplaceAll(lines, "\n", " "))
}

func (o *Session) readLines() (code int, text string, err error) { return o.readLinesWithin(o.wait) }

func (o *Session) readLinesWithin(wait time.Duration) (code int, text string, err error) {
	if err := o.w.Flush(); err != nil {
		return 0, "", err
	}
	o.expect(wait)
	o.limit.N = maxReply
	var lines []string
	for {
		line, err := o.text.ReadString('\n')
		switch {
		case o.limit.N == 0:
			return 0, "", Reason("its reply is too long")
		case errors.Is(err, io.EOF): // what came is no whole line, if anything did
			return 0, "", fmt.Errorf("%w: %w", Reason("the other side ended the session"), err)
		case err != nil:
			return 0, "", err
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		c, more, text, ok := reply.ReadLine(line)
		if !ok || len(lines) > 0 && c != code {
			return 0, "", Reason(maillog.Clipped(fmt.Sprintf("what came is no reply of SMTP: %q", line)))
		}
		if code, lines = c, append(lines, text); !more {
			o.parts = o.parts || code == 421
			return code, strings.Join(lines, "\n"), nil
		}
	}
}

// all gives every recipient the same reply.
func all(to []string, r reply.Reply) []reply.Reply {
	out := make([]reply.Reply, len(to))
	for i := range out {
		out[i] = r
	}
	return out
}
