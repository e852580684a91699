package scratch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
)

// Damage does one thing to a file, as a bad disk or a careless hand would: it removes it, cuts it
// or flips a bit, most often amid what was written and at times near its end. It says what.
func Damage(path string, r *rand.Rand) (what string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	written := max(1, len(bytes.TrimRight(b, "\x00")))
	switch r.IntN(5) {
	case 0:
		return "removed", os.Remove(path)
	case 1:
		at := r.IntN(written)
		if r.IntN(3) == 0 {
			at = max(0, len(b)-1-r.IntN(100))
		}
		return fmt.Sprintf("cut to %d of %d, %d written", at, len(b), written), os.Truncate(path, int64(at))
	}
	at := r.IntN(written)
	if r.IntN(3) == 0 {
		at = max(0, written-1-r.IntN(100))
	}
	if len(b) == 0 {
		return "empty as before", nil
	}
	b[at] ^= 1 << r.IntN(8)
	return fmt.Sprintf("flipped at %d of %d, %d written", at, len(b), written), writeSparse(path, b)
}

// CopySparse copies a file as writeSparse writes it.
func CopySparse(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeSparse(to, b)
}

// writeSparse writes a file of which the zeros at the end, as databases preallocate them, take no
// room.
func writeSparse(path string, b []byte) error {
	if err := os.WriteFile(path, bytes.TrimRight(b, "\x00"), 0o600); err != nil {
		return err
	}
	return os.Truncate(path, int64(len(b)))
}
