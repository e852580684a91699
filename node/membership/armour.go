package membership

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Armour is a kind of string that people carry from one node to another.
type Armour string

// The kinds, by how they begin.
const (
	ArmourInvite    Armour = invitePrefix
	ArmourRequest   Armour = requestPrefix
	ArmourAdmission Armour = anyAdmission
)

// ArmourOf tells which kind s is of; empty: none.
func ArmourOf(s string) Armour {
	s = strings.Join(strings.Fields(s), "")
	for _, kind := range []Armour{ArmourInvite, ArmourRequest, ArmourAdmission} {
		if strings.HasPrefix(s, string(kind)) {
			return kind
		}
	}
	return ""
}

func checksum(purpose string, body []byte) []byte {
	h := sha256.New()
	h.Write([]byte(purpose))
	h.Write(body)
	return h.Sum(nil)[:inviteChecksum]
}

// armour makes a string of binary data that can be sent by mail and is known by its prefix.
func armour(prefix, purpose string, b []byte) string {
	return prefix + base64.RawURLEncoding.EncodeToString(append(b, checksum(purpose, b)...))
}

// unarmour is the reverse of armour. White space and line breaks, as mail adds them, are ignored.
func unarmour(prefix, purpose, s string) ([]byte, error) {
	s = strings.Join(strings.Fields(s), "")
	if s == "" {
		return nil, errors.New("it is empty")
	}
	text, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return nil, fmt.Errorf("it does not begin with %q", prefix)
	}
	if len(text) > base64.RawURLEncoding.EncodedLen(maxInvite) {
		return nil, errors.New("it is too long")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < minInviteLength {
		return nil, errors.New("it is damaged or cut off")
	}
	body, sum := b[:len(b)-inviteChecksum], b[len(b)-inviteChecksum:]
	if !bytes.Equal(checksum(purpose, body), sum) {
		return nil, errors.New("it is damaged or cut off: its checksum is wrong")
	}
	return body, nil
}
