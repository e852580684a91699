package grammar

import "strings"

// Flaw is a way in which a header section leaves the grammar.
type Flaw string

// The flaws of header sections. A message with one is never as recorded.
const (
	NoField          Flaw = "a line that is no header field"
	SpaceBeforeColon Flaw = "white space before the colon of a header field"
	BareCR           Flaw = "a bare CR in the header"
	NUL              Flaw = "a NUL in the header"
	BlankFold        Flaw = "a header line of white space alone"
	LongLine         Flaw = "a header line of more than 998 octets"
	LongHeader       Flaw = "a header of more than 64 KiB"
	NoEnd            Flaw = "a header that no empty line ends" // of a part
	NoHeader         Flaw = "no header at all"                 // of a message
)

// Flaws returns all flaws of header sections.
func Flaws() []Flaw {
	return []Flaw{NoField, SpaceBeforeColon, BareCR, NUL, BlankFold, LongLine, LongHeader, NoEnd, NoHeader}
}

// FoundFlaw is a flaw and where it is.
type FoundFlaw struct {
	Flaw  Flaw
	Field string // name of the field, in lower case; empty where it is in none
	Line  string // start of the line
}

// flaw notes a flaw of a line, in the field of that number, -1 for none.
func (s *Section) flaw(f Flaw, line []byte, field int) {
	found := FoundFlaw{Flaw: f}
	if field >= 0 {
		found.Field = s.Fields[field].Name
	}
	names := 0
	for _, known := range s.Flaws {
		if known.Flaw != f {
			continue
		}
		if names++; known.Field == found.Field || names == maxNames {
			return
		}
	}
	if found.Field != "" && s.disregards(f, found.Field) {
		return
	}
	found.Line = strings.ToValidUTF8(string(line[:min(len(line), 60)]), "?")
	s.Flaws = append(s.Flaws, found)
}

// maxNames bounds in how many fields a flaw is noted. It is one for each kind of flaw, so that many
// of one kind hide no other.
const maxNames = 8
