package smtpgw

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/limits"
	"cairn/smtpgw/refuse"
)

// Throttle keeps strangers within limits over all servers that share it. Members of the network,
// this machine and what its Config exempts are not limited. What it knows is in memory alone: a
// restart forgives everybody. Its methods may be called from any goroutine; those of a nil Throttle
// let everything through.
type Throttle struct {
	log  *slog.Logger
	held func(account string, over limits.Event, lasts time.Duration) // outside of mu; nil: nobody is told

	mu    sync.Mutex
	table *limits.Table
}

// NewThrottle returns a Throttle that has seen nobody yet. held is told of each account that begins
// to be held, for what and for how long, and must not wait; nil: nobody is told.
func NewThrottle(cfg limits.Config, held func(account string, over limits.Event, lasts time.Duration), log *slog.Logger) *Throttle {
	return &Throttle{log: log, held: held, table: limits.New(cfg, time.Now())}
}

// decide counts what a peer does, and logs a ban or a hold that begins with it.
func (t *Throttle) decide(e limits.Event, p *peer) limits.Decision {
	if t == nil || p.member {
		return limits.Decision{}
	}
	t.mu.Lock()
	d := t.table.Decide(e, p.addr, time.Now())
	t.mu.Unlock()
	switch {
	case d.New && d.Answer == limits.Banned:
		t.log.Warn("smtp: who failed too often is banned for a time", "prefix", d.Prefix.String(), "lasts", d.Left.String())
	case d.New:
		t.log.Warn("smtp: a likely spammer, whose large messages come too fast, is put off", "prefix", d.Prefix.String(), "lasts", d.Left.String())
	}
	return d
}

// putsOff reports whether a peer is to try again later, instead of being told that a recipient is
// not here.
func (t *Throttle) putsOff(p *peer) bool {
	if t == nil || p.member {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.table.PutsOff(p.addr, time.Now())
}

// isLarge reports whether a message of so many octets counts as large.
func (t *Throttle) isLarge(size int64) bool { return t != nil && t.table.IsLarge(size) } // it never changes

// Account counts what an account that has signed in does, as limits.Table.Account.
func (t *Throttle) Account(e limits.Event, name string) limits.Decision {
	if t == nil {
		return limits.Decision{}
	}
	t.mu.Lock()
	d := t.table.Account(e, name, time.Now())
	t.mu.Unlock()
	if d.New {
		t.log.Warn("smtp: an account that sends too fast is held", "account", name, "rate", d.Over.AccountRate(), "lasts", d.Left.String())
		if t.held != nil {
			t.held(name, d.Over, d.Left)
		}
	}
	return d
}

// Held reports whether an account is held, and counts nothing.
func (t *Throttle) Held(name string) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.table.Held(name, time.Now()) > 0
}

// List returns at most so many of those who are kept out or have anything that counts yet, the
// worst first, and how many there are.
func (t *Throttle) List(most int) (list []limits.Standing, total int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.table.List(time.Now(), most)
}

// Forgive forgets all that is in the way of a prefix, and returns what counted of it.
func (t *Throttle) Forgive(p netip.Prefix) []limits.Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.table.Forgive(p, time.Now())
}

// ForgiveAccount is Forgive of an account.
func (t *Throttle) ForgiveAccount(name string) []limits.Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.table.ForgiveAccount(name, time.Now())
}

// addressOf is the IP address of a connection or of a stream; not valid where there is none.
func addressOf(c net.Conn) netip.Addr {
	if stream, ok := c.(interface{ RemoteIP() netip.Addr }); ok {
		return stream.RemoteIP()
	}
	if at, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return at.Addr()
	}
	return netip.Addr{}
}

// knock counts a connection, and says in words for turnAway why it is not taken; empty: it is.
func (s *Server) knock(p *peer) (refusal string) {
	switch d := s.cfg.Throttle.decide(limits.Connection, p); d.Answer {
	case limits.Banned:
		s.logOf(p, s.log).Info("smtp: turned away who is banned", "mode", s.mode.String(), "peer", p.name, "prefix", d.Prefix.String())
		return "takes nothing from you at present, after too many failures; try again later"
	case limits.TooFast:
		s.logOf(p, s.log).Warn("smtp: too many connections in a short time", "mode", s.mode.String(), "peer", p.name, "prefix", d.Prefix.String())
		return "has had too many connections from you in a short time; try again later"
	}
	return ""
}

// bannedWords are the last ones to who is banned in a session.
const bannedWords = "nothing is taken from you at present, after too many failures; try again later"

