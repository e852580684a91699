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

// explain finds what turned the recorded component into the received content; an empty kind if
// nothing known does.
func explain(form message.Form, r *recorded, a *arrival) (kind, detail string) {
	if r.budget.none() {
		return "", ""
	}
	if kind, detail = explainForm(form, r, a); kind == "" && a.Reading == message.Canonical {
		return explainUnlabelled(r, a) // what costs the most comes last
	}
	return kind, detail
}

func explainForm(form message.Form, r *recorded, a *arrival) (kind, detail string) {
	received := a.Content()
	switch {
	case r.kind == message.Subject && a.Reading == message.AsOctets:
		return explainRawSubject(r, a)
	case a.Reading == message.AsOctets && len(a.Lenient) > 0:
		received = a.Lenient
	case a.Reading == message.AsOctets && r.text() && r.version > recordV1:
		return explainOctets(r, a)
	case a.Reading == message.AsOctets, r.known && r.reading == message.AsOctets && r.kind != message.Subject:
		return "", ""
	case r.transcoded(a):
		return CharsetChanged, ""
	}
	if a.Reading == message.AsOctets && r.text() && r.isContent(received, a.labels()) { // but for CRs at line ends
		return WhitespaceChanged, ""
	}
	if a.Label != "" && r.text() && r.budget.spend(len(received)+tryWork) && r.is(message.DigestOf(message.Canonical, received, "")) {
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
		if r.known && utf8.Valid(r.content) && sameButSpace(r.content, received) || isHeadless(r, a) {
			return WhitespaceChanged, ""
		}
	}
	return "", ""
}

// isHeadless reports whether an embedded message without a header, which is malformed, got the
// empty line in front that says so.
func isHeadless(r *recorded, a *arrival) bool {
	return r.kind == message.Attachment && a.Reading == message.Canonical && len(a.Lenient) > 0 &&
		r.budget.spend(len(a.Lenient)+tryWork) && r.is(message.DigestOf(message.AsOctets, a.Lenient, ""))
}

// explainValue takes tags off a subject: "[list] Re: hello", "Re: [list] hello", "EXTERNAL: hello"
// come from "hello" or "Re: hello".
func explainValue(r *recorded, a *arrival) (kind, detail string) {
	received := a.Content()
	if r.kind == message.Subject {
		for rest, tags := string(received), []string(nil); len(tags) < 4; {
			before, tag, after, ok := cutTag(rest)
			if !ok {
				break
			}
			tags, rest = append(tags, tag), joinWords(before, after)
			if subjectKind(r, rest) != "" || r.version > recordV1 && slices.ContainsFunc(slices.Collect(refolded(rest, nil)), func(other string) bool { return r.isContent([]byte(other), nil) }) {
				return SubjectTagged, strings.Join(tags, " ")
			}
		}
		if kind = subjectKind(r, string(received)); kind != "" {
			return kind, ""
		}
		// Who unfolds may leave two blanks; with more, words can be pushed out of sight.
		if single := strings.ReplaceAll(string(received), "  ", " "); len(single) < len(received) && r.isContent([]byte(single), nil) {
			return Refolded, ""
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
// not their numbers, whole where they are not those of addressees, of whom none but fewer may pass.
func inWords(c *message.Component) string {
	text := string(c.Content())
	switch about := message.Type(c.Index); {
	case c.Type == message.Date:
		if at, day, ok := instant(c); ok {
			return strings.TrimSpace(at.UTC().Format("2006-01-02 15:04:05 UTC") + " " + day)
		}
	case c.Type == message.Names:
		if c.Reading == message.Canonical {
			text = namesIn(text)
		}
		if about != message.To && about != message.Cc {
			return quote(message.Names, text)
		}
	}
	return shorten([]byte(text))
}

// namesIn are the names in the content of a component, in a row.
func namesIn(content string) string {
	var words []string
	for line := range strings.Lines(content) {
		if _, name, ok := strings.Cut(line, "\t"); ok && strings.TrimSpace(name) != "" {
			words = append(words, strings.TrimSpace(name))
		}
	}
	return strings.Join(words, ", ")
}

// instant is what a date within the grammar says.
func instant(date *message.Component) (at time.Time, weekday string, ok bool) {
	seconds, weekday, _ := strings.Cut(string(date.Content()), " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0), weekday, err == nil && date.Reading == message.Canonical
}

const maxDetail = 80

// shorten returns content as one line of at most maxDetail characters.
func shorten(content []byte) string {
	if len(content) > 16*maxDetail {
		content = content[:16*maxDetail]
	}
	line := oneLine(string(content))
	if runes := []rune(line); len(runes) > maxDetail {
		return string(runes[:maxDetail-1]) + "…"
	}
	return line
}

// oneLine is a text with a blank for each piece of white space.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
}
