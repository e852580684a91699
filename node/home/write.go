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
	packed, _ := gzip.NewWriterLevel(buffer, gzip.BestSpeed) // mail is base64 for the most part: more effort saves little
	if err := fill(packed); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
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
