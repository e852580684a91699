package smtpgw

import (
	"errors"
	"io"
	"log/slog"
	"slices"

	"github.com/emersion/go-smtp"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/asked"
	"cairn/smtpgw/client"
	"cairn/smtpgw/limits"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// session is one SMTP session: what go-smtp calls for the commands of a peer.
// Every error it returns has been through the gate.
type session struct {
	srv  *Server
	wire *wire
	conn *smtp.Conn
	transaction
}

// transaction is what was said since MAIL.
type transaction struct {
	open   bool // MAIL was accepted
	utf8   bool // with SMTPUTF8
	from   string
	poster poster // submission: from with whose it is
	rcpts  []string
	size   int64  // that the peer gave with MAIL, in bytes; 0: none
	ref    string // of the message, once its text comes
	dsn    outbox.DSN
	tls    bool         // with REQUIRETLS
	route  client.Route // inbound: to the node that has the mailboxes of all of them
	asking asking
}

// Reset forgets the transaction.
func (s *session) Reset() {
	s.transaction = transaction{}
	s.wire.over()
}

// Logout has nothing to free.
func (s *session) Logout() error { return nil }

// Mail begins a transaction.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	return s.gate("MAIL", from, s.mail(from, opts))
}

func (s *session) mail(from string, opts *smtp.MailOptions) error {
	if err := s.speaks(); err != nil {
		return err
	}
	if s.open {
		return refuse.With(503, 5, 5, 1, "a transaction is open; send RSET to begin another (RFC 5321, section 4.1.4)")
	}
	err := s.within(limits.Message)
	if err != nil {
		return err
	}
	switch {
	case s.srv.mode == Submission:
		if err = s.mayPost(); err == nil {
			s.poster, err = s.srv.submitter.sender(from, s.wire.user(), opts.UTF8)
			s.from = s.poster.from
		}
	case from != "":
		var m address.Mailbox
		m, err = address.Parse(from, opts.UTF8)
		s.from = m.String()
	default:
		s.from = ""
	}
	if err != nil {
		return err
	}
	if len(opts.EnvelopeID) > asked.MaxEnvID {
		return refuse.With(501, 5, 5, 4, "ENVID is longer than %d octets (RFC 3461, section 4.4)", asked.MaxEnvID)
	}
	s.open, s.utf8, s.size = true, opts.UTF8, opts.Size
	s.dsn = outbox.DSN{Full: opts.Return == smtp.DSNReturnFull, HDRS: opts.Return == smtp.DSNReturnHeaders, EnvID: opts.EnvelopeID}
	if s.tls = opts.RequireTLS; s.tls {
		s.dsn = withoutText(s.dsn)
	}
	return nil
}

// mayPost is the refusal of who has not signed in, and has to.
func (s *session) mayPost() error {
	if s.wire.secrecy.user != nil {
		return s.stillSignedIn()
	}
	if s.srv.mayPostUnknown(s.wire) {
		return nil
	}
	if s.wire.secrecy.on {
		return refuse.With(530, 5, 7, 0, "sign in first, with AUTH (RFC 4954, section 6)")
	}
	return refuse.With(530, 5, 7, 0, "send STARTTLS and sign in first, with AUTH (RFC 4954, section 6)")
}

// stillSignedIn is the refusal of who has signed in with a password that was changed or taken back
// since.
func (s *session) stillSignedIn() error {
	stands, err := s.wire.secrecy.check.Stands(&s.wire.secrecy.grant)
	if err == nil && !stands {
		err = refuse.With(535, 5, 7, 8, "the password that you signed in with counts no more; sign in anew")
	}
	return err
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) error {
	return s.gate("RCPT", to, s.rcpt(to, opts))
}

func (s *session) rcpt(to string, opts *smtp.RcptOptions) error {
	if err := s.speaks(); err != nil {
		return err
	}
	if err := s.within(limits.Recipient); err != nil {
		return err
	}
	var m address.Mailbox
	var err error
	route := client.Route{Local: true}
	if s.srv.mode == Submission {
		m, err = s.srv.submitter.recipient(s.srv.ctx, s.poster, &s.asking, to, s.utf8)
	} else {
		m, route, err = s.srv.localRecipient(to, s.utf8, s.peer().Node)
	}
	switch {
	case err != nil:
		return s.absent(err)
	case s.srv.mode == Inbound && route.Local:
		err = s.srv.delivery.mayCome(s.from, m)
	}
	if err == nil && s.srv.mode == Inbound {
		err = s.refusedByList(m)
	}
	// A node of ours hands mail on to all or none: who is full must not keep it from the others.
	if err == nil && s.srv.mode == Inbound && route.Local && !s.srv.cfg.Holders.IsSibling(s.peer().Node) {
		err = s.srv.dir.HasRoom(s.srv.store, m, s.size)
	}
	switch {
	case err != nil:
		return err
	case len(s.rcpts) == 0:
		s.route = route
	case route.Local != s.route.Local || route.To != s.route.To:
		// One reply to the text has to be true of all, whatever each node makes of it.
		return refuse.With(452, 4, 5, 3, "another machine here has <%s>; send to it in a transaction of its own", address.Path(m.String()))
	}
	asked, err := asked.Of(opts)
	if err != nil {
		return err
	}
	before, rcpts := len(s.rcpts), address.Add(s.rcpts, m)
	if len(rcpts) > before {
		if err := s.withinStrangers(m); err != nil {
			return err
		}
	}
	s.rcpts = rcpts
	if asked.Recipient = m.String(); len(s.rcpts) > before && (asked.Notify != 0 || asked.Original != "") {
		s.dsn.Asked = append(s.dsn.Asked, asked)
	}
	return nil
}

