package dkim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/authres/lookup"
)

// Result is what is found of a signature (RFC 8601, section 2.7.1).
type Result string

// The results.
const (
	Pass      Result = "pass"
	Fail      Result = "fail"
	Policy    Result = "policy"
	Neutral   Result = "neutral" // it cannot be read
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// maxSignatures is how many signatures of a message are looked at, from the top.
const maxSignatures = 8

const (
	algorithmRSA     = "rsa-sha256"
	algorithmEd25519 = "ed25519-sha256"
)

// Verification is what was found of one signature.
type Verification struct {
	Result   Result
	Reason   string // of any result but pass
	Domain   string // d=, A-label; empty if it cannot be read, as the others are
	Selector string // s=
	Value    string // the first characters of b= (RFC 6008)
	Testing  bool   // the domain says that it is trying things out
}

// Verify verifies the topmost signatures of a message. left is how many more there are.
func Verify(ctx context.Context, dns *lookup.Asker, m *Message, now time.Time) (found []Verification, left int) {
	fields := m.Named("dkim-signature")
	left = max(len(fields)-maxSignatures, 0)
	for _, f := range fields[:len(fields)-left] {
		found = append(found, verify(ctx, dns, m, f, now))
	}
	return found, left
}

func verify(ctx context.Context, dns *lookup.Asker, m *Message, f Field, now time.Time) Verification {
	s, err := parseSignature(f)
	v := Verification{Result: Neutral}
	if s != nil {
		v.Domain, v.Selector, v.Value = s.Domain, s.Selector, s.short()
	}
	if err == nil {
		v.Testing, err = s.verify(ctx, dns, m, now)
	}
	if f, ok := errors.AsType[*Flaw](err); ok {
		v.Result, v.Reason = f.Result, f.Reason
	} else {
		v.Result = Pass
	}
	return v
}

// Signature is a DKIM-Signature field, or one of ARC that is like it.
type Signature struct {
	Tags             Tags
	Field            Field
	Algorithm        string
	Domain, Selector string
	Headers          []string // that are signed, lower case
	HeaderForm       Form
	BodyForm         Form
	Length           int64 // l=; -1: the whole body
	Expires          int64 // x=, unix seconds; -1: never
	Value, BodyHash  []byte
}

// parseSignature reads a DKIM-Signature field. An error is a *Flaw; the signature is there beside
// it once its domain is known.
func parseSignature(f Field) (*Signature, error) {
	tags, err := ParseTags(string(f.Value()))
	if err != nil {
		return nil, flaw(Neutral, err.Error())
	}
	s, err := SignatureOf(f, tags)
	if err != nil {
		return s, err
	}
	if tags["v"] != "1" {
		return s, flaw(PermError, "it is of another version")
	}
	return s, s.identity()
}

// SignatureOf reads what the signatures of DKIM and ARC have in common.
func SignatureOf(f Field, tags Tags) (s *Signature, err error) {
	if err := tags.require("a", "b", "bh", "d", "h", "s"); err != nil {
		return nil, flaw(PermError, err.Error())
	}
	s = &Signature{Tags: tags, Field: f, Algorithm: strings.ToLower(tags["a"]), Headers: tags.List("h", "")}
	if s.Domain, s.Selector, err = tags.Signer(); err != nil {
		return nil, err
	}
	switch s.Algorithm {
	case algorithmRSA, algorithmEd25519:
	case "rsa-sha1":
		return s, flaw(PermError, "SHA-1 is not accepted (RFC 8301)")
	default:
		return s, flaw(PermError, "its algorithm is not known")
	}
	if !slices.Contains(s.Headers, "from") {
		return s, flaw(PermError, "it does not sign the From field")
	}
	if q, ok := tags["q"]; ok && !slices.Contains(tags.List("q", ""), "dns/txt") {
		return s, flaw(PermError, fmt.Sprintf("its key is not asked for by %.20q", q))
	}
	var errs [4]error
	s.Value, errs[0] = tags.Base64("b")
	s.BodyHash, errs[1] = tags.Base64("bh")
	s.Length, errs[2] = tags.Number("l")
	s.Expires, errs[3] = tags.Number("x")
	if err := errors.Join(errs[:]...); err != nil {
		return s, flaw(Neutral, err.Error())
	}
	return s, s.forms()
}

// Signer are the domain and the selector that the tags d and s name, as A-labels.
func (t Tags) Signer() (domain, selector string, err error) {
	domain, selector = maildomain.Canonical(t["d"]), maildomain.Canonical(t["s"])
	if !maildomain.Valid(domain) || !strings.Contains(domain, ".") || !maildomain.Valid(selector) {
		return "", "", flaw(PermError, "it names no domain or selector")
	}
	return domain, selector, nil
}

// forms reads the tag c (RFC 6376, section 3.5).
func (s *Signature) forms() error {
	c, ok := s.Tags["c"]
	if !ok {
		return nil
	}
	header, body, _ := strings.Cut(strings.ToLower(c), "/")
	if !s.HeaderForm.read(header) || body != "" && !s.BodyForm.read(body) {
		return flaw(PermError, "its canonical form is not known")
	}
	return nil
}

func (form *Form) read(name string) bool {
	*form = Form(name == "relaxed")
	return name == "relaxed" || name == "simple"
}

// identity checks that i= is the domain or below it.
func (s *Signature) identity() error {
	i, ok := s.Tags["i"]
	if !ok {
		return nil
	}
	domain := maildomain.Canonical(i[strings.LastIndexByte(i, '@')+1:])
	if domain != s.Domain && !strings.HasSuffix(domain, "."+s.Domain) || !strings.Contains(i, "@") {
		return flaw(PermError, "its identity is not of its domain")
	}
	return nil
}

func (s *Signature) verify(ctx context.Context, dns *lookup.Asker, m *Message, now time.Time) (testing bool, err error) {
	if s.Expires >= 0 {
		made, err := s.Tags.Number("t")
		if err != nil {
			return false, flaw(Neutral, err.Error())
		}
		if made > s.Expires {
			return false, flaw(PermError, "it expired before it was made")
		}
		if now.Unix() > s.Expires {
			return false, flaw(Policy, "it expired at "+time.Unix(s.Expires, 0).UTC().Format(time.RFC3339))
		}
	}
	key, err := FetchKey(ctx, dns, s.Domain, s.Selector)
	if err != nil {
		return false, err
	}
	if i := s.Tags["i"]; key.strict && i != "" && maildomain.Canonical(i[strings.LastIndexByte(i, '@')+1:]) != s.Domain {
		return key.Testing, flaw(PermError, "its key is not for subdomains")
	}
	return key.Testing, s.Holds(key, m)
}

// Holds holds the message to the signature. An error is a *Flaw.
func (s *Signature) Holds(key *Key, m *Message) error {
	if err := key.Verify(s.Algorithm, m.HeaderHash(s.Headers, s.HeaderForm, s.Field), s.Value); err != nil {
		return err
	}
	sum, left := m.BodyHash(s.BodyForm, s.Length)
	if !bytes.Equal(sum, s.BodyHash) {
		return flaw(Fail, "the body was changed")
	}
	if left > 0 {
		return flaw(Policy, fmt.Sprintf("it leaves %d octets of the body unsigned (l=%d)", left, s.Length))
	}
	return nil
}

// short is enough of b= to tell signatures of a message apart.
func (s *Signature) short() string {
	b := squeezed(s.Tags["b"])
	return b[:min(len(b), 8)]
}
