package wire

import (
	"net/netip"
	"strings"

	"cairn/mailstore/message/maildomain"
)

// Message is a message that a mail server asks about, when all of it has come.
type Message struct {
	// Client is who brought it to the mail server; not valid where it is no host, as for what the
	// command sendmail has submitted in some mail servers.
	Client     netip.AddrPort
	ClientName string // as the mail server found it in the DNS
	Helo       string // what the client called itself
	User       string // who signed in to the mail server, {auth_authen}; empty: nobody
	Queue      string // the mail server's name of the message, {i}; empty: not told

	From       Path
	Recipients []Path

	Header int    // how many octets of Raw are the header section, with the empty line
	Raw    []byte // the message, lines end with CRLF as they came
	Fields []Field

	// Fault says why Raw lacks something; 0: it is whole.
	Fault Fault
}

// Path is an address of the envelope as the mail server gave it.
type Path struct {
	Given  string   // with its angle brackets, if it had some
	Params []string // of ESMTP, as NAME=VALUE
}

// Address is the address without brackets, without the quotes of its local part and without a
// route in front of it (RFC 5321, section F.2), as the listeners of SMTP read it; empty for the
// null sender.
func (p Path) Address() string {
	a := strings.TrimSuffix(strings.TrimPrefix(p.Given, "<"), ">")
	if route, rest, is := strings.Cut(a, ":"); is && a[0] == '@' && rest != "" && !strings.Contains(route, "[") {
		a = rest
	}
	at := strings.LastIndexByte(a, '@')
	if at >= 2 && a[0] == '"' && a[at-1] == '"' {
		return maildomain.Unquoted(a[1:at-1]) + a[at:]
	}
	return a
}

// Param is the value of a parameter; ok is false where it is not there.
func (p Path) Param(name string) (value string, ok bool) {
	for _, given := range p.Params {
		if n, v, _ := strings.Cut(given, "="); strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// Field is a header field: its name as it came, and its value with what stood behind the colon.
type Field struct{ Name, Value string }

// Fault says what was too much of a message.
type Fault uint8

// The faults.
const (
	TooLarge          Fault = iota + 1 // more octets than Limits.Message
	HeaderTooLarge                     // more than Limits.Header, or more fields than Limits.Fields
	TooManyRecipients                  // more than Limits.Recipients
	NoRoom                             // Limits.Room had none
)

// Limits bound what one message may bring.
type Limits struct {
	Message    int // octets
	Header     int // octets of the header section
	Fields     int // header fields
	Recipients int
	// Room is asked for room for so many octets more of a message or its recipients; false:
	// there is none now. nil: there always is.
	Room func(octets int) bool
}
