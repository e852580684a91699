package analysis

import (
	"strings"
	"testing"
)

// contains tells whether a text has a phrase in one of its spellings, as the index looks for it.
func contains(text, phrase string) bool {
	has := make(map[Token]bool)
	end := 0
	for _, t := range Text(text) {
		has[t] = true
		end = max(end, t.Position)
	}
	for _, words := range append([][]Token{Words(phrase)}, Alternatives(phrase)...) {
		for start := 0; start <= end; start++ {
			found := len(words) > 0
			for _, w := range words {
				found = found && has[Token{w.Term, start + w.Position - words[0].Position}]
			}
			if found {
				return true
			}
		}
	}
	return false
}

// The other spellings of a number are words that a text has in its place.
func TestAlternatives(t *testing.T) {
	for searched, want := range map[string]string{
		"4711": "", "x 1,234,567.89": "0:x 1:1234567 2:89", "+49 30 90182013": "0:+493090182013", "+493090182013": "0:+493090182013",
		"DE89 3704 0044 0532 0130 00": "0:de89370400440532013000", "2026-11-29": "0:20261129", "x 47110": "0:x 1:47 2:110 2:47110",
		"1,234 v5": "0:1234 1:5;0:1234 1:v5;0:1 1:234 2:5", "日本語 1,234 x": "0:日本 1:本語 3:1234 4:x",
	} {
		var got []string
		for _, tokens := range Alternatives(searched) {
			got = append(got, line(tokens))
		}
		if strings.Join(got, ";") != want {
			t.Errorf("%s: %q, want %s", searched, got, want)
		}
	}
}

// Within a phrase too a number is found in its other spelling, both ways, and nothing else is.
func TestPhrasesWithNumbers(t *testing.T) {
	texts := []string{
		"it costs 1,234,567.89 EUR now", "it costs 1234567.89 EUR now", "it costs 1 234 567.89 EUR now", "it costs 1.234.567.89 EUR now",
	}
	for _, text := range texts[:3] {
		for _, phrase := range []string{texts[0][3:], texts[1][3:], texts[2][3:], "costs 1234567", "costs 1,234,567", "1234567.89 EUR", "1,234,567.89 EUR"} {
			if !contains(text, phrase) {
				t.Errorf("%q has no %q", text, phrase)
			}
		}
		for _, phrase := range []string{"it 1234567", "it 1,234,567", "1234567 EUR", "costs 234567", "costs 12,345,67", "costs 1234 567"} {
			if contains(text, phrase) {
				t.Errorf("%q has %q", text, phrase)
			}
		}
	}
	a, b := "from 1,234 to 5,678 or 9,012 units", "from 1234 to 5678 or 9012 units"
	for _, text := range []string{a, b, "from 1234 to 5,678 or 9012 units"} {
		for _, phrase := range []string{a, b, "from 1,234 to 5678 or 9,012 units"} {
			if !contains(text, phrase) {
				t.Errorf("%q has no %q", text, phrase)
			}
		}
	}
	for _, pair := range [][2]string{
		{"my IBAN DE89 3704 0044 0532 0130 00 is", "my IBAN DE89370400440532013000 is"},
		{"due 2026-11-29 at", "due 2026/11/29 at"},
		{"chapter 1. 234 pages", "chapter 1, 234 pages"},
		{"use v14 now", "use v14 now"},
	} {
		if !contains(pair[0], pair[1]) || !contains(pair[1], pair[0]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	for _, c := range [][2]string{
		{"chapter 1. 234 pages", "chapter 1234 pages"}, // a full stop and a blank separate no thousands
		{"my IBAN DE88 3704 0044 0532 0130 00 is", "IBAN DE88370400440532013000 is"},
	} {
		if contains(c[0], c[1]) {
			t.Errorf("%q has %q", c[0], c[1])
		}
	}
	if !contains("due 20261129 at", "due 2026-11-29 at") {
		t.Error("a date without hyphens is not found behind a word")
	}
	if n := len(Alternatives(strings.Repeat("x 1234 ", 1000))); n != maxAlternatives {
		t.Errorf("%d ways", n)
	}
}
