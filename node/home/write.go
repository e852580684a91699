package home

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
)

// writer writes the container of a backup.
type writer struct {
	out io.Writer // to the file, and to sum
	sum hash.Hash
}

// newWriter writes what stands before the parts.
func newWriter(w io.Writer, m *Manifest) (*writer, error) {
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	c := &writer{sum: sha256.New()}
	c.out = io.MultiWriter(w, c.sum)
	if _, err := c.out.Write(binary.BigEndian.AppendUint16([]byte(magic), version)); err != nil {
		return nil, err
	}
	return c, c.part(manifestName, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// part writes one part; fill writes what is in it.
func (c *writer) part(name string, fill func(io.Writer) error) error {
	head := append([]byte{byte(len(name))}, name...)
	p := &chunks{out: c.out, digest: sha256.New()}
	p.digest.Write(head)
	if _, err := c.out.Write(append([]byte{tagPart}, head...)); err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(p, maxChunk)
	packed := newPacker(buffer)
	if err := fill(packed); err != nil {
		return err
	}
	if err := packed.z.Close(); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	end := binary.BigEndian.AppendUint64(make([]byte, 4), p.length)
	_, err := c.out.Write(p.digest.Sum(end))
	return err
}

// close writes what stands behind the parts.
func (c *writer) close() error {
	if _, err := c.out.Write([]byte{tagEnd}); err != nil {
		return err
	}
	_, err := c.out.Write(c.sum.Sum(nil))
	return err
}

// packer packs a part, but no further than maxRatio: what unpacks to more is refused by whoever
// reads it.
type packer struct {
	z       *gzip.Writer
	out     io.Writer
	in, got uint64 // bytes that went in, and that came out
}

func newPacker(out io.Writer) *packer {
	p := &packer{out: out}
	p.z, _ = gzip.NewWriterLevel(packed{p}, gzip.BestSpeed) // mail is base64 for the most part: more effort saves little
	return p
}

func (p *packer) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		piece := b[:min(len(b), maxChunk)]
		b = b[len(piece):]
		if _, err := p.z.Write(piece); err != nil {
			return n, err
		}
		n += len(piece)
		p.in += uint64(len(piece))
		for p.in > keptUnpacked && p.in/maxRatio > p.got {
			if err := p.z.Flush(); err != nil { // adds an empty block, of 5 bytes
				return n, err
			}
		}
	}
	return n, nil
}

// packed counts what a packer gives away.
type packed struct{ *packer }

func (p packed) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	p.got += uint64(n)
	return n, err
}

// chunks writes a part's octets in pieces of known length.
type chunks struct {
	out    io.Writer
	digest hash.Hash
	length uint64
}

func (p *chunks) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		piece := b[:min(len(b), maxChunk)]
		b = b[len(piece):]
		if _, err := p.out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(piece)))); err != nil {
			return n, err
		}
		if _, err := p.out.Write(piece); err != nil {
			return n, err
		}
		p.digest.Write(piece)
		p.length += uint64(len(piece))
		n += len(piece)
	}
	return n, nil
}
