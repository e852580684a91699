package consensus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is a 32-byte SHA-256 digest. Where a hash is compared with a target or
// its leading zero bits are counted, byte 0 is the most significant.
type Hash [32]byte

// Key is an Ed25519 public key: of an organisation, a recorder or a node.
type Key [32]byte

// Signature is an Ed25519 signature.
type Signature [64]byte

// ChainID tells networks apart in every signature and stamp. It is the first
// four bytes of the hash of the network's parameters.
type ChainID uint32

// String returns 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether all bytes are zero, as in the Prev of a key's first batch.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText encodes h as 64 hex digits.
func (h Hash) MarshalText() ([]byte, error) { return hexText(h[:]), nil }

// UnmarshalText decodes exactly 64 hex digits.
func (h *Hash) UnmarshalText(text []byte) error { return parseHex("hash", h[:], text) }

// ParseHash decodes 64 hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	err := h.UnmarshalText([]byte(s))
	return h, err
}

// String returns 64 lower-case hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// IsZero reports whether all bytes are zero.
func (k Key) IsZero() bool { return k == Key{} }

// MarshalText encodes k as 64 hex digits.
func (k Key) MarshalText() ([]byte, error) { return hexText(k[:]), nil }

// UnmarshalText decodes exactly 64 hex digits.
func (k *Key) UnmarshalText(text []byte) error { return parseHex("key", k[:], text) }

// ParseKey decodes 64 hex digits.
func ParseKey(s string) (Key, error) {
	var k Key
	err := k.UnmarshalText([]byte(s))
	return k, err
}

func compareKeys(a, b Key) int { return bytes.Compare(a[:], b[:]) }

// String returns 128 lower-case hex digits.
func (s Signature) String() string { return hex.EncodeToString(s[:]) }

// MarshalText encodes s as 128 hex digits.
func (s Signature) MarshalText() ([]byte, error) { return hexText(s[:]), nil }

// UnmarshalText decodes exactly 128 hex digits.
func (s *Signature) UnmarshalText(text []byte) error { return parseHex("signature", s[:], text) }

// String returns 8 lower-case hex digits, as used in protocol and topic names.
func (c ChainID) String() string { return fmt.Sprintf("%08x", uint32(c)) }

// MarshalText encodes c as 8 hex digits.
func (c ChainID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText decodes exactly 8 hex digits.
func (c *ChainID) UnmarshalText(text []byte) error {
	var b [4]byte
	if err := parseHex("chain id", b[:], text); err != nil {
		return err
	}
	*c = ChainID(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	return nil
}

func hexText(b []byte) []byte { return hex.AppendEncode(nil, b) }

func parseHex(what string, dst, text []byte) error {
	if len(text) != 2*len(dst) {
		return fmt.Errorf("%s %q has %d characters: it must have %d hex digits", what, text, len(text), 2*len(dst))
	}
	if _, err := hex.Decode(dst, text); err != nil {
		return fmt.Errorf("%s %q is not hexadecimal: %w", what, text, err)
	}
	return nil
}

// doubleHash is SHA-256d: SHA-256 of the SHA-256 of b.
func doubleHash(b []byte) Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}
