package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cairn/consensus/chain"
	"cairn/mailstore/intact"
	"cairn/node/home"
)

// takenFile lies in a chain's folder that was put aside, once its blocks have been taken over.
const takenFile = "CAIRN-TAKEN"

// taken is what takenFile holds, as JSON.
type taken struct {
	Version int    `json:"version"`
	Had     uint64 `json:"had"` // the greatest height that was found in the folder
	Has     uint64 `json:"has"` // the height up to which all was sound
	Note    string `json:"note"`
}

const takenVersion = 1

// chainCure is what helps when a chain that is damaged cannot be put aside.
const chainCure = "if another node has the chain, empty that folder: it is fetched again from the other nodes of the network"

// openChain opens the chain. A damaged one is put aside and made anew, from those of its own blocks
// that are sound; what is missing then is fetched from other nodes as after an absence.
func (n *Node) openChain(folder string) error {
	err := n.openChainIn(folder)
	if chain.IsDamaged(err) {
		n.log.Warn("the chain is damaged and is made anew, from those of its blocks that are sound and from other nodes", "folder", folder, "err", err)
		if err := setChainAside(folder); err != nil {
			return unreadable(folder, fmt.Errorf("it is damaged and cannot be put aside: %w", err), chainCure)
		}
		err = n.openChainIn(folder)
	}
	if err != nil {
		return unreadable(folder, err, chainCure)
	}
	err = n.rescueChain(folder)
	if _, ofAside := errors.AsType[*chain.SourceError](err); err != nil && !ofAside {
		return unreadable(folder, err, "see that the disk is well, and start the node again: it goes on with the blocks of "+chainAside(folder))
	}
	if err != nil {
		aside := chainAside(folder)
		return unreadable(aside, err, fmt.Sprintf("see that the disk is well; if another node has the chain, move %s away: what is missing is fetched from the other nodes of the network", aside))
	}
	return nil
}

func (n *Node) openChainIn(folder string) (err error) {
	if n.chainDB, err = chain.OpenDB(folder, n.part("chain")); err != nil {
		return err
	}
	if n.chain, err = chain.Open(n.chainDB, n.genesis, n.part("chain")); err != nil {
		err = cmp.Or(chain.CloseDB(n.chainDB), err) // one that is still open may not be put aside
		n.chainDB, n.chain = nil, nil
	}
	return err
}

// chainAside is where a damaged chain is put.
func chainAside(folder string) string {
	if actual, err := filepath.EvalSymlinks(folder); err == nil {
		folder = actual
	}
	return filepath.Clean(folder) + home.DamagedEnd
}

// setChainAside moves a damaged chain away. An earlier one goes, unless its blocks were never taken
// over: then the folder has nothing that is not in there or with others.
func setChainAside(folder string) error {
	aside := chainAside(folder)
	if waitsForRescue(aside) {
		return intact.Clear(folder)
	}
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	actual := aside[:len(aside)-len(home.DamagedEnd)]
	if err := os.Rename(actual, aside); err != nil {
		return err
	}
	return os.Mkdir(actual, 0o700) // a link that leads there must not lead nowhere
}

// waitsForRescue reports whether a chain was put aside of which the blocks have not been taken
// over.
func waitsForRescue(aside string) bool {
	if _, err := os.Stat(aside); err != nil {
		return false
	}
	_, err := os.Stat(filepath.Join(aside, takenFile))
	return errors.Is(err, fs.ErrNotExist)
}

// rescueChain takes over the blocks of a chain that was put aside, also where an earlier start was
// killed at it.
func (n *Node) rescueChain(folder string) error {
	aside := chainAside(folder)
	if !waitsForRescue(aside) {
		return nil
	}
	told := time.Now()
	found, err := n.chain.Rescue(context.Background(), os.DirFS(aside), n.now(), func(done, of int) {
		if now := time.Now(); now.Sub(told) > 5*time.Second {
			told = now
			n.log.Info("taking over the sound blocks of the damaged chain", "done", done, "of", of)
		}
	})
	if err != nil {
		return err
	}
	n.log.Warn("the chain was made anew from its own blocks", "had", found.Had, "has", found.Has, "damaged", found.Broken, "next", n.typable(chainBackNext(found, aside)))
	b, err := json.Marshal(taken{takenVersion, found.Had, found.Has, "the sound blocks of this folder are in the chain again: it may be deleted"})
	if err != nil {
		return err
	}
	return errors.Join(home.WriteNew(filepath.Join(aside, takenFile), append(b, '\n')), home.SyncDir(aside))
}

// chainBackNext says what becomes of blocks that are missing, and of the folder.
func chainBackNext(found chain.Rescued, aside string) string {
	next := aside + " is no longer needed, delete it"
	switch {
	case found.Sound == 0 && len(found.Broken) > 0:
		return fmt.Sprintf("no block could be read in %s: they are fetched from other nodes; if none has them, mail in them is pending again; keep the folder until they are there", aside)
	case found.Has < found.Had:
		return fmt.Sprintf("blocks %d to %d are fetched from other nodes; if none has them, mail in them is pending again; %s", found.Has+1, found.Had, next)
	case len(found.Broken) > 0:
		return "later blocks, if there were any, are fetched from other nodes; " + next
	}
	return next
}
