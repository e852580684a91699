package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"cairn/mailstore/message/maildomain"
)

// Claimed returns the first of own, canonical domains, that what a header shows claims to whoever
// sees it, or AnyDomain if that is among it; empty if there is none. A domain is claimed if it is
// what stands behind an @ or begins it, in front of a character that is neither letter nor digit,
// but for a dot that one is behind.
func Claimed(shown, own []string) string {
	spellings := make([]string, len(own))
	for i, domain := range own {
		spellings[i] = norm.NFC.String(maildomain.Unicode(domain))
	}
	for _, text := range shown {
		if text == AnyDomain {
			return text
		}
		for i, domain := range own {
			if beginsWith(text, domain) || beginsWith(text, spellings[i]) {
				return domain
			}
		}
	}
	return ""
}

func beginsWith(text, domain string) bool {
	rest, ok := strings.CutPrefix(text, domain)
	next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(rest, "."))
	return ok && (rest == "" || !isAlphanumeric(next))
}

func isAlphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// show takes what people see as domains in what stands behind an @, for Claimed: with signs that
// are letters or digits in NFKC, as in a circle, and up to the first sign, as the one of a trade
// mark.
func (c *claimReader) show(written string) {
	c.shown[seenDomain(written)] = true
	written = strings.TrimLeftFunc(written, endsSeen)
	if i := strings.IndexFunc(written, isSign); i >= 0 {
		c.shown[seenDomain(written[:i])] = true
	}
}

// seenDomain is a text in NFKC, in small letters, without the characters in front that are in no
// domain, up to the next such one.
func seenDomain(text string) string {
	var room [maxWritten]byte // more than any domain has
	n, _, _ := norm.NFKC.Transform(room[:], []byte(text), true)
	text = strings.TrimLeftFunc(strings.ToLower(string(room[:n])), endsSeen)
	if i := strings.IndexFunc(text, endsSeen); i >= 0 {
		text = text[:i]
	}
	return strings.Trim(norm.NFC.String(text), ".")
}

// endsSeen reports whether people see a domain end in front of a character.
func endsSeen(r rune) bool {
	return !isAlphanumeric(r) && !unicode.IsMark(r) && !maildomain.IsDot(r) && r != '-' && r != '_'
}

// isSign reports whether people see a domain end in front of a character though it may be a letter
// in NFKC.
func isSign(r rune) bool {
	return endsSeen(r) || r == '\u00aa' || r == '\u00ba' || unicode.Is(unicode.Lm, r) && !norm.NFKC.IsNormalString(string(r))
}

// What people take for an @.
var (
	atSigns = "@\uff20\ufe6b"
	atSign  = strings.NewReplacer("\uff20", "@", "\ufe6b", "@")
)

func hasAtSign(text string) bool { return strings.ContainsAny(text, atSigns) }

// readAtSigns reads texts, as readInAngles does, for those of their at signs that are not an @.
func (c *claimReader) readAtSigns(texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !c.readInAngles(text) })
}
