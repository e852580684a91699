package grammar

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// Whether a delimiter stands in a body more than so many times is what looking at each place says,
// however many hyphens there are.
func TestStands(t *testing.T) {
	const octets = "-aA0b"
	random := rand.New(rand.NewPCG(1, 2))
	some := func(n int) (b []byte) {
		for range n {
			b = append(b, octets[random.IntN(len(octets))])
		}
		return b
	}
	many := bytes.Repeat([]byte("-\n"), maxSingle+1)
	for range 50000 {
		delimiter, body := append([]byte("--"), some(1+random.IntN(4))...), some(random.IntN(40))
		if len(bytes.Trim(delimiter, "-")) == 0 {
			continue
		}
		n := 0
		for i := range body {
			if end := i + len(delimiter); end <= len(body) && bytes.EqualFold(body[i:end], delimiter) {
				n++
			}
		}
		for times := range 3 {
			if got := NewSpan(body).stands(delimiter, times); got != (n > times) {
				t.Fatalf("%q in %q more than %d times: %v", delimiter, body, times, got)
			}
		}
		if random.IntN(1000) == 0 {
			if got := NewSpan(append(slices.Clone(many), body...)).stands(delimiter, 0); got != (n > 0) {
				t.Fatalf("%q behind many hyphens in %q: %v", delimiter, body, got)
			}
		}
	}
	if !NewSpan(bytes.Repeat([]byte("-a"), 1<<18)).stands([]byte("--ab"), 0) {
		t.Error("a body that is not searched to its end is one that programs agree on")
	}
}
