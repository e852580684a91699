package p2p

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"cairn/consensus"
)

// errMalformed is in the chain of every error that means: the other side sent what no correct node
// sends.
var errMalformed = errors.New("malformed message")

// A frame on a stream is a big-endian u32 length and as many bytes. A frame of no bytes ends a list
// of frames.
const frameHeader = 4

func writeFrame(w io.Writer, b []byte) error {
	buf := binary.BigEndian.AppendUint32(make([]byte, 0, frameHeader+len(b)), uint32(len(b)))
	_, err := w.Write(append(buf, b...))
	return err
}

// readFrame reads one frame of at most so many bytes. It allocates as bytes arrive, so that a lie
// about the length costs the liar.
func readFrame(r io.Reader, most int) ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if int64(n) > int64(most) {
		return nil, fmt.Errorf("%w: a frame of %d bytes where %d are allowed", errMalformed, n, most)
	}
	const step = 64 << 10
	b := make([]byte, 0, min(int(n), step))
	for len(b) < int(n) {
		have, grow := len(b), min(int(n)-len(b), step)
		b = append(b, make([]byte, grow)...)
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return b, nil
}

// parser reads the fixed-layout big-endian fields of one message. After the first failure it
// returns zeros and keeps the error.
type parser struct {
	b   []byte
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
	}
	p.b = nil
}

func (p *parser) take(n int) []byte {
	if n > len(p.b) {
		p.fail("%d bytes missing", n-len(p.b))
	}
	if p.err != nil {
		return nil
	}
	b := p.b[:n:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) uint8() (v uint8) {
	if b := p.take(1); b != nil {
		v = b[0]
	}
	return v
}

func (p *parser) uint16() (v uint16) {
	if b := p.take(2); b != nil {
		v = binary.BigEndian.Uint16(b)
	}
	return v
}

func (p *parser) uint32() (v uint32) {
	if b := p.take(4); b != nil {
		v = binary.BigEndian.Uint32(b)
	}
	return v
}

func (p *parser) uint64() (v uint64) {
	if b := p.take(8); b != nil {
		v = binary.BigEndian.Uint64(b)
	}
	return v
}

func (p *parser) hash() (h consensus.Hash) {
	copy(h[:], p.take(len(h)))
	return h
}

// hashes reads n of them. The caller has bounded n.
func (p *parser) hashes(n int) []consensus.Hash {
	b := p.take(n * len(consensus.Hash{}))
	if b == nil || n == 0 {
		return nil
	}
	list := make([]consensus.Hash, n)
	for i := range list {
		copy(list[i][:], b[i*len(list[i]):])
	}
	return list
}

// end demands that everything has been read.
func (p *parser) end() error {
	if p.err == nil && len(p.b) > 0 {
		p.fail("%d bytes too many", len(p.b))
	}
	return p.err
}

func appendHashes(b []byte, list []consensus.Hash) []byte {
	for i := range list {
		b = append(b, list[i][:]...)
	}
	return b
}
