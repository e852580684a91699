package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/outbox"
	"cairn/mailstore/textroom"
	"cairn/smtpgw/address"
	"cairn/smtpgw/client"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/gate"
)

// Server speaks SMTP with the peers of any number of listeners.
type Server struct {
	mode      Mode
	cfg       Config
	limits    Limits
	dir       directory.Directory
	store     *mailstore.Store
	submitter *Submitter // Submission
	delivery  *Delivery  // Inbound
	log       *slog.Logger
	smtp      *smtp.Server
	ctx       context.Context // ends when Shutdown stops waiting
	cancel    context.CancelFunc

	gate          gate.Gate
	memberLines   *logration.Ration  // of the log about refusals, inbound
	strangerLines *logration.Rations // by network

	text         *textroom.Room // of all peers
	strangerText *textroom.Room // of those who are no members

	checking checking // passwords

	mu          sync.Mutex
	wires       map[*wire]*peer // open connections and whose they are
	peers       map[string]*peer
	networks    map[string]int            // connections, by network
	networkText map[string]*textroom.Room // of strangers, as long as their network has connections
	connections int                       // those of wires that do not make place for others
	strangers   int                       // and of these those of who is no member
	placed      int                       // sessions that made place since that was logged,
	placedSaid  time.Time                 // at that time
	listens     []*listener
	stopping    bool
	sessions    sync.WaitGroup // ends with the last of wires
	refusals    sync.WaitGroup
	refusing    chan struct{} // bounds them
}

// NewSubmission returns a server that takes mail from the organisation's own
// users.
func NewSubmission(cfg Config, store *mailstore.Store, queue *outbox.Queue, log *slog.Logger) *Server {
	s := newServer(cfg, Submission, store, log)
	s.submitter = NewSubmitter(cfg, store, queue)
	return s
}

// NewInbound returns a server that takes mail for the organisation's own
// users from anywhere.
func NewInbound(cfg Config, store *mailstore.Store, delivery *Delivery, log *slog.Logger) *Server {
	s := newServer(cfg, Inbound, store, log)
	s.delivery = delivery
	return s
}

func newServer(cfg Config, mode Mode, store *mailstore.Store, log *slog.Logger) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		mode: mode, cfg: cfg, limits: cfg.Limits.of(mode), dir: cfg.Directory(), store: store, log: log,
		wires: make(map[*wire]*peer), peers: make(map[string]*peer), networks: make(map[string]int), networkText: make(map[string]*textroom.Room), refusing: make(chan struct{}, maxRefusing),
	}
	now := time.Now()
	s.memberLines, s.strangerLines = logration.New(refusalLines, now), logration.NewRations(refusalLines, maxLineNetworks, now)
	if s.text = cfg.Texts; s.text == nil {
		s.text = textroom.New(s.limits.TextBytes)
	}
	s.strangerText = s.text.Part(max(s.limits.TextBytes-s.reserved(s.limits.TextBytes), s.limits.MessageBytes))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.newSession))
	s.smtp.Domain = cfg.Hostname
	s.smtp.MaxMessageBytes = s.limits.MessageBytes
	s.smtp.MaxRecipients = s.limits.Recipients
	s.smtp.MaxLineLength = 0 // the wire bounds lines
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.EnableDSN = true         // of streams between nodes the wire takes it back
	s.smtp.EnableREQUIRETLS = true  // the wire knows when
	s.smtp.AllowInsecureAuth = true // so that AUTH is called unknown, not in need of TLS
	s.smtp.ErrorLog = serverLog{log}
	return s
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	session := &session{srv: s, wire: c.Conn().(*wire), conn: c}
	session.wire.secrecy.busy = func() bool { return session.open }
	return session, nil
}

// localRecipient checks a recipient of inbound mail that a node, or nil, brings. The route is to
// where the mailbox is.
func (s *Server) localRecipient(to string, utf8 bool, from *consensus.Key) (address.Mailbox, client.Route, error) {
	m, err := address.Parse(to, utf8)
	if err != nil {
		return m, client.Route{}, err
	}
	if !s.dir.IsLocal(m.Domain) {
		return m, client.Route{}, s.dir.NotServed(m)
	}
	route, err := s.cfg.Holders.Of(s.ctx, s.store, s.dir, m, from)
	return m, route, err
}

// Serve takes connections of l until Shutdown, then returns nil; at once when
// that was called before. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error { return s.serve(&listener{Listener: l, srv: s}) }

// ServeTLS is Serve of connections that begin with TLS, as Config.TLS says, before the banner.
func (s *Server) ServeTLS(l net.Listener) error {
	return s.serve(&listener{Listener: l, srv: s, secure: true})
}

func (s *Server) serve(own *listener) error {
	// go-smtp closes only those listeners that it knew at its shutdown.
	s.mu.Lock()
	stopping := s.stopping
	s.listens = append(s.listens, own)
	s.mu.Unlock()
	if stopping {
		own.Close()
		return nil
	}
	err := s.smtp.Serve(own)
	if s.isStopping() {
		return nil // gostream's Accept after Close fails with context.Canceled
	}
	return fmt.Errorf("%s server: accept a connection: %w", s.mode, err)
}

// Shutdown closes the listeners, ends every session at its next command, and
// waits for messages on their way. When ctx is done first the rest is cut
// off: nothing that had its 250 is lost. When it returns no session is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for w := range s.wires {
		w.drain()
	}
	listens := s.listens
	s.mu.Unlock()
	for _, l := range listens {
		l.Close()
	}
	err := s.smtp.Shutdown(ctx)
	s.cancel()
	s.mu.Lock()
	var left []*wire
	for w := range s.wires {
		left = append(left, w)
	}
	s.mu.Unlock()
	for _, w := range left {
		w.cut()
	}
	s.sessions.Wait()
	s.refusals.Wait()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, smtp.ErrServerClosed) {
		return nil // listeners may have been closed by their owner
	}
	return err
}

// silent says why nothing may be taken or refused now; empty if there is no reason. What our own
// users submit is taken always.
func (s *Server) silent() string {
	if s.mode == Submission {
		return ""
	}
	return s.cfg.Silent()
}

// mayPostUnknown reports whether who is at a wire may submit without signing in: who is on this
// machine, where that is allowed, or in a network that relays here.
func (s *Server) mayPostUnknown(w *wire) bool {
	if w.relays {
		return true
	}
	if s.cfg.Unauthenticated == nil && s.cfg.Passwords == nil {
		return true
	}
	at, err := netip.ParseAddrPort(w.RemoteAddr().String())
	return s.cfg.Unauthenticated != nil && s.cfg.Unauthenticated() && err == nil && at.Addr().Unmap().IsLoopback()
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// serverLog takes what go-smtp reports: panics, and connections that broke.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Printf(format string, v ...any) { l.print(fmt.Sprintf(format, v...)) }
func (l serverLog) Println(v ...any)               { l.print(fmt.Sprintln(v...)) }

func (l serverLog) print(s string) {
	if strings.HasPrefix(s, "panic") {
		l.log.Error("smtp: " + strings.TrimSpace(s))
		return
	}
	l.log.Debug("smtp: " + strings.TrimSpace(s))
}
