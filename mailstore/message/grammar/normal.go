package grammar

import (
	"bytes"

	"golang.org/x/text/unicode/norm"
)

// Normal returns text in Normalization Form C. Text in which that would turn other characters into
// ASCII, or take ASCII away that marks up (a "<", "=" or ">" with an overlay becomes one
// character), stays as it is: a reader of HTML or of an address tells them apart.
func Normal(text []byte) []byte {
	if isPlain7(text) || norm.NFC.IsNormal(text) || hasTurncoat(text) {
		return text
	}
	return norm.NFC.Bytes(text)
}

// turncoats are the characters of which NFC makes ASCII, and the overlay.
var turncoats = []string{"\u037e", "\u1fef", "\u212a", "\u0338"}

func hasTurncoat(text []byte) bool {
	for _, c := range turncoats {
		if bytes.Contains(text, []byte(c)) {
			return true
		}
	}
	return false
}

func isPlain7(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
