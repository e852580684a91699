package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"cairn/consensus"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/membership"
)

// errNextRecorder ends a node that is to go on with another recorder key, which it takes when it starts.
var errNextRecorder = errors.New("the node has another recorder key")

// formerBlocks is for how many blocks after its end a former recorder key is kept at least: a reorganisation may ask
// for what it signed.
const formerBlocks = 1000

// nextRecorder is the recorder key that is to follow ours, if the chain has it as this node's.
func (n *Node) nextRecorder(s *consensus.State) (key ed25519.PrivateKey, since uint64, ok bool, err error) {
	key, err = readKeyFile(nextRecorderFile(n.dir))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, 0, false, err
	}
	node, known := s.NodeByRecorder(consensus.PublicKey(key))
	return key, node.Since, known && node.Node == n.id.NodeKey() && node.End == consensus.NodeActive, nil
}

// nextRecorderDue is nextRecorder, once so many blocks stand on it that it signs.
func (n *Node) nextRecorderDue(s *consensus.State) (key ed25519.PrivateKey, since uint64, due bool, err error) {
	key, since, ok, err := n.nextRecorder(s)
	return key, since, ok && s.Height() >= since+recorder.EnrolDepth, err
}

// changeRecorder takes the next recorder key, if it is time for that, and reads those before. Nothing has been signed
// by this process yet.
func (n *Node) changeRecorder() (err error) {
	s := n.chain.State()
	key, since, due, err := n.nextRecorderDue(s)
	if err != nil {
		n.log.Error("the next recorder key cannot be read: restore it from a backup, or remove it and give this node another one with org node rekey", "err", err)
	}
	if err == nil && !due {
		err = n.setEndedNextAside(s)
	}
	if due {
		was, _ := s.NodeByRecorder(n.id.RecorderKey())
		if was.End == consensus.NodeActive {
			was.Until = since
		}
		if err := takeNextRecorder(n.dir, n.id.Recorder, was.Until); err != nil {
			return err
		}
		n.log.Info("this node has another recorder key, and goes on with it", "recorder", consensus.PublicKey(key), "since_block", since, "before", n.id.RecorderKey())
		n.id.Recorder = key
	}
	n.formers, err = formerRecorders(n.dir, n.id.Recorder)
	return err
}

