package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/node/api"
)

func (a *app) cmdChain() *cobra.Command {
	status := &cobra.Command{
		Use:   "status",
		Short: "Show the state of the chain at this node",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).ChainStatus, func(b *bytes.Buffer, s *api.ChainStatus) {
				fmt.Fprintf(b, "network        %s, chain %s\n", line(s.Network, 0), s.ChainID)
				fmt.Fprintf(b, "block          %d%s\n", s.Height, syncNote(s))
				fmt.Fprintf(b, "id             %s\n", s.Tip)
				fmt.Fprintf(b, "found          %s, one every %v\n", s.TipTime.Local().Format("2006-01-02 15:04:05"), time.Duration(s.BlockInterval*float64(time.Second)))
				fmt.Fprintf(b, "work           %s, next target %s\n", s.Work, s.NextBits)
				fmt.Fprintf(b, "organisations  %d\n", s.Orgs)
				fmt.Fprintf(b, "waiting        %d events, %d batches\n", s.Mempool.Events, s.Mempool.Batches)
				fmt.Fprintf(b, "mining         %s\n", line(miningLine(s), 0))
			})
		},
	}
	block := &cobra.Command{
		Use:   "block [HEIGHT|ID]",
		Short: "Show a block; without argument the last one",
		Args:  between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			which := "tip"
			if len(args) > 0 {
				which = args[0]
			}
			if err := checkBlock(c, which); err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).Block, which), showBlock)
		},
	}
	return group("chain", "Look at the chain", status, block)
}

// checkBlock tells what cannot name a block.
func checkBlock(c *cobra.Command, which string) error {
	if which == "tip" {
		return nil
	}
	if _, err := strconv.ParseUint(which, 10, 63); err == nil {
		return nil
	}
	if _, err := consensus.ParseHash(which); err == nil {
		return nil
	}
	return usage(c, "%q does not name a block: write its height, its id of 64 hexadecimal digits, or tip", which)
}

func showBlock(b *bytes.Buffer, k *api.Block) {
	fmt.Fprintf(b, "block       %d, %s on top\n", k.Height, plural(int(k.Confirmations), "block"))
	fmt.Fprintf(b, "id          %s\n", k.ID)
	fmt.Fprintf(b, "previous    %s\n", k.Previous)
	fmt.Fprintf(b, "time        %s\n", k.Time.Local().Format("2006-01-02 15:04:05.000"))
	fmt.Fprintf(b, "target      %s, nonce %d\n", k.Bits, k.Nonce)
	fmt.Fprintf(b, "body root   %s\n", k.BodyRoot)
	fmt.Fprintf(b, "state root  %s\n", k.StateRoot)
	fmt.Fprintf(b, "miner       %s, key %s\n", named(k.MinerOrg, 0), k.Miner)
	fmt.Fprintf(b, "size        %s\n", plural(k.Size, "byte"))
	for _, e := range k.Events {
		domains := ""
		if len(e.Domains) > 0 {
			domains = " (" + strings.Join(e.Domains, ", ") + ")"
		}
		fmt.Fprintf(b, "event       %s %s%s, signed with key %s, id %s\n", e.Type, named(e.Name, 0), domains, e.Key, e.ID)
	}
	for _, t := range k.Batches {
		fmt.Fprintf(b, "batch       %d of %s: %s, id %s\n", t.Seq, named(t.Org, 0), plural(t.Records, "record"), t.ID)
	}
}
