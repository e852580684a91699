// Package milter serves mail servers beside this node that ask it about mail before they take it:
// the shell around package wire, with listeners, time limits and bounds on what is held at one
// time. Who may connect may send mail as anybody of the organisation: listen where nobody else can
// reach.
package milter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"cairn/mailstore/logration"
	"cairn/mailstore/textroom"
	"cairn/smtpgw/milter/wire"
)

// Handler decides about a message. It may be called from many goroutines; ctx ends when the server
// gives up waiting for it.
type Handler func(ctx context.Context, m *wire.Message) Decision

// Decision is what is decided about a message.
type Decision struct {
	wire.Verdict
	Does string // in words, for the log
	Err  error  // a fault of our own; nil: none
}

// Config describes a server. Handler and Texts have no default.
type Config struct {
	Handler Handler
	// Limits are those of a message; Room is the server's own.
	Limits wire.Limits
	// Texts is what the text of messages that are coming in is counted in.
	Texts *textroom.Room
	// Connections at one time; default 512. A Postfix opens one for each session that it has.
	Connections int
	// Idle is how long a connection may bring nothing between messages; default 15 min. Mail
	// servers keep them as long as their client's session.
	Idle time.Duration
	// Message is the time that a message may take to come; default 15 min.
	Message time.Duration
	// Reply is the time that the mail server has to take a reply; default 1 min.
	Reply time.Duration
	// Log is told of connections that broke the protocol; nil: nobody is.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Connections == 0 {
		c.Connections = 512
	}
	if c.Idle == 0 {
		c.Idle = 15 * time.Minute
	}
	if c.Message == 0 {
		c.Message = 15 * time.Minute
	}
	if c.Reply == 0 {
		c.Reply = time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server answers mail servers.
type Server struct {
	cfg  Config
	ctx  context.Context // of all handlers
	stop context.CancelFunc
	news logration.Trouble

	mu      sync.Mutex
	stopped bool
	listen  map[net.Listener]bool
	conns   map[*conn]bool
	all     sync.WaitGroup
}

// NewServer returns a server.
func NewServer(cfg Config) *Server {
	s := &Server{cfg: cfg.withDefaults(), listen: make(map[net.Listener]bool), conns: make(map[*conn]bool)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Serve answers who connects until Shutdown, and returns nil then.
func (s *Server) Serve(l net.Listener) error {
	if !s.listensOn(l) {
		return nil
	}
	pause := time.Duration(0)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.serve(c)
		case s.isStopped():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("listen for mail servers: %w", err)
		default: // as when there are no descriptors left
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.trouble("take a connection of a mail server", err)
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
			}
		}
	}
}

func (s *Server) listensOn(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		l.Close()
		return false
	}
	s.listen[l] = true
	return true
}

func (s *Server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// trouble tells the log, not more often than is of use.
func (s *Server) trouble(what string, err error) {
	if s.news.News(err, time.Now()) {
		s.cfg.Log.Warn("milter: "+what, "err", err)
	}
}

// serve begins to answer a connection. One too many is closed: its mail server does then what it
// does where no filter answers.
func (s *Server) serve(nc net.Conn) {
	c := &conn{Server: s, nc: nc}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.conns) >= s.cfg.Connections {
		nc.Close()
		return
	}
	s.conns[c] = true
	s.all.Go(func() {
		defer func() {
			nc.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		}()
		if err := c.run(); err != nil && !s.isStopped() {
			s.trouble("a mail server's connection", err)
		}
	})
}

// Shutdown stops listening and ends all connections, but for those with a message that is being
// decided about: these may have their answer until ctx is done. The error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	for l := range s.listen {
		l.Close()
	}
	for c := range s.conns {
		c.part()
	}
	s.mu.Unlock()
	defer s.stop()
	ended := make(chan struct{})
	go func() {
		s.all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.stop()
	s.mu.Lock()
	for c := range s.conns {
		c.nc.Close()
	}
	s.mu.Unlock()
	<-ended
	return ctx.Err()
}