// Data takes the message and answers 250 once it is durable. For BDAT go-smtp
// calls it from a goroutine of its own; that one must not touch the
// transaction before the text has been read to its end.
func (s *session) Data(r io.Reader) error {
	_, chunks := r.(*io.PipeReader)
	whole, err := s.data(r)
	if chunks && !whole {
		// The transaction is not this goroutine's: the log has only who it was.
		s = &session{srv: s.srv, wire: s.wire}
	}
	if err == nil {
		return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "accepted and stored as " + s.ref}
	}
	return s.gate("message", "", err)
}

// data is Data. It reports whether the text was read to its end.
func (s *session) data(r io.Reader) (whole bool, err error) {
	room := &room{of: s.wire.texts, ctx: s.srv.ctx, wait: s.srv.limits.RoomWait, said: s.size, crowded: s.srv.makeRoom}
	defer room.leave()
	raw, err := s.text(r, room)
	if isSmuggling(err) {
		s.wire.part()
	}
	if err != nil {
		return false, err
	}
	if err := s.speaks(); err != nil {
		return true, err
	}
	if err := s.withinSize(len(raw)); err != nil {
		return true, err
	}
	s.ref = trace.NewRef()
	if s.srv.mode == Submission {
		_, err = s.srv.submitter.submit(s.srv.ctx, s.ref, s.peer(), s.poster, s.rcpts, s.dsn, s.tls, raw, nil)
	} else {
		if err = s.arrived(raw, s.ref); err == nil {
			s.srv.cfg.Meter.Taken(Inbound)
		}
	}
	if err != nil {
		return true, err
	}
	s.wire.forgive()
	return true, nil
}

// arrived takes an inbound message: to the mailboxes here, or to the node that has them.
func (s *session) arrived(raw []byte, ref string) error {
	a := &arrival.Arrival{Raw: raw, From: s.from, Recipients: slices.Clone(s.rcpts), Peer: s.peer(), Received: s.srv.delivery.now(), DSN: s.dsn, RequireTLS: s.tls}
	if s.srv.cfg.Holders.IsSibling(a.Peer.Node) {
		if rest, courier, said := takeCourier(raw); said {
			a.Raw, a.Peer.Node = rest, courier
		}
	}
	if !s.route.Local {
		return s.srv.handOver(s.srv.ctx, a, s.route, ref)
	}
	return s.srv.delivery.Deliver(s.srv.ctx, a, ref)
}

// text reads the message. go-smtp gives a pipe for BDAT chunks; the text after
// DATA is taken from the wire itself.
func (s *session) text(r io.Reader, room *room) ([]byte, error) {
	if pipe, ok := r.(*io.PipeReader); ok {
		raw, err := chunks(pipe, &s.srv.limits, room)
		return raw, fromLibrary(err)
	}
	return s.wire.message(room)
}

func (s *session) peer() trace.Peer {
	p := trace.Peer{Addr: s.wire.RemoteAddr().String(), Helo: s.conn.Hostname(), Protocol: "SMTP", Listed: s.zones()}
	if s.srv.cfg.NodeKey != nil {
		p.Node = s.srv.cfg.NodeKey(s.wire.Conn)
	}
	if p.Node != nil && !s.wire.peer.member {
		p.Stranger, p.From = true, addressOf(s.wire.Conn)
	}
	switch {
	case s.utf8:
		p.Protocol = "UTF8SMTP" // RFC 6531, section 4.3
	case s.wire.esmtp:
		p.Protocol = "ESMTP"
	}
	if p.Protocol != "SMTP" && s.wire.secrecy.on { // RFC 3848
		p.Protocol += "S"
	}
	if p.Protocol != "SMTP" && s.wire.secrecy.user != nil {
		p.Protocol += "A"
	}
	return p
}

// speaks is the end of the session if this node may not speak for itself any more.
func (s *session) speaks() error {
	if why := s.srv.silent(); why != "" {
		return refuse.With(421, 4, 3, 2, "no mail is taken at present: %s; try again later", why)
	}
	return nil
}

// gate is what the peer hears of err. about is the address that a command named.
func (s *session) gate(during, about string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, smtp.ErrDataReset) {
		err = refuse.With(451, 4, 4, 2, "the message was given up before its end; nothing was accepted")
	}
	refusal := s.srv.gate.Refusal(s.log(), during, s.ref, err)
	s.refused(during, about, refusal)
	s.wire.told.Store(true)
	return forLibrary(refusal)
}

// forLibrary is a refusal as go-smtp knows it: of any other error it shows the text, and makes it
// permanent.
func forLibrary(r *refuse.Refusal) *smtp.SMTPError {
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: smtp.EnhancedCode(r.Status), Message: r.Text}
}

// fromLibrary is an error that was forLibrary, and came through go-smtp.
func fromLibrary(err error) error {
	if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return &refuse.Refusal{Code: e.Code, Status: refuse.Status(e.EnhancedCode), Text: e.Message}
	}
	return err
}

func (s *session) log() *slog.Logger {
	log := s.srv.log.With("mode", s.srv.mode.String(), "peer", s.wire.RemoteAddr().String())
	if s.srv.cfg.NodeKey != nil {
		if node := s.srv.cfg.NodeKey(s.wire.Conn); node != nil {
			log = log.With("node", node.String())
		}
	}
	return log
}
