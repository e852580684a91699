package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
)

// Every signature covers a purpose and the chain id, so that one made for one
// use or network is worth nothing in another.
const (
	purposeHeader         = "cairn/1 header"
	purposeEvent          = "cairn/1 event"
	purposePossession     = "cairn/1 possession"
	purposeNodePossession = "cairn/1 node possession"
	purposeBatch          = "cairn/1 batch"
	purposeMicro          = "cairn/1 micro"
	purposeMicroV2        = "cairn/2 micro"
	purposeIdentity       = "cairn/1 identity"
	purposeAttestation    = "cairn/2 attestation"
	purposeRotation       = "cairn/2 rotation"
	purposeReplace        = "cairn/2 possession"
	purposeRecovery       = "cairn/2 recovery"
)

// signingBytes returns purpose || chain id || content.
func signingBytes(purpose string, chain ChainID, content []byte) []byte {
	b := make([]byte, 0, len(purpose)+4+len(content))
	b = append(b, purpose...)
	b = binary.BigEndian.AppendUint32(b, uint32(chain))
	return append(b, content...)
}

// MicroSigningBytes returns what a recorder key signs to seal one micro-batch, the micro-th (from
// 0) of its batch seq: "cairn/1 micro" || chain u32 || seq u64 || micro u16 || count u16 || root.
// In an epoch that is not 0 the purpose is "cairn/2 micro" and the epoch u64 comes before the seq.
func MicroSigningBytes(chain ChainID, epoch, seq uint64, micro uint16, m MicroRoot) []byte {
	b := signingBytes(purposeMicro, chain, nil)
	if epoch != 0 {
		b = binary.BigEndian.AppendUint64(signingBytes(purposeMicroV2, chain, nil), epoch)
	}
	b = binary.BigEndian.AppendUint64(b, seq)
	b = binary.BigEndian.AppendUint16(b, micro)
	b = binary.BigEndian.AppendUint16(b, m.Count)
	return append(b, m.Root[:]...)
}

// PublicKey returns the public half of an Ed25519 private key. It panics if
// the key does not have 64 bytes.
func PublicKey(key ed25519.PrivateKey) Key {
	return Key(key.Public().(ed25519.PublicKey))
}

func sign(key ed25519.PrivateKey, message []byte) Signature {
	return Signature(ed25519.Sign(key, message))
}
