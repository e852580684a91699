package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/node/membership"
)

func (a *app) cmdPeers() *cobra.Command {
	list := func(c *cobra.Command, _ []string) error {
		return ask(a, c, (*api.Client).Peers, func(b *bytes.Buffer, l *api.PeerList) {
			rows := [][]string{{"PEER", "ORGANISATION", "BLOCK", "ADDRESS"}}
			for _, p := range l.Peers {
				org := ""
				if p.Org != "" {
					org = named(p.Org, 0)
				}
				if p.Ended {
					org += ", ended"
				}
				height := fmt.Sprint(p.Height)
				if !p.Checked {
					height += ", it says"
				}
				rows = append(rows, []string{p.ID, org, height, p.Address})
			}
			table(b, rows)
		})
	}
	ls := &cobra.Command{Use: "ls", Short: "List connected nodes", Args: exactly(0), RunE: list}
	connect := &cobra.Command{
		Use:     "connect ADDRESS",
		Short:   "Connect to a node",
		Example: "  cairn peers connect /ip4/192.0.2.7/tcp/4801/p2p/12D3KooW...",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := membership.CheckPeerAddress(args[0]); err != nil {
				return usage(c, "%v", err)
			}
			return ask(a, c, about((*api.Client).Connect, args[0]), func(b *bytes.Buffer, p *api.Peer) { fmt.Fprintf(b, "connected to %s\n", p.ID) })
		},
	}
	c := group("peers", "List and connect nodes of the network", ls, connect)
	unknown := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(c, args)
		}
		return list(c, args)
	}
	return c
}
