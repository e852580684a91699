package p2p

import (
	"crypto/ed25519"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// identity turns a node key into what libp2p signs and is known with.
func identity(key ed25519.PrivateKey) (crypto.PrivKey, error) {
	priv, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("p2p: the node key is damaged: %w", err)
	}
	return priv, nil
}

// peerID returns the libp2p name of a node key.
func peerID(key consensus.Key) (peer.ID, error) {
	pub, err := crypto.UnmarshalEd25519PublicKey(key[:])
	if err != nil {
		return "", fmt.Errorf("p2p: node key %s: %w", key, err)
	}
	return peer.IDFromPublicKey(pub)
}

// nodeKey returns the node key behind a libp2p name; false for a peer whose identity is of another
// kind than Ed25519.
func nodeKey(id peer.ID) (key consensus.Key, ok bool) {
	pub, err := id.ExtractPublicKey()
	if err != nil || pub.Type() != crypto.Ed25519 {
		return key, false
	}
	raw, err := pub.Raw()
	if err != nil || len(raw) != len(key) {
		return key, false
	}
	return consensus.Key(raw), true
}
