package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

const (
	maxMacros    = 256     // strings in one packet of macros
	maxParams    = 32      // of MAIL or RCPT
	maxPath      = 4 << 10 // octets of MAIL or RCPT in all
	maxHelo      = 1 << 10 // octets
	maxKeptMacro = 1 << 10 // octets of a macro that is kept
	maxIdle      = 1 << 17 // packets between the ends of two messages
)

// Session is what a mail server has said on one connection so far.
type Session struct {
	limits Limits
	terms  terms
	client Message // what is known of the client, for each message
	macros map[string]string
	m      *Message // nil: no transaction
	idle   int
}

// NewSession returns a session that keeps to those limits.
func NewSession(limits Limits) *Session {
	return &Session{limits: limits, macros: make(map[string]string)}
}

// Step is what follows from a packet.
type Step struct {
	Reply []byte   // to be sent; empty: nothing
	Ask   *Message // it has come whole: what becomes of it is to be decided, and encoded by Verdict
	Over  bool     // what was taken of Limits.Room is free again, unless there is an Ask
	End   bool     // the connection is to be closed
}

// InMessage reports whether a message is coming in.
func (s *Session) InMessage() bool { return s.m != nil }

// Take reads a packet. An error wraps ErrProtocol, and the connection is of no use any more.
func (s *Session) Take(command byte, data []byte) (Step, error) {
	if !s.terms.agreed && command != CommandNegotiate && command != CommandQuit {
		return Step{}, broken("%q before anything was agreed on", command)
	}
	if s.idle++; s.idle > maxIdle {
		return Step{}, broken("it goes on and brings no mail")
	}
	switch command {
	case CommandNegotiate:
		if s.terms.agreed {
			return Step{}, broken("another offer")
		}
		t, reply, err := negotiate(data)
		s.terms = t
		return Step{Reply: reply}, err
	case CommandQuit:
		return Step{End: true, Over: true}, nil
	case CommandQuitNew:
		s.m, s.client = nil, Message{}
		clear(s.macros)
		return Step{Over: true}, nil
	case CommandAbort:
		s.m = nil
		return Step{Over: true}, nil
	case CommandMacros:
		return Step{}, s.takeMacros(data)
	case CommandEnd:
		return s.end(data)
	}
	over, err := s.take(command, data)
	if err != nil {
		return Step{}, err
	}
	step := Step{Over: over}
	if flag := quietOf[command]; flag == 0 || s.terms.protocol&flag == 0 {
		step.Reply = appendPacket(nil, replyContinue)
	}
	return step, nil
}

// take reads what is replied to in the same way whatever it says.
func (s *Session) take(command byte, data []byte) (over bool, err error) {
	switch command {
	case CommandConnect:
		return false, s.connect(data)
	case CommandHelo:
		helo, _, err := text(data)
		if len(helo) > maxHelo {
			return false, broken("a name in EHLO of %d octets", len(helo))
		}
		s.client.Helo = string(helo)
		return false, err
	case CommandMail:
		from, err := path(data)
		one := s.client
		one.From, s.m = from, &one
		return true, err
	case CommandRcpt:
		return false, s.rcpt(data)
	case CommandHeader:
		return false, s.header(data)
	case CommandEOH:
		return false, s.endOfHeader()
	case CommandBody:
		return false, s.body(data)
	case CommandData, CommandUnknown:
		return false, nil
	}
	return false, broken("a packet %q, which is not known", command)
}

// connect reads a host name, the family ('4', '6', 'L' or 'U'), and, unless that is unknown, a port
// u16 and an address.
func (s *Session) connect(data []byte) error {
	name, rest, err := text(data)
	if err != nil || len(rest) == 0 {
		return broken("a connection without a family")
	}
	s.m, s.client = nil, Message{ClientName: string(name[:min(len(name), maxHelo)])}
	family := rest[0]
	if family != '4' && family != '6' {
		return nil
	}
	if len(rest) < 3 {
		return broken("a connection without a port")
	}
	address, _, err := text(rest[3:])
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(strings.TrimPrefix(strings.ToLower(string(address)), "ipv6:"))
	if err != nil {
		return broken("a client at an address that is none")
	}
	s.client.Client = netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(rest[1:]))
	return nil
}

// kept are the macros that are heeded.
var kept = []string{"{auth_authen}", "i"}

