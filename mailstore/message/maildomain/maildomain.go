// Package maildomain has the one form in which the domain of a mail address is stored, compared and
// recorded. Whoever takes domains adds only what it may take: an envelope takes address literals, a
// store only what Valid allows, an enrolment only host names.
package maildomain

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// form maps as UTS 46 does for lookups, without the deviations of IDNA 2003. It asks neither for
// host names nor for the places of hyphens: "foo_bar.example" and "ab--cd.example" are in use.
var form = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false),
	idna.CheckHyphens(false))

// Canonical returns a domain in lower-case A-labels (RFC 5890) without its final dot. It never
// fails: what cannot be mapped keeps its characters, ASCII letters in lower case, and Valid tells.
// An address literal (RFC 5321, section 4.1.3) comes out in lower case. Canonical of a canonical
// form is that form.
func Canonical(s string) string {
	if !IsASCII(s) && utf8.ValidString(s) && mappable(s) {
		if mapped, err := form.ToASCII(s); err == nil {
			s = mapped
		}
	}
	s = lowerASCII(s)
	// Only now: other full stops become dots in an A-label. Of several dots none is the final one.
	if bare, ok := strings.CutSuffix(s, "."); ok && bare != "" && !strings.HasSuffix(bare, ".") {
		return bare
	}
	return s
}

// Unicode returns a canonical domain as people see it, with letters for its A-labels.
func Unicode(s string) string {
	if shown, err := form.ToUnicode(s); err == nil {
		return shown
	}
	return s
}

// Bounds of what is mapped, since the cost of Punycode is the square of a label's length: no domain
// is longer, even with marks that the mapping joins to letters or leaves out.
const (
	maxUnmapped = 4 * MaxLen // octets
	maxLabel    = 4 * 63     // characters
)

// mappable reports whether s is short enough to be mapped. A final dot does not count, as it does
// not in the canonical form.
func mappable(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > maxUnmapped {
		return false
	}
	for label := range strings.FieldsFuncSeq(s, IsDot) {
		if utf8.RuneCountInString(label) > maxLabel {
			return false
		}
	}
	return true
}

// IsDot reports whether r keeps the labels of a domain apart (UTS 46, section 4.5).
func IsDot(r rune) bool { return r == '.' || r == '。' || r == '．' || r == '｡' }

// MaxLen is the length of the longest domain in octets, without a final dot (RFC 1035, section
// 2.3.4).
const MaxLen = 253

// Valid reports whether a canonical form can be a domain of mail: labels of 1 to 63 letters,
// digits, underscores and inner hyphens, at most MaxLen octets. The underscore is in no host name,
// but in the DNS and in mail addresses.
func Valid(s string) bool {
	if len(s) > MaxLen {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// IsASCII reports whether a text has no octet of the other half of them.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lowerASCII leaves all other letters alone: they are left only where no mapping is known.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
