package cli

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/node"
)

// Whoever joins is told whom the invite makes it trust: the founder and the inviter, each with all
// domains, and not itself.
func TestJoinNamesWhomItTrusts(t *testing.T) {
	key := func(seed byte) consensus.Key {
		return consensus.PublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	}
	list := believed([]node.Pin{
		{Domain: "own.example", Key: key(1), Source: node.PinOwn},
		{Domain: "a.example", Key: key(2), Source: node.PinGenesis},
		{Domain: "b.example", Key: key(2), Source: node.PinGenesis},
		{Domain: "c.example", Key: key(3), Source: node.PinInvite},
	})
	var b bytes.Buffer
	showBelieved(&b, list)
	want := "  trusted   for a.example, b.example: the founder of the network\n  key       " + key(2).String() + "\n  words     " + fingerprint.Of(key(2)) +
		"\n  trusted   for c.example: whoever made the invite\n  key       " + key(3).String() + "\n  words     " + fingerprint.Of(key(3)) + "\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
