package grammar_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/message/grammar"
)

// fieldsOf is a section's fields, one a line.
func fieldsOf(s grammar.Section) string {
	var b strings.Builder
	for _, f := range s.Fields {
		b.WriteString(f.Name + "=" + f.Value + "\n")
	}
	return b.String()
}

func flawsOf(s grammar.Section) string {
	var list []string
	for _, f := range s.Flaws {
		list = append(list, string(f.Flaw)+" in "+f.Field)
	}
	return strings.Join(list, "; ")
}

func TestReadSection(t *testing.T) {
	for _, tt := range []struct{ name, raw, fields, body, flaws string }{
		{"plain", "A: b\r\nC:d\r\n\r\nbody", "a=b\nc=d\n", "body", ""},
		{"LF", "A: b\nC:d\n\nbody", "a=b\nc=d\n", "body", ""},
		{"no field", "\nbody", "", "body", ""},
		{"no value", "A:\n\n", "a=\n", "", ""},
		{"folds", "A: b \n \t c\n\td\n\n", "a=b c d\n", "", ""},
		{"fold first", "A:\n b\nC: d\n\n", "a=b\nc=d\n", "", ""},
		{"inner white space stays", "A: b  \tc\n\n", "a=b  \tc\n", "", ""},
		{"space before colon", "A : b\n\n", "a=b\n", "", "white space before the colon of a header field in a"},
		{"no colon", "A: b\nsome text\n\nbody", "a=b\n", "body", "a line that is no header field in "},
		{"colon first", ": b\n\n", "", "", "a line that is no header field in "},
		{"8-bit name", "\xc3\xa4: b\n\n", "", "", "a line that is no header field in "},
		{"mbox line", "From a@b Mon\nA: b\n\n", "a=b\n", "", "a line that is no header field in "},
		{"fold of nothing", " x\nA: b\n\n", "a=b\n", "", "a line that is no header field in "},
		{"fold of no field", "text\n x\nA: b\n\n", "a=b\n", "", "a line that is no header field in "},
		{"bare CR", "A: b\rC: d\n\n", "a=b\rC: d\n", "", "a bare CR in the header in a"},
		{"CR before CRLF", "A: b\r\r\n\r\n", "a=b\r\n", "", "a bare CR in the header in a"},
		{"NUL", "A: b\x00\n\n", "a=b\x00\n", "", "a NUL in the header in a"},
		{"blank fold", "A: b\n \n c\n\n", "a=b c\n", "", "a header line of white space alone in a"},
		{"longest line", "A: " + strings.Repeat("x", 995) + "\n\n", "a=" + strings.Repeat("x", 995) + "\n", "", ""},
		{"long line", "A: " + strings.Repeat("x", 996) + "\n\n", "a=" + strings.Repeat("x", 996) + "\n", "",
			"a header line of more than 998 octets in a"},
		{"same flaw again", "A : b\nA : c\n\n", "a=b\na=c\n", "", "white space before the colon of a header field in a"},
	} {
		s := grammar.ReadSection([]byte(tt.raw), grammar.MaxHeader)
		if fieldsOf(s) != tt.fields || string(s.Body) != tt.body || flawsOf(s) != tt.flaws {
			t.Errorf("%s: fields %q, body %q, flaws %q", tt.name, fieldsOf(s), s.Body, flawsOf(s))
		}
		if !s.Ended || s.Size != len(tt.raw)-len(tt.body) {
			t.Errorf("%s: ended %v after %d", tt.name, s.Ended, s.Size)
		}
	}
}

func TestReadSectionLimits(t *testing.T) {
	s := grammar.ReadSection([]byte("A: b\nC: d\nE: f\n\nbody"), 10)
	if fieldsOf(s) != "a=b\nc=d\n" || flawsOf(s) != "a header of more than 64 KiB in " || string(s.Body) != "body" {
		t.Errorf("limit 10: %q, flaws %q, body %q", fieldsOf(s), flawsOf(s), s.Body)
	}
	big := strings.Repeat("A: "+strings.Repeat("x", 60)+"\n", 1100)
	s = grammar.ReadSection([]byte(big+"\nbody"), 1<<30)
	if flawsOf(s) != "a header of more than 64 KiB in " || string(s.Body) != "body" || len(s.Fields) != (64<<10)/64 {
		t.Errorf("%d fields, flaws %q", len(s.Fields), flawsOf(s))
	}
	if s := grammar.ReadSection([]byte("A: b\n"), 100); s.Ended || fieldsOf(s) != "a=b\n" || len(s.Body) > 0 {
		t.Errorf("without an end: %+v", s)
	}
}

