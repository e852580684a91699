// Package address reads the addresses of envelopes (RFC 5321, RFC 6531) and of From and Sender, and
// writes them into commands. What it does not take it says as a reply.
package address

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/refuse"
)

// Mailbox is an envelope address.
type Mailbox struct {
	Local  string // as given, without the quotes of a quoted string
	Domain string // A-label, lower case; or an address literal with its brackets
}

// The refusals that faultOf and Parse have in common.
var (
	NoDomain     = refuse.With(501, 5, 1, 3, "address has no domain; give it as local-part@domain")
	BadLocalPart = refuse.With(553, 5, 1, 3, "local part of the address is malformed (RFC 5321, section 4.1.2)")
)

// Parse reads an address as go-smtp hands it over: local part with its
// quoting removed, "@", domain. utf8ok allows non-ASCII characters (RFC 6531).
func Parse(s string, utf8ok bool) (Mailbox, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return Mailbox{}, NoDomain
	}
	m := Mailbox{Local: s[:at], Domain: s[at+1:]}
	switch {
	case !utf8.ValidString(s):
		return Mailbox{}, refuse.With(501, 5, 1, 3, "address is not valid UTF-8 (RFC 6531, section 3.3)")
	case !utf8ok && !maildomain.IsASCII(s):
		return Mailbox{}, refuse.With(553, 5, 6, 7, "address with non-ASCII characters needs the SMTPUTF8 parameter on MAIL (RFC 6531, section 3.4)")
	case m.Local == "" || strings.ContainsAny(m.Local, "@<>"):
		return Mailbox{}, BadLocalPart
	case strings.ContainsFunc(s, IsControl):
		return Mailbox{}, refuse.With(501, 5, 1, 3, "address contains a control character")
	case len(m.Local) > 64: // RFC 5321, section 4.5.3.1.1
		return Mailbox{}, refuse.With(553, 5, 1, 3, "local part of the address is longer than 64 octets")
	}
	domain, err := canonicalDomain(m.Domain)
	if err != nil {
		return Mailbox{}, refuse.With(553, 5, 1, 2, "domain of the address is malformed: %v", err)
	}
	m.Domain = domain
	return m, nil
}

// canonicalDomain returns the canonical form of a domain (see
// maildomain.Canonical), or of an address literal without a zone (RFC 5321,
// section 4.1.3).
func canonicalDomain(s string) (string, error) {
	c := maildomain.Canonical(s)
	if strings.HasPrefix(c, "[") && strings.HasSuffix(c, "]") {
		if ip, err := netip.ParseAddr(strings.TrimPrefix(c[1:len(c)-1], "ipv6:")); err != nil || ip.Zone() != "" {
			return "", fmt.Errorf("not an IP address literal")
		}
		return c, nil
	}
	if !maildomain.Valid(c) {
		return "", fmt.Errorf("labels have 1 to 63 letters, digits and inner hyphens, %d octets in all", maildomain.MaxLen)
	}
	return c, nil
}

// String returns the address as stored and compared: unquoted.
func (m Mailbox) String() string { return m.Local + "@" + m.Domain }

// Key returns the form in which addresses are compared and looked up: local
// parts are matched without regard to case.
func (m Mailbox) Key() string { return strings.ToLower(m.Local) + "@" + m.Domain }

// Add adds m to recipients, unless it is one in whatever case: RFC 5321, section 2.4,
// leaves it to each host whether that tells mailboxes apart, and nobody has two that differ in it
// alone.
func Add(rcpts []string, m Mailbox) []string {
	if slices.ContainsFunc(rcpts, func(r string) bool { return strings.ToLower(r) == m.Key() }) {
		return rcpts
	}
	return append(rcpts, m.String())
}

// IsAbuse reports whether the address is the one for complaints (RFC 2142, section 4).
func (m Mailbox) IsAbuse() bool { return strings.EqualFold(m.Local, "abuse") }

// IsPostmaster reports whether the address is one that RFC 5321, section
// 4.5.1 reserves.
func (m Mailbox) IsPostmaster() bool { return strings.EqualFold(m.Local, "postmaster") }

// Path returns the address between the angle brackets of a MAIL or RCPT
// command, its local part quoted where it has to be (RFC 5321, section 4.1.2).
func Path(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return addr
	}
	local := addr[:at]
	if IsDotString(local) {
		return addr
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"` + addr[at:]
}

// IsDotString reports whether s is a Dot-string of RFC 5321, section 4.1.2,
// as extended by RFC 6531.
func IsDotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`()<>[]:;@\,"`, r)
	})
}

// IsControl reports whether a character is one of ASCII that controls.
func IsControl(r rune) bool { return r < ' ' || r == 0x7f }

// maxShown bounds an address in a reply, in octets: a reply line has 512 (RFC 5321, section
// 4.5.3.1.5).
const maxShown = 100

// Shown is an address as a reply in ASCII can have it.
func Shown(addr string) string {
	q := strconv.QuoteToASCII(Path(addr))
	q = q[1 : len(q)-1]
	if maildomain.IsASCII(addr) {
		q = Path(addr)
	}
	if len(q) > maxShown {
		q = q[:maxShown] + "..."
	}
	return q
}
