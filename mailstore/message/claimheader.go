package message

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"cairn/mailstore/message/grammar"
)

// claimTexts are the values of a header that may claim domains.
type claimTexts struct {
	authors  []string // of which programs may take different authors
	beside   []string // names and comments beside authors whom all programs find
	senders  []string // of Sender fields
	returned []string // of Return-Path fields
	cut      []string // of what is such a field to a program that cuts overlong lines
	named    bool     // there are authors whom all programs find
	nobody   bool     // some program may find none
	whole    bool     // they are all
}

// claimTextsOf reads a header; not whole if it is too large for all programs. One that is beyond
// the grammar claims what its fields do: those whom it is for, of whom it may name many, are no
// authors. But some programs read no further, and some cut its lines.
func claimTextsOf(header []byte) claimTexts {
	lines := bytes.TrimLeft(WithoutMboxLine(header), "\r\n")
	text := lines[:min(len(lines), maxHeaders.bytes)]
	early := len(lines) > 0 && isEnd(WithoutMboxLine(header)[0]) // an empty line that some programs pass over
	s := grammar.ReadSection(lines, grammar.MaxHeader)
	if lines = lines[:s.Size]; len(lines) > maxHeaders.bytes {
		return claimTexts{nobody: true}
	}
	t := claimTexts{nobody: early, whole: true}
	switch {
	case bytes.IndexByte(lines, 0) >= 0: // where some programs end the line, and go on with the next one
		t.nobody, t.authors = true, slices.Concat(unfolded(lines), unfolded(cutLines.ReplaceAll(lines, nil)))
		return t
	case hasFlaw(&s, grammar.LongHeader):
		if max(bytes.Count(lines, []byte("\n")), bytes.Count(lines, []byte("\r"))) > maxHeaders.lines {
			return claimTexts{nobody: true}
		}
		s = grammar.ReadLongSection(lines, maxHeaders.bytes)
		t.nobody = true
	}
	if hasLongLine(lines) { // not by the flaw, which is noted of some fields alone
		t.cut = cutAuthors(lines)
	}
	if hasFlaw(&s, grammar.BareCR) { // a line end to some
		split := grammar.ReadLongSection(lineEnds.ReplaceAll(lines, []byte("\n")), maxHeaders.bytes)
		joined := grammar.ReadLongSection(bareCRs.ReplaceAll(lines, []byte(" ")), maxHeaders.bytes) // a blank to others, which may fold
		for _, other := range []*grammar.Section{&split, &joined} {
			t.authors = append(t.authors, other.Values("from")...)
			t.senders = append(t.senders, other.Values("sender")...)
			t.returned = append(t.returned, other.Values("return-path")...)
		}
		t.nobody = true
	}
	authors := 0
	for i := range s.Fields {
		if f := &s.Fields[i]; f.Name == "from" {
			authors++
			t.readAuthors(f.Value, early || f.QuoteFolded) // some programs end a quoted string with its line
		}
	}
	if authors == 0 {
		t.nobody = true
		if hasFlaw(&s, grammar.NoField) { // behind the empty line some programs find the header
			t.whole = !hasAuthorLine(fromNoField(text))
		}
	}
	t.senders = append(t.senders, s.Values("sender")...)
	t.returned = append(t.returned, s.Values("return-path")...)
	return t
}

// readAuthors takes the value of a From field. All programs take the same addresses from it if it
// is inside the grammar, no name in it holds what would be an address once encoded words are
// decoded, and none of a group is one.
func (t *claimTexts) readAuthors(value string, odd bool) {
	if len(value) > grammar.MaxHeader { // which costs more than it is worth: whatever it mentions counts
		t.authors, t.nobody = append(t.authors, value), true
		return
	}
	items, plain := grammar.Addresses(value)
	var beside []string
	for _, i := range items {
		for _, text := range []string{i.Group, i.Name, i.Comment} {
			if hasAtSign(text) {
				beside = append(beside, text)
			}
		}
		angles := strings.ContainsAny(i.Name+i.Comment, "<>")
		plain = plain && !strings.Contains(i.Group, "@") && !(angles && strings.Contains(i.Name+i.Comment, "@"))
	}
	if !plain || odd {
		t.authors = append(t.authors, value)
		items, plain = grammar.BareAddresses(value)
	} else {
		t.beside = append(t.beside, beside...)
	}
	if found := plain && slices.ContainsFunc(items, func(i grammar.Item) bool { return i.Addr != "" }); found && !odd {
		t.named = true
	} else {
		t.nobody = true
	}
}

// hasLongLine reports whether a line of a header is beyond what all programs take.
func hasLongLine(header []byte) bool {
	for len(header) > grammar.MaxLine {
		var line []byte
		if line, header = grammar.CutLine(header); len(line) > grammar.MaxLine {
			return true
		}
	}
	return false
}

