package message

import (
	"bytes"
	"crypto/sha256"
	"sync"

	"cairn/mailstore/message/grammar"
)

// large is the content of an attachment in base64 that is too long to be kept decoded beside the
// message it is in.
type large struct {
	encoded []byte // inside the grammar
	size    int    // octets that it decodes to

	once   sync.Once
	octets []byte
}

func (l *large) decoded() []byte {
	l.once.Do(func() { l.octets, _ = grammar.Base64(l.encoded) })
	return l.octets
}

// largeAttachment is the component of what a body in base64 decodes to, of which only the digest
// and the size are kept. lines says that it is so little that it may count as lines. ok is false
// outside the grammar.
func largeAttachment(body []byte) (c Component, lines, ok bool) {
	size, returns := 0, 0
	h := sha256.New()
	h.Write([]byte{byte(Canonical)})
	ok = grammar.Base64Pieces(body, func(piece []byte) {
		h.Write(piece)
		size += len(piece)
		returns += bytes.Count(piece, []byte("\r"))
	})
	digest := [32]byte(h.Sum(nil))
	c = Component{Reading: Canonical, large: &large{encoded: body, size: size}, digest: &digest}
	return c, size-returns <= maxText, ok
}
