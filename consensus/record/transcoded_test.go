package record_test

import (
	"testing"

	"golang.org/x/text/encoding/htmlindex"

	"cairn/consensus/record"
)

// Text under another charset that arrives as UTF-8 is as recorded where all programs read the one
// and the other alike.
func TestTranscoded(t *testing.T) {
	for _, tt := range []struct {
		charset, text string
		same          bool
	}{
		{"iso-8859-1", "Gr\u00fc\u00dfe", true},
		{"iso-8859-7", "\u03b1\u03b2\u03b3", true},
		{"windows-1251", "\u0434\u0430", true},
		{"iso-8859-8", "\u05dd\u05d5\u05dc\u05e9 100", false}, // in the order of sight
		{"iso-8859-8-i", "\u05e9\u05dc\u05d5\u05dd", false},
		{"iso-8859-6", "\u0633\u0644\u0627\u0645", false},
		{"iso-8859-16", "\u0218i", false},
		{"koi8-u", "\u045e", false},
		{"windows-1255", "\u05e9", false},
		{"shift_jis", "\u65e5\u672c", false},
	} {
		set, err := htmlindex.Get(tt.charset)
		if err != nil {
			t.Fatal(err)
		}
		octets, err := set.NewEncoder().String(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		of := func(charset, text string) string {
			return "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=" + charset +
				"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text + "\r\n"
		}
		c := record.Compare(tokenOf(dissect(of(tt.charset, octets))), dissect(of("utf-8", tt.text)), record.Context{})
		if c.AllSame() != tt.same {
			t.Errorf("%s: all the same %v", tt.charset, c.AllSame())
		}
	}
}
