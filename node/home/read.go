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
	"slices"
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

// visit is given what is in a part, and the manifest but for the part that is it. It need not read
// to the end. Its error ends the reading, unless the part turns out to be damaged.
type visit func(m *Manifest, name string, content io.Reader) error

// read reads a backup to its end, gives each part to see (until one is damaged) and holds all of it
// to lengths and digests. Contents are what could be read, also with an error; that is an
// *api.Error when the backup is at fault.
func read(r io.Reader, see visit) (*Contents, error) {
	c := newReader(r)
	err := c.begin()
	if err == nil {
		err = c.rest(see)
	}
	return &c.found, err
}

func newReader(r io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(r, maxChunk), sum: sha256.New()}
}

// reader takes the container apart.
type reader struct {
	in    *bufio.Reader
	sum   hash.Hash
	found Contents
	at    string // what is being read, for people
	// behind are the parts that stand behind it.
	behind []string
	// evenSo: parts are shown behind one that is damaged too.
	evenSo bool
}

// begin reads a backup up to the end of its manifest.
func (c *reader) begin() error {
	if err := c.head(); err != nil {
		return err
	}
	var text []byte
	head, err := c.manifest(func(_ *Manifest, _ string, content io.Reader) (err error) {
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
		return api.Errorf(api.CodeInvalid, "restore it with the version of cairn that made it", reading+"its manifest: %v", err)
	}
	c.found.Manifest = *m
	return nil
}

// rest reads on behind the manifest, to the end.
func (c *reader) rest(see visit) error {
	broken, err := c.parts(c.found.Manifest.Parts, see)
	if err != nil {
		return err
	}
	return c.end(broken)
}

// manifest reads the first part.
func (c *reader) manifest(see visit) (Part, error) {
	name, more, err := c.name([]string{manifestName})
	switch {
	case err != nil:
		return Part{}, err
	case !more || name != manifestName:
		return Part{}, damaged("there is something else where %s should begin", manifestName)
	}
	return c.part(name, see)
}

// absent is the damage of a part that the manifest lists and that does not follow.
const absent = "it is not there"

// maxForeign bounds the parts that are read past although the manifest does not list them.
const maxForeign = 16

// parts reads all parts behind the manifest, and holds them to the names that it lists.
func (c *reader) parts(names []string, see visit) (broken []string, err error) {
	note := func(p Part, err error) {
		if e, ok := errors.AsType[*api.Error](err); ok && p.Damage == "" {
			p.Damage = strings.TrimPrefix(e.Message, reading)
		}
		if err == nil || p.Damage != "" {
			c.found.Parts = append(c.found.Parts, p)
		}
		if p.Damage != "" {
			broken = append(broken, p.Name+" ("+p.Damage+")")
			if !c.evenSo {
				see = nil
			}
		}
	}
	foreign := 0
	for rest := names; ; {
		name, more, err := c.name(rest)
		if err != nil {
			return broken, err
		}
		if !more {
			for _, missing := range rest {
				note(Part{Name: missing, Damage: absent}, nil)
			}
			return broken, nil
		}
		at := slices.Index(rest, name)
		if at < 0 {
			if foreign++; foreign > maxForeign {
				return broken, damaged("it has more than %d parts that its manifest does not list", maxForeign)
			}
			p, err := c.part(name, nil)
			p.Name, p.Damage = strings.ToValidUTF8(name, "\uFFFD"), "the manifest does not list it"
			if note(p, nil); err != nil {
				return broken, err
			}
			continue
		}
		for _, missing := range rest[:at] {
			note(Part{Name: missing, Damage: absent}, nil)
		}
		rest = rest[at+1:]
		c.behind = rest
		p, err := c.part(name, see)
		if note(p, err); err != nil {
			return broken, err
		}
	}
}

// head reads magic and version.
func (c *reader) head() error {
	c.at = "its first octets"
	var b [len(magic) + 2]byte
	start, err := c.in.Peek(len(magic))
	if err != nil && err != io.EOF { // it is told once only
		return c.broken(err)
	}
	if len(start) == 0 {
		return api.Errorf(api.CodeInvalid, another, reading+"it is empty")
	}
	if string(start) != magic[:len(start)] {
		return api.Errorf(api.CodeInvalid, "give the file that cairn backup create wrote", reading+"it is none of a cairn node")
	}
	if err := c.fill(b[:]); err != nil {
		return err
	}
	if v := binary.BigEndian.Uint16(b[len(magic):]); v != version {
		return api.Errorf(api.CodeInvalid, "use the version of cairn that made it, or a later one",
			reading+"its format has version %d, this program knows version %d", v, version)
	}
	return nil
}

// name reads what stands before a part, or else the tag of the end; rest are the names of the parts
// that are missing yet.
func (c *reader) name(rest []string) (name string, more bool, err error) {
	c.at, c.behind = "its last octets", nil
	if len(rest) > 0 {
		c.at, c.behind = rest[0], rest[1:]
	}
	var tag, length [1]byte
	if err := c.fill(tag[:]); err != nil {
		return "", false, err
	}
	switch tag[0] {
	case tagEnd:
		return "", false, nil
	case tagPart:
	default:
		return "", false, damaged("there is something else where %s should begin", c.at)
	}
	if err := c.fill(length[:]); err != nil {
		return "", false, err
	}
	b := make([]byte, length[0])
	err = c.fill(b)
	return string(b), true, err
}

// part reads a part behind its name, and shows it.
func (c *reader) part(name string, see visit) (Part, error) {
	c.at = strings.ToValidUTF8(name, "\uFFFD")
	found := Part{Name: name}
	f := &frames{c: c, digest: sha256.New()}
	f.digest.Write(append([]byte{byte(len(name))}, name...))
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

// end reads what stands behind the tag of the end.
func (c *reader) end(broken []string) error {
	c.at = "its last octets"
	var b [sha256.Size]byte
	sum := c.sum.Sum(nil)
	if err := c.fill(b[:]); err != nil {
		return err
	}
	if len(broken) > 0 {
		return damaged("%s", strings.Join(broken, ", "))
	}
	if !bytes.Equal(sum, b[:]) {
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
	_, err := c.take(b)
	return err
}

// take is fill, and tells how many were there.
func (c *reader) take(b []byte) (int, error) {
	n, err := io.ReadFull(c.in, b)
	c.sum.Write(b[:n])
	if err != nil {
		return n, c.broken(err)
	}
	return n, nil
}

const (
	reading = "reading the backup: "                        // begins all that is said of it
	another = "take another copy of it, or an older backup" // helps against damage
)

func damaged(format string, args ...any) *api.Error {
	return api.Errorf(api.CodeInvalid, another, reading+"it is damaged: "+format, args...)
}

// broken is the error of a backup that cannot be read on.
func (c *reader) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		missing := ""
		if len(c.behind) > 0 {
			missing = "; behind that it lacks " + strings.Join(c.behind, ", ")
		}
		return api.Errorf(api.CodeInvalid, another, reading+"it is cut off in %s%s", c.at, missing)
	}
	if errors.Is(err, errUnauthentic) {
		return api.Errorf(api.CodeInvalid, another, reading+"it is damaged or cut off: decrypting it ends in %s", c.at)
	}
	return fmt.Errorf(reading+"%w", err)
}
