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
directory was copied or a machine cloned, their peers find out and tell both. From then on neither speaks for the node: it
signs nothing, takes no mail from others and refuses none for good, and what is to be sent waits. What each took until then,
and has queued since, is in its directory alone: "cairn status" says how much that is. End the other one for good first, then
run this here. It need not run.`,
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
				fmt.Fprintf(b, "The node in %s is the one that stays, and speaks for itself again.\nThe copy was found %s; if it still runs, end it.\n", s.Directory, clock(s.Copy.Found))
				if h := s.Copy.Here; h != nil {
					fmt.Fprintf(b, "Here %s came in since, and %d are queued. ", plural(h.Taken, "message"), h.Queued)
				}
				fmt.Fprintln(b, "Mail that the other one took until then, and what it has queued, is in its directory alone.")
			})
		},
	}
}
