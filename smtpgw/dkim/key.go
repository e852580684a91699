package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"cairn/smtpgw/authres/lookup"
)

// Bounds of RSA keys in bits (RFC 8301, section 3.2). Larger ones cost too much.
const (
	minKeyBits = 1024
	maxKeyBits = 8192
)

// Flaw is why a signature does not pass.
type Flaw struct {
	Result Result
	Reason string
}

func (f *Flaw) Error() string { return f.Reason }

func flaw(r Result, reason string) *Flaw { return &Flaw{r, reason} }

// Key is a public key that a domain has in the DNS (RFC 6376, section 3.6.1).
type Key struct {
	public  crypto.PublicKey
	hashes  []string // empty: any
	Testing bool     // t=y
	strict  bool     // t=s: no subdomain of the domain may be the identity
}

// FetchKey asks the DNS for the key of a selector. An error is a *Flaw.
func FetchKey(ctx context.Context, dns *lookup.Asker, domain, selector string) (*Key, error) {
	texts, err := dns.TXT(ctx, selector+"._domainkey."+domain)
	switch {
	case errors.Is(err, lookup.ErrTemporary):
		return nil, flaw(TempError, "the DNS does not answer for its key")
	case err != nil:
		return nil, flaw(PermError, err.Error())
	}
	// Of several records the first that may be a key counts: the order is the DNS's.
	for _, txt := range texts {
		if tags, err := ParseTags(txt); err == nil && (tags["v"] == "DKIM1" || tags["v"] == "" && tags["p"] != "") {
			return ParseKey(txt)
		}
	}
	if len(texts) > 0 {
		return nil, flaw(PermError, "what the DNS has for its key is none")
	}
	return nil, flaw(PermError, "its key is not in the DNS")
}

// ParseKey reads a key record. An error is a *Flaw.
func ParseKey(txt string) (*Key, error) {
	tags, err := ParseTags(txt)
	if err != nil {
		return nil, flaw(PermError, "its key: "+err.Error())
	}
	if v, ok := tags["v"]; ok && v != "DKIM1" {
		return nil, flaw(PermError, "its key is of another version")
	}
	if s := tags.List("s", "*"); !slices.Contains(s, "*") && !slices.Contains(s, "email") {
		return nil, flaw(PermError, "its key is not for mail")
	}
	flags := tags.List("t", "")
	k := &Key{Testing: slices.Contains(flags, "y"), strict: slices.Contains(flags, "s")}
	if _, ok := tags["h"]; ok {
		k.hashes = tags.List("h", "")
	}
	if p, ok := tags["p"]; ok && p == "" {
		return nil, flaw(PermError, "its key was revoked")
	}
	der, err := tags.Base64("p")
	if err != nil || len(der) == 0 {
		return nil, flaw(PermError, "its key cannot be read")
	}
	kind, ok := tags["k"]
	if !ok {
		kind = "rsa"
	}
	k.public, err = publicKey(strings.ToLower(kind), der)
	return k, err
}

func publicKey(kind string, der []byte) (crypto.PublicKey, error) {
	switch kind {
	case "ed25519":
		if len(der) == ed25519.PublicKeySize {
			return ed25519.PublicKey(der), nil
		}
	case "rsa":
		key, err := rsaKey(der)
		switch {
		case err != nil:
		case key.N.BitLen() < minKeyBits:
			return nil, flaw(PermError, "its key is shorter than 1024 bits (RFC 8301)")
		case key.N.BitLen() > maxKeyBits:
			return nil, flaw(PermError, "its key is longer than 8192 bits")
		default:
			return key, nil
		}
	default:
		return nil, flaw(PermError, "its key is of an unknown type")
	}
	return nil, flaw(PermError, "its key cannot be read")
}

// rsaKey takes both forms that are in use (RFC 6376 as it is, and erratum 3017).
func rsaKey(der []byte) (*rsa.PublicKey, error) {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		if k, ok := key.(*rsa.PublicKey); ok {
			return k, nil
		}
		return nil, errors.New("no RSA key")
	}
	return x509.ParsePKCS1PublicKey(der)
}

// Verify holds a signature over a SHA-256 to the key. An error is a *Flaw.
func (k *Key) Verify(algorithm string, sum, signature []byte) error {
	if len(k.hashes) > 0 && !slices.Contains(k.hashes, "sha256") {
		return flaw(PermError, "its key is not for SHA-256")
	}
	good := false
	switch key := k.public.(type) {
	case *rsa.PublicKey:
		if algorithm != algorithmRSA {
			return flaw(PermError, "its key is of another type than the signature")
		}
		good = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, signature) == nil
	case ed25519.PublicKey:
		if algorithm != algorithmEd25519 {
			return flaw(PermError, "its key is of another type than the signature")
		}
		good = ed25519.Verify(key, sum, signature)
	}
	if !good {
		return flaw(Fail, "header fields that are signed were changed, or another key signed")
	}
	return nil
}
