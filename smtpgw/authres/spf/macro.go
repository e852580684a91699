package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// macroText is a macro-string, taken apart (RFC 7208, section 7.1).
type macroText []macro

// macro is literal text, or what stands for the value of a letter.
type macro struct {
	literal    string
	letter     byte // lower case; 0: literal
	escape     bool
	keep       int // parts from the right; 0: all
	reverse    bool
	delimiters string
}

var macroBody = regexp.MustCompile(`^([slodiphvSLODIPHV])([0-9]*)([rR]?)([.\-+,/_=]*)$`)

// parseMacro reads a macro-string. Letters of explanations are none here.
func parseMacro(s string) (text macroText, err error) {
	for s != "" {
		at := strings.IndexByte(s, '%')
		if at < 0 {
			at = len(s)
		}
		if strings.ContainsFunc(s[:at], func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return nil, errors.New("characters that may not stand there")
		}
		if at > 0 {
			text = append(text, macro{literal: s[:at]})
		}
		if s = s[at:]; s == "" {
			break
		}
		var m macro
		if m, s, err = parseExpand(s); err != nil {
			return nil, err
		}
		text = append(text, m)
	}
	return text, nil
}

// parseExpand reads what begins with a percent sign.
func parseExpand(s string) (m macro, rest string, err error) {
	if len(s) < 2 {
		return m, "", errors.New("a percent sign alone")
	}
	switch s[1] {
	case '%':
		return macro{literal: "%"}, s[2:], nil
	case '_':
		return macro{literal: " "}, s[2:], nil
	case '-':
		return macro{literal: "%20"}, s[2:], nil
	case '{':
	default:
		return m, "", errors.New("a percent sign alone")
	}
	body, rest, closed := strings.Cut(s[2:], "}")
	groups := macroBody.FindStringSubmatch(body)
	if !closed || groups == nil {
		return m, "", fmt.Errorf("no such macro as %.40q", s)
	}
	m = macro{letter: groups[1][0] | 0x20, escape: groups[1][0] < 'a', reverse: groups[3] != "", delimiters: groups[4]}
	if groups[2] != "" {
		n, err := strconv.Atoi(groups[2])
		if n == 0 {
			return m, "", errors.New("a macro of no parts")
		}
		if err != nil {
			n = 0 // more than there can be
		}
		m.keep = n
	}
	if m.delimiters == "" {
		m.delimiters = "."
	}
	return m, rest, nil
}

var topLabel = regexp.MustCompile(`\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])\.?$`)

// parseDomain reads a domain-spec: a macro-string that ends in a macro or in a top label, which is
// not all digits.
func parseDomain(s string) (macroText, error) {
	text, err := parseMacro(s)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, errors.New("it needs a domain")
	}
	if strings.HasSuffix(s, "}") || strings.HasSuffix(s, "%%") || strings.HasSuffix(s, "%_") || strings.HasSuffix(s, "%-") {
		return text, nil
	}
	top := topLabel.FindString(s)
	if top == "" || strings.Trim(top, ".0123456789") == "" {
		return nil, errors.New("no domain")
	}
	return text, nil
}

// expand is the name that a domain-spec stands for while domain is checked. What is too long loses
// labels on its left (RFC 7208, section 7.3). Records are bounded, and with them what this makes.
func (e *evaluation) expand(text macroText, domain string) string {
	var b strings.Builder
	for _, m := range text {
		if m.letter == 0 {
			b.WriteString(m.literal)
			continue
		}
		b.WriteString(m.transform(e.value(m.letter, domain)))
	}
	name := strings.TrimSuffix(b.String(), ".")
	for len(name) > 253 {
		_, shorter, more := strings.Cut(name, ".")
		if !more {
			return ""
		}
		name = shorter
	}
	return name
}

func (e *evaluation) value(letter byte, domain string) string {
	switch letter {
	case 's':
		return e.local + "@" + e.senderDomain
	case 'l':
		return e.local
	case 'o':
		return e.senderDomain
	case 'd':
		return domain
	case 'i':
		return dotted(e.ip)
	case 'p':
		return e.validated(domain)
	case 'h':
		return e.helo
	}
	if e.ip.Is4() {
		return "in-addr"
	}
	return "ip6"
}

// transform is a value split, turned round, cut and escaped.
func (m macro) transform(value string) string {
	parts := splitAny(value, m.delimiters)
	if m.reverse {
		slices.Reverse(parts)
	}
	if m.keep > 0 && m.keep < len(parts) {
		parts = parts[len(parts)-m.keep:]
	}
	value = strings.Join(parts, ".")
	if !m.escape {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// splitAny splits s at each of some characters.
func splitAny(s, delimiters string) []string {
	return strings.Split(strings.Map(func(c rune) rune {
		if strings.ContainsRune(delimiters, c) {
			return 0
		}
		return c
	}, s), "\x00")
}

// dotted is an address as macros have it: of IPv6, one nibble to a label.
func dotted(ip netip.Addr) string {
	if ip.Is4() {
		return ip.String()
	}
	b := ip.As16()
	nibbles := make([]string, 0, 32)
	for _, c := range b {
		nibbles = append(nibbles, strconv.FormatUint(uint64(c>>4), 16), strconv.FormatUint(uint64(c&15), 16))
	}
	return strings.Join(nibbles, ".")
}
