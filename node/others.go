package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"cairn/consensus"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/node/home"
	"cairn/node/membership"
)

// othersEvery is how many blocks may go by before it is noted anew how far a chain with others has
// come.
const othersEvery = 10

// loadOthers reads what was seen of others before the start.
func (n *Node) loadOthers() error {
	return n.store.View(func(r *mailstore.Reader) (err error) {
		seen, err := othersSeen(r)
		n.othersSeen.Store(seen)
		return err
	})
}

func othersSeen(r *mailstore.Reader) (height uint64, err error) {
	height, _, err = r.Space(orgSpace).Number([]byte(othersKey))
	if err != nil {
		return 0, fmt.Errorf("look up how far the chain of others was here: %w", err)
	}
	return height, nil
}

// lacks says why the chain here is not the one that this node had with others, as after a restore;
// empty if it is. Who mines on such a chain makes one of its own, on which nothing counts for
// anybody else. Once the chain was here, it is for as long as the node runs: others that have less
// of it do not wait for each other.
func (n *Node) lacks(s *consensus.State) string {
	seen := n.othersSeen.Load()
	if n.whole.Load() || s.Height() >= seen {
		n.whole.Store(true)
		return ""
	}
	return fmt.Sprintf("the chain ends at block %d here, and was seen to go to block %d with other nodes, as before a restore: nothing is mined or signed until it is fetched from one of them",
		s.Height(), seen)
}

// miningWaits says why this node makes no block on top of s, and what to do about that where no
// other part of the status says it.
func (n *Node) miningWaits(s *consensus.State) (why, next string) {
	if why = n.lacks(s); why != "" {
		next = recorder.NextConnect
	}
	how, _ := n.howEnded(s)
	return cmp.Or(how, n.waitOn(s)), next
}

// watchOthers says in the log while the chain is not here, and notes how far the one here goes with
// others.
func (n *Node) watchOthers(ctx context.Context) error {
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	waits := false
	var trouble said
	for {
		s := n.chain.State()
		why := n.lacks(s)
		switch {
		case why != "" && !waits:
			n.log.Warn("this node is without the chain: "+why, "try", n.typable(recorder.NextConnect), "or", "p2p.bootstrap in "+ConfigFile)
		case why == "" && waits:
			n.log.Info("the chain is here again: what waited for it goes on", "height", s.Height())
		}
		waits = why != ""
		if err := n.noteOthers(ctx, s); trouble.news(err) && ctx.Err() == nil {
			n.log.Warn("looking after the chain", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// hasOthers reports whether the chain has other nodes than this one.
func (n *Node) hasOthers(s *consensus.State) bool {
	return s.OrgCount() > 1 || len(s.NodesBeside(n.id.NodeKey())) > 0
}

// noteOthers keeps how far the chain goes that this node has with others, less what a
// reorganisation may take.
func (n *Node) noteOthers(ctx context.Context, s *consensus.State) error {
	if n.lacks(s) != "" || s.Height() == 0 || !n.hasOthers(s) {
		return nil
	}
	seen, height := n.othersSeen.Load(), uint64(1)
	if s.Height() > membership.SettledAfter {
		height = s.Height() - membership.SettledAfter
	}
	if seen > 0 && height >= seen && height < seen+othersEvery {
		return nil
	}
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(orgSpace).PutNumber([]byte(othersKey), height) })
	if err != nil {
		return fmt.Errorf("keep how far the chain goes with others: %w", err)
	}
	n.othersSeen.Store(height)
	return nil
}

// goAlone forgets how far the chain went that is not here: whoever had it is gone for good, says
// the administrator.
func (n *Node) goAlone(ctx context.Context) error {
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(orgSpace)
		if err := sp.PutNumber([]byte(othersKey), 0); err != nil {
			return err
		}
		return sp.PutNumber([]byte(ownChangedKey), 0)
	})
	if err != nil {
		return fmt.Errorf("going on alone: %w", err)
	}
	n.othersSeen.Store(0)
	n.ownSeen.Store(0)
	n.log.Warn("going on with the chain as it is here, as told: what was recorded on another one counts no more")
	return nil
}

// LosesOthers reports whether the node in dir, which does not run, had the chain of others, does
// not have it any more, and knows no address to fetch it from.
func LosesOthers(dir string) (lost bool, err error) {
	cfg, err := LoadConfig(dir)
	if err != nil {
		return false, err
	}
	peers, err := bootstrapPeers(dir, cfg)
	if err != nil || len(peers) > 0 || fileExists(filepath.Join(dir, home.ChainDir)) {
		return false, err
	}
	path := filepath.Join(dir, home.MailDir)
	store, err := mailstore.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		return false, unreadable(path, err, "if the disk is well, take the last backup of this node")
	}
	err = store.View(func(r *mailstore.Reader) error {
		seen, err := othersSeen(r)
		lost = seen > 0
		return err
	})
	return lost, errors.Join(err, store.Close())
}
