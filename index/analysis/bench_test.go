package analysis

import (
	"strings"
	"testing"
)

// BenchmarkText takes texts of 100 KB apart: of words as people write them, of lines without a
// blank, and with a letter outside of ASCII.
func BenchmarkText(b *testing.B) {
	const size = 100 << 10
	words := "The invoice of last month is attached; please pay within 14 days. "
	for _, text := range []struct{ name, of string }{
		{"words", words}, {"lines", strings.Repeat("X", 78) + "\r\n"}, {"accents", words + "Grüße. "},
	} {
		b.Run(text.name, func(b *testing.B) {
			whole := strings.Repeat(text.of, size/len(text.of))
			b.SetBytes(int64(len(whole)))
			b.ReportAllocs()
			for b.Loop() {
				Text(whole)
			}
		})
	}
}

// BenchmarkNumbers takes texts apart that are made of numbers alone.
func BenchmarkNumbers(b *testing.B) {
	for name, piece := range map[string]string{"thousands": ".234", "thousandsEnd": "1,234,567 ", "hyphens": "1-", "plus": "+4 ", "iban": "DE89 3704 "} {
		b.Run(name, func(b *testing.B) {
			text := strings.Repeat(piece, 1<<20/len(piece))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Text(text)
			}
		})
	}
}