// However many flaws of one kind there are, each other kind is noted, and where it was.
func TestFlawsOfAllKinds(t *testing.T) {
	flawed := map[grammar.Flaw]string{
		grammar.NoField: "some text\n", grammar.SpaceBeforeColon: "Z : x\n", grammar.BareCR: "Z: x\ry\n", grammar.NUL: "Z: x\x00y\n",
		grammar.BlankFold: "Z: x\n \n", grammar.LongLine: "Z: " + strings.Repeat("x", 1000) + "\n",
		grammar.LongHeader: "Z: " + strings.Repeat(strings.Repeat("x", 60)+"\n ", 1100) + "y\n",
	}
	for first, line := range flawed {
		var many strings.Builder
		for i := range 65 {
			many.WriteString(strings.Replace(strings.Replace(line, "Z", fmt.Sprintf("X-Y%02d", i), 1), strings.Repeat("x", 1000), strings.Repeat("x", 992), 1))
		}
		for kind, line := range flawed {
			if first == grammar.LongHeader || first == grammar.LongLine && kind == grammar.LongLine {
				continue
			}
			s := grammar.ReadSection([]byte(many.String()+line+"\nx"), grammar.MaxHeader)
			if !slices.ContainsFunc(s.Flaws, func(f grammar.FoundFlaw) bool { return f.Flaw == kind }) {
				t.Errorf("%s behind 65 of %s is not noted", kind, first)
			}
			if len(s.Flaws) > 8*len(grammar.Flaws()) {
				t.Errorf("%d flaws are noted", len(s.Flaws))
			}
		}
	}
}

// Whichever way a header is folded, its fields say the same.
func FuzzReadSection(f *testing.F) {
	for _, seed := range []string{"A: b\r\n c\r\n\r\nbody", "x\n: y\n\n", "A: \n \n\n", "A\t: b\rc\x00\n\n", strings.Repeat("a:\n b\n", 40)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := grammar.ReadSection(raw, grammar.MaxHeader)
		if s.Size+len(s.Body) != len(raw) || len(s.Flaws) > 8*len(grammar.Flaws()) {
			t.Fatalf("%d + %d of %d octets, %d flaws", s.Size, len(s.Body), len(raw), len(s.Flaws))
		}
		if len(s.Flaws) > 0 {
			return
		}
		var plain strings.Builder
		for _, field := range s.Fields {
			if strings.ContainsAny(field.Value, "\r\n\x00") || field.Name != strings.ToLower(field.Name) {
				t.Fatalf("%+v", field)
			}
			plain.WriteString(field.Name + ":\r\n " + field.Value + "\r\n")
		}
		if strings.Contains(plain.String(), "\r\n \r\n") {
			return // an empty value cannot be folded
		}
		again := grammar.ReadSection([]byte(plain.String()+"\r\n"), grammar.MaxHeader)
		if len(plain.String()) < grammar.MaxHeader && len(again.Flaws) == 0 && fieldsOf(again) != fieldsOf(s) {
			t.Fatalf("%q is read again as %q", fieldsOf(s), fieldsOf(again))
		}
	})
}

func TestPadded(t *testing.T) {
	for line, want := range map[string]bool{
		"A: b": false, "A:b": false, "A:": false, "A: b c": false,
		"A: b ": true, "A: b\t": true, "A:  b": true, "A:\tb": true, "A: ": false, "A:\n b": true, "A: b\n c": true,
	} {
		s := grammar.ReadSection([]byte(line+"\n\n"), grammar.MaxHeader)
		if len(s.Fields) != 1 || s.Fields[0].Padded != want {
			t.Errorf("%q: %+v, want %v", line, s.Fields, want)
		}
	}
}
