package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SigningKey is who signs: a key, Ed25519 or RSA, whose record is in the DNS under the selector and
// the domain.
type SigningKey struct {
	Domain, Selector string
	Signer           crypto.Signer
}

// algorithm is how the key signs, and what it is told that it signs: Ed25519 takes a hash for a
// text (RFC 8463, section 3).
func (k *SigningKey) algorithm() (name string, hash crypto.Hash, err error) {
	switch public := k.Signer.Public().(type) {
	case *rsa.PublicKey:
		return algorithmRSA, crypto.SHA256, nil
	case ed25519.PublicKey:
		return algorithmEd25519, 0, nil
	default:
		return "", 0, fmt.Errorf("a %T signs no mail", public)
	}
}

// ErrFolded is that a message begins with a folded line: it would go on with the signature.
var ErrFolded = errors.New("the message begins with a folded line, which would go on with the signature")

// Sign makes a field that signs the fields of a message that names lists, as HeaderHash takes them,
// and all of its body, both in the relaxed form. begin is what it begins with: its name and the tag
// that DKIM and ARC each have first, as in "DKIM-Signature: v=1".
func (m *Message) Sign(begin string, names []string, key SigningKey, now time.Time) (Field, error) {
	algorithm, _, err := key.algorithm()
	if err != nil {
		return Field{}, err
	}
	if m.folded() {
		return Field{}, ErrFolded
	}
	body, _ := m.BodyHash(Relaxed, -1)
	var b strings.Builder
	fmt.Fprintf(&b, "%s; a=%s; c=relaxed/relaxed; d=%s; s=%s;\r\n\tt=%d; bh=%s;\r\n\th=", begin, algorithm, key.Domain, key.Selector,
		now.Unix(), base64.StdEncoding.EncodeToString(body))
	used, lower := 0, make([]string, len(names))
	for n, name := range names {
		if n > 0 {
			b.WriteByte(':')
		}
		if used += len(name) + 1; used > 70 {
			b.WriteString("\r\n\t ")
			used = len(name) + 1
		}
		b.WriteString(name)
		lower[n] = strings.ToLower(name)
	}
	b.WriteString(";\r\n\tb=")
	name, _, _ := strings.Cut(begin, ":")
	f := Field{Name: strings.ToLower(name), Raw: []byte(b.String())}
	return key.Complete(f, m.HeaderHash(lower, Relaxed, f))
}

// Complete puts the signature of a SHA-256 behind the b= that a field ends with.
func (k *SigningKey) Complete(f Field, sum []byte) (Field, error) {
	_, hash, err := k.algorithm()
	if err != nil {
		return f, err
	}
	value, err := k.Signer.Sign(rand.Reader, sum, hash)
	if err != nil {
		return f, fmt.Errorf("sign: %w", err)
	}
	for text := base64.StdEncoding.EncodeToString(value); text != ""; {
		n := min(len(text), 72)
		f.Raw = append(append(f.Raw, "\r\n\t "...), text[:n]...)
		text = text[n:]
	}
	return f, nil
}
