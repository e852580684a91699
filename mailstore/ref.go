package mailstore

import "encoding/binary"

// Ref names a stored message.
type Ref struct {
	Account AccountID
	Message MessageID
}

// RefSize is the length in bytes of a Ref in a key.
const RefSize = 12

// Append adds r to a key: big-endian, so that keys run by account and then by message.
func (r Ref) Append(key []byte) []byte {
	key = binary.BigEndian.AppendUint32(key, uint32(r.Account))
	return binary.BigEndian.AppendUint64(key, uint64(r.Message))
}

// RefOf reads the Ref at the end of a key, which has at least RefSize bytes.
func RefOf(key []byte) Ref {
	b := key[len(key)-RefSize:]
	return Ref{AccountID(binary.BigEndian.Uint32(b)), MessageID(binary.BigEndian.Uint64(b[4:]))}
}

// Ref names m.
func (m Message) Ref() Ref { return Ref{m.Account, m.ID} }

// Ref names the message that c is of.
func (c Change) Ref() Ref { return Ref{c.Account, c.Message} }
