package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

// ownerKey is where the mail store says whose it is: the key that the organisation enrolled with.
const ownerKey = "owner"

// ownership is what the files of a node's directory say of whose it is.
type ownership struct {
	dir   string
	id    *Identity           // nil: not known
	enrol *consensus.OrgEvent // nil: the node has joined no network, or it is not known
}

// guard refuses the mail store of another organisation's node. One that nobody has claimed may be
// of this one.
func (o ownership) guard(r *mailstore.Reader) error {
	if o.enrol == nil {
		return nil
	}
	owner, err := r.Space(orgSpace).Get([]byte(ownerKey))
	switch own := o.enrol.Enrol().OrgKey; {
	case errors.Is(err, mailstore.ErrNotFound), errors.Is(err, mailstore.ErrDamaged):
		return nil
	case err != nil:
		return fmt.Errorf("look up whose the mail store is: %w", err)
	case !bytes.Equal(owner, own[:]):
		return o.foreign(owner)
	}
	return nil
}

// foreign says which of enrolment and mail store is another organisation's: the one that the keys
// do not belong to.
func (o ownership) foreign(owner []byte) error {
	mail := filepath.Join(o.dir, home.MailDir)
	if o.enrolled() {
		return api.Errorf(api.CodeInvalid, "put this node's own there, with its "+home.MailHead+", or restore a backup of this node into another directory",
			"%s is the mail store of another organisation's node", mail)
	}
	if o.id.Org != nil && string(owner) == string(o.id.Org.Public().(ed25519.PublicKey)) {
		return api.Errorf(api.CodeInvalid, oneBackup+home.NextCopyOut, "%s is of another organisation than %s and %s", filepath.Join(o.dir, enrolFile), filepath.Join(o.dir, home.OrgKey), mail)
	}
	return api.Errorf(api.CodeInvalid, oneBackup+"; if "+mail+" is another node's, put this node's own there, with its "+home.MailHead+home.NextCopyOut,
		"%s is of another organisation than %s, and has none of the keys in %s", filepath.Join(o.dir, enrolFile), mail, filepath.Join(o.dir, keysDir))
}

// enrolled tells whether a key of this node is in its enrolment, as far as that can be known
// without the chain: those of a node that was added later are not.
func (o ownership) enrolled() bool {
	if o.id == nil {
		return true
	}
	own := o.enrol.Enrol()
	return o.id.Org != nil && o.id.OrgKey() == own.OrgKey || slices.ContainsFunc(own.Nodes, func(k consensus.NodeKeys) bool {
		return k.Recorder == o.id.RecorderKey() || k.Node == o.id.NodeKey()
	})
}

// claimStore makes a mail store that nobody has claimed this node's from now on. Its keys are held
// to the enrolment before.
func (n *Node) claimStore(ctx context.Context) error {
	own := n.enrol.Enrol().OrgKey
	err := n.store.View(func(r *mailstore.Reader) error {
		_, err := r.Space(orgSpace).Get([]byte(ownerKey))
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
		return n.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(orgSpace).Put([]byte(ownerKey), own[:]) })
	}
	if err != nil {
		return fmt.Errorf("look up whose the mail store is: %w", err)
	}
	return nil
}