// watchNextRecorder ends the node when it is time to take the next recorder key.
func (n *Node) watchNextRecorder(ctx context.Context) error {
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	var trouble said
	for {
		s := n.chain.State()
		_, _, due, err := n.nextRecorderDue(s)
		if err == nil && due {
			return errNextRecorder
		}
		if err == nil {
			err = n.setEndedNextAside(s)
		}
		if trouble.news(err) {
			n.log.Warn("looking after the next recorder key", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// setEndedNextAside puts the recorder key that was to follow beside the former ones if the chain has had it already,
// as after the restore of a backup from before it was taken: no block takes it again.
func (n *Node) setEndedNextAside(s *consensus.State) error {
	key, err := readKeyFile(nextRecorderFile(n.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	node, known := s.NodeByRecorder(consensus.PublicKey(key))
	if !known || node.End == consensus.NodeActive {
		return nil
	}
	if err := setNextRecorderAside(n.dir, key, node.Until); err != nil {
		return err
	}
	n.log.Info("the next recorder key was this node's before and has ended, as after a restore: it is kept with the former ones", "recorder", node.Recorder, "until_block", node.Until)
	return nil
}

// recorderKeys are the recorder keys that are here: the one that signs, the next one, and those before, the latest first.
func (n *Node) recorderKeys() []ed25519.PrivateKey {
	keys := []ed25519.PrivateKey{n.id.Recorder}
	if next, err := readKeyFile(nextRecorderFile(n.dir)); err == nil {
		keys = append(keys, next)
	}
	for _, former := range slices.Backward(n.formers) {
		keys = append(keys, former.key)
	}
	return keys
}

// hasRecorder reports whether a recorder key is, was or may become this node's: what goes by a key of its own goes by all.
func (n *Node) hasRecorder(key consensus.Key) bool {
	return slices.ContainsFunc(n.recorderKeys(), func(k ed25519.PrivateKey) bool { return consensus.PublicKey(k) == key })
}

// recorderFate is what is to be expected of our recorder key, see recorder.FateOf.
func (n *Node) recorderFate(s *consensus.State) (recorder.Fate, consensus.OrgNode) {
	return recorder.FateOf(s, n.id.NodeKey(), n.id.RecorderKey(), n.hasRecorder)
}

// recorderComesAgain reports whether the chain lacks the block with our recorder key, and we bring that again.
func (n *Node) recorderComesAgain(s *consensus.State) bool {
	fate, _ := n.recorderFate(s)
	return fate == recorder.Left
}

// miningKey is the recorder key that signs blocks on top of s: ours that the chain has now. From its block on that is
// the next one, also before it has taken its place, and one before where the chain went another way: nobody else may be
// there to make the blocks that are waited for.
func (n *Node) miningKey(s *consensus.State) ed25519.PrivateKey {
	if s.Mines(n.id.RecorderKey()) {
		return n.id.Recorder
	}
	for _, key := range n.recorderKeys() {
		if s.Mines(consensus.PublicKey(key)) {
			return key
		}
	}
	return n.id.Recorder
}

// bringRecorder brings our recorder key to the network again where the chain went another way than to the block with
// it, and the event that was for that follows no more: what the key has signed counts again then. A view that is old
// may lack that block.
func (n *Node) bringRecorder(ctx context.Context, s *consensus.State) error {
	if !n.recorderComesAgain(s) || n.viewIsOld(s) || n.copies.silent() != "" {
		return nil
	}
	st, err := n.standing()
	if err != nil || slices.ContainsFunc(st.Waiting(), func(e *consensus.OrgEvent) bool {
		return e.Signer == n.id.NodeKey() && membership.ContentOf[*consensus.Replace](e) != nil
	}) {
		return err
	}
	e, err := st.Replace(ctx, n.id.Node, n.id.Recorder, nil)
	if err == nil {
		_, err = n.propose(ctx, api.EventRequest{Event: e.Encode()})
	}
	if err != nil && api.AsError(err).Code != api.CodeTryLater {
		return fmt.Errorf("bring this node's recorder key to the network again: %w", err)
	}
	return nil
}

// recorderComes reports whether our recorder key is one that follows another: an event that names it is kept, or the
// one before is here. The chain may know less than it did.
func (n *Node) recorderComes() bool {
	if len(n.formers) > 0 {
		return true
	}
	list, err := n.proposed()
	return err == nil && slices.ContainsFunc(list, func(e *consensus.OrgEvent) bool {
		r := membership.ContentOf[*consensus.Replace](e)
		return r != nil && r.Recorder == n.id.RecorderKey()
	})
}

// formerKeys are the recorder keys that this node had, the oldest first.
func (n *Node) formerKeys() (keys []ed25519.PrivateKey) {
	for _, f := range n.formers {
		keys = append(keys, f.key)
	}
	return keys
}

// dropFormers removes former recorder keys of which nothing is left that the chain may ask for.
func (n *Node) dropFormers() error {
	s := n.chain.State()
	for _, f := range n.formers {
		node, known := s.NodeByRecorder(consensus.PublicKey(f.key))
		if !known || node.End == consensus.NodeActive || s.Height() < node.Until+formerBlocks {
			continue
		}
		needed := true
		err := n.store.View(func(rd *mailstore.Reader) (err error) {
			needed, err = n.recorder.Needs(rd, consensus.PublicKey(f.key))
			return err
		})
		if err != nil {
			return err
		}
		if needed {
			continue
		}
		if err := os.Remove(f.path); err != nil {
			n.log.Warn("a former recorder key could not be removed", "file", f.path, "err", err)
			continue
		}
		n.log.Info("a former recorder key was removed: nothing that it signed is needed any more", "file", f.path, "since_block", node.Until)
	}
	return nil
}
