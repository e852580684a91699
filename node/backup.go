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
	m := manifest(n.cfg, n.id, n.genesis, n.enrol)
	return n.store.View(func(rd *mailstore.Reader) error { return home.Create(w, n.dir, rd, m, r.OrgKey) })
}

// Backup writes a backup of the node in dir, which must not run; it need not
// belong to a network yet.
func Backup(dir string, r api.BackupRequest, w io.Writer) error {
	cfg, err := LoadConfig(dir)
	if err != nil {
		return err
	}
	id, err := loadIdentity(dir, true)
	if err != nil {
		return err
	}
	genesis, err := LoadNetwork(dir)
	if err != nil && !errors.Is(err, ErrNotMember) {
		return err
	}
	enrol, err := LoadEnrol(dir)
	if err != nil && !errors.Is(err, ErrNotMember) {
		return err
	}
	if genesis != nil && enrol != nil {
		if _, err := belongs(dir, id, genesis, enrol); err != nil {
			return api.Errorf(err.Code, err.Hint, "making the backup: %s", err.Message)
		}
	}
	if err := home.AsItsUser(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, home.MailDir)
	store, err := mailstore.Open(path, slog.New(slog.DiscardHandler), ownership{dir, id, enrol}.guard)
	switch {
	case errors.Is(err, mailstore.ErrInUse):
		return api.Errorf(api.CodeTryLater, "cairn status", "making the backup: a node starts or stops in %s", dir)
	case err != nil:
		if unusable := home.Usable(dir); unusable != nil { // which says why: a disk that is read-only, or another user's files
			return unusable
		}
		return unreadable(path, err, "if the disk is well, take the last backup of this node")
	}
	n := &Node{dir: dir, cfg: cfg, id: id, genesis: genesis, enrol: enrol, store: store, log: slog.New(slog.DiscardHandler)}
	if err = n.ownFiles(); err == nil {
		m := manifest(cfg, id, genesis, enrol)
		err = store.View(func(rd *mailstore.Reader) error { return home.Create(w, dir, rd, m, r.OrgKey) })
	}
	closed := store.Close()
	if errors.Is(closed, diskroom.ErrFull) {
		closed = nil // it was only read, and is left as by a crash
	}
	return errors.Join(err, closed)
}

// ownFiles holds that the files that a backup has are n's own, which does not run. Where there is
// no chain that can be read, less is known of that: a backup is made all the same.
func (n *Node) ownFiles() error {
	folder := filepath.Join(n.dir, home.ChainDir)
	if empty, err := intact.Empty(folder); err == nil && !empty && n.genesis != nil && n.openChainIn(folder) == nil {
		defer chain.CloseDB(n.chainDB)
	}
	found, err := n.filesOfOthers()
	if err != nil || len(found) == 0 {
		return err
	}
	e := api.AsError(found[0].err)
	return api.Errorf(e.Code, e.Hint, "making the backup: %s", e.Message)
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
