package record

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
)

// What an addition to the author's text may be without anybody vouching for it: small enough not to
// take the place of the author's words, and with nothing in it that moves money or readers.
const (
	maxAddition = 512 // octets
	maxDigits   = 6   // outside of links
)

var (
	linkPattern = regexp.MustCompile(`(?i)\b(?:https?|ftp|mailto)(?::|&#58;)[^\s<>"']+|\bwww\.[^\s<>"']+`)
	hostPattern = regexp.MustCompile(`(?i)(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]+)`)
)

// harmless reports whether text that was added names no host but own ones, has no seven digits
// outside of links, and is short. Control characters and those that turn the direction of text are
// never harmless.
func harmless(added []byte, own func(host string) bool) bool {
	added = bytes.TrimSpace(added)
	if len(added) > maxAddition {
		return false
	}
	digits := 0
	for _, c := range linkPattern.ReplaceAll(added, nil) {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	if digits > maxDigits || strings.ContainsFunc(string(added), odd) {
		return false
	}
	for _, host := range hostPattern.FindAll(added, -1) {
		if !own(string(host)) {
			return false
		}
	}
	// A link without a host that was looked at, such as an address in numbers.
	for _, link := range linkPattern.FindAll(added, -1) {
		if !hostPattern.Match(link) {
			return false
		}
	}
	return true
}

// odd reports whether a character hides, turns or stands for digits that others count.
func odd(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || 0x7f <= r && r < 0xa0:
		return true
	case 0x200b <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x2060 <= r && r <= 0x2069, r == 0xfeff, r == 0xad:
		return true
	case 0xff00 <= r && r <= 0xffef: // full width: Ｅ, ５
		return true
	}
	return isOtherDigit(r)
}

// separated reports whether text that follows the author's begins with a line that sets it apart.
func separated(added []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(added, "\n"), []byte("\n"))
	line = bytes.TrimSpace(line)
	return len(line) >= 2 && len(bytes.Trim(line, "-_=*~+.# ")) == 0 || len(line) >= 3 && len(bytes.Trim(line, "─━—–═")) == 0
}

// isOtherDigit reports whether r is a decimal digit beyond ASCII.
func isOtherDigit(r rune) bool { return r >= 0x80 && unicode.IsDigit(r) }
