package grammar

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestBase64Lines: decoding line by line gives what decoding all lines together does, and takes no
// more.
func TestBase64Lines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(rapid.StringMatching(`(([A-D+/]{4}){0,3}[A-D+/]{0,3}=?=?(\r\n|\r\n|\n|\r|)){0,4}`).Draw(t, "body"))
		got, ok := Base64(b)
		want, wanted := joinedBase64(trimLineEnds(b))
		if ok != wanted || ok && !bytes.Equal(got, want) {
			t.Fatalf("%q: %x, %v; all together %x, %v", b, got, ok, want, wanted)
		}
	})
}
