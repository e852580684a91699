package record

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"cairn/mailstore/message"
)

// What an addition to the author's text may be without anybody vouching for it: small enough not to
// take the place of the author's words, and with nothing in it that moves money or readers.
const (
	maxAddition = 512 // octets
	maxDigits   = 6   // outside of links to a known forwarder
)

// harmless reports whether text that was added names no host and no address but own ones, has
// nothing outside of links to a known forwarder that could be an account, and is short. Control
// characters and those that turn the direction of text are never harmless.
func harmless(added []byte, own owners) bool { return harm(added, own) == "" }

// harm says why text that was added is not harmless, empty if it is.
func harm(added []byte, own owners) string {
	added = bytes.TrimSpace(added)
	switch {
	case len(added) > maxAddition:
		return fmt.Sprintf("it has %d octets, more than %d", len(added), maxAddition)
	case !utf8.Valid(added):
		return "it is not in UTF-8"
	case hides(string(added)):
		return "it has characters that hide or turn others"
	case drawn(string(added)), laidOut(string(added)):
		return "it has lines that draw something"
	}
	for _, text := range []string{string(added), strings.Map(unblank, string(added))} {
		rest, why := own.foreign(text)
		if why == "" {
			why = code(rest)
		}
		if why != "" {
			return why
		}
	}
	return ""
}

// unblank drops blanks that may be too narrow to be seen.
func unblank(r rune) rune {
	const noBreak, ideographic = '\u00a0', '\u3000'
	if unicode.Is(unicode.Zs, r) && r != ' ' && r != noBreak && r != ideographic {
		return -1
	}
	return r
}

// CheckFooter says why recipients would not take text, with what sets it off in front, for the
// footer of a mailing list at that domain; nil if they would.
func CheckFooter(text, domain string) error {
	a := readAddition(message.Text, text)
	if why := a.unfit(owners{domain: domain}); why != "" {
		return errors.New(why)
	}
	return nil
}

// pips are dominoes, cards, clocks and dice, and Braille, whose patterns are digits too.
var pips = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2680, Hi: 0x2685, Stride: 1}, {Lo: 0x2800, Hi: 0x28ff, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1f000, Hi: 0x1f0ff, Stride: 1}, {Lo: 0x1f51f, Hi: 0x1f51f, Stride: 1}, {Lo: 0x1f550, Hi: 0x1f567, Stride: 1}},
}

// odd reports whether a character hides, turns or stands for digits that others count.
func odd(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || 0x7f <= r && r < 0xa0:
		return true
	case unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point):
		return true
	case unicode.Is(pips, r):
		return true
	case 0xff00 <= r && r <= 0xffef && !strings.ContainsRune(wide, r): // full width: Ｅ, ５
		return true
	}
	return r >= 0x80 && unicode.IsNumber(r)
}

// rules are the characters of which people draw rules, mixed those of a long one.
const (
	rules   = "-_=*~─━—–═ー・‐−"
	mixed   = rules + "#+"
	wide    = "＝－＿" // rules of full width
	minRule = 3
	minLong = 10 // characters of a rule of several, or of hashes, of which headings have few
)

// separated reports whether text that follows the author's begins with a line that sets it apart:
// that of a signature, or a rule.
func separated(added []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(added, "\n"), []byte("\n"))
	return isRule(string(line)) || strings.ReplaceAll(strings.TrimSpace(string(line)), " ", "") == "--"
}

// isRule reports whether a line is a rule: of one character, or a long one.
func isRule(line string) bool {
	rule := []rune(strings.ReplaceAll(strings.TrimSpace(norm.NFKC.String(line)), " ", ""))
	all := func(of string) bool {
		return !slices.ContainsFunc(rule, func(r rune) bool { return !strings.ContainsRune(of, r) })
	}
	return len(rule) >= minRule && strings.ContainsRune(rules, rule[0]) && all(string(rule[0])) || len(rule) >= minLong && all(mixed)
}

// clip bounds what is kept of an addition, and says whether anything was left out: of what nobody
// has read nobody can say that it is harmless.
func clip(s string) (kept string, cut bool) {
	return s[:min(len(s), maxFooterBytes)], len(s) > maxFooterBytes
}

// quote is an addition for people, in one line: what is seen of it, whole if it may be harmless,
// begin and end of what is longer.
func quote(t message.Type, added string) string {
	longest := maxAddition
	if t == message.HTML {
		if text := seen([]byte(added), seeing{pictures: true, links: true}); len(text) > 0 {
			added = string(text)
		}
		longest = maxFooterBytes // where it leads is not counted among its words
	}
	if t == message.To || t == message.Cc {
		longest = maxNames
	}
	line := []rune(oneLine(added))
	if len(line) > longest {
		return string(line[:2*maxDetail]) + " … " + string(line[len(line)-maxDetail:])
	}
	return string(line)
}
