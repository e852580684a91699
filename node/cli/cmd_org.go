package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) cmdOrg() *cobra.Command {
	show := &cobra.Command{
		Use:   "show [DOMAIN|KEY|ID|all]",
		Short: "Show organisations of the network; without argument our own",
		Args:  between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			which := ""
			if len(args) > 0 {
				which = args[0]
			}
			client := a.client()
			defer client.Close()
			l, err := client.Orgs(c.Context(), which)
			if err != nil {
				return err
			}
			return a.print(l, func(b *bytes.Buffer) {
				for _, o := range l.Orgs {
					a.showOrg(b, &o)
				}
			})
		},
	}
	invite := &cobra.Command{
		Use:   "invite",
		Short: "Print an invite to this network",
		Long: `Print an invite: one string with the network, the addresses of this node and our organisation's key. Whoever joins with
it trusts us for our domains, and can be trusted by us with "cairn org trust".`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			client := a.client()
			defer client.Close()
			i, err := client.Invite(c.Context())
			if err != nil {
				return err
			}
			return a.print(i, func(b *bytes.Buffer) { fmt.Fprintln(b, i.Invite) })
		},
	}
	return group("org", "Organisations and trust in their domains", show, invite, a.cmdOrgTrust(), a.cmdOrgUntrust(), a.cmdOrgPins(),
		a.cmdOrgUpdate(), a.cmdOrgNode(), a.cmdOrgRotateKey(), a.cmdOrgRevoke(), a.cmdOrgRecoveryKey(), a.cmdOrgChanges(), a.cmdOrgAttest())
}
