package home

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"cairn/node/api"
)

// ageIntro begins every encrypted backup (age-encryption.org/v1).
const ageIntro = "age-encryption.org/v1\n"

// maxWorkFactor bounds what a file may ask for before its passphrase can be tried: 2^20 rounds of
// scrypt take 1 GiB of memory. We write 2^18.
const maxWorkFactor = 20

// errUnauthentic: what was encrypted is not there as it was written.
var errUnauthentic = errors.New("not authentic")

// Encrypt encrypts what is written, to recipients ("age1…") or, if there are none, with a
// passphrase. Close writes the end, without closing w.
func Encrypt(w io.Writer, passphrase string, recipients []string) (io.WriteCloser, error) {
	var to []age.Recipient
	for _, text := range recipients {
		found, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(found) != 1 {
			return nil, api.Errorf(api.CodeInvalid, "give a public key as age-keygen prints it, as in age1…", "encrypting: %q is not a recipient of age", text)
		}
		to = append(to, found...)
	}
	if len(to) == 0 {
		r, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return nil, fmt.Errorf("encrypting: %w", err)
		}
		to = append(to, r)
	}
	return age.Encrypt(w, to...)
}

// Keys open encrypted backups.
type Keys struct {
	Passphrase func() (string, error) // asked once it is needed
	Identities []byte                 // a file of age, as age-keygen writes it; nil: none
}

// Decrypt gives the plain backup, of one that may be encrypted or not. Errors are *api.Error, those
// of the keys, or those of r.
func Decrypt(r io.Reader, keys Keys) (plain io.Reader, encrypted bool, err error) {
	src := &source{r: bufio.NewReaderSize(r, maxChunk), room: maxAgeHeader}
	intro, err := src.r.Peek(len(ageIntro))
	if err != nil && err != io.EOF { // it is told once only
		return nil, false, fmt.Errorf(reading+"%w", err)
	}
	if string(intro) != ageIntro {
		src.open = true
		return src, false, nil
	}
	p := &passphrase{ask: keys.Passphrase}
	identities := []age.Identity{p}
	if keys.Identities != nil {
		found, err := age.ParseIdentities(strings.NewReader(string(keys.Identities)))
		if err != nil { // age quotes no part of the file
			return nil, true, api.Errorf(api.CodeInvalid, "give the file that age-keygen wrote", "opening the backup: the identity file: %v", err)
		}
		identities = append(identities, found...)
	}
	opened, err := age.Decrypt(src, identities...)
	src.open = true
	if err != nil {
		return nil, true, p.explain(err, keys)
	}
	return &authentic{opened, src}, true, nil
}

// passphrase is an identity that asks for its passphrase when a file wants one.
type passphrase struct {
	ask   func() (string, error)
	asked bool
	err   error // of asking
}

// Unwrap implements age.Identity.
func (p *passphrase) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" {
		return nil, age.ErrIncorrectIdentity
	}
	p.asked = true
	var text string
	if text, p.err = p.ask(); p.err != nil {
		return nil, p.err
	}
	id, err := age.NewScryptIdentity(text)
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return id.Unwrap(stanzas)
}

// explain says why nothing could be opened.
func (p *passphrase) explain(err error, keys Keys) error {
	_, none := errors.AsType[*age.NoIdentityMatchError](err)
	switch {
	case p.err != nil:
		return p.err
	case none && p.asked:
		return api.Errorf(api.CodeInvalid, "try another one", "opening the backup: the passphrase is wrong")
	case none && keys.Identities == nil:
		return api.Errorf(api.CodeInvalid, "give --identity FILE with the key that belongs to the recipient", "opening the backup: it is encrypted to a key")
	case none:
		return api.Errorf(api.CodeInvalid, "give another --identity FILE", "opening the backup: it is encrypted to another key than that of the identity file")
	}
	return api.Errorf(api.CodeInvalid, another, "opening the backup: the header of its encryption is damaged: %v", err)
}

// source remembers why it could not be read on, which age does not always tell.
type source struct {
	r    *bufio.Reader
	err  error
	room int // octets that the header may still have
	open bool
}

// maxAgeHeader bounds what is read of a file before any of it is authentic: age keeps all of it.
const maxAgeHeader = 64 << 10

var errAgeHeader = errors.New("it has no end")

func (s *source) Read(b []byte) (int, error) {
	if !s.open {
		if s.room == 0 {
			return 0, errAgeHeader
		}
		b = b[:min(len(b), s.room)]
	}
	n, err := s.r.Read(b)
	s.room -= min(n, s.room)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// authentic tells damage from a source that cannot be read.
type authentic struct {
	opened io.Reader
	src    *source
}

func (a *authentic) Read(b []byte) (int, error) {
	n, err := a.opened.Read(b)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case a.src.err != nil:
		return n, a.src.err
	}
	return n, fmt.Errorf("%w: %w", errUnauthentic, err)
}
