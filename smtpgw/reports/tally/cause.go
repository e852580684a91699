package tally

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"cairn/smtpgw/dane"
)

// Result types of sessions that failed (RFC 8460, section 4.3).
const (
	NotOffered    = "starttls-not-supported"
	HostMismatch  = "certificate-host-mismatch"
	Expired       = "certificate-expired"
	NotTrusted    = "certificate-not-trusted"
	General       = "validation-failure" // for a reason of its own
	DNSInvalid    = "dnssec-invalid"
	PolicyFetch   = "sts-policy-fetch-error"
	PolicyInvalid = "sts-policy-invalid"
	WebPKI        = "sts-webpki-invalid"
)

// CauseOf is the result type of an error of TLS, with a reason where that says little. said is what
// may be told of one that has no type of its own: its text may name addresses of this machine.
func CauseOf(err error, said string) (kind, reason string) {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return Expired, ""
		}
		return NotTrusted, clipped(invalid.Error())
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok || errors.Is(err, dane.ErrName) {
		return HostMismatch, ""
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return NotTrusted, ""
	}
	for _, of := range []error{dane.ErrNoMatch, dane.ErrChain, dane.ErrNoCertificate} {
		if errors.Is(err, of) {
			return NotTrusted, clipped(of.Error())
		}
	}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return NotTrusted, clipped(invalid.Err.Error())
	}
	return General, clipped(said)
}

// clipped is a text as it stands in a report: in one line, and bounded.
func clipped(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}
