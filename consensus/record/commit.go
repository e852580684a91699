package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"cairn/consensus"
	"cairn/mailstore/message"
)

// Secret is what the sender draws for each record, 32 random bytes, and sends along in the token.
// Who does not have it can guess nothing from the chain; when it is forgotten, so is the message.
type Secret [32]byte

// Commitment binds a record to the content of one component.
type Commitment struct {
	Type  message.Type
	Index uint16
	C     consensus.Hash
}

// Salt returns the salt of one component in a record of that version:
// HMAC-SHA256(s, purpose || type u8 || index u16), with the purpose "cairn/1 salt" in version 1 and
// "cairn/2 salt" in version 2, so that no commitment of one version is one of the other. It is
// disclosed to prove that component alone.
func Salt(version uint8, s Secret, t message.Type, index uint16) [32]byte {
	return newSalter(version, s).salt(t, index)
}

// salter makes the salts of one record. Setting up the HMAC costs several times what a salt does.
type salter struct {
	mac hash.Hash
	in  [len(saltV2) + 3]byte
	out [32]byte
}

const saltV1, saltV2 = "cairn/1 salt", "cairn/2 salt"

func newSalter(version uint8, s Secret) *salter {
	salts := &salter{mac: hmac.New(sha256.New, s[:])}
	if version == recordV1 {
		copy(salts.in[:], saltV1)
	} else {
		copy(salts.in[:], saltV2)
	}
	return salts
}

func (s *salter) salt(t message.Type, index uint16) [32]byte {
	s.in[len(saltV2)] = byte(t)
	binary.BigEndian.PutUint16(s.in[len(saltV2)+1:], index)
	s.mac.Reset()
	s.mac.Write(s.in[:])
	s.mac.Sum(s.out[:0])
	return s.out
}

// CommitTo returns SHA256(0x10 || type u8 || index u16 || salt || digest), digest being the SHA-256
// of the canonical content.
func CommitTo(t message.Type, index uint16, salt, digest [32]byte) consensus.Hash {
	var in [1 + 1 + 2 + 32 + 32]byte
	in[0] = 0x10
	in[1] = byte(t)
	binary.BigEndian.PutUint16(in[2:], index)
	copy(in[4:], salt[:])
	copy(in[36:], digest[:])
	return sha256.Sum256(in[:])
}

// Commit returns the commitments to comps under s, in their order, as records of RecordVersion have
// them.
func Commit(s Secret, comps []message.Component) []Commitment {
	list := make([]Commitment, len(comps))
	salts := newSalter(RecordVersion, s)
	for i, c := range comps {
		list[i] = Commitment{c.Type, c.Index, CommitTo(c.Type, c.Index, salts.salt(c.Type, c.Index), c.Digest())}
	}
	return list
}
