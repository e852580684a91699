package grammar_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"cairn/mailstore/message/grammar"
)

// TestAfterLongHeader finds the end of a header that is beyond its limit where looking at one octet
// after another finds it.
func TestAfterLongHeader(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const header = "a: b\n"
	for range 20000 {
		tail := make([]byte, random.IntN(40))
		for i := range tail {
			tail[i] = "\n\r\r\nabcdefgh\x8a\x8d"[random.IntN(14)]
		}
		rest, ended := []byte(nil), false
		for i := range tail {
			start := i == 0 || tail[i-1] == '\n'
			if after, ok := bytes.CutPrefix(tail[i:], []byte("\r\n")); start && ok {
				rest, ended = after, true
				break
			}
			if start && tail[i] == '\n' {
				rest, ended = tail[i+1:], true
				break
			}
		}
		// The first line is beyond the limit, the rest is looked through.
		got := grammar.ReadSection(append([]byte(header), tail...), 1)
		if !bytes.Equal(got.Body, rest) || got.Ended != ended {
			t.Fatalf("%q: %q, %v, want %q, %v", tail, got.Body, got.Ended, rest, ended)
		}
	}
}
