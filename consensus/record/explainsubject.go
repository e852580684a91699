package record

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// explainRawSubject finds a subject that was recorded as its octets, such as 8-bit ones, in what a
// relay encoded: as words of that charset, or as ISO 8859-1 for want of one.
func explainRawSubject(r *recorded, a *arrival) (kind, detail string) {
	received := string(a.Content())
	spellings := []string{received}
	if a.Reading == message.AsOctets && hasHigh(a.Content()) && utf8.Valid(a.Content()) { // words that a relay decoded
		raw := *a
		raw.Component = a.WithContent(grammar.Normal(a.Content()))
		raw.Reading = message.Canonical
		if r.isContent(raw.Content(), nil) {
			return CharsetChanged, ""
		}
		if kind, detail = explainValue(r, &raw); kind == SubjectTagged {
			return kind, detail
		}
	}
	if a.Reading == message.AsOctets {
		if words, ok := grammar.Words(withoutTabs(ownNames.Replace(unfolded(received)))); ok {
			renamed := *a
			renamed.Component = a.WithContent([]byte(words))
			renamed.Reading = message.Canonical
			if kind, detail = explainValue(r, &renamed); kind == "" && r.isContent(renamed.Content(), nil) {
				return CharsetChanged, ""
			}
			return kind, detail
		}
		spellings[0] = string(rawWords(received))
	} else if narrow, ok := latin1(received); ok {
		spellings = append(spellings, narrow)
	}
	octets := *r
	octets.as = message.AsOctets
	for _, subject := range spellings {
		if r.is(message.DigestOf(message.AsOctets, []byte(subject), "")) {
			return CharsetChanged, ""
		}
		before, tag, after, ok := cutTag(subject)
		if ok && r.is(message.DigestOf(message.AsOctets, []byte(joinWords(before, after)), "")) {
			return SubjectTagged, tag
		}
		if r.version > recordV1 && isRespelled(&octets, subject, answered.isUsual) {
			return ReplyPrefix, ""
		}
	}
	return "", ""
}

// ownNames undoes names that list software has for charsets and no other program knows.
var ownNames = strings.NewReplacer("=?eucgb2312_cn?", "=?gb2312?", "=?big5_tw?", "=?big5?")

// wordOfQ is an encoded word in the encoding in which each octet can be seen.
var wordOfQ = regexp.MustCompile(`=\?[^?\s]+\?[qQ]\?[^?\s]*\?=`)

// withoutTabs puts a blank for each tab of encoded words: list software keeps that of a fold there.
func withoutTabs(s string) string {
	return wordOfQ.ReplaceAllStringFunc(s, func(word string) string { return strings.ReplaceAll(word, "=09", "_") })
}

// latin1 returns the octets of a text in ISO 8859-1, if it has any beyond ASCII and no others.
func latin1(s string) (octets string, ok bool) {
	var b []byte
	for _, r := range s {
		if r > 0xff {
			return "", false
		}
		ok = ok || r >= 0x80
		b = append(b, byte(r))
	}
	return string(b), ok
}

// rawWords puts the octets of encoded words whose charset is not known in their place.
func rawWords(s string) []byte {
	var out []byte
	for s != "" {
		at := strings.Index(s, "=?unknown-8bit?")
		if at < 0 {
			return append(out, s...)
		}
		end := strings.Index(s[at+len("=?unknown-8bit?")+2:], "?=")
		if end < 0 {
			return append(out, s...)
		}
		end += at + len("=?unknown-8bit?") + 2 + len("?=")
		octets, ok := grammar.WordOctets(s[at:end])
		if !ok {
			return append(out, s...)
		}
		gap := s[:at]
		if strings.TrimSpace(gap) == "" && len(out) > 0 {
			gap = ""
		}
		out = append(append(out, gap...), octets...)
		s = s[end:]
	}
	return out
}

// subjectKind says how a subject differs that is the recorded one but for the spelling of "Re:",
// and for a space that some lists put behind a comma when they fold; an empty kind if it is
// another.
func subjectKind(r *recorded, subject string) (kind string) {
	if isRespelled(r, subject, answered.isAnswered) {
		return ReplyPrefix
	}
	for at, tries := 0, 0; tries < 4; tries++ {
		i := strings.Index(subject[at:], ", ")
		if i < 0 {
			break
		}
		at += i + 1
		if (r.version == recordV1 || isBetweenWords(subject[:at-1], subject[at+1:])) && isRespelled(r, subject[:at]+subject[at+1:], answered.isUsual) {
			return CommaParted
		}
	}
	return ""
}

// isBetweenWords reports whether a comma between two texts is neither in a number nor in a link.
func isBetweenWords(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	first, _ := utf8.DecodeRuneInString(after)
	left := before[strings.LastIndexByte(before, ' ')+1:]
	right, _, _ := strings.Cut(after, " ")
	return !(unicode.IsNumber(last) && unicode.IsNumber(first)) && !isLinkish(left+","+right)
}

// isRespelled reports whether a subject is the recorded one but for the spelling of "Re:", how
// often that stands there, and which side of a tag.
func isRespelled(r *recorded, subject string, isAnswered func(answered, *recorded, *int) bool) bool {
	if r.isContent([]byte(subject), nil) {
		return true
	}
	if a, ok := answer(subject); ok && r.version > recordV1 && isAnswered(a, r, r.budget.answersLeft()) {
		return true
	}
	if len(subject) < 3 || !strings.EqualFold(subject[:3], "re:") {
		return false
	}
	rests := [][]byte{[]byte(subject[3:])}
	if closed, parted := bytes.CutPrefix(rests[0], []byte(" ")); parted { // list software parts the two
		rests = append(rests, closed)
	}
	return slices.ContainsFunc(rests, func(rest []byte) bool {
		return slices.ContainsFunc(respelled, func(prefix string) bool { return r.isRow([]byte(prefix), rest) })
	})
}

// cutTag cuts a "[…]", or a tag of a program that screens mail, out of a subject, at its start or
// behind reply prefixes.
func cutTag(s string) (before, tag, after string, ok bool) {
	open := behindReplies(s)
	if open > 0 && s[open-1] != ' ' { // a tag is no part of a word or a number
		return "", "", "", false
	}
	end := open
	if tag, ok := cutScreening(s[open:]); ok {
		end += len(tag)
	} else {
		if !strings.HasPrefix(s[open:], "[") {
			return "", "", "", false
		}
		length := strings.IndexByte(s[open:], ']') + 1
		if length == 0 || length > 65 {
			return "", "", "", false
		}
		end += length
		first, _ := utf8.DecodeRuneInString(s[open+1:])
		if end < len(s) && s[end] != ' ' || !unicode.IsLetter(first) && !unicode.IsNumber(first) {
			return "", "", "", false
		}
	}
	if pushed := len(s[end:]) - len(strings.TrimLeft(s[end:], " \t")); pushed > maxFold { // out of sight
		return "", "", "", false
	}
	return s[:open], s[open:end], s[end:], true
}

func joinWords(a, b string) string {
	return strings.TrimSpace(strings.TrimSpace(a) + " " + strings.TrimSpace(b))
}
