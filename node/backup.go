package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/intact"
	"cairn/node/api"
	"cairn/node/home"
)

// Backup writes a backup of the running node.
func (n *Node) Backup(_ context.Context, r api.BackupRequest, w io.Writer) error {
	files, err := readFiles(n.dir) // which may be others than those that the node was started with
	if err != nil {
		return err
	}
	files.store, files.chain = n.store, n.chain
	return files.backUp(r, w)
}

// Backup writes a backup of the node in dir, which must not run; it need not
// belong to a network yet.
func Backup(dir string, r api.BackupRequest, w io.Writer) error {
	n, err := readFiles(dir)
	if err != nil {
		return err
	}
	if err := home.AsItsUser(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, home.MailDir)
	n.store, err = mailstore.Open(path, slog.New(slog.DiscardHandler), ownership{dir, n.id, n.enrol}.guard)
	switch {
	case errors.Is(err, mailstore.ErrInUse):
		return api.Errorf(api.CodeTryLater, "cairn status", "making the backup: a node starts or stops in %s", dir)
	case err != nil:
		if unusable := home.Usable(dir); unusable != nil { // which says why: a disk that is read-only, or another user's files
			return unusable
		}
		return unreadable(path, err, "if the disk is well, take the last backup of this node")
	}
	folder := filepath.Join(dir, home.ChainDir)
	if empty, err := intact.Empty(folder); err == nil && !empty && n.genesis != nil && n.openChainIn(folder) == nil { // else less is known
		defer chain.CloseDB(n.chainDB)
	}
	err = n.backUp(r, w)
	closed := n.store.Close()
	if errors.Is(closed, diskroom.ErrFull) {
		closed = nil // it was only read, and is left as by a crash
	}
	return errors.Join(err, closed)
}

// readFiles reads the files that say whose node is in dir, for a backup.
func readFiles(dir string) (*Node, error) {
	n := &Node{dir: dir, log: slog.New(slog.DiscardHandler)}
	var err error
	if n.cfg, err = LoadConfig(dir); err != nil {
		return nil, err
	}
	if n.id, err = loadIdentity(dir, true); err != nil {
		return nil, err
	}
	if n.genesis, err = LoadNetwork(dir); err != nil && !errors.Is(err, ErrNotMember) {
		return nil, err
	}
	if n.enrol, err = LoadEnrol(dir); err != nil && !errors.Is(err, ErrNotMember) {
		return nil, err
	}
	if n.genesis != nil && n.enrol != nil {
		if _, err := belongs(dir, n.id, n.genesis, n.enrol); err != nil {
			return nil, api.Errorf(err.Code, err.Hint, "making the backup: %s", err.Message)
		}
	}
	return n, nil
}

// backUp writes a backup, if the files that it has are the node's own.
func (n *Node) backUp(r api.BackupRequest, w io.Writer) error {
	found, err := n.filesOfOthers()
	if err != nil {
		return err
	}
	if len(found) > 0 {
		e := api.AsError(found[0].err)
		return api.Errorf(e.Code, e.Hint, "making the backup: %s", e.Message)
	}
	m := manifest(n.cfg, n.id, n.genesis, n.enrol)
	return n.store.View(func(rd *mailstore.Reader) error {
		return n.noBackup(rd, home.Create(w, n.dir, rd, m, r.OrgKey))
	})
}

// manifest says whose backup it is; genesis and enrol may be nil.
func manifest(cfg *Config, id *Identity, genesis *consensus.Genesis, enrol *consensus.OrgEvent) home.Manifest {
	m := home.Manifest{
		Software: Software, Made: time.Now().UTC().Truncate(time.Millisecond),
		Organisation: cfg.Organisation.Name, Node: id.NodeKey().String(),
	}
	if genesis != nil && enrol != nil {
		m.Organisation, m.OrgID = enrol.Enrol().Name, enrol.ID().String()
		m.Network, m.ChainID = genesis.Params.Name, genesis.Params.ChainID().String()
	}
	return m
}
