package record

import (
	"crypto/sha256"

	"cairn/mailstore/message"
)

// arrival is a received component.
type arrival struct {
	message.Component
	digest [32]byte
	taken  bool
	tried  int // octets that explanations looked at

	added  string // what explain found to have been added, clipped
	cut    bool   // and there is more
	lines  int    // of the author's text before it
	banner string // configured, was taken off
}

// readable is the content as text.
func (a *arrival) readable() []byte {
	if a.Reading == message.AsOctets {
		return a.Lenient
	}
	return a.Content()
}

func contentDigest(content []byte) [32]byte { return sha256.Sum256(content) }