// within is the refusal of what a peer brings too fast. Who has signed in is held to what its
// account may, wherever it is.
func (s *session) within(e limits.Event) error {
	if user := s.wire.secrecy.user; user != nil {
		return s.accountWithin(user.Name, e)
	}
	switch s.srv.cfg.Throttle.decide(e, s.wire.peer).Answer {
	case limits.Banned:
		return refuse.With(421, 4, 7, 0, bannedWords)
	case limits.Spammer:
		return refuse.With(450, 4, 7, 1, "too many large messages from you in a short time; try again later")
	case limits.TooFast:
		if e == limits.Recipient {
			return refuse.With(452, 4, 7, 1, "too many recipients from you in a short time; try again later")
		}
		return refuse.With(450, 4, 7, 1, "too many messages from you in a short time; try again later")
	}
	return nil
}

// absent is the refusal err of a recipient, or that of one that is not here where a peer has named
// too many of those. A failure it is all the same.
func (s *session) absent(err error) error {
	refusal, ok := errors.AsType[*refuse.Refusal](err)
	if !ok || failureOf("RCPT", refusal.Error()) != limits.UnknownRecipient || !s.srv.cfg.Throttle.putsOff(s.wire.peer) {
		return err
	}
	s.wire.holdAgainst(limits.UnknownRecipient)
	return refuse.With(450, 4, 7, 1, "too many recipients from you that are not here; try again later")
}

// accountWithin is within of an account.
func (s *session) accountWithin(name string, e limits.Event) error {
	d := s.srv.cfg.Throttle.Account(e, name)
	if d.Answer == limits.Proceed {
		return nil
	}
	switch d.Over {
	case limits.Message:
		return refuse.With(450, 4, 7, 1, "this account has sent too many messages in a short time and is held for now; its owner and the administrator are told")
	case limits.Recipient:
		return refuse.With(450, 4, 7, 1, "this account has named too many recipients in a short time and is held for now; its owner and the administrator are told")
	case limits.Stranger:
		return refuse.With(450, 4, 7, 1, "this account has written to too many new addresses in a short time and is held for now; its owner and the administrator are told")
	}
	return refuse.With(450, 4, 7, 1, "this account has sent too many large messages in a short time and is held for now; its owner and the administrator are told")
}

// withinStrangers is within of a recipient outside whom an account names.
func (s *session) withinStrangers(m address.Mailbox) error {
	user := s.wire.secrecy.user
	if user == nil || s.srv.cfg.Throttle == nil || s.srv.dir.IsLocal(m.Domain) {
		return nil
	}
	var known bool
	err := s.srv.store.View(func(rd *mailstore.Reader) (err error) {
		known, err = hasWritten(rd, user.ID, m.String())
		return err
	})
	if err != nil || known {
		return err
	}
	return s.accountWithin(user.Name, limits.Stranger)
}

// withinSize is within of a message that has come, of so many octets.
func (s *session) withinSize(size int) error {
	t, user := s.srv.cfg.Throttle, s.wire.secrecy.user
	if t.isLarge(int64(size)) {
		return s.within(limits.LargeMessage)
	}
	if user != nil && t.Held(user.Name) {
		return refuse.With(450, 4, 7, 1, "this account has sent too much in a short time and is held for now; its owner and the administrator are told")
	}
	return nil
}

// failureOf says which failure of the peer's a reply 4xx or 5xx to a command tells of; 0: none that
// is held against it.
func failureOf(verb, reply string) limits.Event {
	code, _, _ := strings.Cut(reply, " ")
	switch {
	case verb == "RCPT" && code == "550":
		return limits.UnknownRecipient
	case code == "535":
		return limits.WrongPassword
	case code == "500", code == "501", code == "502", code == "503", code == "555":
		return limits.ProtocolError
	}
	return 0
}

// holdAgainst is what follows from a reply 4xx or 5xx: a delay, or the end.
func (w *wire) holdAgainst(e limits.Event) (banned bool) {
	if e == 0 || w.against == nil || e == limits.UnknownRecipient && w.secrecy.user != nil { // its account answers for it
		return false
	}
	d := w.against(e)
	w.slowly = min(w.slowly+d.Delay, maxPause)
	return d.Answer == limits.Banned
}

// maxPause bounds what delays of replies that go out together come to.
const maxPause = 10 * time.Second

// pause waits before a reply, unless another connection needs the place or the server stops.
func (w *wire) pause() {
	d := w.slowly
	w.slowly = 0
	if d == 0 {
		return
	}
	woken, ok := w.at.pauses()
	if !ok {
		return
	}
	defer w.at.works()
	if w.draining.Load() { // drain sets it before it ends pauses
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	}
}
