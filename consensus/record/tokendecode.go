package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/mailstore/message"
)

// ErrToken is wrapped by every error about the form of a token.
var ErrToken = errors.New("malformed Cairn token")

// ErrTokenVersion is wrapped by the error about a token that may well be in order, but of a version
// of token or record, or with flags, that this version of Cairn does not know. It is no ErrToken:
// such a token says nothing about the mail, neither for it nor against it.
var ErrTokenVersion = errors.New("token of a version of Cairn that is not known here")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrToken, fmt.Sprintf(format, args...))
}

// DecodeToken reads exactly one token of version 1 or 2 in its canonical form; Encode gives the
// same bytes again. It checks the form alone: whether path and signature are right is
// VerifySignature's. Its errors wrap ErrToken or ErrTokenVersion.
func DecodeToken(b []byte) (*Token, error) {
	most := maxLenV2
	switch {
	case len(b) < 2:
		return nil, malformed("%d bytes are too few; the header was cut short on its way", len(b))
	case b[0] == 0:
		return nil, malformed("there is no version 0")
	case b[0] > TokenVersion || b[1] != 0:
		return nil, fmt.Errorf("%w: version %d with flags %d", ErrTokenVersion, b[0], b[1])
	case b[0] == tokenV1:
		most = maxLenV1
	}
	if len(b) > most {
		return nil, malformed("%d bytes, at most %d make sense", len(b), most)
	}
	d := tokenReader{rest: b}
	t, n, err := d.head()
	if err != nil {
		return nil, err
	}
	if err := d.record(&t.Record, n); err != nil {
		return nil, err
	}
	path := consensus.MerklePathLen(int(t.Leaf), int(t.Count))
	if p := int(d.u8()); p != path && !d.short {
		return nil, malformed("a path of %d hashes, record %d of %d has %d", p, t.Leaf, t.Count, path)
	}
	t.Path = make([]consensus.Hash, path)
	for i := range t.Path {
		t.Path[i] = consensus.Hash(d.take(32))
	}
	t.Signature = consensus.Signature(d.take(64))
	switch {
	case d.short:
		return nil, d.tooShort(len(b))
	case len(d.rest) > 0:
		return nil, malformed("%d bytes more than its own counts say", len(d.rest))
	}
	return t, nil
}

// tokenReader takes fields off the front of a token. Beyond the end it gives zeros and is short.
type tokenReader struct {
	rest  []byte
	short bool
	v1    bool
	zero  [64]byte
}

// take returns the next n bytes, at most 64.
func (d *tokenReader) take(n int) []byte {
	if len(d.rest) < n {
		d.rest, d.short = nil, true
		return d.zero[:n]
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *tokenReader) u8() uint8   { return d.take(1)[0] }
func (d *tokenReader) u16() uint16 { return binary.BigEndian.Uint16(d.take(2)) }
func (d *tokenReader) u32() uint32 { return binary.BigEndian.Uint32(d.take(4)) }
func (d *tokenReader) u64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }

func (d *tokenReader) tooShort(size int) error {
	return malformed("%d bytes are fewer than its own counts say; the header was cut short on its way", size)
}

// head reads all before the commitments, and their number.
func (d *tokenReader) head() (t *Token, n int, err error) {
	size := len(d.rest)
	t = &Token{Version: d.u8()}
	d.u8() // flags, known to be 0
	d.v1 = t.Version == tokenV1
	t.ChainID, t.Recorder = consensus.ChainID(d.u32()), consensus.Key(d.take(32))
	if !d.v1 {
		t.Record.Epoch = d.u64()
	}
	t.Seq, t.Micro, t.Leaf, t.Count = d.u64(), d.u16(), d.u16(), d.u16()
	t.Secret = Secret(d.take(32))
	r := &t.Record
	if r.Version = d.u8(); r.Version > RecordVersion {
		return nil, 0, fmt.Errorf("%w: record version %d", ErrTokenVersion, r.Version)
	}
	r.Kind = KindMail
	if !d.v1 {
		r.Kind = Kind(d.u8())
	}
	r.Time, n = d.u64(), int(d.u8())
	switch {
	case d.short:
		return nil, 0, d.tooShort(size)
	case r.Version != t.Version:
		return nil, 0, malformed("a token of version %d has no record of version %d", t.Version, r.Version)
	case r.Kind < KindMail || r.Kind > KindReceipt:
		return nil, 0, malformed("there is no kind %d of record", r.Kind)
	case t.Seq == 0 || t.Micro >= consensus.MaxMicros,
		t.Count == 0 || t.Count > consensus.MaxMicroRecords || t.Leaf >= t.Count:
		return nil, 0, malformed("no batch has record %d of %d in micro-batch %d of seq %d", t.Leaf, t.Count, t.Micro, t.Seq)
	case n == 0 || n > MaxCommitments || d.v1 && n > MaxCommitmentsV1:
		return nil, 0, malformed("%d commitments are none or too many", n)
	}
	return t, n, nil
}

// record reads n commitments and the tags of r. What is missing at the end it leaves to its caller.
func (d *tokenReader) record(r *Record, n int) error {
	r.Commitments = make([]Commitment, n)
	for i := range r.Commitments {
		c := Commitment{Type: message.Type(d.u8())}
		if d.v1 {
			c.Index = d.u16()
		} else {
			c.Index = uint16(d.u8())
		}
		c.C = consensus.Hash(d.take(32))
		switch {
		case d.short:
			return nil
		case i > 0 && !before(r.Commitments[i-1], c):
			return malformed("commitments are not in the order of type and index")
		case !d.v1 && !typeAllowed(r.Kind, c.Type):
			return malformed("a record of %s has no component of type %d", r.Kind, uint8(c.Type))
		}
		r.Commitments[i] = c
	}
	if d.v1 {
		return nil
	}
	t := int(d.u8())
	if t > MaxTags {
		return malformed("%d tags, at most %d are allowed", t, MaxTags)
	}
	for range t {
		tag := Tag(d.take(tagLen))
		if last := len(r.Tags) - 1; last >= 0 && compareTags(r.Tags[last], tag) >= 0 && !d.short {
			return malformed("tags are not in ascending order")
		}
		r.Tags = append(r.Tags, tag)
	}
	return nil
}

func before(a, b Commitment) bool {
	return a.Type < b.Type || a.Type == b.Type && a.Index < b.Index
}

// typeAllowed reports whether a record of kind k may commit to components of type t: 1 to 63 are
// parts of a mail, 64 to 95 derived from them, 128 to 191 kept for documents and receipts, the
// rest for what is to come.
func typeAllowed(k Kind, t message.Type) bool {
	const firstOfDocuments, firstReserved = 128, 192
	if k == KindMail {
		return t > 0 && t < firstOfDocuments
	}
	return t > 0 && t < firstReserved
}
