package node

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// The recovery key is made with the others, where organisations change, and belongs elsewhere from
// then on: it is what takes the organisation back from whoever has stolen the rest.

// recoveryFor is the recovery key to enrol with in a network with parameters of that version: the
// one that an interrupted join has left in dir, else a new one; nil where there are none.
func recoveryFor(dir string, version uint16) (ed25519.PrivateKey, error) {
	if version < consensus.ParamsV2 {
		return nil, nil
	}
	key, err := LoadRecoveryKey(filepath.Join(dir, filepath.FromSlash(home.RecoveryKey)))
	if errors.Is(err, fs.ErrNotExist) {
		return NewKey()
	}
	return key, err
}

// LoadRecoveryKey reads a recovery key from the file that TakeRecoveryKey wrote.
func LoadRecoveryKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the recovery key: %w", err)
	}
	key, err := decodeKey(text)
	if err != nil { // it is in no backup
		return nil, api.Errorf(api.CodeInvalid, "name the file that was written by: cairn org recovery-key -o FILE", "reading the recovery key: %s: %v", path, err)
	}
	return key, nil
}

// HasRecoveryKey reports whether the recovery key lies in a node's directory still.
func HasRecoveryKey(dir string) bool {
	return recoveryKeyIn(dir) != ""
}

// TakeRecoveryKey writes the recovery key of the node in dir to a new file elsewhere, and removes
// it from there once it is on the disk, wherever a killed init has left it. After an interruption
// it may be repeated with the same path.
func TakeRecoveryKey(dir, path string) error {
	if err := Unfinished(dir); err != nil {
		return err
	}
	if err := clearStages(dir); err != nil { // else the key may be there once more
		return err
	}
	from := recoveryKeyIn(dir)
	if from == "" {
		return noRecoveryKey(dir, filepath.Join(dir, filepath.FromSlash(home.RecoveryKey)))
	}
	key, err := LoadRecoveryKey(from)
	if err != nil {
		return err
	}
	if err := home.Writable(filepath.Dir(from)); err != nil { // else it could not be removed, and be there twice
		return err
	}
	if err := WriteRecoveryKey(dir, path, key); err != nil {
		return err
	}
	there, err := LoadRecoveryKey(path)
	if err == nil && !there.Equal(key) {
		err = errors.New("it holds another key")
	}
	if err != nil {
		return fmt.Errorf("writing the recovery key, which stays in %s: reading it back from %s: %w", from, path, err)
	}
	if err := errors.Join(os.Remove(from), home.SyncDir(filepath.Dir(from))); err != nil {
		return api.Errorf(api.CodeInternal, "see that the disk is well, and remove it yourself: whoever steals the organisation's key finds it beside that",
			"removing the recovery key %s, which %s has now: %v", from, path, err)
	}
	return clearStages(dir) // a folder of which it was the last file
}

// WriteRecoveryKey writes a recovery key of the organisation of the node in dir to a file
// elsewhere, which must not be there unless it holds just that already.
func WriteRecoveryKey(dir, path string, key ed25519.PrivateKey) error {
	if err := keptApart(dir, path); err != nil {
		return err
	}
	if info, err := os.Stat(path); path == "-" || err == nil && !info.Mode().IsRegular() {
		return api.Errorf(api.CodeInvalid, "name a file that does not exist yet", "writing the recovery key: %s is no file that keeps it", path)
	}
	text, err := recoveryText(dir, key)
	if err == nil {
		err = home.WriteNew(path, text)
	}
	if errors.Is(err, fs.ErrExist) {
		there, readErr := os.ReadFile(path)
		if readErr != nil || !bytes.Equal(there, text) {
			return api.Errorf(api.CodeExists, "name a file that does not exist yet", "writing the recovery key: %s is there already", path)
		}
		err = nil
	}
	if err == nil {
		err = home.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("writing the recovery key: %w", err)
	}
	return nil
}

// keptApart refuses a file in the node's directory.
func keptApart(dir, path string) error {
	switch inside, err := home.Inside(path, dir); {
	case err != nil:
		return fmt.Errorf("writing the recovery key: %w", err)
	case inside:
		return api.Errorf(api.CodeInvalid, "name a file on a medium that is kept apart",
			"writing the recovery key: %s is in the node's directory, where whoever steals the organisation's key finds it", path)
	}
	return nil
}

// recoveryText is the file with a recovery key: it says what it is to whoever finds it years later.
func recoveryText(dir string, key ed25519.PrivateKey) ([]byte, error) {
	text, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	g, err := LoadNetwork(dir)
	if err != nil {
		return nil, err
	}
	enrol, err := LoadEnrol(dir)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "Recovery key of the organisation %v\nin the Cairn network with chain id %v.\n"+
		"Whoever has it can revoke the organisation's key: keep it offline, and apart from that.\n%s",
		enrol.ID(), g.Params.ChainID(), text), nil
}

// noRecoveryKey says why there is none in dir.
func noRecoveryKey(dir, from string) error {
	g, err := LoadNetwork(dir)
	switch {
	case errors.Is(err, ErrNotMember):
		return api.Errorf(api.CodeNotFound, "cairn join INVITE", "taking the recovery key: it is made when the node joins a network, and %s has joined none", dir)
	case err != nil:
		return err
	case g.Params.Version < consensus.ParamsV2:
		return api.Errorf(api.CodeNotAllowed, "keep copies of the keys in "+filepath.Join(dir, keysDir),
			"taking the recovery key: the network %q has parameters of version %d, in which there are none", g.Params.Name, g.Params.Version)
	}
	return api.Errorf(api.CodeNotFound, "look for the file that it was written to",
		"taking the recovery key: %s is not there: it was taken already, or another node enrolled the organisation", from)
}