// takeMacros reads the command that they belong to, and names and values in turn.
func (s *Session) takeMacros(data []byte) error {
	if len(data) == 0 {
		return broken("macros of nothing")
	}
	of := data[0]
	list, err := texts(data[1:], maxMacros)
	if err != nil {
		return err
	}
	if of == CommandMail || of == CommandConnect { // what was said of another message counts no more
		clear(s.macros)
	}
	for i := 0; i+1 < len(list); i += 2 {
		for _, name := range kept {
			if given := list[i]; given == name || given == strings.Trim(name, "{}") || given == "{"+name+"}" {
				s.macros[name] = list[i+1][:min(len(list[i+1]), maxKeptMacro)]
			}
		}
	}
	return nil
}

// path reads an address and its parameters.
func path(data []byte) (Path, error) {
	if len(data) > maxPath {
		return Path{}, broken("an address with %d octets", len(data))
	}
	list, err := texts(data, 1+maxParams)
	if err != nil {
		return Path{}, err
	}
	if len(list) == 0 {
		return Path{}, broken("no address")
	}
	return Path{Given: list[0], Params: list[1:]}, nil
}

func (s *Session) transaction() (*Message, error) {
	if s.m == nil {
		return nil, broken("a part of a message without its sender")
	}
	return s.m, nil
}

func (s *Session) rcpt(data []byte) error {
	m, err := s.transaction()
	if err != nil {
		return err
	}
	to, err := path(data)
	switch {
	case err != nil:
		return err
	case len(m.Recipients) == s.limits.Recipients:
		m.fault(TooManyRecipients)
		return nil
	case s.limits.Room != nil && !s.limits.Room(len(data)):
		m.fault(NoRoom)
		return nil
	}
	m.Recipients = append(m.Recipients, to)
	return nil
}

// fault notes the first thing that was too much; nothing is kept of the text from then on.
func (m *Message) fault(f Fault) {
	if m.Fault == 0 {
		m.Fault = f
	}
	m.Raw, m.Fields = nil, nil
}

// add appends text to a message, if that may have so much.
func (s *Session) add(m *Message, parts ...[]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	switch {
	case m.Fault != 0:
		return
	case n > s.limits.Message-len(m.Raw):
		m.fault(TooLarge)
		return
	case s.limits.Room != nil && !s.limits.Room(n):
		m.fault(NoRoom)
		return
	}
	for _, p := range parts {
		m.Raw = append(m.Raw, p...)
	}
}

// header reads the name and the value of a field. Lines of a folded value end with LF, or CRLF.
func (s *Session) header(data []byte) error {
	m, err := s.transaction()
	if err != nil {
		return err
	}
	name, rest, err := text(data)
	if err != nil {
		return err
	}
	value, _, err := text(rest)
	switch {
	case err != nil:
		return err
	case m.Header != 0:
		return broken("a header field behind the header")
	case len(name) == 0 || bytes.ContainsAny(name, ":\r\n"):
		return broken("a header field with a name that is none")
	}
	value = withCRLF(value)
	if !folded(value) {
		return broken("a header field with a line that is not of it")
	}
	if s.terms.protocol&leadingSpace == 0 {
		value = append([]byte{' '}, value...)
	}
	if len(m.Fields) == s.limits.Fields || len(m.Raw)+len(name)+len(value)+3 > s.limits.Header {
		m.fault(HeaderTooLarge)
	}
	if s.add(m, name, []byte{':'}, value, []byte("\r\n")); m.Fault == 0 {
		m.Fields = append(m.Fields, Field{string(name), string(value)})
	}
	return nil
}

// withCRLF has lines end with CRLF. A CR that ends none stays.
func withCRLF(value []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(value, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// folded reports whether all lines but the first begin with white space (RFC 5322, section 2.2.3).
func folded(value []byte) bool {
	for rest := value; ; {
		at := bytes.IndexByte(rest, '\n')
		if at < 0 {
			return true
		}
		if rest = rest[at+1:]; len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' {
			return false
		}
	}
}

func (s *Session) endOfHeader() error {
	m, err := s.transaction()
	if err != nil || m.Header != 0 {
		return err
	}
	s.add(m, []byte("\r\n"))
	m.Header = max(len(m.Raw), 1)
	return nil
}

func (s *Session) body(data []byte) error {
	m, err := s.transaction()
	if err == nil {
		err = s.endOfHeader() // where the mail server does not say so
	}
	if err == nil {
		s.add(m, data)
	}
	return err
}

// end ends a message; data is its last chunk.
func (s *Session) end(data []byte) (Step, error) {
	if err := s.body(data); err != nil {
		return Step{}, err
	}
	m := s.m
	m.User, m.Queue = s.macros["{auth_authen}"], s.macros["i"]
	if m.Fault != 0 {
		m.Header = 0
	}
	s.m, s.idle = nil, 0
	return Step{Ask: m}, nil
}

// String tells people which message it is.
func (m *Message) String() string {
	return fmt.Sprintf("%s from %s", m.Queue, m.From.Given)
}