// conn is one connection.
type conn struct {
	*Server
	nc    net.Conn
	taken int64 // of Texts, for the message
	data  bytes.Buffer
	held  int64 // of Texts, for data

	mu       sync.Mutex
	deciding bool
	over     bool // it ends when that is done
}

// part ends a connection, or has it end once its message has its answer.
func (c *conn) part() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.deciding {
		c.nc.Close()
	}
}

// decide marks that a message is being decided about, or that this is done. false: the connection
// is to end.
func (c *conn) decide(on bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deciding = on
	return !c.over
}

func (c *conn) run() error {
	defer c.giveBack()
	defer c.letGo()
	limits := c.cfg.Limits
	limits.Room = func(n int) bool {
		if !c.cfg.Texts.Try(int64(n)) {
			return false
		}
		c.taken += int64(n)
		return true
	}
	session := wire.NewSession(limits)
	until := time.Time{} // that the message has; zero: none comes in
	for {
		switch {
		case !session.InMessage():
			until = time.Time{}
			c.nc.SetReadDeadline(time.Now().Add(c.cfg.Idle))
		case until.IsZero():
			until = time.Now().Add(c.cfg.Message)
			c.nc.SetReadDeadline(until)
		}
		command, err := c.read()
		if !session.InMessage() && (errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded)) {
			return nil
		}
		if err != nil {
			return err
		}
		step, err := session.Take(command, c.data.Bytes())
		c.letGo()
		if err != nil {
			return err
		}
		if step.Over {
			c.giveBack()
		}
		if step.Ask != nil {
			if !c.decide(true) {
				return nil
			}
			step.Reply = c.answer(step.Ask)
			step.Ask = nil
			c.giveBack()
		}
		if err := c.write(step.Reply); err != nil {
			return err
		}
		if !c.decide(false) || step.End {
			return nil
		}
	}
}

// answer is the reply to a message, of which the log is told.
func (c *conn) answer(m *wire.Message) []byte {
	began := time.Now()
	d := c.cfg.Handler(c.ctx, m)
	log := c.cfg.Log.With("sent_as", m.Queue, "peer", m.Client, "from", m.From.Address(), "size", len(m.Raw))
	if d.Action == wire.Refuse {
		d.Does = fmt.Sprintf("refused: %d %s %s", d.Code, d.Status, d.Text)
	}
	if d.Err != nil {
		log.Error("milter: the mail is put off", "err", d.Err)
	}
	log.Info("mail seen by milter", "result", d.Does, "took", time.Since(began).Round(time.Millisecond))
	return d.Append(nil)
}

// longPacket is from how many octets on a packet takes of the room for texts while it is read. Mail
// servers cut bodies into chunks of no more.
const longPacket = 64 << 10

// errNoRoom ends a connection: what a mail server says of a message cannot be left out.
var errNoRoom = errors.New("there is no memory for a long packet, since too much mail is coming in")

// letGo forgets a packet that is long.
func (c *conn) letGo() {
	if c.held > 0 {
		c.cfg.Texts.Give(c.held)
		c.held, c.data = 0, bytes.Buffer{}
	}
}

// read reads a packet; its data is in c.data until the next one.
func (c *conn) read() (command byte, err error) {
	var head [wire.HeadSize]byte
	if _, err := io.ReadFull(c.nc, head[:]); err != nil {
		return 0, err
	}
	command, size, err := wire.ReadHead(head)
	if err != nil {
		return 0, err
	}
	c.data.Reset()
	if size > longPacket {
		if !c.cfg.Texts.Try(int64(size)) {
			return 0, errNoRoom
		}
		c.held = int64(size)
		c.data.Grow(size + bytes.MinRead)
	}
	if _, err := io.CopyN(&c.data, c.nc, int64(size)); err != nil {
		return 0, fmt.Errorf("read a packet: %w", err)
	}
	return command, nil
}

func (c *conn) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	c.nc.SetWriteDeadline(time.Now().Add(c.cfg.Reply))
	_, err := c.nc.Write(b)
	return err
}

func (c *conn) giveBack() {
	if c.taken > 0 {
		c.cfg.Texts.Give(c.taken)
		c.taken = 0
	}
}
