package cli

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/membership"
)

// newOrgKey is what commands print that put another org key in the place of ours.
type newOrgKey struct {
	api.OrgEvent
	Key         string `json:"key"`
	Fingerprint string `json:"fingerprint"`
	Recovery    string `json:"recovery,omitempty"` // file of the next recovery key
}

func (a *app) cmdOrgRotateKey() *cobra.Command {
	var recovery string
	c := &cobra.Command{
		Use:   "rotate-key",
		Short: "Put another key in the place of our organisation's",
		Long: `Make another key for our organisation and announce it. It counts after a day of blocks, in which whoever trusts us sees it
coming and the recovery key can take it back; with --recovery at once. Mail, pins and the past go on with it. The key that
signs until then stays as keys/org-old-BLOCK.pem, and is removed when the other one has counted for a while. An organisation
whose DNS names its key publishes both until then, see "cairn org show".`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			var signer ed25519.PrivateKey
			if recovery != "" {
				var err error
				if signer, err = node.LoadRecoveryKey(recovery); err != nil {
					return err
				}
			}
			return a.replaceOrgKey(c, signer != nil, nil, func(st *membership.Standing, keys []ed25519.PrivateKey, key ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
				return st.Rotate(c.Context(), keys, key, signer, progress)
			})
		},
	}
	c.Flags().StringVar(&recovery, "recovery", "", "file of the recovery key: then the new key counts at once")
	return c
}

func (a *app) cmdOrgRevoke() *cobra.Command {
	var recovery, out string
	var nodes []string
	var yes bool
	c := &cobra.Command{
		Use:   "revoke --recovery FILE -o FILE",
		Short: "Take our organisation's key from whoever has it, with the recovery key",
		Long: `Put another key in the place of our organisation's at once, with the recovery key. Whatever somebody else has announced with
the old key is gone; --node ends nodes whose keys they may have too, and what those record
from then on is invalid. A new recovery key is written to a file of its own: keep it away from here, as the one before.`,
		Example: "  cairn org revoke --recovery /media/stick/recovery.pem -o /media/stick/recovery-2.pem",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if recovery == "" || out == "" {
				return usage(c, "--recovery and -o are needed: the file of the recovery key, and one for the next")
			}
			ended := make([]consensus.Key, len(nodes))
			for i, n := range nodes {
				key, err := nodeKeyOf(c, n)
				if err != nil {
					return err
				}
				ended[i] = key
			}
			signer, err := node.LoadRecoveryKey(recovery)
			if err != nil {
				return err
			}
			next, err := node.NewKey()
			if err != nil {
				return err
			}
			if err := node.WriteRecoveryKey(a.dir, out, next); err != nil {
				return err
			}
			return a.replaceOrgKey(c, true, &nextRecovery{out, signer}, func(st *membership.Standing, _ []ed25519.PrivateKey, key ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
				if err := mayEnd(c, st, ended, yes); err != nil {
					return nil, err
				}
				return st.Revoke(c.Context(), signer, key, next, ended, progress)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&recovery, "recovery", "", "file of the recovery key")
	f.StringVarP(&out, "output", "o", "", "file for the next recovery key, which must not be there yet")
	f.StringSliceVar(&nodes, "node", nil, "key of a node to end as well; may be given several times")
	f.BoolVar(&yes, "yes", false, "also if no node of ours is left then")
	return c
}

// nextRecovery is a recovery key that takes the place of another one.
type nextRecovery struct {
	file string
	used ed25519.PrivateKey // the other one
}

// replaceOrgKey makes another org key, has an event made for it and brings that to the network. The
// keys, next being a recovery key that it names, are on the disk before anybody knows of them, and
// are taken back if the node refuses. None is moved before the node keeps the event: whenever this
// is killed, what signs is in its place, or the node puts it there.
func (a *app) replaceOrgKey(c *cobra.Command, atOnce bool, next *nextRecovery,
	with func(st *membership.Standing, keys []ed25519.PrivateKey, key ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error)) (err error) {
	undo := []func() error{}
	defer func() {
		if err != nil {
			for _, u := range undo {
				err = errors.Join(err, u())
			}
		}
	}()
	if next != nil {
		undo = append(undo, func() error { return os.Remove(next.file) })
	}
	key, err := node.NewKey()
	if err != nil {
		return err
	}
	client := a.client()
	defer client.Close()
	var counts uint64
	e, err := a.event(c.Context(), client, func(st *membership.Standing, keys []ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
		counts = st.RotationAt(atOnce)
		return with(st, keys, key, progress)
	})
	if err != nil {
		return err
	}
	beside, err := node.KeepOrgKey(a.dir, key, counts)
	if err != nil {
		return err
	}
	undo = append(undo, func() error { return os.Remove(beside) })
	v, err := client.ProposeEvent(c.Context(), api.EventRequest{Event: e.Encode()})
	if err != nil {
		if e := api.AsError(err); !e.Refused() {
			undo = nil
			kept := "all keys stay: the new one is " + beside + ", which the node puts in the place of the other one when it counts"
			if next != nil {
				kept += ", and the next recovery key " + next.file
			}
			return api.Errorf(e.Code, "cairn org changes", "%v; it may be on its way, so %s", err, kept)
		}
		return err
	}
	undo = nil
	err = node.TakeOrgKey(a.dir, beside, key, counts)
	if err == nil && next != nil {
		err = node.SetRecoveryAside(a.dir, next.used)
	}
	if err != nil {
		return api.Errorf(api.CodeInternal, "cairn org changes", "the %s was brought to the network, and the node puts the keys in their places when they count, as that failed here: %v", v.Type, err)
	}
	public := consensus.PublicKey(key)
	doc := &newOrgKey{OrgEvent: *v, Key: public.String(), Fingerprint: fingerprint.Of(public)}
	if next != nil {
		doc.Recovery = next.file
	}
	return a.print(doc, func(b *bytes.Buffer) {
		showProposed(b, "another key of our organisation goes to the network", v)
		fmt.Fprintf(b, "  key       %s (keep a copy of %s elsewhere)\n  words     %s\n", doc.Key, a.keyFile(), doc.Fingerprint)
		if next != nil {
			fmt.Fprintf(b, "  recovery  %s is the recovery key from now on: keep it away from here\n", next.file)
		}
	})
}

// takenKey is what org recovery-key prints.
type takenKey struct {
	api.Document
	File string `json:"file"`
}

func (a *app) cmdOrgRecoveryKey() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "recovery-key -o FILE",
		Short: "Take the recovery key out of this node, once",
		Long: `Write the recovery key to a file and remove it here. It alone takes our organisation's key back from a thief, see "cairn org
revoke"; a thief who finds it beside that key has both. Keep it offline, where you find it in years.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return usage(c, "-o is missing: the file to write the key to")
			}
			if err := node.TakeRecoveryKey(a.dir, out); err != nil {
				return err
			}
			return a.print(&takenKey{File: out}, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "the recovery key is in %s now, and here no more: keep it offline\n", out)
			})
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file for the key, which must not be there yet")
	return c
}
