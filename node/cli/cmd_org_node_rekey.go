package cli

import (
	"crypto/ed25519"
	"errors"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

func (a *app) cmdOrgNodeRekey() *cobra.Command {
	return &cobra.Command{
		Use:   "rekey",
		Short: "Give this node another recorder key",
		Long: `Give the node in this directory another recorder key, with which it signs records and blocks: when somebody else may have a
copy of the one it has, as on a disk or in a backup, or when a backup from before another key was restored. Run it where the
node runs. The node's own key signs, no key of the organisation is needed. The new key waits as keys/recorder-next.pem; when
the chain has it the node takes it by itself. Mail goes on meanwhile, and what was recorded stays as it is. Run again, it
brings the same key, unless the chain has had that. A block takes another key of a node 20 blocks after the one before.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			made, undo := false, func() error { return nil }
			err := a.propose(c, "another recorder key of this node goes to the network", api.EventRequest{}, func(st *membership.Standing, _ []ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
				id, err := node.LoadNodeKey(a.dir)
				if err != nil {
					return nil, err
				}
				next, there, err := node.NextRecorderKey(a.dir)
				if err != nil {
					return nil, err
				}
				e, err := st.Replace(c.Context(), id, next, progress)
				if err == nil && !there { // on the disk before anybody knows of it
					undo, err = node.KeepNextRecorderKey(a.dir, next)
				}
				made = err == nil
				return e, err
			})
			if err == nil || !made {
				return err
			}
			e := api.AsError(err)
			if e.Refused() {
				return errors.Join(err, undo())
			}
			return api.Errorf(e.Code, "cairn org node rekey", "%v; it may be on its way, so the new key stays as %s, and is used again", err, home.NextRecorderKey)
		},
	}
}
