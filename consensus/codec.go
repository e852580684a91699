package consensus

import "encoding/binary"

// reader takes fixed-layout big-endian fields off a byte slice. After the
// first failure it returns zero values; the failure comes out of end. Slices
// it returns alias the input.
type reader struct {
	what string
	buf  []byte
	pos  int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = broken(RuleEncoding, r.what+": "+format, args...)
	}
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.buf)-r.pos {
		r.fail("cut short at byte %d: %d more bytes expected, %d left", r.pos, n, len(r.buf)-r.pos)
		return nil
	}
	b := r.buf[r.pos : r.pos+n]
	r.pos += n
	return b
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) flag() bool {
	n := r.uint8()
	if n > 1 {
		r.fail("%d at byte %d, 0 or 1 expected", n, r.pos-1)
	}
	return n == 1
}

func (r *reader) hash() (h Hash)      { copy(h[:], r.take(32)); return h }
func (r *reader) key() (k Key)        { copy(k[:], r.take(32)); return k }
func (r *reader) sig() (s Signature)  { copy(s[:], r.take(64)); return s }
func (r *reader) text() string        { return string(r.take(int(r.uint8()))) }
func (r *reader) count(most int) int  { return r.limited(int(r.uint16()), most) }
func (r *reader) count8(most int) int { return r.limited(int(r.uint8()), most) }
func (r *reader) limited(n, most int) int {
	if n > most {
		r.fail("%d entries at byte %d, at most %d allowed", n, r.pos, most)
		return 0
	}
	return n
}

// end returns the first failure, or an error if bytes are left over.
func (r *reader) end() error {
	if r.err == nil && r.pos != len(r.buf) {
		r.fail("%d bytes left over after byte %d", len(r.buf)-r.pos, r.pos)
	}
	return r.err
}

// appendText appends a length byte and s. Callers keep s within 255 bytes; a
// longer one is cut, which the value's validation refuses before it is used.
func appendText(b []byte, s string) []byte {
	if len(s) > 255 {
		s = s[:255]
	}
	return append(append(b, byte(len(s))), s...)
}
