//go:build !linux && !darwin

package intact

import "os"

// locked runs fn. There is no lock of a folder here that could be shared with Badger.
func locked(dir string, fn func() error) (free bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	return true, fn()
}
