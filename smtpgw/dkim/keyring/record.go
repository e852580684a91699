package keyring

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"cairn/smtpgw/dkim"
)

func algorithmOf(signer crypto.Signer) Algorithm {
	if _, ok := signer.Public().(ed25519.PublicKey); ok {
		return Ed25519
	}
	return RSA
}

// publicOf is a public key as in the p= of its record: a SubjectPublicKeyInfo (RFC 6376, section
// 3.6.1, as verifiers have it), of Ed25519 the 32 octets (RFC 8463, section 4).
func publicOf(signer crypto.Signer) ([]byte, error) {
	switch key := signer.Public().(type) {
	case ed25519.PublicKey:
		return key, nil
	case *rsa.PublicKey:
		return x509.MarshalPKIXPublicKey(key)
	}
	return nil, fmt.Errorf("a %T signs no mail", signer.Public())
}

// Record is the text of the TXT record to publish (RFC 6376, section 3.6.1).
func (k *Key) Record() string {
	public, _ := publicOf(k.Signer) // what draws and reads keys knows no others
	return fmt.Sprintf("v=DKIM1; k=%s; p=%s", k.Algorithm(), base64.StdEncoding.EncodeToString(public))
}

// maxString is the length of one string of a TXT record (RFC 1035, section 3.3.14).
const maxString = 255

// Strings cuts the text of a TXT record into the strings that it is made of.
func Strings(text string) (parts []string) {
	for len(text) > maxString {
		parts = append(parts, text[:maxString])
		text = text[maxString:]
	}
	return append(parts, text)
}

// Check compares what the DNS has under the name of a key, each text a record, with what is to be
// there. Empty: verifiers find the key. Else it says why they do not, in a few words.
func (k *Key) Check(texts []string) string {
	switch len(texts) {
	case 0:
		return "there is no record"
	case 1:
	default: // verifiers may take any of them (RFC 6376, section 3.6.2.2)
		return fmt.Sprintf("there are %d records, and may be one alone", len(texts))
	}
	tags, err := dkim.ParseTags(texts[0])
	if err != nil || strings.Contains(";"+strings.Join(strings.Fields(texts[0]), ""), ";;") { // some verifiers take no empty tag
		return "what is there is no list of tags (RFC 6376, section 3.2)"
	}
	has := func(tag, usual string, of ...string) bool {
		value, found := tags[tag]
		if !found {
			value = usual
		}
		return slices.ContainsFunc(strings.Split(value, ":"), func(v string) bool { return slices.Contains(of, strings.TrimSpace(v)) })
	}
	public, _ := publicOf(k.Signer)
	there, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(tags["p"]), ""))
	switch {
	case !has("v", "DKIM1", "DKIM1"), tags["v"] != "" && !strings.HasPrefix(strings.TrimSpace(texts[0]), "v"):
		return "its first tag is not v=DKIM1"
	case !has("k", "rsa", string(k.Algorithm())):
		return "its k= is that of another kind of key"
	case err != nil, !bytes.Equal(there, public):
		return "its p= is that of another key, or not whole"
	case !has("h", "sha256", "sha256"), !has("s", "*", "*", "email"):
		return "its h= or s= leaves out mail that is signed by SHA-256"
	case has("t", "", "y"):
		return "its t=y says that the key is on trial, and verifiers make nothing of it"
	}
	return ""
}
