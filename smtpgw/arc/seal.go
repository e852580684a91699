package arc

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
// lines: the seal, the signature, and says, which is what Authentication-Results has behind its
// colon. The key is an RSA one, the one kind that sealing knows (RFC 8617, section 4.1.3). came is
// the message as it came, which is another one where we change it, and found is what validating the
// chain of that came to. Of one that fails the set says so and covers itself alone (RFC 8617,
// section 5.1.2). An error says why there is no set.
func Seal(came, m *dkim.Message, found Result, says string, key dkim.SigningKey, now time.Time) ([]byte, error) {
	if _, ok := key.Signer.Public().(*rsa.PublicKey); !ok {
		return nil, ErrKey
	}
	before, status, err := before(came, m, found)
	if err != nil {
		return nil, err
	}
	i := len(before) + 1
	var ours set
	ours.fields[results] = dkim.Field{Name: fieldNames[results], Raw: fmt.Appendf(nil, "ARC-Authentication-Results: i=%d; %s", i, strings.TrimSpace(says))}
	if ours.fields[signature], err = sign(m, i, key, now); err != nil {
		return nil, err
	}
	ours.fields[seal] = dkim.Field{Name: fieldNames[seal], Raw: fmt.Appendf(nil, "ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=%s; s=%s;\r\n\tt=%d; b=", i, status, key.Domain, key.Selector, now.Unix())}
	if status == Fail {
		before = nil
	}
	if ours.fields[seal], err = key.Complete(ours.fields[seal], sealed(append(before, ours))); err != nil {
		return nil, err
	}
	return slices.Concat(ours.fields[seal].Raw, crlf, ours.fields[signature].Raw, crlf, ours.fields[results].Raw, crlf), nil
}

var crlf = []byte("\r\n")

// before returns the sets before ours, and what ours says of them (cv=).
func before(came, m *dkim.Message, found Result) (sets []set, status Result, err error) {
	sets, err = collect(m)
	switch {
	case !sameSets(came, m): // a relay that is left out would be hidden
		return nil, "", ErrChanged
	case found == None && err == nil && len(sets) == 0:
		return nil, None, nil
	case found == Pass && err == nil && len(sets) > 0:
	case found == Fail && err == nil && len(sets) > 0:
		if strings.EqualFold(sets[len(sets)-1].tags[seal]["cv"], string(Fail)) {
			return nil, "", ErrEnded
		}
	case found == Fail:
		return nil, "", ErrEnded // the numbers are no chain: ours has no place in it
	default:
		return nil, "", ErrUnknown
	}
	if len(sets) >= maxSets {
		return nil, "", ErrLong
	}
	return sets, found, nil
}

// sameSets reports whether two messages have the same fields of ARC.
func sameSets(a, b *dkim.Message) bool {
	for _, name := range fieldNames {
		same := slices.EqualFunc(a.Named(name), b.Named(name), func(x, y dkim.Field) bool { return bytes.Equal(x.Raw, y.Raw) })
		if !same {
			return false
		}
	}
	return true
}

// sign makes the ARC-Message-Signature (RFC 8617, section 4.1.2).
func sign(m *dkim.Message, i int, key dkim.SigningKey, now time.Time) (dkim.Field, error) {
	var names []string
	for _, name := range signed {
		for range min(len(m.Named(name)), dkim.MaxSigned) {
			names = append(names, name)
		}
	}
	return m.Sign(fmt.Sprintf("ARC-Message-Signature: i=%d", i), names, key, now)
}
