package grammar_test

import (
	"bufio"
	"compress/bzip2"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"cairn/mailstore/message/grammar"
	"cairn/mailstore/testenv"
)

// TestUnicodeVersion stops whoever brings in other tables, with the module or with a Go that makes
// it choose others: normal forms are part of what records commit to, so nodes whose tables differ
// disagree about mail with the characters that only one of them knows.
func TestUnicodeVersion(t *testing.T) {
	if norm.Version != "15.0.0" {
		t.Errorf("normal forms of Unicode %s: records were made with those of 15.0.0", norm.Version)
	}
}

// TestComposition holds two cases that tables of old got wrong.
func TestComposition(t *testing.T) {
	for in, want := range map[string]string{
		"\U00010041\u0300": "\U00010041\u0300", // not "À"
		"A\u0300":          "À",
		"\u1100\u1161":     "가",
		"\u0958":           "\u0915\u093c", // excluded from composition
		"a\u0316\u0300":    "\u00e0\u0316",
	} {
		if got := string(grammar.Normal([]byte(in))); got != want {
			t.Errorf("%+q becomes %+q, want %+q", in, got, want)
		}
	}
}

// TestNormalizationTest holds NFC to Unicode's own test file (Debian package unicode-data), whose
// lines are c1;c2;c3;c4;c5 with NFC(c1) = NFC(c2) = NFC(c3) = c2 and NFC(c4) = NFC(c5) = c4.
func TestNormalizationTest(t *testing.T) {
	lines := 0
	scanner := bufio.NewScanner(normalizationTest(t))
	for scanner.Scan() {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		columns := strings.Split(line, ";")
		if len(columns) < 6 {
			continue
		}
		var c [5]string
		for i := range c {
			c[i] = codePoints(t, columns[i])
		}
		lines++
		for i, want := range [5]string{c[1], c[1], c[1], c[3], c[3]} {
			if got := norm.NFC.String(c[i]); got != want {
				t.Errorf("NFC(%+q) = %+q, want %+q", c[i], got, want)
			}
			if grammar.Normal([]byte(c[i])) == nil || !utf8.Valid(grammar.Normal([]byte(c[i]))) {
				t.Errorf("Normal(%+q) is no text", c[i])
			}
		}
	}
	if err := scanner.Err(); err != nil || lines < 18000 {
		t.Errorf("%d lines: %v", lines, err)
	}
}

func normalizationTest(t *testing.T) io.Reader {
	const path = "/usr/share/unicode/NormalizationTest.txt"
	if file, err := os.Open(path); err == nil {
		t.Cleanup(func() { file.Close() })
		return file
	}
	file, err := os.Open(path + ".bz2")
	if err != nil {
		testenv.Lacking(t, "%v: install Debian's package unicode-data", err)
	}
	t.Cleanup(func() { file.Close() })
	return bzip2.NewReader(file)
}

func codePoints(t *testing.T, column string) string {
	var b strings.Builder
	for digits := range strings.FieldsSeq(column) {
		r, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteRune(rune(r))
	}
	return b.String()
}
