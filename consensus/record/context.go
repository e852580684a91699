package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
)

// Context is what is known beside the message about its way here, by which a
// difference from the record can be explained.
type Context struct {
	// Banners are texts that the recipient's own gateway puts before or behind
	// bodies, as CheckBanner returns them.
	Banners []string
	// Map says which addresses relays on the way rewrite.
	Map AddressMap
	// Forwarder sent the message on, nil if none that is known did.
	Forwarder *Forwarder
	// Recipient is to whom alone the message came, empty if to several: a known list may tell him
	// so.
	Recipient string
	// Derive returns the components of a derived type of what arrived; not ok if nothing here
	// derives it. Nil: nothing here derives any. It is pure, and asked only for types that the
	// record has, of a body that was re-packed.
	Derive func(d *message.Dissection, t message.Type) (list []message.Component, ok bool)
	// Stranger recorded it: little work is done to explain differences.
	Stranger bool
}

// Forwarder is who sends mail on to an account, known to it. Whether one sent a
// message is KnownForwarders' to say.
type Forwarder struct {
	Domain  string // A-label; its node records what it sends on
	Posting string // what the author wrote to: the list's posting address, or the account's own old one
	List    bool   // a mailing list, which marks what it sends on, rather than an address that leads elsewhere
}

// Limits on what can be configured.
const (
	MaxBanners     = 8
	MaxBanner      = 2 << 10 // octets of one
	MaxAddressRule = 256     // rules of a map
)

// CheckBanner returns a banner in the form in which bodies are compared: LF
// between lines, no white space at the end of one, no empty lines around.
func CheckBanner(text string) (string, error) {
	if len(text) > MaxBanner {
		return "", fmt.Errorf("a banner of %d octets; at most %d are allowed", len(text), MaxBanner)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f }) {
		return "", fmt.Errorf("%q is no plain text", text)
	}
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		lines = append(lines, strings.TrimRight(line, " \t\r"))
	}
	banner := strings.Trim(strings.Join(lines, "\n"), "\n")
	if banner == "" {
		return "", fmt.Errorf("a banner without text")
	}
	return banner, nil
}

// AddressRule says what a relay makes of an address: Sent is what the author
// wrote, Received what arrives. Both are canonical addr-specs, or both "@" and a
// domain, which goes for all addresses there.
type AddressRule struct{ Received, Sent string }

func (r AddressRule) String() string { return r.Received + " = " + r.Sent }

// AddressMap holds rules, no two for the same received address, in the order of
// those. ParseAddressMap makes it.
type AddressMap []AddressRule

// ParseAddressMap reads rules such as "ann@in.example = ann@example.org" or
// "@in.example = @example.org", at most MaxAddressRule. The left side is what
// arrives.
func ParseAddressMap(rules []string) (AddressMap, error) {
	if len(rules) > MaxAddressRule {
		return nil, fmt.Errorf("%d rules; at most %d are allowed", len(rules), MaxAddressRule)
	}
	var m AddressMap
	for _, text := range rules {
		r, err := parseAddressRule(text)
		if err != nil {
			return nil, err
		}
		m = append(m, r)
	}
	slices.SortFunc(m, func(a, b AddressRule) int { return cmp.Compare(a.Received, b.Received) })
	for i := range m[:max(0, len(m)-1)] {
		if m[i].Received == m[i+1].Received {
			return nil, fmt.Errorf("%s is there twice", m[i].Received)
		}
	}
	return m, nil
}

func parseAddressRule(text string) (AddressRule, error) {
	sign := " = "
	if !strings.Contains(text, sign) { // an address may have one itself, such as a relay's "ann=example.org@in.example"
		sign = "="
	}
	left, right, ok := strings.Cut(text, sign)
	if !ok || strings.Contains(right, sign) {
		return AddressRule{}, fmt.Errorf("%q is not of the form received = sent", text)
	}
	r := AddressRule{strings.ToLower(ruleSide(left)), ruleSide(right)}
	switch {
	case r.Received == "" || r.Sent == "":
		return r, fmt.Errorf("%q: on each side of = has to be an address, or @ and a domain", text)
	case strings.HasPrefix(r.Received, "@") != strings.HasPrefix(r.Sent, "@"):
		return r, fmt.Errorf("%q: one side is an address, the other a domain", text)
	case strings.EqualFold(r.Received, r.Sent):
		return r, fmt.Errorf("%q changes nothing", text)
	}
	return r, nil
}

// ruleSide brings one side of a rule into its canonical form, "" if it is
// neither an address nor "@" and a domain.
func ruleSide(s string) string {
	s = strings.TrimSpace(s)
	whole := s
	if strings.HasPrefix(s, "@") {
		whole = "x" + s
	}
	if len(s) > 320 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == ',' || r == '<' || r == '>' }) || strings.Count(whole, "@") != 1 {
		return ""
	}
	canonical := message.CanonicalAddress(whole)
	local, domain, ok := strings.Cut(canonical, "@")
	if !ok || local == "" || !maildomain.Valid(domain) { // of the canonical form: characters become others in it, blanks too
		return ""
	}
	if whole != s {
		return "@" + domain
	}
	return canonical
}

// Original returns what an address that arrives was before relays rewrote it,
// itself if no rule says anything of it. The address is a canonical addr-spec;
// its own rule comes before that of its domain, and only one is used. What
// arrives is looked up whatever the case of its letters; what was sent is told
// as the rule has it, since the record keeps it, and a domain's rule keeps the
// local part as it is.
func (m AddressMap) Original(address string) string {
	if sent, ok := m.rule(strings.ToLower(address)); ok {
		return sent
	}
	at := strings.LastIndexByte(address, '@')
	if at <= 0 {
		return address
	}
	if sent, ok := m.rule(strings.ToLower(address[at:])); ok {
		return address[:at] + sent
	}
	return address
}

func (m AddressMap) rule(received string) (sent string, ok bool) {
	i, ok := slices.BinarySearchFunc(m, received, func(r AddressRule, s string) int { return cmp.Compare(r.Received, s) })
	if !ok {
		return "", false
	}
	return m[i].Sent, true
}
