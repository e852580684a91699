package passwords

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/crypto/bcrypt"
)

// Bounds of what a hash that another program made may cost: some second of a core.
const (
	mostRounds     = 1_000_000 // of SHA-crypt
	mostBcryptCost = 14
)

// schemes are what some programs put before a hash, as in "{SHA512-CRYPT}$6$...".
var schemes = []string{"{CRYPT}", "{SHA256-CRYPT}", "{SHA512-CRYPT}", "{BLF-CRYPT}", "{ARGON2ID}"}

// isForeign reports whether a stored hash is one of bcrypt or SHA-crypt.
func isForeign(hash string) bool { return !strings.HasPrefix(hash, "$argon2id$") }

// fit is a hash that another program made, as it is kept; an error if it is of no kind that is
// known here, or would cost too much to check.
func fit(hash string) (string, error) {
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(hash, scheme); ok {
			hash = rest
			break
		}
	}
	switch {
	case strings.HasPrefix(hash, "$argon2id$"):
		if _, _, _, err := parseHash(hash); err != nil {
			return "", errors.New("it is no hash of Argon2id in PHC string format, or one that takes too much memory")
		}
	case strings.HasPrefix(hash, "$2"):
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || len(hash) != 60 {
			return "", errors.New("it is no hash of bcrypt")
		}
		if cost > mostBcryptCost {
			return "", fmt.Errorf("its cost is %d, more than %d", cost, mostBcryptCost)
		}
	default:
		return hash, fitSHA(hash)
	}
	return hash, nil
}

// fitSHA is fit of a hash of SHA-crypt.
func fitSHA(hash string) error {
	parts := strings.Split(hash, "$")
	var length int
	switch {
	case len(parts) < 4 || len(parts) > 5 || parts[0] != "":
	case parts[1] == "5":
		length = 43
	case parts[1] == "6":
		length = 86
	}
	if length == 0 || len(parts[len(parts)-1]) != length || len(parts[len(parts)-2]) > 16 {
		return errors.New("it is no hash of Argon2id, bcrypt or SHA-crypt")
	}
	if len(parts) == 5 {
		word, rounds, _ := strings.Cut(parts[2], "=")
		if n, err := strconv.Atoi(rounds); word != "rounds" || err != nil || n < 1000 || n > mostRounds {
			return fmt.Errorf("it has not from 1000 to %d rounds", mostRounds)
		}
	}
	return nil
}

func matchesForeign(stored, password string) (bool, error) {
	if strings.HasPrefix(stored, "$2") {
		switch err := bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)); {
		case err == nil:
			return true, nil
		case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword), errors.Is(err, bcrypt.ErrPasswordTooLong):
			return false, nil
		}
		return false, errHash
	}
	if fitSHA(stored) != nil {
		return false, errHash
	}
	digest, err := shacrypt.Decode(stored)
	if err != nil {
		return false, errHash
	}
	return digest.Match(password), nil
}
