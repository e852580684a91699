package passwords

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what a hash takes: passes over so many KiB, by so many threads (RFC 9106, section 3.1).
type cost struct {
	memory uint32
	passes uint32
	lanes  uint8
}

// usual is the cost of new hashes. Whoever guesses pays it for each guess, and this node for each
// that is made here: some 30 ms of a core and 19 MiB.
var usual = cost{memory: 19 << 10, passes: 2, lanes: 1}

// most bounds what a stored hash may ask for.
var most = cost{memory: 256 << 10, passes: 16, lanes: 8}

const (
	saltBytes = 16
	hashBytes = 32
)

var errHash = errors.New("stored hash of a password is malformed")

// hash is the hash of a password with a new salt, in PHC string format.
func hash(password string, c cost) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	sum := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.lanes, hashBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

var b64 = base64.RawStdEncoding.Strict()

// matchesOwn reports whether a hash of ours is of that password.
func matchesOwn(stored, password string) (bool, error) {
	c, salt, sum, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.lanes, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1, nil
}

func parseHash(s string) (c cost, salt, sum []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes)
	if err != nil || n != 3 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.passes, c.lanes) {
		return c, nil, nil, errHash
	}
	salt, saltErr := b64.DecodeString(parts[4])
	sum, sumErr := b64.DecodeString(parts[5])
	switch {
	case saltErr != nil || sumErr != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64,
		c.passes < 1 || c.passes > most.passes, c.lanes < 1 || c.lanes > most.lanes, c.memory < 8*uint32(c.lanes) || c.memory > most.memory:
		return c, nil, nil, errHash
	}
	return c, salt, sum, nil
}
