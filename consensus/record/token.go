package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cairn/consensus"
	"cairn/mailstore/message"
)

// TokenVersion is the version of the token's layout.
const TokenVersion = 1

const (
	maxMicros = 64   // micro-batches of a batch
	maxLeaves = 1024 // records of a micro-batch

	tokenHead   = 1 + 1 + 4 + 32 + 8 + 2 + 2 + 2 + 32 + 1 + 8 + 1
	tokenEntry  = 1 + 2 + 32
	maxPath     = 10 // of 1,024 leaves
	maxTokenLen = tokenHead + message.MaxComponents*tokenEntry + 1 + maxPath*32 + 64
)

// Token is what travels in the mail: where the record is, what it commits to, and the way from there to the signed root of its micro-batch.
type Token struct {
	Version   uint8
	ChainID   consensus.ChainID
	Recorder  consensus.Key
	Seq       uint64 // of the recorder's batch, from 1
	Micro     uint16 // number of the micro-batch in the batch, from 0
	Leaf      uint16 // number of the record in the micro-batch, from 0
	Count     uint16 // records in the micro-batch
	Secret    Secret
	Record    Record
	Path      []consensus.Hash    // from the record's leaf to the micro-root
	Signature consensus.Signature // of the recorder over consensus.MicroSigningBytes
}

// Encode returns the token's fixed layout, big endian: version u8, flags u8 (0), chain id u32, recorder 32, seq u64, micro u16, leaf u16, count u16,
// secret 32, record version u8, time u64, n u8, n x (type u8, index u16, commitment 32), path length u8, path, signature 64.
func (t *Token) Encode() []byte {
	b := make([]byte, 0, tokenHead+len(t.Record.Commitments)*tokenEntry+1+len(t.Path)*32+64)
	b = append(b, t.Version, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(t.ChainID))
	b = append(b, t.Recorder[:]...)
	b = binary.BigEndian.AppendUint64(b, t.Seq)
	b = binary.BigEndian.AppendUint16(b, t.Micro)
	b = binary.BigEndian.AppendUint16(b, t.Leaf)
	b = binary.BigEndian.AppendUint16(b, t.Count)
	b = append(b, t.Secret[:]...)
	b = append(b, t.Record.Version)
	b = binary.BigEndian.AppendUint64(b, t.Record.Time)
	b = append(b, uint8(len(t.Record.Commitments)))
	for _, c := range t.Record.Commitments {
		b = c.append(b)
	}
	b = append(b, uint8(len(t.Path)))
	for _, h := range t.Path {
		b = append(b, h[:]...)
	}
	return append(b, t.Signature[:]...)
}

// ErrToken is wrapped by every error about the form of a token.
var ErrToken = errors.New("malformed Cairn token")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrToken, fmt.Sprintf(format, args...))
}

// DecodeToken reads exactly one token in its canonical form. It checks the form alone: whether path and signature are right is VerifySignature's.
func DecodeToken(b []byte) (*Token, error) {
	if len(b) < tokenHead+tokenEntry+1+64 {
		return nil, malformed("%d bytes are too few; the header was cut short on its way", len(b))
	}
	if len(b) > maxTokenLen {
		return nil, malformed("%d bytes, at most %d make sense", len(b), maxTokenLen)
	}
	if b[0] != TokenVersion || b[1] != 0 {
		return nil, malformed("version %d with flags %d is not known here; the sender may run a newer Cairn", b[0], b[1])
	}
	t := &Token{
		Version:  b[0],
		ChainID:  consensus.ChainID(binary.BigEndian.Uint32(b[2:])),
		Recorder: consensus.Key(b[6:38]),
		Seq:      binary.BigEndian.Uint64(b[38:]),
		Micro:    binary.BigEndian.Uint16(b[46:]),
		Leaf:     binary.BigEndian.Uint16(b[48:]),
		Count:    binary.BigEndian.Uint16(b[50:]),
		Secret:   Secret(b[52:84]),
		Record:   Record{Version: b[84], Time: binary.BigEndian.Uint64(b[85:])},
	}
	n := int(b[93])
	switch {
	case t.Seq == 0 || t.Micro >= maxMicros || t.Count == 0 || t.Count > maxLeaves || t.Leaf >= t.Count:
		return nil, malformed("no batch has record %d of %d in micro-batch %d of seq %d", t.Leaf, t.Count, t.Micro, t.Seq)
	case t.Record.Version != RecordVersion:
		return nil, malformed("record version %d is not known here; the sender may run a newer Cairn", t.Record.Version)
	case n == 0 || n > message.MaxComponents:
		return nil, malformed("%d commitments, 1 to %d are allowed", n, message.MaxComponents)
	}
	path := consensus.MerklePathLen(int(t.Leaf), int(t.Count))
	if want := tokenHead + n*tokenEntry + 1 + path*32 + 64; len(b) != want {
		return nil, malformed("%d bytes where its own counts say %d", len(b), want)
	}
	b = b[tokenHead:]
	t.Record.Commitments = make([]Commitment, n)
	for i := range t.Record.Commitments {
		c := Commitment{message.Type(b[0]), binary.BigEndian.Uint16(b[1:]), consensus.Hash(b[3:35])}
		if i > 0 && !before(t.Record.Commitments[i-1], c) {
			return nil, malformed("commitments are not in the order of type and index")
		}
		t.Record.Commitments[i] = c
		b = b[tokenEntry:]
	}
	if int(b[0]) != path {
		return nil, malformed("a path of %d hashes, record %d of %d has %d", b[0], t.Leaf, t.Count, path)
	}
	b = b[1:]
	t.Path = make([]consensus.Hash, path)
	for i := range t.Path {
		t.Path[i] = consensus.Hash(b[:32])
		b = b[32:]
	}
	t.Signature = consensus.Signature(b)
	return t, nil
}

func before(a, b Commitment) bool {
	return a.Type < b.Type || a.Type == b.Type && a.Index < b.Index
}

// RecordID returns the record's leaf hash, which names it.
func (t *Token) RecordID() consensus.Hash { return t.Record.Leaf() }

// MicroRoot returns the root that leaf and path lead to, with the micro-batch's count; the zero Hash if the path does not fit leaf number and count.
func (t *Token) MicroRoot() consensus.MicroRoot {
	root, _ := VerifyPath(t.Record.Leaf(), int(t.Leaf), int(t.Count), t.Path)
	return consensus.MicroRoot{Root: root, Count: t.Count}
}

// VerifySignature reports whether the recorder key signed the micro-root that the path leads to (consensus.VerifySignature). Whether that key
// belongs to an organisation is the chain's to say.
func (t *Token) VerifySignature() bool {
	m := t.MicroRoot()
	if m.Root.IsZero() {
		return false
	}
	return consensus.VerifySignature(t.Recorder, consensus.MicroSigningBytes(t.ChainID, t.Seq, t.Micro, m), t.Signature)
}
