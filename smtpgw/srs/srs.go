// Package srs rewrites the envelope sender of mail that is sent on (the Sender Rewriting Scheme),
// so that SPF passes for who sends it on, and what is reported to the rewritten address finds
// back. It does no I/O.
//
//	SRS0=MAC=DAY=DOMAIN=LOCAL@ours        of LOCAL@DOMAIN
//	SRS1=MAC=DOMAIN=REST@ours             of SRS0REST@DOMAIN, and of SRS1=...=DOMAIN=REST elsewhere
//
// MAC is in base32 (RFC 4648, section 6), the first 40 bits of HMAC-SHA256 over what follows it in
// lower case, as servers may change the case; DAY is two digits of base32: the day since 1970,
// modulo 1024.
package srs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"time"
)

// Days is for how long reports find back: mail may wait for five days here and for as long where
// it was sent on to.
const Days = 10

const (
	digits   = "abcdefghijklmnopqrstuvwxyz234567"
	macBytes = 5
	// maxLocal is the longest local part (RFC 5321, section 4.5.3.1.1).
	maxLocal = 64
)

// Errors of an address.
var (
	// ErrForeign: it is no address that this key has made.
	ErrForeign = errors.New("srs: the address was not made here")
	// ErrOld: it was made more than Days ago.
	ErrOld = errors.New("srs: the address is too old")
	// ErrLong: the rewritten local part would be too long.
	ErrLong = errors.New("srs: the rewritten address is too long")
)

var encoding = base32.NewEncoding(digits).WithPadding(base32.NoPadding)

// Is reports whether a local part has the form of a rewritten one.
func Is(local string) bool { return kind(local) != 0 }

// kind is '0' or '1' for a local part that begins with SRS and that digit, in any case, and one of
// the separators "=", "+" and "-"; else 0.
func kind(local string) byte {
	if len(local) < 6 || !strings.EqualFold(local[:3], "srs") || local[3] != '0' && local[3] != '1' || !strings.ContainsRune("=+-", rune(local[4])) {
		return 0
	}
	return local[3]
}

// mac is the MAC of what follows it, of one kind.
func mac(key []byte, kind byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("cairn srs 1"))
	h.Write([]byte{kind})
	h.Write([]byte(strings.ToLower(text)))
	return encoding.EncodeToString(h.Sum(nil)[:macBytes])
}

// dayOf is the two digits of a day.
func dayOf(t time.Time) string {
	day := t.Unix() / (24 * 60 * 60) & 1023
	return string([]byte{digits[day>>5], digits[day&31]})
}

// Rewrite returns the local part of ours that stands for the sender local@domain. ErrLong: there
// is none.
func Rewrite(key []byte, local, domain string, now time.Time) (string, error) {
	made := ""
	switch k := kind(local); {
	case k == '0':
		text := domain + "=" + local[4:]
		made = "SRS1=" + mac(key, '1', text) + "=" + text
	case k == '1': // the first server that rewrote it stays named, the ones between do not
		_, rest, ok := strings.Cut(local[5:], "=")
		if !ok {
			return "", ErrForeign
		}
		made = "SRS1=" + mac(key, '1', rest) + "=" + rest
	default:
		text := dayOf(now) + "=" + domain + "=" + local
		made = "SRS0=" + mac(key, '0', text) + "=" + text
	}
	if len(made) > maxLocal {
		return "", ErrLong
	}
	return made, nil
}

// Reverse returns the address that a local part of ours stands for. ErrForeign and ErrOld say that
// it stands for none. Of what begins with SRS1 the server that it leads to knows the age.
func Reverse(key []byte, local string, now time.Time) (toLocal, toDomain string, err error) {
	k := kind(local)
	if k == 0 || len(local) > maxLocal {
		return "", "", ErrForeign
	}
	said, text, ok := strings.Cut(local[5:], "=")
	if !ok || !hmac.Equal([]byte(strings.ToLower(said)), []byte(mac(key, k, text))) {
		return "", "", ErrForeign
	}
	first, rest, ok := strings.Cut(text, "=")
	if !ok {
		return "", "", ErrForeign
	}
	if k == '1' {
		if rest == "" {
			return "", "", ErrForeign
		}
		return "SRS0" + rest, first, nil
	}
	if !fresh(strings.ToLower(first), now) {
		return "", "", ErrOld
	}
	domain, name, ok := strings.Cut(rest, "=")
	if !ok || name == "" || domain == "" {
		return "", "", ErrForeign
	}
	return name, domain, nil
}

// fresh reports whether a day is one of the last, or tomorrow elsewhere.
func fresh(day string, now time.Time) bool {
	for age := -1; age <= Days; age++ {
		if dayOf(now.AddDate(0, 0, -age)) == day {
			return true
		}
	}
	return false
}
