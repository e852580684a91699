package grammar_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"cairn/mailstore/message/grammar"
)

func TestText(t *testing.T) {
	const no = "no"
	for _, tt := range []struct{ charset, in, want, label string }{
		{"", "abc\n", "abc\n", ""},
		{"US-ASCII", "abc", "abc", ""},
		{"ascii", "a\x1b$Bb", no, ""},
		{"", "a\x0eb", no, ""},
		{"", "\xc3\xa4", no, ""},
		{"us-ascii", "\xe4", no, ""},
		{"UTF-8", "ä", "ä", ""},
		{"utf8", "ä", "ä", ""},
		{"utf-8", "\xe4", no, ""},
		{"utf-8", "\xed\xa0\x80", no, ""},
		{"iso-8859-1", "abc", "abc", ""},
		{"ISO-8859-1", "\xe4", "ä", "iso-8859-1"},
		{"iso-8859-1", "\x80", no, ""},
		{"windows-1252", "\x80", "€", "windows-1252"},
		{"windows-1252", "\x81", no, ""},
		{"iso-8859-15", "\xa4", "€", "iso-8859-15"},
		{"gb2312", "\x81\x40", "丂", "gb2312"}, // the label is recorded with it
		{"gb2312", "\xff", no, ""},
		{"shift_jis", "abc", "abc", ""},
		{"shift_jis", `a\b`, `a\b`, "shift_jis"},
		{"iso-2022-jp", "~", "~", "iso-2022-jp"},
		{"iso-2022-jp", "\x1b$BF|\x1b(B", "日", "iso-2022-jp"},
		{"iso-2022-jp", "\x1b$BF|", no, ""},
		{"iso-2022-jp", "\x1b(JF", no, ""},
		{"big5", "\xa4\xa4", "中", "big5"},
		{"big5", "\xa4", no, ""},
		{"utf-7", "abc", no, ""},
		{"utf-16", "a\x00b\x00", no, ""},
		{"hz-gb-2312", "~{<:~}", no, ""},
		{"iso-2022-kr", "abc", no, ""},
		{"cp1252", "abc", no, ""},
		{"utf-8 ", "abc", no, ""},
		{"unknown-8bit", "abc", no, ""},
	} {
		got, label, ok := grammar.Text(tt.charset, []byte(tt.in))
		if !ok {
			got, label = []byte(no), ""
		}
		if string(got) != tt.want || label != tt.label {
			t.Errorf("Text(%q, %q) = %q, %q, want %q, %q", tt.charset, tt.in, got, label, tt.want, tt.label)
		}
	}
}

func TestLabels(t *testing.T) {
	labels := grammar.Labels()
	if len(labels) < 30 || !slices.Contains(labels, "gb2312") || slices.Contains(labels, grammar.LabelNone) {
		t.Errorf("labels %q", labels)
	}
	slices.Sort(labels)
	if len(slices.Compact(slices.Clone(labels))) != len(labels) {
		t.Errorf("a label is there twice: %q", labels)
	}
}

func TestKeepsASCII(t *testing.T) {
	for name, keeps := range map[string]bool{
		"": true, "US-ASCII": true, "utf-8": true, "ISO-8859-1": true, "gb2312": true, "big5": true,
		"shift_jis": false, "iso-2022-jp": false, "iso-2022-kr": false, "hz-gb-2312": false, "hz": false, "utf-7": false, "utf-16": false,
		"cp500": false, "din_66003": false, "x-none": false,
	} {
		if grammar.KeepsASCII(name) != keeps {
			t.Errorf("%q: %v", name, !keeps)
		}
	}
}

// JoinDelSp gives what was written before it was broken into lines.
func TestJoinDelSp(t *testing.T) {
	for text, want := range map[string]string{
		"super \ncalifragilistic flows in \n one line\n": "supercalifragilistic flows inone line\n",
		"in  \n one\n":    "in one\n",
		"a \n\nb\n":       "a\n" + "b\n",
		"> a \n> b \nc\n": "> ab \nc\n",
		">> a \n> b\n":    ">> a \n> b\n",
		"a \n-- \nb\n":    "a \n-- \nb\n",
		"-- \nb\n":        "-- \nb\n",
		"a ":              "a ", "": "", "a\nb": "a\nb",
	} {
		if got := string(grammar.JoinDelSp([]byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestUnflow(t *testing.T) {
	for _, tt := range []struct {
		why, in, want string
	}{
		{"fixed lines", "a\nb\n", "a\nb\n"},
		{"flowed", "a \nb\n", "a b\n"},
		{"stuffed", " From a\n", " From a\n"},
		{"stuffed otherwise", "a \n b\n", "a \n b\n"},
		{"quoted", "> a \n> b\n", "> a b\n"},
		{"depth", ">> a \n> b\n", ">> a \n> b\n"},
		{"quoted without space", ">>a \n>>b\n", ">>a b\n"},
		{"quoted, then without space", "> a \n>b\n", "> a \n>b\n"},
		{"signature", "a \n-- \nb\n", "a \n-- \nb\n"},
		{"empty line", "a \n\nb\n", "a \nb\n"},
		{"nothing", "", ""},
	} {
		if got := grammar.Unflow([]byte(tt.in)); string(got) != tt.want {
			t.Errorf("%s: Unflow(%q) = %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
}

// What makes ASCII of other characters, or takes a "<" away, is no normal form of markup.
func TestNormal(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a\u0308": "ä", "\U00010041\u0300": "\U00010041\u0300", "\u2126": "\u03a9", "x\u0338": "x\u0338",
		"display:none\u037e": "display:none\u037e", "\u212a": "\u212a", "\u1fef": "\u1fef",
		"<b>\u0338": "<b>\u0338", "\u226f": "\u226f", "=\u0338": "=\u0338",
	} {
		if got := grammar.Normal([]byte(in)); string(got) != want {
			t.Errorf("Normal(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, label := range append(grammar.Labels(), "", "utf-8", "utf-7") {
		f.Add(label, []byte("a\\~\xe4\xa4\xb0\xa1\x1b$BF|\x1b(B"))
		f.Add(label, []byte("\xb0\xa1"))
	}
	f.Fuzz(func(t *testing.T, charset string, in []byte) {
		before := bytes.Clone(in)
		text, label, ok := grammar.Text(charset, in)
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
		if !ok {
			return
		}
		if !utf8.Valid(text) || len(text) > 4*len(in)+4 || label != "" && label != strings.ToLower(charset) {
			t.Fatalf("Text(%q, %q) = %q, %q", charset, in, text, label)
		}
		normal := grammar.Normal(text)
		if !utf8.Valid(normal) || !bytes.Equal(grammar.Normal(normal), normal) {
			t.Fatalf("Normal(%q) = %q", text, normal)
		}
		if again, none, ok := grammar.Text("utf-8", text); !ok || none != "" || !bytes.Equal(again, text) {
			t.Fatalf("%q is not UTF-8", text)
		}
		if flowed := grammar.Unflow(text); len(flowed) > 2*len(text)+2 {
			t.Fatalf("Unflow(%q) = %q", text, flowed)
		}
	})
}
