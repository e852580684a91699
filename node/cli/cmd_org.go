package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/consensus/verifier"
	"cairn/node"
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
			client := a.client()
			defer client.Close()
			l, err := client.Orgs(c.Context(), which)
			if err != nil {
				return err
			}
			return a.print(l, func(b *bytes.Buffer) {
				for _, o := range l.Orgs {
					showOrg(b, &o)
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
	trust := &cobra.Command{
		Use:   "trust DOMAIN KEY",
		Short: "Trust an organisation for a mail domain",
		Long: `Trust the organisation with this key for a mail domain: its mail can be verified, and ours for the domain goes to its
nodes. Compare the key with its owner over another way than this network. "cairn org show DOMAIN" lists who claims it.`,
		Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			domain, err := node.CanonicalDomain(args[0])
			if err != nil {
				return usage(c, "%v", err)
			}
			key, err := consensus.ParseKey(args[1])
			if err != nil {
				return usage(c, "%q is not an organisation's key: 64 hexadecimal digits", args[1])
			}
			client := a.client()
			defer client.Close()
			p, err := client.Trust(c.Context(), api.TrustRequest{Domain: domain, Key: key.String()})
			if err != nil {
				return err
			}
			return a.print(p, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s is trusted to be of %s\n", p.Domain, p.Key)
				if p.Unclaimed {
					fmt.Fprintf(b, "  no member of the network with this key claims %s: no mail goes there until one does\n", p.Domain)
				}
			})
		},
	}
	return group("org", "Organisations and trust in their domains", show, invite, trust)
}

func showOrg(b *bytes.Buffer, o *api.Org) {
	own := ""
	if o.Own {
		own = " (our own)"
	}
	fmt.Fprintf(b, "%s%s\n", line(o.Name, 0), own)
	fmt.Fprintf(b, "  domains   %s\n", strings.Join(o.Domains, ", "))
	fmt.Fprintf(b, "  key       %s\n", o.Key)
	if key, err := consensus.ParseKey(o.Key); err == nil && o.Own {
		for _, d := range o.Domains {
			fmt.Fprintf(b, "  dns       _cairn.%s. TXT %q\n", d, verifier.FormatTXT(key))
		}
	}
	if o.ID == "" {
		fmt.Fprintln(b, "  enrolment not in a block yet")
	} else {
		fmt.Fprintf(b, "  id        %s, since block %d\n", o.ID, o.Height)
	}
	fmt.Fprintf(b, "  records   %s of its mail", o.Records)
	if o.ThresholdFloor > 0 {
		fmt.Fprintf(b, ", asks for %d %% unchanged", o.ThresholdFloor)
	}
	fmt.Fprintf(b, "\n  nodes     %d\n", len(o.Nodes))
	if len(o.Trusted) == 0 {
		fmt.Fprintln(b, "  trusted   for no domain, see cairn org trust")
	}
	for _, p := range o.Trusted {
		fmt.Fprintf(b, "  trusted   for %s (%s)\n", p.Domain, p.Source)
	}
}
