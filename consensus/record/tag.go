package record

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"cairn/mailstore/message"
)

const (
	labelLen = 2
	tagLen   = labelLen + 8
)

// MaxTags is how many tags a record has at most.
const MaxTags = 64

// Tag is a hint as the record has it: 2 bytes that stand for the label and 8 for the value. Whoever
// has the secret and a message that differs can tell by them which of the facts under one
// commitment differ. A tag is too short to prove anything: that is the commitment's to do.
type Tag [tagLen]byte

// tagger makes the tags of one record. Setting up the HMAC costs more than a tag does.
type tagger struct {
	mac hash.Hash
	in  []byte
	sum [sha256.Size]byte
}

func newTagger(s Secret) *tagger { return &tagger{mac: hmac.New(sha256.New, s[:])} }

// tag returns the tag of value under label, s being the record's secret:
//
//	HMAC-SHA256(s, "cairn/2 tag" || 0x01 || len(label) u16 || label), the first 2 bytes
//	HMAC-SHA256(s, "cairn/2 tag" || 0x02 || len(label) u16 || label || value), the first 8 bytes
//
// Equal values have unequal tags under other labels and in other records.
func (g *tagger) tag(label string, value []byte) (t Tag) {
	const purpose = "cairn/2 tag"
	g.in = append(append(g.in[:0], purpose...), 0x01)
	g.in = binary.BigEndian.AppendUint16(g.in, uint16(len(label)))
	g.in = append(g.in, label...)
	g.mac.Reset()
	g.mac.Write(g.in)
	copy(t[:labelLen], g.mac.Sum(g.sum[:0]))

	g.in[len(purpose)] = 0x02
	g.mac.Reset()
	g.mac.Write(g.in)
	g.mac.Write(value)
	copy(t[labelLen:], g.mac.Sum(g.sum[:0]))
	return t
}

// TagsOf returns the tags of hints under s, ascending, each once. Of more than MaxTags the first
// hints count: they should be given in the order of their weight.
func TagsOf(s Secret, hints []message.Hint) []Tag {
	tags, g := []Tag(nil), newTagger(s)
	for _, h := range hints {
		if len(tags) == MaxTags {
			break
		}
		t := g.tag(h.Label, h.Value)
		if i, found := slices.BinarySearchFunc(tags, t, compareTags); !found {
			tags = slices.Insert(tags, i, t)
		}
	}
	return tags
}

// HasTag reports whether the fact that t stands for was recorded.
func (r *Record) HasTag(t Tag) bool {
	_, found := slices.BinarySearchFunc(r.Tags, t, compareTags)
	return found
}

// HasLabel reports whether anything was recorded under the label of t, whatever the value. One
// label in 65,536 is taken for another.
func (r *Record) HasLabel(t Tag) bool {
	return slices.ContainsFunc(r.Tags, func(o Tag) bool { return o[0] == t[0] && o[1] == t[1] })
}

func compareTags(a, b Tag) int { return bytes.Compare(a[:], b[:]) }

// appendTags appends t u8 and the tags.
func appendTags(b []byte, tags []Tag) []byte {
	b = append(b, uint8(len(tags)))
	for _, t := range tags {
		b = append(b, t[:]...)
	}
	return b
}

// CountLabel returns how many facts were recorded under the label of t.
func (r *Record) CountLabel(t Tag) (n int) {
	for _, o := range r.Tags {
		if o[0] == t[0] && o[1] == t[1] {
			n++
		}
	}
	return n
}
