package grammar_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/mailstore/message/grammar"
)

func TestBoundary(t *testing.T) {
	for in, want := range map[string]bool{
		"a": true, "=_Part:1.2()+,-/?": true, strings.Repeat("x", 70): true,
		"": false, "-": false, "---": false, "a b": false, "a ": false, strings.Repeat("x", 71): false, "a\"": false, "\xc3\xa4": false, "a*": false, "a\t": false,
	} {
		if grammar.Boundary(in) != want {
			t.Errorf("Boundary(%q) is %v", in, !want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"plain", "--o\r\na\r\n--o\r\nb\r\n--o--\r\n", `"" ["a" "b"] "" open=false padded=[]`},
		{"LF", "--o\na\n--o--", `"" ["a"] "" open=false padded=[]`},
		{"gaps", "pre\n\n--o\na\n--o--\nepi\n", `"pre\n" ["a"] "epi\n" open=false padded=[]`},
		{"line end of a part", "--o\na\n\n--o--\n", `"" ["a\n"] "" open=false padded=[]`},
		{"empty part", "--o\n--o--\n", `"" [""] "" open=false padded=[]`},
		{"white space behind", "--o \t\na\n--o--\n", `"" ["a"] "" open=false padded=[0]`},
		{"white space behind the end", "--o\na\n--o-- \n", `"" ["a"] "" open=false padded=[1]`},
		{"no end", "--o\na\n", `"" ["a\n"] "" open=true padded=[]`},
		{"no end, two parts", "--o\na\n--o\nb", `"" ["a" "b"] "" open=true padded=[]`},
		{"nothing behind the last boundary", "--o\na\n--o\n \n", "no"},
		{"no boundary line", "a\n", "no"},
		{"only an end", "--o--\n", "no"},
		{"longer boundary", "--o\na\n--ox\n--o--\n", "no"},
		{"text behind", "--o\na\n--o x\n--o--\n", "no"},
		{"three hyphens at the end", "--o\na\n--o---\n", "no"},
		{"space inside the end", "--o\na\n--o --\n", "no"},
		{"letter case", "--o\na\n--O\n--o--\n", "no"},
		{"bare CR before", "--o\na\r--o\rb\n--o--\n", "no"},
		{"bare CR behind", "--o\na\n--o\r\r\n--o--\n", "no"},
		{"hyphens in the preamble", "--x\n--o\na\n--o--\n", "no"},
		{"hyphens in the epilogue", "--o\na\n--o--\n--x\n", "no"},
		{"boundary in the epilogue", "--o\na\n--o--\n--o\nb\n--o--\n", "no"},
		{"hyphens in a part", "--o\n--x\n--\n--o--\n", `"" ["--x\n--"] "" open=false padded=[]`},
		{"inside a line", "--o\nx --o\n--o--\n", "no"},
		{"behind a hyphen", "--o\n---o\n--o--\n", "no"},
		{"inside a line in another letter case", "--o\nx --O\n--o--\n", "no"},
		{"inside a line of the epilogue", "--o\na\n--o--\n --o\n", "no"},
		{"too many parts", strings.Repeat("--o\na\n", 5) + "--o--\n", "no"},
	} {
		p, ok := grammar.Split(grammar.NewSpan([]byte(tt.in)), "o", 4)
		got := fmt.Sprintf("%q %q %q open=%v padded=%v", p.Preamble.Octets, octets(p), p.Epilogue.Octets, p.Open, p.Padded)
		if !ok {
			got = "no"
		}
		if got != tt.want {
			t.Errorf("%s: Split(%q) = %s, want %s", tt.why, tt.in, got, tt.want)
		}
	}
}

func octets(p grammar.Pieces) (list [][]byte) {
	for _, part := range p.Parts {
		list = append(list, part.Octets)
	}
	return list
}

// What is cut is cut again as if it stood alone.
func TestSplitNested(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outer := rapid.StringMatching(`(--[iIo]?(--)?|[xi ]|\r|\n|\r\n){0,20}`)
		body := "--o\n" + outer.Draw(t, "one") + "\n--o\n" + outer.Draw(t, "two") + "\n--o--\n"
		p, _ := grammar.Split(grammar.NewSpan([]byte(body)), "o", 100)
		for _, part := range p.Parts {
			from := 0
			if header, _, ok := bytes.Cut(part.Octets, []byte("\n")); ok {
				from = len(header) + 1
			}
			got, ok := grammar.Split(part.From(from), "i", 100)
			want, wanted := grammar.Split(grammar.NewSpan(part.Octets[from:]), "i", 100)
			if ok != wanted || fmt.Sprintf("%q %q %q", got.Preamble.Octets, octets(got), got.Epilogue.Octets) != fmt.Sprintf("%q %q %q", want.Preamble.Octets, octets(want), want.Epilogue.Octets) {
				t.Fatalf("%q: %q is cut otherwise", body, part.Octets)
			}
		}
	})
}

// The parts of what is split, put together plainly, are split the same.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"--o\r\na\r\n--o--\r\n", "x\n--o \na\n--o", "--O\n--o\n", strings.Repeat("-", 200), strings.Repeat("--o\n", 50), strings.Repeat("\r--", 50)} {
		f.Add([]byte(seed), "o")
	}
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		if !grammar.Boundary(boundary) {
			return
		}
		p, ok := grammar.Split(grammar.NewSpan(body), boundary, 100)
		if !ok {
			return
		}
		var plain strings.Builder
		for _, part := range octets(p) {
			plain.WriteString("--" + boundary + "\r\n" + string(part) + "\r\n")
		}
		again, ok := grammar.Split(grammar.NewSpan([]byte(plain.String()+"--"+boundary+"--\r\n")), boundary, 100)
		if !ok || len(p.Parts) == 0 || fmt.Sprintf("%q", octets(again)) != fmt.Sprintf("%q", octets(p)) {
			t.Fatalf("%q: %q, then %q", body, octets(p), octets(again))
		}
	})
}
