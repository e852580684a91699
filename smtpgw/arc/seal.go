// Package arc seals mail that is sent on (RFC 8617): it puts the fields on top by which the next
// server learns what this one found out about the mail. It does no I/O; whether the chain before
// is whole is what authres/arc found.
package arc

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/smtpgw/authres/arc"
	"cairn/smtpgw/dkim"
)

// Reasons for mail to go without another seal.
var (
	ErrLong    = errors.New("arc: the chain is as long as one may be")
	ErrEnded   = errors.New("arc: a relay before found the chain broken, and no seal follows on that")
	ErrUnknown = errors.New("arc: whether the chain is whole is not known")
	ErrChanged = errors.New("arc: the chain is not the one that the message came with")
	ErrKey     = errors.New("arc: the key is no RSA key")
)

// signed are the fields that a signature covers where they are there. Trace fields, and what nodes
// add, are not among them (RFC 8617, section 4.1.2).
var signed = []string{
	"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-language",
	"resent-from", "resent-to", "resent-date", "resent-message-id", "list-id", "list-post", "list-unsubscribe", "auto-submitted",
	"dkim-signature",
}

// Seal returns the fields of one more set, each with its CRLF, to go on top of a message of CRLF
// lines: the seal, the signature, and results, which are those of Authentication-Results behind its
// colon. The key is an RSA one, the one kind that sealing knows (RFC 8617, section 4.1.3). came is
// the message as it came, which is another one where we change it, and found is what validating the
// chain of that came to. Of one that fails the set says so and covers itself alone (RFC 8617,
// section 5.1.2). An error says why there is no set.
func Seal(came, m *dkim.Message, found arc.Result, results string, key dkim.SigningKey, now time.Time) ([]byte, error) {
	if _, ok := key.Signer.Public().(*rsa.PublicKey); !ok {
		return nil, ErrKey
	}
	before, status, err := chain(came, m, found)
	if err != nil {
		return nil, err
	}
	i := len(before) + 1
	aar := dkim.Field{Name: "arc-authentication-results", Raw: fmt.Appendf(nil, "ARC-Authentication-Results: i=%d; %s", i, strings.TrimSpace(results))}
	ams, err := signature(m, i, key, now)
	if err != nil {
		return nil, err
	}
	if status == arc.Fail {
		before = nil
	}
	as, err := seal(append(before, [3]dkim.Field{aar, ams}), i, status, key, now)
	if err != nil {
		return nil, err
	}
	return slices.Concat(as.Raw, crlf, ams.Raw, crlf, aar.Raw, crlf), nil
}

var crlf = []byte("\r\n")

// chain returns the sets before ours, and what ours says of them (cv=).
func chain(came, m *dkim.Message, found arc.Result) (before [][3]dkim.Field, status arc.Result, err error) {
	before, err = arc.Sets(m)
	switch {
	case !sameSets(came, m): // a relay that is left out would be hidden
		return nil, "", ErrChanged
	case found == arc.None && err == nil && len(before) == 0:
		return nil, arc.None, nil
	case found == arc.Pass && err == nil && len(before) > 0:
		status = arc.Pass
	case found == arc.Fail && err == nil && len(before) > 0:
		status = arc.Fail
		if tags, err := dkim.ParseTags(string(before[len(before)-1][2].Value())); err == nil && strings.EqualFold(tags["cv"], string(arc.Fail)) {
			return nil, "", ErrEnded
		}
	case found == arc.Fail:
		return nil, "", ErrEnded // the numbers are no chain: ours has no place in it
	default:
		return nil, "", ErrUnknown
	}
	if len(before) >= arc.MaxSets {
		return nil, "", ErrLong
	}
	return before, status, nil
}

// sameSets reports whether two messages have the same fields of ARC.
func sameSets(a, b *dkim.Message) bool {
	for _, name := range []string{"arc-authentication-results", "arc-message-signature", "arc-seal"} {
		same := slices.EqualFunc(a.Named(name), b.Named(name), func(x, y dkim.Field) bool { return bytes.Equal(x.Raw, y.Raw) })
		if !same {
			return false
		}
	}
	return true
}

// signature makes the ARC-Message-Signature (RFC 8617, section 4.1.2).
func signature(m *dkim.Message, i int, key dkim.SigningKey, now time.Time) (dkim.Field, error) {
	var names []string
	for _, name := range signed {
		for range m.Named(name) {
			names = append(names, name)
		}
	}
	return m.Sign(fmt.Sprintf("ARC-Message-Signature: i=%d", i), names, key, now)
}

// seal makes the ARC-Seal of the last of these sets, which lacks it (RFC 8617, section 5.1.1).
func seal(sets [][3]dkim.Field, i int, status arc.Result, key dkim.SigningKey, now time.Time) (dkim.Field, error) {
	last := dkim.Field{Name: "arc-seal", Raw: fmt.Appendf(nil, "ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=%s; s=%s;\r\n\tt=%d; b=", i, status, key.Domain, key.Selector, now.Unix())}
	h := sha256.New()
	for n, set := range sets {
		for kind, f := range set {
			if n < len(sets)-1 || kind < 2 {
				dkim.Relaxed.WriteField(h, f.Raw)
			}
		}
	}
	dkim.Relaxed.WriteSigning(h, last.Raw)
	return key.Complete(last, h.Sum(nil))
}
