package keyring

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore/message/maildomain"
)

// fileVersion is the version of a ring's file. A later one is refused, and never overwritten.
const fileVersion = 1

// file is a ring as it is kept: one JSON document.
type file struct {
	Version int       `json:"version"`
	Keys    []fileKey `json:"keys"`
}

type fileKey struct {
	Domain   string    `json:"domain"`
	Selector string    `json:"selector"`
	Private  []byte    `json:"private"` // PKCS #8
	Made     time.Time `json:"made"`
	Seen     time.Time `json:"seen,omitzero"`
	Retired  time.Time `json:"retired,omitzero"`
}

// Encode returns the ring as it is kept. There are private keys in it.
func (r Ring) Encode() ([]byte, error) {
	f := file{Version: fileVersion, Keys: []fileKey{}}
	for _, k := range r.keys {
		private, err := x509.MarshalPKCS8PrivateKey(k.Signer)
		if err != nil {
			return nil, err
		}
		f.Keys = append(f.Keys, fileKey{k.Domain, k.Selector, private, k.Made, k.Seen, k.Retired})
	}
	out, err := json.MarshalIndent(f, "", " ")
	return append(out, '\n'), err
}

// DecodeRing reads what Encode wrote. Its errors have nothing of the keys in them.
func DecodeRing(text []byte) (Ring, error) {
	var f file
	var r Ring
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&f); err != nil || len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return r, errors.New("it is no document of DKIM keys")
	}
	if f.Version != fileVersion {
		return r, fmt.Errorf("it has version %d, and this program knows version %d", f.Version, fileVersion)
	}
	if len(f.Keys) > maxKeys {
		return r, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	names := make(map[string]bool)
	for i, k := range f.Keys {
		signer, err := readPrivate(k.Private)
		key := Key{k.Domain, k.Selector, signer, k.Made.UTC(), k.Seen.UTC(), k.Retired.UTC()}
		switch {
		case err != nil:
			return r, fmt.Errorf("key %d: %w", i+1, err)
		case !maildomain.Valid(k.Domain) || maildomain.Canonical(k.Domain) != k.Domain, !isSelector(k.Selector), k.Made.IsZero():
			return r, fmt.Errorf("key %d has no domain, selector or time", i+1)
		case names[key.Name()]:
			return r, fmt.Errorf("key %d is there twice", i+1)
		}
		names[key.Name()] = true
		r.keys = append(r.keys, key)
	}
	return r, nil
}

func isSelector(s string) bool {
	return len(s) <= 63 && maildomain.Valid(s+".example") && maildomain.Canonical(s) == s
}

// readPrivate reads a private key.
func readPrivate(der []byte) (crypto.Signer, error) {
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("its private key cannot be taken apart")
	}
	switch key := private.(type) {
	case ed25519.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < 1024 || bits > 4096 { // RFC 8301, section 3.2
			return nil, fmt.Errorf("an RSA key of %d bits; 1024 to 4096 are used", bits)
		}
		return key, nil
	}
	return nil, errors.New("its private key is neither Ed25519 nor RSA")
}
