// Package fingerprint puts an org key into words that two people can compare on the telephone.
package fingerprint

import (
	"crypto/sha256"
	"strings"

	"cairn/consensus"
)

// A fingerprint has 9 words of 10 bits each, 90 bits in all: whoever wants a key with the
// fingerprint of another one has to make about 2^90 keys, of any one of a thousand others still
// 2^80.
const (
	// Words is how many words a fingerprint has.
	Words = 9
	// bits is how many bits a word stands for: there are 1,024 words.
	bits = 10
)

// purpose keeps the hash apart from all others that are made of an org key.
const purpose = "cairn/1 fingerprint"

// Of returns the fingerprint of an org key: nine lower-case words with a space between them, in
// groups of three that are set apart by a comma. They are the first 90 bits of
// SHA-256("cairn/1 fingerprint" || key), ten bits a word, the highest first.
func Of(key consensus.Key) string {
	sum := sha256.Sum256(append([]byte(purpose), key[:]...))
	var b strings.Builder
	for i := range Words {
		switch {
		case i > 0 && i%3 == 0:
			b.WriteString(", ")
		case i > 0:
			b.WriteByte(' ')
		}
		b.WriteString(words[index(sum[:], i)])
	}
	return b.String()
}

// index is the number that the bits of the i-th word make.
func index(sum []byte, i int) (n int) {
	for at := i * bits; at < (i+1)*bits; at++ {
		n = n<<1 | int(sum[at/8]>>(7-at%8)&1)
	}
	return n
}
