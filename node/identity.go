package node

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"cairn/consensus"
	"cairn/node/home"
)

// Identity is the keys of a node. They are made once, by Init, and lie in the
// folder keys as PKCS #8 in PEM, readable by the owner alone.
type Identity struct {
	Org      ed25519.PrivateKey // signs the organisation's events; nil where it is kept elsewhere
	Recorder ed25519.PrivateKey // signs micro-batches, batches and blocks
	Node     ed25519.PrivateKey // is the node's libp2p identity
	Recovery ed25519.PrivateKey // takes the organisation back; here only while the node is made or joins
}

// OrgKey is the public org key.
func (i *Identity) OrgKey() consensus.Key { return consensus.PublicKey(i.Org) }

// RecorderKey is the public recorder key.
func (i *Identity) RecorderKey() consensus.Key { return consensus.PublicKey(i.Recorder) }

// NodeKey is the public node key.
func (i *Identity) NodeKey() consensus.Key { return consensus.PublicKey(i.Node) }

// parts lists the keys with the names of their files.
func (i *Identity) parts() []identityPart {
	return []identityPart{
		{home.RecorderKeyFile, &i.Recorder},
		{home.NodeKeyFile, &i.Node},
		{home.OrgKeyFile, &i.Org}, // last: an identity with an org key is whole
	}
}

type identityPart struct {
	file string
	key  *ed25519.PrivateKey
}

// newIdentity draws three keys.
func newIdentity() (*Identity, error) {
	i := new(Identity)
	for _, p := range i.parts() {
		key, err := NewKey()
		if err != nil {
			return nil, err
		}
		*p.key = key
	}
	return i, nil
}

// NewKey draws a key.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("making keys: %w", err)
	}
	return key, nil
}

// LoadIdentity reads the keys in a node's directory. The error is
// ErrNotInitialised when dir is none.
func LoadIdentity(dir string) (*Identity, error) { return loadIdentity(dir, false) }

// loadIdentity does without the org key, if it is not there, of a member: its
// enrolment is signed, and nothing else needs that key.
func loadIdentity(dir string, member bool) (*Identity, error) {
	i := new(Identity)
	for _, p := range i.parts() {
		path := filepath.Join(dir, keysDir, p.file)
		key, err := readKeyFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			if member && p.file == home.OrgKeyFile {
				continue
			}
			if fileExists(filepath.Join(dir, ConfigFile)) {
				return nil, lost(path)
			}
			return nil, notInitialised(dir)
		}
		if err != nil {
			return nil, err
		}
		*p.key = key
	}
	return i, nil
}

// notInitialised is the error of a directory without a node.
func notInitialised(dir string) error {
	if err := Unfinished(dir); err != nil {
		return err
	}
	return fmt.Errorf("%s is not a node's directory: %w", dir, ErrNotInitialised)
}

// add stages the key files.
func (i *Identity) add(s *stage) error {
	if err := i.addRecovery(s); err != nil {
		return err
	}
	for _, p := range i.parts() {
		if err := addKey(s, p.file, *p.key); err != nil {
			return err
		}
	}
	return nil
}

// addRecovery stages the recovery key, if there is one.
func (i *Identity) addRecovery(s *stage) error {
	if i.Recovery == nil {
		return nil
	}
	return addKey(s, home.RecoveryKeyFile, i.Recovery)
}

func addKey(s *stage, file string, key ed25519.PrivateKey) error {
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	return s.add(filepath.Join(keysDir, file), text)
}

func encodeKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func decodeKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("no private key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its private key cannot be taken apart")
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T where an Ed25519 key is needed", key)
	}
	return private, nil
}
