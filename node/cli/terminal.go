package cli

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"

	"cairn/consensus/record"
	"cairn/node/api"
)

// clean makes text from anywhere harmless to a terminal: control characters other than line feed
// and tab, those that turn the direction of writing and those that nobody sees, but where a word is
// spelled with them, become visible escapes; bytes that are no UTF-8 become U+FFFD.
func clean(s string) string {
	if !strings.ContainsFunc(s, dangerous) && utf8.ValidString(s) {
		return s
	}
	return escaped(s, func(b *strings.Builder, r rune) {
		switch {
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	})
}

// cleanJSON is clean for a document: the same characters, as JSON escapes. They stand in strings
// only.
func cleanJSON(s string) string {
	if !strings.ContainsFunc(s, dangerous) {
		return s
	}
	return escaped(s, func(b *strings.Builder, r rune) {
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(b, `\u%04x`, unit)
		}
	})
}

// escaped writes dangerous characters with escape, all others as they are.
func escaped(s string, escape func(*strings.Builder, rune)) string {
	var b strings.Builder
	text := []rune(s)
	for i, r := range text {
		if dangerous(r) && !record.IsSpelling(text, i) {
			escape(&b, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func dangerous(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	case r == 0x2028 || r == 0x2029: // line and paragraph separator
		return true
	case r >= 0x600 && r <= 0x605, r == 0x6dd, r == 0x70f, r == 0x890, r == 0x891, r == 0x8e2, r == 0x110bd, r == 0x110cd:
		return false // signs in front of numbers and words, which are seen
	case r == 0x34f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0: // letters and marks that are not seen
		return true
	}
	// Marks and turns of direction, zero width, fillers, tags: U+00AD, U+061C, U+200B to U+200F,
	// U+202A to U+202E, U+2060 to U+206F, U+FEFF and so on.
	return unicode.Is(unicode.Cf, r) && !(r >= 0x13430 && r <= 0x1345f)
}

// line makes one line of s, of at most so many characters; 0: any number. What came from mail
// cannot fake a further row of a table, nor a further field.
func line(s string, width int) string {
	s = strings.Join(strings.Fields(s), " ")
	if width > 0 && utf8.RuneCountInString(s) > width {
		return string([]rune(s)[:width-1]) + "…"
	}
	return s
}

// named is the name of an organisation, which its owner chose, beside anything else: in quotation
// marks, so that it cannot be taken for what stands there.
func named(name string, width int) string { return strconv.Quote(line(name, width)) }

// table writes rows in columns; the first row is the heading.
func table(b *bytes.Buffer, rows [][]string) {
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = line(row[i], 0)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

// isTerminal reports whether somebody sits at the other end.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// plural gives "1 block", "2 blocks".
func plural(n int, word string) string { return plurals(n, word, word+"s") }

// plurals is plural for words whose plural is not made by an s.
func plurals(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// tell prints an error and the next step for people.
func (a *app) tell(failure *api.Error) {
	fmt.Fprintln(a.err, clean(failure.Message))
	if failure.Hint != "" {
		fmt.Fprintln(a.err, "  try: "+clean(failure.Hint))
	}
}
