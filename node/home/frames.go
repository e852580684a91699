package home

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"cairn/node/api"
)

// show unpacks a part for whoever wants to see it, and to its end. The error counts if the part has
// its digest.
func show(f *frames, name string, see visit) (length int64, err error) {
	packed := bufio.NewReader(f)
	foreign := func(n int64, err error) (int64, error) {
		return n, api.Errorf(api.CodeInvalid, another, reading+"%s is not packed as a node packs it: %v", name, err)
	}
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return foreign(0, err)
	}
	unpacked.Multistream(false)
	content := &counted{r: unpacked, most: maxFile, packed: &f.stored}
	if name == MailDir {
		content.most = 1<<63 - 1
	}
	if see != nil {
		if err := see(&f.c.found.Manifest, name, content); content.bad != nil {
			return foreign(content.n, content.bad)
		} else if err != nil {
			return content.n, err
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return foreign(content.n, err)
	}
	if _, err := packed.ReadByte(); err != io.EOF {
		return foreign(content.n, errors.New("something follows its compressed data"))
	}
	return content.n, nil
}

// counted is a reader with limits that are errors: what a few octets unpack to costs whoever reads
// them time and room.
type counted struct {
	r       io.Reader
	n, most int64
	packed  *uint64 // octets of which it is made so far
	bad     error   // why it cannot be unpacked
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	switch c.n += int64(n); {
	case c.n > c.most:
		err = fmt.Errorf("it has more than %d bytes", c.most)
	case c.n > freeUnpacked && uint64(c.n-freeUnpacked)/maxRatio > *c.packed:
		err = fmt.Errorf("it unpacks to more than %d times its size", maxRatio)
	}
	if err != nil && err != io.EOF {
		c.bad = err
	}
	return n, err
}

// frames are the octets of one part.
type frames struct {
	c      *reader
	digest hash.Hash
	left   int // of the chunk
	stored uint64
	over   bool
	err    error // nothing more can be read of the backup
}

func (f *frames) Read(b []byte) (n int, err error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.left == 0 && !f.over {
		f.next()
	}
	switch {
	case f.err != nil:
		return 0, f.err
	case f.over:
		return 0, io.EOF
	}
	n, f.err = f.c.take(b[:min(len(b), f.left)])
	f.digest.Write(b[:n])
	f.left -= n
	f.stored += uint64(n)
	return n, f.err
}

// next reads the length of the next chunk.
func (f *frames) next() {
	var b [4]byte
	if f.err = f.c.fill(b[:]); f.err != nil {
		return
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > maxChunk {
		f.err = damaged("the frame of %s; nothing behind it can be told", f.c.at)
		return
	}
	f.left, f.over = int(n), n == 0
}

// end reads what is left of the part and compares its length and digest.
func (f *frames) end(found *Part) error {
	_, err := io.Copy(io.Discard, f)
	if found.Stored = int64(f.stored); err != nil {
		return err
	}
	var b [8 + sha256.Size]byte
	if err := f.c.fill(b[:]); err != nil {
		return err
	}
	sum := f.digest.Sum(nil)
	found.Digest = hex.EncodeToString(sum)
	switch {
	case found.Damage != "":
	case !bytes.Equal(sum, b[8:]):
		found.Damage = "its SHA-256 is another"
	case binary.BigEndian.Uint64(b[:8]) != f.stored:
		found.Damage = "its length is another"
	}
	return nil
}
