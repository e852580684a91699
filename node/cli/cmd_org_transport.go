package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdOrgTransport() *cobra.Command {
	var r api.TransportRequest
	var after time.Duration
	c := &cobra.Command{
		Use:   "transport DOMAIN|KEY|ID",
		Short: "Show or set how mail for an organisation goes: when, and while none of its nodes answers",
		Long: `Show how mail for an organisation goes while none of its nodes answers, or set it with --policy and --mx-after.
With --hold until-included it leaves only when its record is in a block, so that who gets it finds the record at once; see cairn send --hold for one mail.
With prefer-peer, the default, a mail that has been tried for two hours, or as long as --mx-after says, goes to the mail servers that the DNS names
for the domain, as mail for the rest of the world does. With peer-only it waits for the nodes, and is returned after five days.
Mail for a domain that is pinned here never goes outside, and neither does mail that a node may have already.`,
		Example: "  cairn org transport beta.example\n  cairn org transport beta.example --policy peer-only\n  cairn org transport beta.example --policy prefer-peer --mx-after 30m",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case c.Flags().Changed("mx-after") && after < time.Second:
				return usage(c, "--mx-after takes a time of a second or more, as in 2h")
			case after != 0 && r.Policy == api.PeerOnly:
				return usage(c, "--mx-after is for %s", api.PreferPeer)
			}
			r.Org, r.MXAfter = args[0], int64(after/time.Second)
			return ask(a, c, about((*api.Client).Transport, r), showTransport)
		},
	}
	c.Flags().StringVar(&r.Policy, "policy", "", api.PreferPeer+" or "+api.PeerOnly)
	c.Flags().DurationVar(&after, "mx-after", 0, "with "+api.PreferPeer+": how long a mail is tried before it goes to mail servers")
	c.Flags().StringVar(&r.Hold, "hold", "", api.HoldUntilIncluded+": mail leaves only when its record is in a block; or "+api.HoldNone)
	return c
}

func showTransport(b *bytes.Buffer, t *api.Transport) {
	by := ", the default"
	if t.Set {
		by = ""
	}
	switch t.Policy {
	case api.PeerOnly:
		fmt.Fprintf(b, "mail for %s goes to its nodes alone (%s%s)\n", line(t.Org, 0), t.Policy, by)
	default:
		fmt.Fprintf(b, "mail for %s goes to mail servers when none of its nodes has answered for %s (%s%s)\n",
			line(t.Org, 0), span(time.Duration(t.MXAfter)*time.Second), t.Policy, by)
	}
	if t.Hold == api.HoldUntilIncluded {
		fmt.Fprintln(b, "and leaves only when its record is in a block")
	}
	if len(t.Inside) > 0 {
		fmt.Fprintf(b, "but to its nodes alone for %s: pinned here, or no mail for others leaves from here\n", strings.Join(t.Inside, ", "))
	}
}
