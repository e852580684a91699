package grammar

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Limits of a header section. Relays and programs cut, wrap or give up beyond them.
const (
	MaxLine   = 998      // octets of a header line without its end, RFC 5322, section 2.1.1
	MaxHeader = 64 << 10 // octets of a header section

	usualFields = 8       // of a header
	usualFolded = 2 << 10 // octets of the longest value that is folded

	maxFold  = 16 // white space of a fold that is one space
	tabWidth = 8  // of that
)

// Fold is what stands in the place of a fold where it counts: no value has it that is without a
// flaw.
const Fold = "\r"

// Field is one header field.
type Field struct {
	Name string // in lower case
	// Value is unfolded: each fold, with the white space around it, is one space, unless that is so
	// much that what follows may be pushed out of sight. There is none at the ends.
	Value string
	// Folded is Value with Fold in the place of each fold.
	Folded string
	// Padded says that white space stands behind the value or more than one blank before it, or
	// that it was folded: some programs take that into a value that is one word.
	Padded bool
	// QuoteFolded says that it was folded inside of a quoted string, where some programs keep the
	// line end.
	QuoteFolded bool
	// QuoteFolds are the places of these folds in Value, -1 for one of more than two blanks.
	QuoteFolds []int
}

// Section is a header section (RFC 5322, section 2.2) and the body behind it.
type Section struct {
	Fields []Field
	Flaws  []FoundFlaw // each kind once for each of the first maxNames field names, in the order of their first occurrence
	Body   []byte      // what follows the empty line; it shares raw's memory
	Size   int         // octets of the header with its empty line
	Ended  bool        // by an empty line

	folded     []byte // the value of the last field, if that was folded
	places     []byte // the same with Fold for its folds
	quoted     bool   // a quoted string is open at the end of that
	gap        []byte // the white space behind it
	disregards func(f Flaw, field string) bool
}

// ReadSection splits an entity whose lines end in CRLF or LF. Lines that are no fields are left out
// of Fields and noted as flaws; so is what lies beyond the first limit octets of the header, or
// beyond MaxHeader.
func ReadSection(raw []byte, limit int) Section { return readSection(raw, min(limit, MaxHeader), none) }

// ReadLongSection is ReadSection of a header that may go beyond MaxHeader: what programs read there
// that know no such limit.
func ReadLongSection(raw []byte, limit int) Section { return readSection(raw, limit, none) }

func none(Flaw, string) bool { return false }

// ReadSectionWithout is ReadSection that notes no flaw which disregards says is none in the field
// with that lower-case name.
func ReadSectionWithout(raw []byte, limit int, disregards func(f Flaw, field string) bool) Section {
	return readSection(raw, min(limit, MaxHeader), disregards)
}

func readSection(raw []byte, limit int, disregards func(f Flaw, field string) bool) Section {
	s := Section{disregards: disregards}
	field := -1 // that the next folded line goes on
	rest := raw
	for len(rest) > 0 {
		line, next := CutLine(rest)
		rest = next
		if len(line) == 0 {
			s.Ended = true
			break
		}
		if len(raw)-len(rest) > limit {
			s.flaw(LongHeader, line, -1)
			rest, s.Ended = afterHeader(rest)
			break
		}
		if isBlank(line[0]) {
			s.fold(line, field)
		} else {
			field = s.start(line)
		}
		s.inspect(line, field)
	}
	s.unfold()
	s.Body, s.Size = rest, len(raw)-len(rest)
	return s
}

// afterHeader returns what follows the first empty line of b, which starts with a line; ended is
// false if there is none.
func afterHeader(b []byte) (rest []byte, ended bool) {
	for i := -1; i < len(b); i++ {
		if i >= 0 {
			if i += withoutEmptyLine(b[i:]); i == len(b) || b[i] != '\n' {
				continue
			}
		}
		switch rest := b[i+1:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			return rest[1:], true
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return rest[2:], true
		}
	}
	return nil, false
}

// withoutEmptyLine is how many octets at the start, looked at eight at a time, are no LF in front
// of an empty line.
func withoutEmptyLine(b []byte) (n int) {
	const lf, cr = 0x0a0a0a0a0a0a0a0a, 0x0d0d0d0d0d0d0d0d
	for len(b)-n >= 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		ends := zeroOctets(w ^ lf)
		if ends == 0 {
			n += 8
			continue
		}
		if ends&(ends>>8|zeroOctets(w^cr)>>8&(ends>>16)) != 0 {
			break
		}
		n += 6 // what the last two begin may go on behind them
	}
	return n
}

// zeroOctets has the highest bit of each octet of w that is 0, and no other.
func zeroOctets(w uint64) uint64 {
	const low = 0x7f7f7f7f7f7f7f7f
	return ^((w&low + low) | w | low)
}

