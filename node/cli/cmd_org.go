package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"cairn/node/api"
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
			return ask(a, c, about((*api.Client).Orgs, which), func(b *bytes.Buffer, l *api.OrgList) {
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
			return ask(a, c, (*api.Client).Invite, func(b *bytes.Buffer, i *api.Invite) { fmt.Fprintln(b, i.Invite) })
		},
	}
	return group("org", "Organisations and trust in their domains", show, invite, a.cmdOrgTrust(), a.cmdOrgUntrust(), a.cmdOrgPins(), a.cmdOrgTransport(),
		a.cmdOrgUpdate(), a.cmdOrgNode(), a.cmdOrgRotateKey(), a.cmdOrgRevoke(), a.cmdOrgRecoveryKey(), a.cmdOrgChanges(), a.cmdOrgAttest())
}
