package message

import (
	"bytes"
	"testing"
)

// FuzzCutBody: a header ends with the first empty line, whichever line ends it has.
func FuzzCutBody(f *testing.F) {
	for _, seed := range []string{"", "a", "\n\n", "\n\r\n\n", "a\r\n\r\nb\n\n", "a\n\nb\r\n\r\n", "\r\n\r\n", "a\n\r", "a\n\r\r\n\n", "a\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		end := len(raw)
		for _, empty := range []string{"\n\n", "\n\r\n"} {
			if i := bytes.Index(raw[:end], []byte(empty)); i >= 0 {
				end = i + len(empty)
			}
		}
		if got := cutBody(raw); !bytes.Equal(got, raw[:end]) {
			t.Fatalf("%q is cut to %q, want %q", raw, got, raw[:end])
		}
	})
}
