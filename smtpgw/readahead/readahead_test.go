package readahead

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"testing/iotest"
)

// TestReadsAsBufio holds all that is read to what a bufio.Reader of the same bytes gives, wherever
// it is waited for between.
func TestReadsAsBufio(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		text := make([]byte, rnd.IntN(4*Size))
		for i := range text {
			text[i] = "ab\n"[rnd.IntN(3)]
			if seed%3 == 0 && rnd.IntN(Size/2) > 0 {
				text[i] = 'c' // lines longer than the buffer
			}
		}
		pieces := []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		}[seed%4]
		got, want := New(pieces(bytes.NewReader(text))), bufio.NewReaderSize(bytes.NewReader(text), Size)
		for range 200 {
			var a, b []byte
			var errA, errB error
			switch rnd.IntN(4) {
			case 0:
				if err := got.Wait(); err == nil && got.Buffered() == 0 {
					t.Fatalf("seed %d: waited, and nothing is there", seed)
				}
			case 1:
				a, errA = got.ReadSlice('\n')
				b, errB = want.ReadSlice('\n')
			case 2:
				n := 1 + rnd.IntN(Size/4)
				a, b = make([]byte, n), make([]byte, n)
				var nA, nB int
				nA, errA = io.ReadFull(got, a)
				nB, errB = io.ReadFull(want, b)
				a, b = a[:nA], b[:nB]
			case 3:
				n := rnd.IntN(Size)
				var nA, nB int
				nA, errA = got.Discard(n)
				nB, errB = want.Discard(n)
				a, b = make([]byte, nA), make([]byte, nB)
			}
			if !bytes.Equal(a, b) || !errors.Is(errA, errB) {
				t.Fatalf("seed %d: %q, %v; bufio %q, %v", seed, a, errA, b, errB)
			}
		}
	}
}

// TestErrorOfWait holds that waiting gives the error of the connection, and that reading goes on
// after one that passes.
func TestErrorOfWait(t *testing.T) {
	r := New(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader([]byte("a\nb\n")))))
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadSlice('\n'); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("the second reading: %v", err)
	}
	if _, err := r.ReadSlice('\n'); err != nil {
		t.Fatal(err)
	}
	if err := New(iotest.ErrReader(io.ErrUnexpectedEOF)).Wait(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}

// TestSilentHasNoBuffer holds that a connection that is waited for takes less than a buffer, also
// after something was read from it.
func TestSilentHasNoBuffer(t *testing.T) {
	const many = 500
	memory := func() int64 {
		runtime.GC()
		runtime.GC() // what the pool gave up in the first
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	waited, waits := make(chan error), make(chan bool)
	var peers []net.Conn
	before := memory()
	for range many {
		near, far := net.Pipe()
		peers = append(peers, far)
		r := New(&telling{near, waits})
		go func() {
			if _, err := r.ReadSlice('\n'); err != nil {
				t.Error(err)
			}
			waited <- r.Wait()
		}()
	}
	for _, far := range peers {
		if _, err := far.Write([]byte("EHLO client.example\r\n")); err != nil {
			t.Fatal(err)
		}
		<-waits
	}
	if each := (memory() - before) / many; each > Size/2 {
		t.Errorf("each takes %d bytes", each)
	}
	for _, far := range peers {
		far.Close()
		if err := <-waited; !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
}

// telling tells that one byte alone is waited for.
type telling struct {
	io.Reader
	waits chan<- bool
}

func (r *telling) Read(p []byte) (int, error) {
	if len(p) == 1 {
		r.waits <- true
	}
	return r.Reader.Read(p)
}
