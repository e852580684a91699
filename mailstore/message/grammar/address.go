package grammar

import "strings"

// Mailbox is one mailbox of an address list.
type Mailbox struct {
	Name    string // display name, decoded; may be empty
	Comment string // in parentheses behind the address, decoded; may be empty
	Addr    string // local-part@domain, the domain in lower case
}

// Item is one element of an address list: a mailbox, or the begin or the end of a group.
type Item struct {
	Mailbox
	Group string // name of the group that begins here
	Begin bool
	End   bool
}

// Addresses reads an address list (RFC 5322, section 3.4): mailboxes `addr`, `addr (comment)`,
// `words <addr>` and `"quoted" <addr>`, and groups of them. Words may be encoded; quoted strings
// have no backslash and no encoded word, words that need no encoding are not encoded where programs
// that decode first would see other mailboxes; local parts are dot-atoms, domains host names. There
// is no tab.
func Addresses(value string) ([]Item, bool) {
	if !isPrintable(value) || strings.ContainsAny(value, "\\\t") || strings.Contains(value, wideGap) {
		return nil, false
	}
	return addresses(listParser{rest: value})
}

// wideGap is so much white space that what is behind may be out of sight, where programs show it.
var wideGap = strings.Repeat(" ", maxFold+1)

// BareAddresses is Addresses for a list whose addresses are plain although its names are not: these
// may hold 8-bit, quoted pairs and whatever encoded words, and are left out.
func BareAddresses(value string) ([]Item, bool) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return nil, false
	}
	return addresses(listParser{rest: value, bare: true})
}

func addresses(p listParser) ([]Item, bool) {
	for {
		if !p.element(false) {
			return nil, false
		}
		p.blank()
		if p.rest == "" {
			return p.items, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

type listParser struct {
	rest  string
	items []Item
	bare  bool // names are passed over
}

func (p *listParser) blank() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *listParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// element reads a mailbox or, outside of one, a group.
func (p *listParser) element(inGroup bool) bool {
	p.blank()
	words, quoted, ok := p.phrase()
	if !ok {
		return false
	}
	switch {
	case p.take('<'):
		return p.angle(words, quoted)
	case !inGroup && p.take(':'):
		return p.group(words, quoted)
	case quoted:
		return false
	}
	if !isAddrSpec(words) {
		return false
	}
	m := Mailbox{Addr: canonicalSpec(words)}
	if m.Comment, ok = p.comment(); !ok {
		return false
	}
	p.items = append(p.items, Item{Mailbox: m})
	return true
}

// phrase reads one quoted string, or what stands before the next special character.
func (p *listParser) phrase() (words string, quoted, ok bool) {
	if p.take('"') {
		end := quoteEnd(p.rest)
		if end < 0 {
			return "", true, false
		}
		words, p.rest = p.rest[:end], p.rest[end+1:]
		p.blank()
		return words, true, p.bare || !strings.Contains(words, "=?")
	}
	end := strings.IndexAny(p.rest, `"<>()[]:;,`)
	if end < 0 {
		end = len(p.rest)
	}
	words, p.rest = strings.TrimRight(p.rest[:end], " \t"), p.rest[end:]
	return words, false, true
}

func (p *listParser) angle(words string, quoted bool) bool {
	end := strings.IndexByte(p.rest, '>')
	if end < 0 {
		return false
	}
	spec := p.rest[:end]
	if p.bare {
		spec = strings.Trim(spec, " \t")
	}
	if !isAddrSpec(spec) {
		return false
	}
	m := Mailbox{Addr: canonicalSpec(spec)}
	p.rest = p.rest[end+1:]
	var ok bool
	if m.Name, ok = p.displayName(words, quoted); !ok {
		return false
	}
	if m.Comment, ok = p.comment(); !ok {
		return false
	}
	p.items = append(p.items, Item{Mailbox: m})
	return true
}

func (p *listParser) group(words string, quoted bool) bool {
	name, ok := p.displayName(words, quoted)
	if !ok || name == "" {
		return false
	}
	p.items = append(p.items, Item{Group: name, Begin: true})
	if p.blank(); !p.take(';') {
		for {
			if !p.element(true) {
				return false
			}
			p.blank()
			if p.take(';') {
				break
			}
			if !p.take(',') {
				return false
			}
		}
	}
	p.items = append(p.items, Item{End: true})
	return true
}

// comment reads one comment without parentheses inside, if there is one.
func (p *listParser) comment() (string, bool) {
	p.blank()
	if !p.take('(') {
		return "", true
	}
	end := strings.IndexAny(p.rest, "()")
	if end < 0 || p.rest[end] == '(' {
		return "", false
	}
	words := strings.Trim(p.rest[:end], " \t")
	text, ok := Words(words)
	p.rest = p.rest[end+1:]
	return text, p.bare || ok && text != "" && (text == words || !misleads(text))
}

// quoteEnd returns where the quoted string ends that s goes on with, -1 if it does not.
func quoteEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func (p *listParser) displayName(words string, quoted bool) (string, bool) {
	if quoted || p.bare && !strings.ContainsRune(words, '@') {
		return words, true
	}
	if strings.ContainsRune(words, '@') {
		return "", false // some programs take it for the address
	}
	name, ok := Words(words)
	return name, ok && (name == words || !misleads(name))
}

// misleads reports whether a name that was encoded has characters of which programs that decode
// before they parse make addresses. Commas, parentheses and the like are taken only beside letters
// that no quoted string can have.
func misleads(name string) bool {
	if strings.ContainsAny(name, `<>@"\`) {
		return true
	}
	return strings.ContainsAny(name, "(),:;[]") && isPlain7([]byte(name))
}

// isAddrSpec reports whether s is a dot-atom that does not look like an encoded word, "@", and a
// host name without a final dot.
func isAddrSpec(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && isDotAtom(local) && !strings.Contains(local, "=?") && isHost(domain)
}

func canonicalSpec(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	return local + "@" + strings.ToLower(domain)
}

func isDotAtom(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
			return false
		}
	}
	return true
}

func isHost(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' && label[i] != '_' {
				return false
			}
		}
	}
	return true
}
