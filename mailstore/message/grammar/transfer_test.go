package grammar_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"cairn/mailstore/message/grammar"
)

func TestTransferEncoding(t *testing.T) {
	for in, want := range map[string]string{
		"7bit": "0 true true", "8BIT": "0 true true", "binary": "0 true true", "Quoted-Printable": "1 true true", "base64": "2 true true",
		"base64 ": "0 false false", "\tbase64": "0 false false", " 7bit; x": "0 false false",
		"base64;": "2 false true", "7bit; x": "0 false true", "": "0 false false", "base64 (x)": "0 false false", "x-uuencode": "0 false false",
		"8-bit": "0 false false", `"base64"`: "0 false false", "base 64": "0 false false", "base64, 7bit": "0 false false",
		"quoted-printable 7bit": "0 false false", "=?us-ascii?q?base64?=": "0 false false",
	} {
		e, plain, ok := grammar.TransferEncoding(in)
		if got := fmt.Sprint(e, plain, ok); got != want {
			t.Errorf("TransferEncoding(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestBase64(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"one line", "aGVsbG8h", "hello!"},
		{"lines", "aGVs\r\nbG8h\r\n\r\n", "hello!"},
		{"LF", "aGVs\nbG8=\n", "hello"},
		{"nothing", "", ""},
		{"no padding", "aGVsbG8", "no"},
		{"padding inside", "aGU=\nbGxv\n", "no"},
		{"too much padding", "aGVs====", "no"},
		{"characters behind padding", "aGU=aGU=", "no"},
		{"other characters", "aGVs*bG8h", "no"},
		{"white space", "aGVs bG8h", "no"},
		{"white space at the end", "aGVsbG8h \n", "no"},
		{"empty line inside", "aGVs\n\nbG8h", "no"},
		{"empty line first", "\naGVs", "no"},
		{"URL alphabet", "_-_-", "no"},
		{"bare CR", "aGVs\rbG8h", "no"},
		{"line of no whole group", "aGV\nsbG8h", "no"},
		{"long line", strings.Repeat("aGVs", 250), "no"},
		{"footer", "aGVs\n--\nlist\n", "no"},
		{"NUL", "aGVs\x00", "no"},
	} {
		got, ok := grammar.Base64([]byte(tt.in))
		if !ok {
			got = []byte("no")
		}
		if string(got) != tt.want {
			t.Errorf("%s: Base64(%q) = %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"plain", "a b\r\nc\r\n", "a b\r\nc\r\n"},
		{"LF", "a\nb", "a\r\nb"},
		{"escapes", "=C3=bC", "\xc3\xbc"},
		{"soft line end", "a=\r\nb", "ab"},
		{"tab", "a\tb", "a\tb"},
		{"padded", "a \n", "padded"},
		{"escaped space at a line's end", "a=20\n", "a \r\n"},
		{"white space behind a soft line end", "a= \nb", "no"},
		{"broken escape", "a=G0", "no"},
		{"half an escape", "a=4\n", "no"},
		{"equals at the end", "a=", "no"},
		{"8-bit", "a\xc3", "no"},
		{"control", "a\x0cb", "no"},
		{"bare CR", "a\rb", "no"},
		{"long line", strings.Repeat("a", 999), "no"},
		{"nothing", "", ""},
	} {
		got, padded, _, ok := grammar.Quoted([]byte(tt.in))
		switch {
		case !ok:
			got = []byte("no")
		case padded:
			got = []byte("padded")
		}
		if string(got) != tt.want {
			t.Errorf("%s: Quoted(%q) = %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestPacked(t *testing.T) {
	for in, want := range map[string]bool{
		"begin 644 a.txt\n": true, "x\nbegin 0644 a\n": true, "BEGIN 644 a": true, "  begin 644 a": true, "x\n\tbegin 644 a": true,
		"begin\t644 a": true, "begin  a": true, "begin-base64 644 a": true, "=ybegin line=128 size=1 name=a": true, "=YBegin x": true,
		"(This file must be converted with BinHex 4.0)": true,
		"begin 64 a": false, "begin 648 a": false, "begin 06440 a": false, "begin the day": false, "x begin 644 a": false,
		"beginning 644 a": false, "we\nbegin": false, "": false, "=y": false, "(The end)": false,
	} {
		if got := grammar.Packed([]byte(in)); got != want {
			t.Errorf("Packed(%q) = %v", in, got)
		}
	}
}

// What is decoded is encoded plainly and decoded again the same.
func FuzzTransfer(f *testing.F) {
	for _, seed := range []string{"aGVs\r\nbG8=", "=C3=BC=\r\nx \r\n", "begin 644 x\n", strings.Repeat("=", 99), strings.Repeat("=\n", 99), strings.Repeat(" ", 99) + "begin"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		grammar.Packed(in)
		samePieces(t, in)
		if octets, ok := grammar.Base64(in); ok {
			if again, ok := grammar.Base64([]byte(base64.StdEncoding.EncodeToString(octets))); len(octets) < 700 && (!ok || !bytes.Equal(again, octets)) {
				t.Fatalf("%q is %q, then %q", in, octets, again)
			}
		}
		if octets, _, _, ok := grammar.Quoted(in); ok {
			var plain strings.Builder
			for _, c := range octets {
				fmt.Fprintf(&plain, "=%02X=\r\n", c)
			}
			again, _, _, ok := grammar.Quoted([]byte(strings.TrimSuffix(plain.String(), "=\r\n")))
			if !ok || !bytes.Equal(again, octets) || len(octets) > 2*len(in) {
				t.Fatalf("%q is %q, then %q", in, octets, again)
			}
		}
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
	})
}
