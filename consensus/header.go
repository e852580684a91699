package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
)

// Sizes of headers.
const (
	HeaderSize       = 164             // bytes that are hashed
	SignedHeaderSize = HeaderSize + 64 // with the miner's signature
)

// Header is the part of a block that carries the proof of work. Its encoding
// has HeaderSize bytes, fields in this order, integers big-endian.
type Header struct {
	Version  uint16 // that of the parameters
	Flags    uint16 // zero
	ChainID  ChainID
	Height   uint64 // 0 at genesis
	Prev     Hash   // ID of the parent; of genesis: Params.Hash
	BodyRoot Hash   // see BodyRoot
	// StateRoot is the Merkle root of the member table after this block's
	// events, see State.StateRoot.
	StateRoot Hash
	Miner     Key    // recorder key of the mining node, enrolled in the parent's state
	Time      uint64 // milliseconds since 1970
	Bits      uint32 // compact target, see TargetFromBits
	Nonce     uint64
}

// SignedHeader is a header with its miner's signature over
// "cairn/1 header" || chain id || ID. The signature is not part of the ID, so
// it can be made once the nonce is found, and must never make an ID invalid.
type SignedHeader struct {
	Header
	Signature Signature
}

// Append appends the HeaderSize bytes of h to b.
func (h *Header) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, h.Version)
	b = binary.BigEndian.AppendUint16(b, h.Flags)
	b = binary.BigEndian.AppendUint32(b, uint32(h.ChainID))
	b = binary.BigEndian.AppendUint64(b, h.Height)
	b = append(b, h.Prev[:]...)
	b = append(b, h.BodyRoot[:]...)
	b = append(b, h.StateRoot[:]...)
	b = append(b, h.Miner[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Time)
	b = binary.BigEndian.AppendUint32(b, h.Bits)
	return binary.BigEndian.AppendUint64(b, h.Nonce)
}

// Encode returns the HeaderSize bytes of h.
func (h *Header) Encode() []byte { return h.Append(make([]byte, 0, HeaderSize)) }

// ID returns SHA-256d of the encoding. It is also what the proof of work is
// judged by: read as a big-endian number it must not exceed the target.
func (h *Header) ID() Hash {
	var b [HeaderSize]byte
	return doubleHash(h.Append(b[:0]))
}

// SigningBytes returns what the miner signs.
func (h *Header) SigningBytes() []byte {
	id := h.ID()
	return signingBytes(purposeHeader, h.ChainID, id[:])
}

// SignHeader signs h, whose Miner should be the public half of key.
func SignHeader(h Header, key ed25519.PrivateKey) SignedHeader {
	return SignedHeader{Header: h, Signature: sign(key, h.SigningBytes())}
}

// Append appends the SignedHeaderSize bytes of h to b.
func (h *SignedHeader) Append(b []byte) []byte {
	return append(h.Header.Append(b), h.Signature[:]...)
}

// Encode returns the SignedHeaderSize bytes of h.
func (h *SignedHeader) Encode() []byte { return h.Append(make([]byte, 0, SignedHeaderSize)) }

func (r *reader) header() (h Header) {
	h.Version, h.Flags = r.uint16(), r.uint16()
	h.ChainID = ChainID(r.uint32())
	h.Height = r.uint64()
	h.Prev, h.BodyRoot, h.StateRoot = r.hash(), r.hash(), r.hash()
	h.Miner = r.key()
	h.Time = r.uint64()
	h.Bits = r.uint32()
	h.Nonce = r.uint64()
	return h
}

func (r *reader) signedHeader() SignedHeader {
	return SignedHeader{Header: r.header(), Signature: r.sig()}
}

// DecodeSignedHeader decodes exactly SignedHeaderSize bytes.
func DecodeSignedHeader(b []byte) (*SignedHeader, error) {
	r := reader{what: "signed header", buf: b}
	h := r.signedHeader()
	if err := r.end(); err != nil {
		return nil, err
	}
	return &h, nil
}
