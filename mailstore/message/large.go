package message

import (
	"bytes"
	"crypto/sha256"
	"sync"

	"cairn/mailstore/message/grammar"
)

// large is the content of an attachment that is too long to be kept decoded beside the message it
// is in.
type large struct {
	encoded []byte // inside the grammar
	as      grammar.Encoding
	size    int  // octets that it decodes to
	returns int  // CRs among them
	ascii   bool // all of them

	once   sync.Once
	octets []byte
}

func (l *large) decoded() []byte {
	l.once.Do(func() {
		if l.as == grammar.Base64Encoding {
			l.octets, _ = grammar.Base64(l.encoded)
		} else {
			l.octets, _, _, _ = grammar.Quoted(l.encoded)
		}
	})
	return l.octets
}

// isLong reports whether the content counts by its octets alone, as none does that may be read as
// text, or as lines if it is of another type.
func (l *large) isLong(text bool) bool {
	if text {
		return l.size > maxOctets*maxText
	}
	return !mayBeLines(l.size, l.returns)
}

// mayBeLines reports whether so many octets, so many CRs among them, are few enough to count as
// lines.
func mayBeLines(size, returns int) bool { return size-returns <= maxText }

// largeAttachment is the component of what the body of an attachment decodes to, of which only the
// digest and what large says of it are kept. There is none of one that is short, or not encoded:
// nothing is spared. ok is false outside the grammar, as decoded has it.
func (r *bodyReader) largeAttachment(n *node) (c *Component, ok bool) {
	e, plain, ok := grammar.TransferEncoding(orIdentity(n.cte))
	if !ok || !plain || e == grammar.Identity || len(n.body) <= 2*maxText {
		return nil, true
	}
	l := &large{encoded: n.body, as: e, ascii: true}
	h := sha256.New()
	h.Write([]byte{byte(Canonical)})
	each := func(piece []byte) {
		h.Write(piece)
		l.size += len(piece)
		l.returns += bytes.Count(piece, []byte("\r"))
		l.ascii = l.ascii && isASCII(piece)
	}
	if e == grammar.Base64Encoding {
		ok = grammar.Base64Pieces(n.body, each)
	} else {
		padded, lower, inside := grammar.QuotedPieces(n.body, each)
		r.looseQuoted(lower)
		ok = inside && !padded
	}
	digest := [32]byte(h.Sum(nil))
	return &Component{Reading: Canonical, large: l, digest: &digest}, ok
}