func (s *Section) inspect(line []byte, field int) {
	if bytes.IndexByte(line, '\r') >= 0 {
		s.flaw(BareCR, line, field)
	}
	if bytes.IndexByte(line, 0) >= 0 {
		s.flaw(NUL, line, field)
	}
	if len(line) > MaxLine {
		s.flaw(LongLine, line, field)
	}
}

// start takes the first line of a field and returns the field's number, -1 for none.
func (s *Section) start(line []byte) int {
	s.unfold()
	colon := bytes.IndexByte(line, ':')
	name := bytes.TrimRight(line[:max(colon, 0)], " \t")
	if len(name) == 0 || !isFieldName(name) {
		s.flaw(NoField, line, -1)
		return -1
	}
	written := strings.TrimPrefix(string(line[colon+1:]), " ")
	value := strings.Trim(written, " \t")
	s.gap = append(s.gap[:0], written[len(strings.TrimRight(written, " \t")):]...)
	if s.Fields == nil {
		s.Fields = make([]Field, 0, usualFields)
	}
	s.Fields = append(s.Fields, Field{
		Name: lowerName(name), Value: value, Folded: value, Padded: len(value) < len(written),
	})
	if len(name) < colon {
		s.flaw(SpaceBeforeColon, line, len(s.Fields)-1)
	}
	return len(s.Fields) - 1
}

// fold takes a line that goes on the one before.
func (s *Section) fold(line []byte, field int) {
	behind := bytes.TrimLeft(line, " \t")
	more := bytes.TrimRight(behind, " \t")
	s.gap = append(s.gap, line[:len(line)-len(behind)]...) // of many blank folds it is long
	s.goOn(line, more, field)
	if len(more) > 0 {
		s.gap = append(s.gap[:0], behind[len(more):]...)
	}
}

// goOn is fold with the text of the line, behind the gap.
func (s *Section) goOn(line, more []byte, field int) {
	if len(more) == 0 {
		s.flaw(BlankFold, line, field)
	}
	if field < 0 {
		s.flaw(NoField, line, -1)
		return
	}
	s.Fields[field].Padded = true
	if len(s.folded) == 0 {
		if cap(s.folded) == 0 {
			s.folded, s.places = make([]byte, 0, usualFolded), make([]byte, 0, usualFolded)
		}
		s.folded = append(s.folded, s.Fields[field].Value...)
		s.places = append(s.places[:0], s.folded...)
		s.quoted = openQuote(false, s.folded)
	}
	if s.quoted {
		at := len(s.folded)
		if len(s.gap) > 2 || len(more) == 0 {
			at = -1
		}
		s.Fields[field].QuoteFolded, s.Fields[field].QuoteFolds = true, append(s.Fields[field].QuoteFolds, at)
	}
	s.quoted = openQuote(s.quoted, more)
	if len(more) > 0 && len(s.folded) > 0 {
		gap := s.gap
		if len(gap)+(tabWidth-1)*bytes.Count(gap, []byte("\t")) <= maxFold {
			gap = []byte(" ")
			s.places = append(s.places, Fold...)
		} else {
			s.places = append(append(s.places, Fold...), gap...)
		}
		s.folded = append(s.folded, gap...)
	}
	s.folded, s.places = append(s.folded, more...), append(s.places, more...)
}

// openQuote reports whether a quoted string is open behind text, open saying whether one is before
// it.
func openQuote(open bool, text []byte) bool {
	if bytes.IndexByte(text, '"') < 0 {
		return open
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			open = !open
		}
	}
	return open
}

// unfold gives the last field the value that its folded lines add up to.
func (s *Section) unfold() {
	if len(s.folded) > 0 {
		f := &s.Fields[len(s.Fields)-1]
		f.Value, f.Folded = string(s.folded), string(s.places)
	}
	s.folded = s.folded[:0]
}

// Values returns the values of all fields with that lower-case name, from the top.
func (s *Section) Values(name string) []string {
	var all []string
	for _, f := range s.Fields {
		if f.Name == name {
			all = append(all, f.Value)
		}
	}
	return all
}

// lowerName is a field's name in lower case.
func lowerName(name []byte) string {
	if lower, ok := usualNames[string(name)]; ok {
		return lower
	}
	return strings.ToLower(string(name))
}

// usualNames are the names of fields that most mail has, as it spells them, in lower case.
var usualNames = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq("From Sender Reply-To To Cc Date Subject Message-ID Message-Id In-Reply-To References " +
		"Received Return-Path Cairn-Record DKIM-Signature Authentication-Results List-Id User-Agent X-Mailer " +
		"MIME-Version Content-Type Content-Transfer-Encoding Content-Disposition Content-ID Content-Id Content-Language") {
		names[name] = strings.ToLower(name)
	}
	return names
}()

func isFieldName(name []byte) bool {
	for _, c := range name {
		if c < 33 || c > 126 {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// CutLine returns the first line of b without its CRLF or LF, and what follows it.
func CutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}
