package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/consensus/vectortest"
)

type vector struct {
	Key         consensus.Key `json:"org_key"`
	Fingerprint string        `json:"fingerprint"`
}

func TestVectors(t *testing.T) {
	var made []vector
	for _, fill := range []byte{0, 1, 0x7f, 0xff} {
		var key consensus.Key
		for i := range key {
			key[i] = fill * byte(i+1)
		}
		made = append(made, vector{key, Of(key)})
	}
	vectortest.Check(t, "fingerprint.json", made)
}

// The words are the first 90 bits of the hash, worked out in another way.
func TestWordsCarryAllBits(t *testing.T) {
	for n := range 200 {
		key := consensus.Key{byte(n), 7}
		sum := sha256.Sum256(append([]byte("cairn/1 fingerprint"), key[:]...))
		number := new(big.Int).Rsh(new(big.Int).SetBytes(sum[:]), 256-90)
		var want []string
		for range 9 {
			want = append(want, words[new(big.Int).And(number, big.NewInt(1023)).Int64()])
			number.Rsh(number, 10)
		}
		slices.Reverse(want)
		if got := strings.Fields(strings.ReplaceAll(Of(key), ",", "")); !slices.Equal(got, want) {
			t.Fatalf("%s: %q, want %q", key, got, want)
		}
	}
}

// Every node has to have the same words in the same order, and no two may be
// taken for one another.
func TestWords(t *testing.T) {
	if len(words) != 1<<bits || !slices.IsSorted(words) {
		t.Fatalf("%d words, sorted: %v", len(words), slices.IsSorted(words))
	}
	const known = "8f8a53efd86afe50b7b8e3c259b2bfdd355713f76c69c51f18e196b4be440c43"
	if sum := sha256.Sum256([]byte(strings.Join(words, "\n"))); hex.EncodeToString(sum[:]) != known {
		t.Errorf("the list is another one, %x: fingerprints of other nodes differ from ours", sum)
	}
	plain := regexp.MustCompile(`^[a-z]{4,8}$`)
	begin := make(map[string]string)
	for i, w := range words {
		if other, ok := begin[w[:4]]; ok || !plain.MatchString(w) {
			t.Errorf("%q begins like %q, or is no short word", w, other)
		}
		begin[w[:4]] = w
		for _, other := range words[:i] {
			if oneLetterApart(w, other) {
				t.Errorf("%q and %q differ in one letter", w, other)
			}
		}
	}
}

// oneLetterApart tells whether one letter changed, put in or left out makes a of b.
func oneLetterApart(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	for i := range b {
		if a[i] != b[i] {
			return a[i+1:] == b[i+1:] || a[i+1:] == b[i:]
		}
	}
	return len(a) <= len(b)+1
}
