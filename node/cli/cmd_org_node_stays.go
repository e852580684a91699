package cli

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
)

func (a *app) cmdOrgNodeStays() *cobra.Command {
	return &cobra.Command{
		Use:   "stays",
		Short: "Say that this copy of a node is the one that stays",
		Long: `Say that the node in this directory is the one that stays. When two processes run with the keys of one node, as when its
directory was copied or a machine cloned, their peers find out and tell both; neither signs anything from then on, and what
is to be sent waits. End one of them for good, then run this where the other one is. It need not run.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			client := a.client()
			defer client.Close()
			s, err := client.Stays(c.Context())
			if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeNotRunning {
				s, err = node.Stay(a.dir)
			}
			if err != nil {
				return err
			}
			return a.print(s, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "The node in %s is the one that stays, and signs again.\nThe copy was found %s; if it still runs, end it.\n", s.Directory, clock(s.Copy.Found))
			})
		},
	}
}