// cutAuthors are the values of what is From, Sender or Return-Path to a program that cuts lines
// beyond grammar.MaxLine somewhere, and goes on with the rest as with another field: what stands
// behind the first such name in one, and behind each up to the next.
func cutAuthors(header []byte) (values []string) {
	for len(header) > 0 {
		var text []byte
		var ends []int
		text, ends, header = cutField(header)
		if len(ends) == 0 {
			continue
		}
		values = append(values, string(text[ends[0]:]))
		for i, end := range append(ends[1:], len(text)) {
			if len(ends) > 1 {
				values = append(values, string(text[ends[i]:end]))
			}
		}
	}
	return values
}

// cutField returns the first line of a header with those that go on it, where the names of authors
// end in its overlong lines, and what follows.
func cutField(header []byte) (text []byte, ends []int, rest []byte) {
	for more := true; more; more = len(header) > 0 && isBlank(header[0]) {
		var line []byte
		line, header = grammar.CutLine(header)
		long := len(line) > grammar.MaxLine
		if len(text) > 0 {
			text, line = append(text, ' '), bytes.TrimLeft(line, " \t")
		}
		if long {
			ends = appendAuthorNames(ends, len(text), line)
		}
		text = append(text, line...)
	}
	return text, ends, header
}

// appendAuthorNames appends where in a text with that line at an offset names of fields end that
// programs show authors from, with their colons; but for the name of the field itself, whose value
// is read as such.
func appendAuthorNames(ends []int, offset int, line []byte) []int {
	for i, c := range line {
		if c != ':' {
			continue
		}
		name := bytes.TrimRight(line[:i], " \t")
		if namesAuthors(name) && !(offset == 0 && isAuthorField(name)) {
			ends = append(ends, offset+i+1)
		}
	}
	return ends
}

// namesAuthors reports whether a text ends in the name of a field that programs show authors from.
func namesAuthors(text []byte) bool {
	return slices.ContainsFunc(authorFields, func(name []byte) bool {
		return len(text) >= len(name) && bytes.EqualFold(text[len(text)-len(name):], name)
	})
}

var authorFields = [][]byte{[]byte("from"), []byte("sender"), []byte("return-path")}

// fromNoField is a text from the first line of its header on that is no field.
func fromNoField(text []byte) []byte {
	for rest, first := text, true; len(rest) > 0; first = false {
		line, next := grammar.CutLine(rest)
		if len(line) == 0 || !isField(line) && (first || !isBlank(line[0])) {
			return rest
		}
		rest = next
	}
	return nil
}

// hasAuthorLine reports whether a line of a text begins, behind what is not seen, as a field does
// that programs show authors from.
func hasAuthorLine(text []byte) bool {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
			line = text[:i]
		}
		text = text[min(len(line)+1, len(text)):]
		name, _, found := bytes.Cut(bytes.TrimLeftFunc(line, isBlankOrUnseen), []byte(":"))
		if found && isAuthorField(bytes.TrimRightFunc(name, isBlankOrUnseen)) {
			return true
		}
	}
	return false
}

func isBlankOrUnseen(r rune) bool { return unicode.IsSpace(r) || isUnseen(r) }

func isAuthorField(name []byte) bool {
	return slices.ContainsFunc(authorFields, func(field []byte) bool { return bytes.EqualFold(name, field) })
}

// unfolded are the lines of a header that may have an at sign, each with those that go on it.
func unfolded(header []byte) []string {
	var line []byte
	var lines []string
	for len(header) > 0 {
		var next []byte
		next, header, _ = bytes.Cut(header, []byte("\n"))
		line = append(line, next...)
		if len(header) > 0 && isBlank(header[0]) {
			line, header = append(bytes.TrimSuffix(line, []byte("\r")), ' '), bytes.TrimLeft(header, " \t")
			continue
		}
		if bytes.IndexByte(line, '@') >= 0 || bytes.Contains(line, []byte("=?")) || !isASCII(line) {
			lines = append(lines, string(line))
		}
		line = line[:0]
	}
	return lines
}

func hasFlaw(s *grammar.Section, flaw grammar.Flaw) bool {
	return slices.ContainsFunc(s.Flaws, func(f grammar.FoundFlaw) bool { return f.Flaw == flaw })
}

func isEnd(c byte) bool { return c == '\r' || c == '\n' }

var (
	lineEnds = regexp.MustCompile(`[\r\n]+`)
	bareCRs  = regexp.MustCompile(`\r+\b`)
	cutLines = regexp.MustCompile(`\x00[^\n]*\n?`)
)
