package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/consensus"
	"cairn/node/home"
	"cairn/node/membership"
)

// Former org keys lie beside it until another one counts for certain.
const (
	oldKeyPrefix = "org-old-"
	// oldRecovery is the recovery key that lay here when it was used, until another one counts.
	oldRecovery = keysDir + "/recovery-old.pem"
)

// LoadOrgKeys reads the org key in a node's directory and those that it had before; none if it is
// kept elsewhere.
func LoadOrgKeys(dir string) ([]ed25519.PrivateKey, error) {
	old, err := oldOrgKeys(dir)
	if err != nil {
		return nil, err
	}
	paths := []string{filepath.Join(dir, home.OrgKey)}
	for _, o := range old {
		paths = append(paths, o.path)
	}
	var keys []ed25519.PrivateKey
	for _, path := range paths {
		key, err := readKeyFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// LoadOrgKey reads the org key in a node's directory; fs.ErrNotExist: it is kept elsewhere.
func LoadOrgKey(dir string) (ed25519.PrivateKey, error) {
	return readKeyFile(filepath.Join(dir, home.OrgKey))
}

func oldOrgKeys(dir string) ([]oldKey, error) { return oldKeys(dir, oldKeyPrefix) }

// FormerOrgKey is a file of a node's directory with an org key that another one is to follow, or
// has followed.
type FormerOrgKey struct {
	File string
	Key  consensus.Key // its public half
}

// FormerOrgKeys lists such files.
func FormerOrgKeys(dir string) (files []FormerOrgKey, err error) {
	list, err := oldOrgKeys(dir)
	for _, o := range list {
		key, bad := readKeyFile(o.path)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		files = append(files, FormerOrgKey{o.path, consensus.PublicKey(key)})
	}
	return files, err
}

// KeepOrgKey writes an org key that is to come beside that in a node's directory, before anybody
// knows of it: if nothing more is done, what is there stays what signs, and the node puts the other
// one in its place when that counts.
func KeepOrgKey(dir string, key ed25519.PrivateKey, until uint64) (beside string, err error) {
	text, err := encodeKey(key)
	var next string
	if err == nil {
		next, err = writeNext(filepath.Join(dir, home.OrgKey), text)
	}
	if err == nil {
		beside, err = keepFormer(next, oldKeyPrefix, until)
		err = errors.Join(err, os.Remove(next))
	}
	if err != nil {
		return "", fmt.Errorf("keeping the organisation's next key: %w", err)
	}
	return beside, nil
}

// TakeOrgKey puts the org key that KeepOrgKey wrote in its place, if the node has not done so by
// itself.
func TakeOrgKey(dir, beside string, key ed25519.PrivateKey, until uint64) error {
	err := replaceOrgKey(dir, key, until)
	if err == nil {
		err = os.Remove(beside)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replaceOrgKey puts another org key in the place of that in a node's directory, which stays beside
// it as keys/org-old-<until>.pem, or with a later height where another one has that name: it is
// what signs until the other one counts, at that height.
func replaceOrgKey(dir string, key ed25519.PrivateKey, until uint64) error {
	path := filepath.Join(dir, home.OrgKey)
	if there, err := readKeyFile(path); err == nil && there.Equal(key) {
		return nil
	}
	text, err := encodeKey(key)
	var next string
	if err == nil {
		next, err = writeNext(path, text)
	}
	if err != nil {
		return fmt.Errorf("replacing the organisation's key: %w", err)
	}
	if fileExists(path) {
		if _, err := keepFormer(path, oldKeyPrefix, until); err != nil {
			return fmt.Errorf("keeping the organisation's key: %w", errors.Join(err, os.Remove(next)))
		}
	}
	if err := putInPlace(next, path); err != nil {
		return fmt.Errorf("replacing the organisation's key: %w", err)
	}
	return nil
}

// SetRecoveryAside takes the recovery key in a node's directory out of its place, if it is the one
// that was used: another one is on its way to take that. It stays beside it until then.
func SetRecoveryAside(dir string, used ed25519.PrivateKey) error {
	path, aside := filepath.Join(dir, filepath.FromSlash(home.RecoveryKey)), filepath.Join(dir, filepath.FromSlash(oldRecovery))
	key, err := LoadRecoveryKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !key.Equal(used):
		return nil
	}
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("setting the recovery key aside: %w", err)
	}
	return home.SyncDir(filepath.Dir(path))
}

// dropOldKeys removes former org keys once another one counts too long for that to be taken back.
// One that the chain never had stays: it was to come.
func (n *Node) dropOldKeys(s *consensus.State) {
	org, member := s.Org(n.enrol.ID())
	if !member || n.viewIsOld(s) { // by what it lacks they may be needed
		return
	}
	n.dropOldRecovery(s)
	old, err := oldOrgKeys(n.dir)
	if err != nil {
		return
	}
	for _, o := range old {
		key, err := readKeyFile(o.path)
		if err != nil {
			continue
		}
		gone, had := wasOrgKey(s, n.ownID(), consensus.PublicKey(key))
		if !had {
			continue // a chain that goes another way may have it
		}
		if gone == 0 || s.Height() < gone+consensus.DropGrace || // by the block: a command's event may have waited for long
			o.until <= s.Height() && s.Height() < o.until+consensus.DropGrace || // nor sooner after it was put there, as by another branch
			org.Pending.At > s.Height() ||
			org.KeyAt(s.Height()) == consensus.PublicKey(key) {
			continue
		}
		if current, err := readKeyFile(filepath.Join(n.dir, home.OrgKey)); err != nil || org.KeyAt(s.Height()) != consensus.PublicKey(current) {
			continue // nothing goes while what counts is not here
		}
		if err := os.Remove(o.path); err != nil {
			n.log.Warn("a former key of the organisation could not be removed", "file", o.path, "err", err)
			continue
		}
		n.log.Info("a former key of the organisation was removed: another one counts", "file", o.path, "since_block", gone)
	}
}

// dropOldRecovery removes a recovery key that was used once another one counts too long for that to
// be taken back, also where the command that used it ended before it set that aside.
func (n *Node) dropOldRecovery(s *consensus.State) {
	for _, name := range []string{oldRecovery, home.RecoveryKey} {
		path := filepath.Join(n.dir, filepath.FromSlash(name))
		key, err := readKeyFile(path)
		if err != nil {
			continue
		}
		recovery := consensus.RecoveryCommitment(consensus.PublicKey(key))
		until, _ := membership.LastWas(s, n.ownID(), func(o *consensus.Org) bool { return o.Recovery == recovery })
		if until == 0 || s.Height() < until+consensus.DropGrace {
			continue
		}
		if err := os.Remove(path); err != nil {
			n.log.Warn("a former recovery key could not be removed", "file", path, "err", err)
			continue
		}
		n.log.Info("a former recovery key was removed: another one counts", "file", path)
	}
}
