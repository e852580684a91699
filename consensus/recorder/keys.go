package recorder

import (
	"crypto/ed25519"
	"slices"

	"cairn/consensus"
	"cairn/mailstore"
)

// A node may give itself another recorder key. What was sealed with one before is brought
// to blocks as long as they take it, and nothing more is sealed with it. Each epoch knows
// its key.

// keyring are the recorder keys of a node.
type keyring struct {
	key    ed25519.PrivateKey // signs
	pub    consensus.Key
	all    map[consensus.Key]ed25519.PrivateKey // with those before
	oldest consensus.Key
}

// newKeyring takes the keys before key with the oldest first.
func newKeyring(key ed25519.PrivateKey, formers []ed25519.PrivateKey) keyring {
	k := keyring{key: key, pub: consensus.PublicKey(key), all: make(map[consensus.Key]ed25519.PrivateKey)}
	for _, former := range append(slices.Clone(formers), key) {
		if k.oldest.IsZero() {
			k.oldest = consensus.PublicKey(former)
		}
		k.all[consensus.PublicKey(former)] = former
	}
	return k
}

// of is the key of an epoch. One that names none was left when no node had had another yet.
func (k *keyring) of(o *openBatch) consensus.Key {
	if o.Key.IsZero() {
		return k.oldest
	}
	return o.Key
}

// ours reports whether a key is, or was, this node's.
func (k *keyring) ours(key consensus.Key) bool { return k.all[key] != nil }

// series is the one that a batch of ours is of.
func (k *keyring) series(o *openBatch) consensus.Series {
	return consensus.Series{Recorder: k.of(o), Epoch: o.Epoch}
}

// closedFor is for how many blocks nothing of a key before counts any more, as the chain goes;
// ended is false while something does, and of the key that signs.
func (k *keyring) closedFor(s *consensus.State, key consensus.Key) (blocks uint64, ended bool) {
	node, known := s.NodeByRecorder(key)
	if key == k.pub || s.Seals(key) {
		return 0, false
	}
	if !known { // the chain went another way: once it has the one that signs, it never has this one
		now, enrolled := s.NodeByRecorder(k.pub)
		return s.Height() - min(max(now.Since, now.Until), s.Height()), enrolled
	}
	last := node.Until
	if node.End == consensus.NodeDropped {
		last += consensus.DropGrace
	}
	return s.Height() - min(last, s.Height()), true
}

// over reports whether no block will take anything of a key before, reorganisations included.
func (k *keyring) over(s *consensus.State, key consensus.Key) bool {
	blocks, ended := k.closedFor(s, key)
	return ended && blocks >= consensus.EpochGap
}

// Needs reports whether there is something left of a key before: an epoch whose mail the chain may
// still ask for.
func (r *Recorder) Needs(rd *mailstore.Reader, key consensus.Key) (bool, error) {
	epochs, err := storedEpochs(rd)
	if err != nil {
		return true, err
	}
	last := len(epochs) - 1
	return slices.ContainsFunc(epochs[:last], func(o *openBatch) bool { return r.of(o) == key }) || epochs[last].signed() && r.of(epochs[last]) == key, nil
}
