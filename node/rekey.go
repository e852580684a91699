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

// errRecorderChange ends a node whose recorder keys are to be moved, which it does when it starts.
var errRecorderChange = errors.New("the node has another recorder key")

// formerBlocks is for how many blocks after its end a former recorder key is kept at least: a
// reorganisation may ask for what it signed.
const formerBlocks = 1000

// recorderChange is another recorder key file that is to be moved: it is taken, or ended for
// certain and is to lie with the former ones.
type recorderChange struct {
	key   ed25519.PrivateKey
	path  string
	takes bool
	at    uint64 // the block that decided it
}

// recorderChange is what is to be done about the recorder keys that are here, as the chain has it;
// nil: nothing. What the chain does not have for certain is put nowhere that it is not taken from
// again.
func (n *Node) recorderChange(s *consensus.State) (*recorderChange, error) {
	path := nextRecorderFile(n.dir)
	next, err := readKeyFile(path)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	others := slices.Clone(n.formers)
	if there {
		others = append(others, formerRecorder{oldKey{path: path}, next})
	}
	if node, at, ok := recorder.Follows(s, n.id.NodeKey(), n.id.RecorderKey(), n.hasRecorder); ok && s.Height() >= at+recorder.EnrolDepth {
		i := slices.IndexFunc(others, func(f formerRecorder) bool { return consensus.PublicKey(f.key) == node.Recorder })
		if fate, _ := n.recorderFate(s); i >= 0 && (fate != recorder.Left || others[i].path == path) { // else ours is brought again
			return &recorderChange{others[i].key, others[i].path, true, at}, nil
		}
	}
	if !there {
		return nil, nil
	}
	node, known := s.NodeByRecorder(consensus.PublicKey(next))
	if known && node.End != consensus.NodeActive && s.Height()+1 >= node.Until+membership.SettledAfter {
		return &recorderChange{next, path, false, node.Until}, nil
	}
	return nil, nil
}

// changeRecorder takes another recorder key, if it is time for that, and reads those before.
// Nothing has been signed by this process yet.
func (n *Node) changeRecorder() (err error) {
	if n.formers, err = formerRecorders(n.dir, n.id.Recorder); err != nil {
		return err
	}
	s := n.chain.State()
	change, err := n.recorderChange(s)
	switch {
	case err != nil:
		n.log.Error("the next recorder key cannot be read; restore it from a backup, or remove it and draw another one", "err", err, "try", n.typable("once it is removed: cairn org node rekey"))
		return nil
	case change == nil:
		return nil
	case change.takes:
		was, _ := s.NodeByRecorder(n.id.RecorderKey())
		if was.End == consensus.NodeActive {
			was.Until = change.at
		}
		if err := takeRecorder(n.dir, change.path, was.Until); err != nil {
			return err
		}
		n.log.Info("this node has another recorder key, and goes on with it", "recorder", consensus.PublicKey(change.key), "since_block", change.at, "before", n.id.RecorderKey())
		n.id.Recorder = change.key
	default: // as after the restore of a backup from before it was taken: another one is drawn
		if err := setNextRecorderAside(n.dir, change.at); err != nil {
			return err
		}
		n.log.Info("the next recorder key was this node's before and has ended, as after a restore: it is kept with the former ones", "recorder", consensus.PublicKey(change.key), "until_block", change.at)
	}
	n.formers, err = formerRecorders(n.dir, n.id.Recorder)
	return err
}

// watchRecorder ends the node when it is time to take another recorder key, or to put one aside:
// that is done when it starts.
func (n *Node) watchRecorder(ctx context.Context) error {
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	var trouble said
	for {
		change, err := n.recorderChange(n.chain.State())
		if err == nil && change != nil {
			n.goesOn.Store(true)
			return errRecorderChange
		}
		if trouble.news(err) {
			n.log.Warn("looking after the recorder keys", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// recorderKeys are the recorder keys that are here: the one that signs, the next one, and those
// before. One that cannot be read is none: recorderChange says so.
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

// hasRecorder reports whether a recorder key is, was or may become this node's: what goes by a key
// of its own goes by all.
func (n *Node) hasRecorder(key consensus.Key) bool {
	return n.hadBefore(key) || slices.ContainsFunc(n.recorderKeys(), func(k ed25519.PrivateKey) bool { return consensus.PublicKey(k) == key })
}

// recorderFate is what is to be expected of our recorder key, see recorder.FateOf.
func (n *Node) recorderFate(s *consensus.State) (recorder.Fate, consensus.OrgNode) {
	return recorder.FateOf(s, n.id.NodeKey(), n.id.RecorderKey(), n.hasRecorder)
}

// recorderComesAgain reports whether the chain lacks the block with our recorder key, and we bring
// that again.
func (n *Node) recorderComesAgain(s *consensus.State) bool {
	fate, _ := n.recorderFate(s)
	return fate == recorder.Left
}

// miningKey is the recorder key that signs blocks on top of s: ours that the chain has now. From
// its block on that is the next one, also before it has taken its place, and one before where the
// chain went another way: nobody else may be there to make the blocks that are waited for.
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

// bringRecorder brings our recorder key to the network again where the chain went another way than
// to the block with it, and the event that was for that follows no more: what the key has signed
// counts again then. A view that is old may lack that block.
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

// checkBacklog refuses an event that ends this node's recorder key, as its organisation wants,
// while more is sealed with it than gets into blocks after that. A revocation is for a key that may
// be stolen, and waits for nothing.
func (n *Node) checkBacklog(s *consensus.State, e *consensus.OrgEvent) error {
	dropped := membership.ContentOf[*consensus.DropNode](e)
	replaced := e.Signer == n.id.NodeKey() && membership.ContentOf[*consensus.Replace](e) != nil
	node, there := s.NodeByKey(n.id.NodeKey())
	if !there || !replaced && (dropped == nil || dropped.Node != node.Node) {
		return nil
	}
	var blocks uint64
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		blocks, err = n.recorder.Backlog(rd, node.Recorder)
		return err
	})
	if err != nil || blocks == 0 {
		return err
	}
	return api.Errorf(api.CodeTryLater, "run the same command again then: cairn chain status",
		"bringing the %s: this node has recorded more with its recorder key than gets into blocks once that has ended, as after a network that was split came together; "+
			"from block %d on it all does, one comes every %v on average", e.Type(), s.Height()+blocks, s.Params().BlockInterval)
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
