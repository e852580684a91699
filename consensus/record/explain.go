package record

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

// explain finds what turned the recorded component into the received content; an empty kind if nothing known does.
func explain(form message.Form, r *recorded, a *arrival) (kind, detail string) {
	received := a.Content
	switch {
	case r.kind == message.Subject && a.Reading == message.AsOctets:
		return explainRawSubject(r, a)
	case a.Reading == message.AsOctets && len(a.Lenient) > 0:
		received = a.Lenient
	case a.Reading == message.AsOctets, r.known && r.reading == message.AsOctets && r.kind != message.Subject:
		return "", ""
	case r.text() && r.unlabelled(received):
		return CharsetChanged, ""
	}
	if a.Label != "" && r.text() && r.is(message.DigestOf(message.Canonical, received, "")) {
		return CharsetChanged, a.Label
	}
	switch form {
	case message.FormInstant:
		for _, day := range grammar.Weekdays {
			if r.isContent([]byte(string(received)+" "+day), nil) {
				return WeekdayPut, ""
			}
		}
	case message.FormText:
		return explainText(r, a)
	case message.FormHTML:
		return explainHTML(r, a)
	case message.FormAddresses:
		return explainAddresses(r, received)
	case message.FormIDs:
		if r.known && isSubset(strings.Fields(string(received)), strings.Fields(string(r.content))) {
			return Shortened, ""
		}
	case message.FormValue:
		if kind, detail = explainValue(r, a); kind == "" && r.kind == message.Subject {
			return explainRawSubject(r, a)
		}
		return kind, detail
	case message.FormBytes:
		if r.known && utf8.Valid(r.content) && sameButSpace(r.content, received) {
			return WhitespaceChanged, ""
		}
	}
	return "", ""
}

// explainValue takes tags off a subject: "[list] Re: hello", "Re: [list] hello", "EXTERNAL: hello" come from "hello" or "Re: hello".
func explainValue(r *recorded, a *arrival) (kind, detail string) {
	received := a.Content
	if r.kind == message.Subject {
		for rest, tags := string(received), []string(nil); len(tags) < 4; {
			before, tag, after, ok := cutTag(rest)
			if !ok {
				break
			}
			tags, rest = append(tags, tag), joinWords(before, after)
			if isSubject(r, rest) {
				return SubjectTagged, strings.Join(tags, " ")
			}
		}
		if isSubject(r, string(received)) {
			return ReplyPrefix, ""
		}
		if r.known {
			if tag, ok := strings.CutSuffix(string(received), " "+string(r.content)); ok && len(tag) <= 32 {
				return SubjectTagged, tag
			}
		}
	}
	if r.known && sameButSpace(r.content, received) {
		return WhitespaceChanged, ""
	}
	if r.kind == message.FromName {
		return NameChanged, shorten(received)
	}
	if r.kind == message.AttachmentName {
		return Renamed, shorten(received)
	}
	return "", ""
}

// explainRawSubject finds a subject that was recorded as its octets, such as 8-bit ones, in what a
// relay encoded: as words of that charset, or as ISO 8859-1 for want of one.
func explainRawSubject(r *recorded, a *arrival) (kind, detail string) {
	received := string(a.Content)
	spellings := []string{received}
	if a.Reading == message.AsOctets {
		spellings[0] = string(rawWords(received))
	} else if narrow, ok := latin1(received); ok {
		spellings = append(spellings, narrow)
	}
	for _, subject := range spellings {
		if r.is(message.DigestOf(message.AsOctets, []byte(subject), "")) {
			return CharsetChanged, ""
		}
		before, tag, after, ok := cutTag(subject)
		if ok && r.is(message.DigestOf(message.AsOctets, []byte(joinWords(before, after)), "")) {
			return SubjectTagged, tag
		}
	}
	return "", ""
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

// isSubject reports whether a subject is the recorded one but for the spelling of "Re:" and for a
// space that some lists put behind a comma when they fold.
func isSubject(r *recorded, subject string) bool {
	spellings := []string{subject}
	for at := 0; len(spellings) < 5; {
		i := strings.Index(subject[at:], ", ")
		if i < 0 {
			break
		}
		at += i + 1
		spellings = append(spellings, subject[:at]+subject[at+1:])
	}
	return slices.ContainsFunc(spellings, func(s string) bool {
		if r.isContent([]byte(s), nil) {
			return true
		}
		return len(s) > 2 && strings.EqualFold(s[:3], "re:") && slices.ContainsFunc([]string{"Re:", "RE:", "re:"}, func(prefix string) bool {
			return r.isContent([]byte(prefix+s[3:]), nil)
		})
	})
}

// cutTag cuts the first "[…]" out of a subject, at its start or behind reply prefixes.
func cutTag(s string) (before, tag, after string, ok bool) {
	open := strings.IndexByte(s, '[')
	if open < 0 {
		return "", "", "", false
	}
	for _, word := range strings.Fields(s[:open]) {
		if !strings.HasSuffix(word, ":") || len(word) > 8 {
			return "", "", "", false
		}
	}
	end := strings.IndexByte(s[open:], ']')
	if end < 0 || end > 64 {
		return "", "", "", false
	}
	end += open + 1
	return s[:open], s[open:end], s[end:], true
}

func joinWords(a, b string) string {
	return strings.TrimSpace(strings.TrimSpace(a) + " " + strings.TrimSpace(b))
}

func explainAddresses(r *recorded, received []byte) (kind, detail string) {
	if !r.known {
		return "", ""
	}
	if bytes.EqualFold(r.content, received) {
		return CaseChanged, ""
	}
	ours, theirs := strings.Split(string(r.content), "\n"), strings.Split(string(received), "\n")
	switch {
	case isSubset(ours, theirs):
		return AddressesAdded, ""
	case isSubset(theirs, ours):
		return AddressesRemoved, ""
	}
	return "", ""
}

func isSubset(some, all []string) bool {
	for _, s := range some {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return true
}

// sameButSpace reports whether a and b differ in white space alone.
func sameButSpace(a, b []byte) bool { return bytes.Equal(squeeze(a), squeeze(b)) }

func squeeze(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, b)
}

// inWords is the content of a component of the header for people: a date as one, of names those and
// not their numbers.
func inWords(c *message.Component) string {
	switch {
	case c.Reading == message.Canonical && c.Type == message.Date:
		seconds, day, _ := strings.Cut(string(c.Content), " ")
		if at, err := strconv.ParseInt(seconds, 10, 64); err == nil {
			return strings.TrimSpace(time.Unix(at, 0).UTC().Format("2006-01-02 15:04:05 UTC") + " " + day)
		}
	case c.Reading == message.Canonical && c.Type == message.Names:
		var words []string
		for line := range strings.Lines(string(c.Content)) {
			if _, name, ok := strings.Cut(line, "\t"); ok && strings.TrimSpace(name) != "" {
				words = append(words, strings.TrimSpace(name))
			}
		}
		return shorten([]byte(strings.Join(words, ", ")))
	}
	return shorten(c.Content)
}

const maxDetail = 80

// shorten returns content as one line of at most maxDetail characters.
func shorten(content []byte) string {
	if len(content) > 16*maxDetail {
		content = content[:16*maxDetail]
	}
	line := strings.Join(strings.Fields(strings.ToValidUTF8(string(content), "\uFFFD")), " ")
	if runes := []rune(line); len(runes) > maxDetail {
		return string(runes[:maxDetail-1]) + "…"
	}
	return line
}
