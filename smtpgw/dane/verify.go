package dane

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Why a server is not authenticated.
var (
	ErrNoCertificate = errors.New("it shows no certificate")
	ErrNoMatch       = errors.New("its key is none of those that its TLSA records name")
	ErrChain         = errors.New("its certificate does not lead to the authority that its TLSA records name")
	ErrName          = errors.New("its certificate is for another name, and its TLSA records name an authority")
)

// maxChain is how many certificates of a chain are looked at.
const maxChain = 10

// Authenticates reports whether a set of validated records authenticates servers. A set of which no
// record is usable asks for encryption alone (RFC 7672, section 2.2).
func Authenticates(records []Record) bool { return slices.ContainsFunc(records, Record.Usable) }

// Verify reports whether a chain, from the leaf up, is of a server that validated records name;
// nil: it is, or none of them is usable. names are what the server may be called, in lower case and
// without final dots: the TLSA base domain and the domain that the mail is for (RFC 7672, section
// 3.2.2). They and now count for usage 2 alone (section 3.1.1). Errors wrap one of those above.
func Verify(records []Record, chain []*x509.Certificate, names []string, now time.Time) error {
	list := usable(records)
	switch {
	case len(list) == 0:
		return nil
	case len(chain) == 0:
		return ErrNoCertificate
	}
	chain = chain[:min(len(chain), maxChain)]
	err := ErrNoMatch
	for _, r := range list {
		if r.Usage == DANEEE && r.is(chain[0]) {
			return nil
		}
	}
	for _, r := range list {
		if r.Usage != DANETA {
			continue
		}
		roots := r.authorities(chain)
		if len(roots) == 0 {
			continue
		}
		switch bad := leads(chain, roots, now); {
		case bad != nil:
			err = fmt.Errorf("%w: %w", ErrChain, bad)
		case !named(chain[0], names):
			err = ErrName
		default:
			return nil
		}
	}
	return err
}

// is reports whether a record is of a certificate.
func (r Record) is(c *x509.Certificate) bool {
	of := c.Raw
	if r.Selector == PublicKey {
		of = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case SHA256:
		sum := sha256.Sum256(of)
		of = sum[:]
	case SHA512:
		sum := sha512.Sum512(of)
		of = sum[:]
	}
	return bytes.Equal(of, r.Data)
}

// authorities are the certificates above the leaf that a record of usage 2 names, with the one that
// it has in full, which the server need not show (RFC 7671, section 5.2.3). Where it has a key in
// full, they are the certificates that this key has signed: there is nothing above them to check.
func (r Record) authorities(chain []*x509.Certificate) (list []*x509.Certificate) {
	for _, c := range chain[1:] {
		if r.is(c) {
			list = append(list, c)
		}
	}
	switch {
	case r.Matching != Full || len(list) > 0:
	case r.Selector == WholeCertificate:
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			list = append(list, c)
		}
	default:
		key, err := x509.ParsePKIXPublicKey(r.Data)
		if err != nil {
			return nil
		}
		by := &x509.Certificate{PublicKey: key, PublicKeyAlgorithm: algorithm(key)}
		for _, c := range chain {
			if by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
				list = append(list, c)
			}
		}
	}
	return list
}

// leads checks the signatures from the leaf up to one of the authorities.
func leads(chain, authorities []*x509.Certificate, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range authorities {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now})
	return err
}

// named reports whether a certificate is for one of the names: by its DNS names, or where it has
// none by its common name (RFC 7672, section 3.2.3).
func named(c *x509.Certificate, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		if len(c.DNSNames) == 0 {
			return name != "" && strings.EqualFold(c.Subject.CommonName, name)
		}
		return c.VerifyHostname(name) == nil
	})
}

// algorithm is that of a public key as x509 has parsed it.
func algorithm(key any) x509.PublicKeyAlgorithm {
	switch key.(type) {
	case *rsa.PublicKey:
		return x509.RSA
	case *ecdsa.PublicKey:
		return x509.ECDSA
	case ed25519.PublicKey:
		return x509.Ed25519
	}
	return x509.UnknownPublicKeyAlgorithm
}
