package smtpgw

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/maildomain"
)

// mailbox is an envelope address.
type mailbox struct {
	local  string // as given, without the quotes of a quoted string
	domain string // A-label, lower case; or an address literal with its brackets
}

// The refusals that faultOf and parseMailbox have in common.
var (
	noDomain     = refusef(501, 5, 1, 3, "address has no domain; give it as local-part@domain")
	badLocalPart = refusef(553, 5, 1, 3, "local part of the address is malformed (RFC 5321, section 4.1.2)")
)

// parseMailbox reads an address as go-smtp hands it over: local part with its
// quoting removed, "@", domain. utf8ok allows non-ASCII characters (RFC 6531).
func parseMailbox(s string, utf8ok bool) (mailbox, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return mailbox{}, noDomain
	}
	m := mailbox{local: s[:at], domain: s[at+1:]}
	switch {
	case !utf8.ValidString(s):
		return mailbox{}, refusef(501, 5, 1, 3, "address is not valid UTF-8 (RFC 6531, section 3.3)")
	case !utf8ok && !maildomain.IsASCII(s):
		return mailbox{}, refusef(553, 5, 6, 7, "address with non-ASCII characters needs the SMTPUTF8 parameter on MAIL (RFC 6531, section 3.4)")
	case m.local == "" || strings.ContainsAny(m.local, "@<>"):
		return mailbox{}, badLocalPart
	case strings.ContainsFunc(s, isControl):
		return mailbox{}, refusef(501, 5, 1, 3, "address contains a control character")
	case len(m.local) > 64: // RFC 5321, section 4.5.3.1.1
		return mailbox{}, refusef(553, 5, 1, 3, "local part of the address is longer than 64 octets")
	}
	domain, err := canonicalDomain(m.domain)
	if err != nil {
		return mailbox{}, refusef(553, 5, 1, 2, "domain of the address is malformed: %v", err)
	}
	m.domain = domain
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
func (m mailbox) String() string { return m.local + "@" + m.domain }

// key returns the form in which addresses are compared and looked up: local
// parts are matched without regard to case.
func (m mailbox) key() string { return strings.ToLower(m.local) + "@" + m.domain }

// withMailbox adds m to recipients, unless it is one in whatever case: RFC 5321, section 2.4,
// leaves it to each host whether that tells mailboxes apart, and nobody has two that differ in it
// alone.
func withMailbox(rcpts []string, m mailbox) []string {
	if slices.ContainsFunc(rcpts, func(r string) bool { return strings.ToLower(r) == m.key() }) {
		return rcpts
	}
	return append(rcpts, m.String())
}

// isAbuse reports whether the address is the one for complaints (RFC 2142, section 4).
func (m mailbox) isAbuse() bool { return strings.EqualFold(m.local, "abuse") }

// isPostmaster reports whether the address is one that RFC 5321, section
// 4.5.1 reserves.
func (m mailbox) isPostmaster() bool { return strings.EqualFold(m.local, "postmaster") }

// pathOf returns the address between the angle brackets of a MAIL or RCPT
// command, its local part quoted where it has to be (RFC 5321, section 4.1.2).
func pathOf(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return addr
	}
	local := addr[:at]
	if isDotString(local) {
		return addr
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"` + addr[at:]
}

// isDotString reports whether s is a Dot-string of RFC 5321, section 4.1.2,
// as extended by RFC 6531.
func isDotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`()<>[]:;@\,"`, r)
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
