package readers

import (
	"bufio"
	"reflect"
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	tests := []struct {
		name  string
		field Field
		a, b  []string
		same  bool
	}{
		{"white space", Text, []string{"a b\r\n\r\nc"}, []string{"a  b\nc\n\n"}, true},
		{"word", Text, []string{"a b"}, []string{"a c"}, false},
		{"no-break space", Text, []string{"a b"}, []string{"a\u00a0b"}, false},
		{"normal form", Text, []string{"\u00fc"}, []string{"u\u0308"}, true},
		{"case", Subject, []string{"Budget"}, []string{"budget"}, false},
		{"domain case", From, []string{"Ana <ana@Orig.example>"},
			[]string{"Ana <ana@orig.EXAMPLE>"}, true},
		{"local part case", From, []string{"<Ana@orig.example>"}, []string{"<ana@orig.example>"},
			false},
		{"quotes", To, []string{`"Doe, Jon" <j@x.example>`}, []string{`Doe, Jon <j@x.example>`},
			true},
		{"angles", To, []string{"Jon <j@x.example>, <b@x.example>"},
			[]string{"Jon<j@x.example>, b@x.example"}, true},
		{"commas", To, []string{"a@x.example, b@x.example"}, []string{"a@x.example ,b@x.example"}, true},
		{"angles of another address", To, []string{"<b@x.example>"}, []string{"<c@x.example>"}, false},
		{"name taken away", To, []string{"Jon <j@x.example>"}, []string{"j@x.example"}, false},
		{"order of attachments", Attachments, []string{"a 1", "b 2"}, []string{"b 2", "a 1"}, true},
		{"a fold", Subject, []string{"a b"}, []string{"a" + strings.Repeat(" ", 16) + "b"}, true},
		{"a wide fold", Subject, []string{"a b"}, []string{"a\r\n" + strings.Repeat(" ", 300) + "b"}, false},
		{"names exchanged", Attachments, []string{"a 1", "b 2"}, []string{"a 2", "b 1"}, false},
		{"none", Cc, []string{}, []string{"x@x.example"}, false},
		{"not told", Cc, nil, []string{"x@x.example"}, true},
		{"broken", Broken, nil, []string{"error"}, false},
	}
	for _, tt := range tests {
		a, b := Shown{}, Shown{}
		if tt.a != nil {
			a[tt.field] = tt.a
		}
		if tt.b != nil {
			b[tt.field] = tt.b
		}
		if got := Differences(a, b, nil); (len(got) == 0) != tt.same {
			t.Errorf("%s: %v", tt.name, got)
		}
		if got := Differences(a, b, func(f Field) bool { return f == tt.field }); len(got) > 0 {
			t.Errorf("%s: left out, yet %v", tt.name, got)
		}
	}
}

func TestSnailMark(t *testing.T) {
	for in, want := range map[string]string{
		"#1.1 3/50 TEXT/plain, 7bit, utf-8 --]": "[-- #1.1 text/plain\n",
		"#1.2 --]":                              "[-- #1.2\n", "old.eml --]": "[-- old.eml --]",
	} {
		if got := snailMark(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestMuttShown(t *testing.T) {
	got := muttShown("7\n\nFrom: A\n\n[-- Type: text/PLAIN, Encoding: 7bit, Size: 1K --]\n\nX\n")[Text][0]
	if want := "[-- type: text/plain\n\nX\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestIMAPResponse(t *testing.T) {
	in := "* 3 FETCH (ENVELOPE (\"a \\\"b\" NIL ((NIL NIL {3}\r\n(\r) x))) BINARY[1.2] ~{4}\r\n\r\n)\" BODY[1] \"\")\r\np1 NO [UNKNOWN-CTE] no\r\n"
	p := imapReader{bufio.NewReader(strings.NewReader(in))}
	got, err := p.response()
	if err != nil {
		t.Fatal(err)
	}
	want := imapList{"*", "3", "FETCH", imapList{
		"ENVELOPE", imapList{`a "b`, nil, imapList{imapList{nil, nil, "(\r)", "x"}}},
		"BINARY[1.2]", "\r\n)\"", "BODY[1]", "",
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
	if got, err = p.response(); err != nil || len(got) != 4 || got[1] != "NO" {
		t.Errorf("got %#v, %v", got, err)
	}
}

func FuzzIMAPResponse(f *testing.F) {
	f.Add("* 1 FETCH (A {1}\r\nb \"c\\\"\" NIL)\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		p := imapReader{bufio.NewReader(strings.NewReader(in))}
		for range len(in) + 1 {
			if _, err := p.response(); err != nil {
				return
			}
		}
		t.Fatal("it does not end")
	})
}
