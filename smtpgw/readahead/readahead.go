// Package readahead reads ahead of a peer. While the peer is only waited for there is no buffer:
// most connections are open and silent.
package readahead

import (
	"bufio"
	"io"
	"sync"
)

// Size is how much is read ahead at most, in bytes.
const Size = 8 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, Size) }}

// Reader is a bufio.Reader that can wait without its buffer. Its methods belong to one goroutine.
type Reader struct {
	from io.Reader
	r    *bufio.Reader // nil: nothing was read ahead
	one  [1]byte
	has  bool // one was read and is not in the buffer yet
}

// New returns a Reader of from.
func New(from io.Reader) *Reader { return &Reader{from: from} }

// Wait returns when there is something to read, or with the error that reading gave.
func (r *Reader) Wait() error {
	if r.Buffered() > 0 {
		return nil
	}
	if r.r != nil {
		r.r.Reset(nil) // what is read next is nobody else's
		buffers.Put(r.r)
		r.r = nil
	}
	for {
		n, err := r.from.Read(r.one[:])
		if n > 0 {
			r.has = true
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Buffered returns how many bytes were read ahead.
func (r *Reader) Buffered() (n int) {
	if r.r != nil {
		n = r.r.Buffered()
	}
	if r.has {
		n++
	}
	return n
}

// ReadSlice is that of bufio.Reader.
func (r *Reader) ReadSlice(delim byte) ([]byte, error) { return r.buffer().ReadSlice(delim) }

// Read is that of bufio.Reader.
func (r *Reader) Read(p []byte) (int, error) { return r.buffer().Read(p) }

// Discard is that of bufio.Reader.
func (r *Reader) Discard(n int) (int, error) { return r.buffer().Discard(n) }

func (r *Reader) buffer() *bufio.Reader {
	if r.r == nil {
		r.r = buffers.Get().(*bufio.Reader)
		r.r.Reset((*rest)(r))
	}
	return r.r
}

// rest is what the buffer is filled from.
type rest Reader

func (r *rest) Read(p []byte) (int, error) {
	if r.has && len(p) > 0 {
		p[0], r.has = r.one[0], false
		return 1, nil
	}
	return r.from.Read(p)
}
