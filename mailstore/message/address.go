package message

import (
	"slices"
	"strings"
	"unicode"

	"cairn/mailstore/message/maildomain"
)

// Address is one mailbox of an address list.
type Address struct {
	Name string // decoded display name or, without one, the comment; may be empty
	Addr string // canonical addr-spec; text without an @ when there is none
}

// CanonicalAddress returns the addr-spec in s ("Jo <jo@Example.ORG>", "<jo@example.org>" or
// "jo@example.org") with its domain in lower-case A-label form. The local part stays as it is, but
// for quotes that it does not need.
func CanonicalAddress(s string) string {
	if isPlainSpec(s) {
		return s
	}
	return firstAddress(s)
}

func firstAddress(s string) string {
	room := maxAddresses
	list := room.parse([]string{s})
	if len(list) == 0 {
		return ""
	}
	return list[0].Addr
}

// Domain returns the domain of a mail address as maildomain.Canonical has it, empty if there is
// none.
func Domain(addr string) string {
	_, domain := splitAddress(addr)
	return domain
}

func splitAddress(addr string) (local, domain string) {
	addr = strings.Trim(strings.TrimSpace(addr), "<>")
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return addr, ""
	}
	local = addr[:at]
	domain = strings.TrimSpace(addr[at+1:])
	if end := strings.IndexFunc(domain, unicode.IsSpace); end >= 0 { // what follows a space is no part of it
		domain = domain[:end]
	}
	return local, maildomain.Canonical(domain)
}

// isPlainSpec reports whether s is an addr-spec in its canonical form, as nearly all are, by a look
// that knows no more than letters, digits and a few signs.
func isPlainSpec(s string) bool {
	at := strings.IndexByte(s, '@')
	if at <= 0 || at == len(s)-1 || s[len(s)-1] == '.' || len(s) > 2*maildomain.MaxLen {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-', i == at:
		case i < at && ('A' <= c && c <= 'Z' || c == '_' || c == '+'):
		default:
			return false
		}
	}
	return true
}

// canonicalSpec brings the text of an addr-spec, comments gone, to its canonical form.
func canonicalSpec(spec string) string {
	spec = strings.TrimSpace(spec)
	if isPlainSpec(spec) {
		return spec
	}
	return speltOut(spec)
}

func speltOut(spec string) string {
	if strings.HasPrefix(spec, "@") { // source route, RFC 5322, section 4.4
		_, spec, _ = strings.Cut(spec, ":")
	}
	if !strings.Contains(spec, "@") {
		return phrase(spec)
	}
	local, domain := splitAddress(string(decodeCharset("", []byte(spec))))
	local = strings.TrimSpace(local)
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		if bare := unquote(local[1 : len(local)-1]); isDotAtom(bare) {
			local = bare
		}
	} else {
		local = strings.Join(strings.Fields(local), "")
	}
	return local + "@" + domain
}

func isDotAtom(s string) bool {
	return s != "" && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 127 || strings.ContainsRune(`()<>[]:;@\,"`, r) })
}

func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// addressSet is the canonical content of an address list: addr-specs, sorted, each once, one a
// line.
func addressSet(list []Address) string {
	specs := make([]string, 0, len(list))
	for _, a := range list {
		if a.Addr != "" {
			specs = append(specs, a.Addr)
		}
	}
	slices.Sort(specs)
	return strings.Join(slices.Compact(specs), "\n")
}

// addressNames is the canonical content of a list's display names, in the order of the addresses.
func addressNames(list []Address) string {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Address) int { return strings.Compare(a.Addr, b.Addr) })
	var names []string
	for _, a := range sorted {
		if a.Name != "" {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, "\n")
}
