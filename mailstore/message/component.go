package message

import (
	"crypto/sha256"
)

// Reading says how the content of a component was gained.
type Reading uint8

// The readings. The number is the first octet of what is committed to, but for version 1, which has
// none.
const (
	ReadingV1 Reading = 0 // by the rules of version 1
	Canonical Reading = 1 // what it came from is inside the grammar in which programs agree
	AsOctets  Reading = 2 // it is not: the octets count
)

// Component is one part of a message that can prove something.
type Component struct {
	Type    Type
	Index   uint16 // 0 for the first of its type; of Names the type of the address field
	Reading Reading
	Label   string // charset of a canonical text that is neither UTF-8 nor ASCII, in lower case
	Lenient []byte // of a text that counts by its octets although it can be read: so; counts for nothing
	Footer  bool   // version 1: a text behind all other bodies and an alternative to none, as mailing lists add theirs

	OtherFolds []Component // of an attachment's name: as it would count if it were folded otherwise

	content []byte
	large   *large    // in the place of content
	digest  *[32]byte // of a long content, where it was asked for before
}

// NewComponent returns the component of that type, index, reading and content, without a label.
func NewComponent(t Type, index uint16, r Reading, content []byte) Component {
	return Component{Type: t, Index: index, Reading: r, content: content}
}

// Content is what the component says. It may share memory with the raw message and must not be
// changed. That of a large attachment is decoded when it is asked for, and kept from then on:
// Digest and Size do without.
func (c *Component) Content() []byte {
	if c.large != nil {
		return c.large.decoded()
	}
	return c.content
}

// Size is the length of Content in octets.
func (c *Component) Size() int {
	if c.large != nil {
		return c.large.size
	}
	return len(c.content)
}

func (c *Component) isASCII() bool {
	if c.large != nil {
		return c.large.ascii
	}
	return isASCII(c.content)
}

// WithContent is the component with another content.
func (c Component) WithContent(content []byte) Component {
	c.content, c.large, c.digest = content, nil, nil
	return c
}

// Digest is the SHA-256 of what is committed to: the reading u8 (none in version 1), the content
// and, of a text with a label, a NUL and the label.
func (c *Component) Digest() [32]byte {
	if c.digest != nil {
		return *c.digest
	}
	if c.Reading == ReadingV1 {
		return sha256.Sum256(c.Content())
	}
	return DigestOf(c.Reading, c.Content(), c.Label)
}

// remember returns the digest and keeps it.
func (c *Component) remember() []byte {
	digest := c.Digest()
	c.digest = &digest
	return digest[:]
}

// DigestOf is Component.Digest of a component with that reading, content and label.
func DigestOf(r Reading, content []byte, label string) (digest [32]byte) {
	var buf [512]byte // most contents are short
	if 1+len(content)+1+len(label) <= len(buf) {
		in := append(append(buf[:0], byte(r)), content...)
		if label != "" {
			in = append(append(in, 0), label...)
		}
		return sha256.Sum256(in)
	}
	h := sha256.New()
	h.Write([]byte{byte(r)})
	h.Write(content)
	if label != "" {
		h.Write([]byte("\x00" + label))
	}
	h.Sum(digest[:0])
	return digest
}
