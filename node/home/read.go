package home

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"cairn/node/api"
)

// Part is what was found of one part of a backup.
type Part struct {
	Name   string `json:"name"`
	Stored int64  `json:"stored"` // bytes in the backup, compressed
	Length int64  `json:"length"` // bytes of what is in it
	Digest string `json:"sha256"` // of name and stored bytes, hex, as read
	Damage string `json:"damage,omitempty"`
}

// Contents is what was found of a backup.
type Contents struct {
	Manifest Manifest
	Parts    []Part // as far as it could be read, without the manifest
}

// visit is given what is in a part, and the manifest but for the part that is it. It need not read to the end. Its error ends the reading, unless the part turns out
// to be damaged.
type visit func(m *Manifest, name string, content io.Reader) error

// read reads a backup to its end, gives each part to see (until one is damaged) and holds all of it to lengths and
// digests. Contents are what could be read, also with an error; that is an *api.Error when the backup is at fault.
func read(r io.Reader, see visit) (*Contents, error) {
	c := &reader{in: bufio.NewReaderSize(r, maxChunk), sum: sha256.New()}
	err := c.read(see)
	return &c.found, err
}

// reader takes the container apart.
type reader struct {
	in    *bufio.Reader
	sum   hash.Hash
	found Contents
	at    string // what is being read, for people
}

func (c *reader) read(see visit) error {
	if err := c.head(); err != nil {
		return err
	}
	var text []byte
	head, err := c.part(manifestName, func(_ *Manifest, _ string, content io.Reader) (err error) {
		text, err = io.ReadAll(io.LimitReader(content, maxManifest))
		return err
	})
	if err != nil {
		return err
	}
	if head.Damage != "" {
		return damaged("its manifest, without which nothing else can be told: %s", head.Damage)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return api.Errorf(api.CodeInvalid, "restore it with the version of cairn that made it", "reading the backup: its manifest: %v", err)
	}
	c.found.Manifest = *m
	var broken []string
	for _, name := range m.Parts {
		p, err := c.part(name, see)
		if err != nil {
			return err
		}
		c.found.Parts = append(c.found.Parts, p)
		if p.Damage != "" {
			broken = append(broken, name+" ("+p.Damage+")")
			see = nil
		}
	}
	return c.end(broken)
}

// head reads magic and version.
func (c *reader) head() error {
	c.at = "its first octets"
	var b [len(magic) + 2]byte
	start, err := c.in.Peek(len(magic))
	if err != nil && err != io.EOF { // it is told once only
		return c.broken(err)
	}
	if len(start) == 0 || string(start) != magic[:len(start)] {
		return api.Errorf(api.CodeInvalid, "give the file that cairn backup create wrote", "reading the backup: it is none of a cairn node")
	}
	if err := c.fill(b[:]); err != nil {
		return err
	}
	if v := binary.BigEndian.Uint16(b[len(magic):]); v != version {
		return api.Errorf(api.CodeInvalid, "use the version of cairn that made it, or a later one",
			"reading the backup: its format has version %d, this program knows version %d", v, version)
	}
	return nil
}

// part reads one part, which has to be that of this name, and shows it.
func (c *reader) part(name string, see visit) (Part, error) {
	found := Part{Name: name}
	c.at = name
	var tag [2]byte
	if err := c.fill(tag[:]); err != nil {
		return found, err
	}
	if tag[0] != tagPart {
		return found, damaged("there is something else where %s should begin", name)
	}
	head := make([]byte, tag[1])
	if err := c.fill(head); err != nil {
		return found, err
	}
	f := &frames{c: c, digest: sha256.New()}
	f.digest.Write(tag[1:])
	f.digest.Write(head)
	if string(head) != name {
		found.Damage = "its name"
		see = nil
	}
	var problem error
	found.Length, problem = show(f, name, see)
	if err := f.end(&found); err != nil {
		return found, err
	}
	if found.Damage == "" {
		return found, problem
	}
	return found, nil
}

// end reads what stands behind the parts.
func (c *reader) end(broken []string) error {
	c.at = "its last octets"
	var b [1 + sha256.Size]byte
	if err := c.fill(b[:1]); err != nil {
		return err
	}
	sum := c.sum.Sum(nil)
	if err := c.fill(b[1:]); err != nil {
		return err
	}
	if len(broken) > 0 {
		return damaged("%s", strings.Join(broken, ", "))
	}
	if b[0] != tagEnd || !bytes.Equal(sum, b[1:]) {
		return damaged("its end, or what stands between its parts")
	}
	switch _, err := c.in.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return damaged("something follows its end")
	default:
		return c.broken(err)
	}
}

// fill reads so many octets, which have to be there.
func (c *reader) fill(b []byte) error {
	n, err := io.ReadFull(c.in, b)
	c.sum.Write(b[:n])
	if err != nil {
		return c.broken(err)
	}
	return nil
}

// another is what helps against damage.
const another = "take another copy of it, or an older backup"

func damaged(format string, args ...any) *api.Error {
	return api.Errorf(api.CodeInvalid, another, "reading the backup: it is damaged: "+format, args...)
}

// broken is the error of a backup that cannot be read on.
func (c *reader) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		missing := ""
		if names := c.found.Manifest.Parts; len(names) > len(c.found.Parts)+1 {
			missing = "; behind that it lacks " + strings.Join(names[len(c.found.Parts)+1:], ", ")
		}
		return api.Errorf(api.CodeInvalid, another, "reading the backup: it is cut off in %s%s", c.at, missing)
	}
	if errors.Is(err, errUnauthentic) {
		return damaged("%s cannot be decrypted, or is cut off", c.at)
	}
	return fmt.Errorf("reading the backup: %w", err)
}
