package mailstore

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Values begin with a version byte. Integers are uvarints, strings and lists carry their length in
// front.
const valueVersion = 1

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func encodeAccount(a Account) []byte {
	return appendTexts(appendText([]byte{valueVersion}, a.Name), a.Addresses)
}

func encodeMessage(m Message) []byte {
	b := append(make([]byte, 0, 96), valueVersion)
	b = append(b, m.Blob[:]...)
	b = binary.AppendUvarint(b, uint64(m.Size))
	b = binary.AppendVarint(b, m.Received.UnixMilli())
	outgoing := byte(0)
	if m.Outgoing {
		outgoing = 1
	}
	b = append(b, outgoing)
	return appendTexts(appendText(b, m.From), m.Recipients)
}

func encodeChange(c Change) []byte {
	b := append(make([]byte, 0, 32), valueVersion, byte(c.Kind))
	b = binary.AppendUvarint(b, uint64(c.Account))
	b = binary.AppendUvarint(b, uint64(c.Message))
	return appendTexts(b, c.Labels)
}

// decoder takes values apart; after the first fault it yields zero values and keeps the error.
type decoder struct {
	b   []byte
	err error
}

func newDecoder(b []byte, what string) *decoder {
	d, _ := newDecoderUpTo(valueVersion, b, what)
	return d
}

// newDecoderUpTo takes apart a value of any version up to newest.
func newDecoderUpTo(newest byte, b []byte, what string) (d *decoder, version byte) {
	d = &decoder{b: b}
	if v := d.bytes(1); d.err == nil {
		if version = v[0]; version == 0 || version > newest {
			d.err = fmt.Errorf("version %d is not known to this program", version)
		}
	}
	if d.err != nil {
		d.err = fmt.Errorf("mailstore: stored %s: %w", what, d.err)
	}
	return d, version
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("%w: see that the disk is well and restore a backup", ErrDamaged)
	}
	d.b = nil
}

func (d *decoder) bytes(n uint64) []byte {
	if d.err != nil || uint64(len(d.b)) < n {
		d.fail()
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.err != nil || n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if d.err != nil || n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.bytes(d.uint())) }

func (d *decoder) texts() []string {
	n := d.uint()
	if n > uint64(len(d.b)) { // each text takes a byte at least
		d.fail()
		return nil
	}
	var list []string
	for range n {
		list = append(list, d.text())
	}
	return list
}

// done returns the first fault; bytes left over are one.
func (d *decoder) done() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return d.err
}

func decodeAccount(id AccountID, b []byte) (Account, error) {
	d := newDecoder(b, "account")
	a := Account{ID: id, Name: d.text(), Addresses: d.texts()}
	return a, d.done()
}

func decodeMessage(a AccountID, id MessageID, b []byte) (Message, error) {
	d := newDecoder(b, "message")
	m := Message{Account: a, ID: id}
	copy(m.Blob[:], d.bytes(uint64(len(m.Blob))))
	m.Size = int64(d.uint())
	m.Received = time.UnixMilli(d.int()).UTC()
	if flag := d.bytes(1); d.err == nil {
		m.Outgoing = flag[0] == 1
	}
	m.From = d.text()
	m.Recipients = d.texts()
	return m, d.done()
}

func decodeChange(seq ModSeq, b []byte) (Change, error) {
	d := newDecoder(b, "change")
	c := Change{ModSeq: seq}
	if kind := d.bytes(1); d.err == nil {
		c.Kind = ChangeKind(kind[0])
	}
	c.Account = AccountID(d.uint())
	c.Message = MessageID(d.uint())
	c.Labels = d.texts()
	return c, d.done()
}

func decodeUint64(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: a number has %d bytes instead of 8: see that the disk is well and restore a backup", ErrDamaged, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}
