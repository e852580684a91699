package message

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/emersion/go-message/textproto"
)

// readByLibrary is what go-message reads from a header section, by which records of version 1 were
// made: its fields from the top, names and values by turns.
func readByLibrary(block []byte) (fields []string) {
	if len(block) > 0 && block[len(block)-1] != '\n' {
		block = append(bytes.Clone(block), '\n') // it loses a last line that fills a buffer
	}
	h, _ := textproto.ReadHeader(bufio.NewReaderSize(bytes.NewReader(block), 4<<10))
	for f := h.Fields(); f.Next(); {
		fields = append(fields, f.Key(), f.Value())
	}
	return fields
}

// FuzzHeaderFields holds the reader of header fields to go-message's.
func FuzzHeaderFields(f *testing.F) {
	long := bytes.Repeat([]byte("word "), 2000)
	for _, seed := range []string{
		"", "\n", "From: a@b\n", "From: a@b", "from : a@b\r\nTO:\r\n c@d,\r\n\t e@f\r\n", "Subject: a\n b\n\n c\n", "Subject:  \n \n x \t\n y\r\r\n",
		" folded: first\nFrom: a\n", "no field\nFrom: a\n folded\n", "X: a\rb\r\nX: \rc\r\r\n d\r", "X(: y\nx(: z\nX: \x00\n", "K: a\nk: b\n",
		"Subject:\n\n", "A:" + string(long) + "\n " + string(long) + "\r\n", "A: " + string(long), "a:b:c\n :d\n",
	} {
		f.Add([]byte(seed))
	}
	if raw, err := os.ReadFile("testdata/canonical.json"); err == nil {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := maxHeaders
		head, _ := cutHeader(raw)
		block, _ := headerBlock(unixLines(head), &r)
		want := readByLibrary(block)
		h := readHeader(block)
		var got []string
		for i := range h {
			got = append(got, h[i].key(), h[i].unfolded())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q is read as %q, by the library as %q", block, got, want)
		}
		for i := 0; i < min(len(want), 40); i += 2 {
			var all []string
			for j := 0; j < len(want); j += 2 {
				if want[j] == want[i] {
					all = append(all, want[j+1])
				}
			}
			if name := want[i]; name != "" && isToken(name) && (!slices.Equal(h.values(name), all) || h.get(name) != all[0]) {
				t.Fatalf("%q: values of %s are %q, %q in all", block, name, h.values(name), all)
			}
		}
	})
}

// isToken reports whether a name is one that a program may ask for.
func isToken(name string) bool {
	return !slices.ContainsFunc([]byte(name), func(c byte) bool {
		return c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
	})
}
