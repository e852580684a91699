package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/node/home"
)

// oldKey is the file of a former key, of the organisation or of the recorder.
type oldKey struct {
	path string
	// until is the number in its name: the block that decided when it was put there, or a later one
	// where another key had that name. Branches differ in their blocks: it keeps files apart, and
	// tells no age: by it one may stay for longer, and none goes.
	until uint64
}

// keepFormer gives the key in a file a second name beside it, as a former one; a name that another
// key has, or that cannot be read, leaves it the next. It stands on the disk when keepFormer
// returns.
func keepFormer(path, prefix string, until uint64) (former string, err error) {
	key, err := readKeyFile(path)
	if err != nil {
		return "", err
	}
	for ; ; until++ {
		former = filepath.Join(filepath.Dir(path), home.OldKey(prefix, until))
		err := os.Link(path, former)
		if errors.Is(err, fs.ErrExist) {
			if there, err := readKeyFile(former); err != nil || !there.Equal(key) {
				continue
			}
			err = nil // of what was interrupted
		}
		if err == nil {
			err = home.SyncDir(filepath.Dir(path))
		}
		if err != nil {
			return "", fmt.Errorf("keeping a former key: %w", err)
		}
		return former, nil
	}
}

// oldKeys lists the files with former keys by their numbers.
func oldKeys(dir, prefix string) (list []oldKey, err error) {
	old, err := home.OldKeys(dir, prefix)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	for _, until := range old {
		list = append(list, oldKey{filepath.Join(dir, keysDir, home.OldKey(prefix, until)), until})
	}
	return list, nil
}

// readKeyFile reads a key of the node's own, a private one in PEM.
func readKeyFile(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	key, err := decodeKey(text)
	if err != nil {
		return nil, spoilt(path, err)
	}
	return key, nil
}
