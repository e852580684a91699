package cli

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdLimits() *cobra.Command {
	ls := &cobra.Command{
		Use:   "ls",
		Short: "List who is kept out, and what counts against whom",
		Long: `List the networks and accounts that something counts against, who is kept out first. What is configured in [limits] says how much each may have.
All of it is in memory: a restart of the node forgives everybody.`,
		Example: "  cairn limits ls\n  cairn limits ls --json",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).Limits, func(b *bytes.Buffer, l *api.LimitList) { showLimits(b, l, time.Now()) })
		},
	}
	var account string
	forgive := &cobra.Command{
		Use:   "forgive NETWORK",
		Short: "Forget what counts against a network, an address or an account",
		Long: `Forget what counts against a network or an address, and what else is in its way: what counts against parts of it, and against the network that it is in.
With --account, let an account go that is held. Who is to be let through always stands in limits.exempt.`,
		Example: "  cairn limits forgive 192.0.2.7\n  cairn limits forgive 2001:db8:1::/48\n  cairn limits forgive --account alice",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) > 0) == (account != "") {
				return usage(c, "name a network or address, or give --account: one of the two")
			}
			r := api.ForgiveRequest{Account: account}
			if len(args) > 0 {
				r.Prefix = args[0]
			}
			return ask(a, c, about((*api.Client).Forgive, r), func(b *bytes.Buffer, f *api.Forgiven) {
				if len(f.Forgiven) == 0 {
					fmt.Fprintln(b, "nothing counted against it")
					return
				}
				limitRows(b, f.Forgiven, time.Now())
				fmt.Fprintln(b, "is forgiven")
			})
		},
	}
	forgive.Flags().StringVar(&account, "account", "", "the account that is held")
	return group("limits", "What strangers may ask: who is kept out, and why", ls, forgive)
}

func showLimits(b *bytes.Buffer, l *api.LimitList, now time.Time) {
	if l.Total == 0 {
		fmt.Fprintln(b, "nothing counts against anybody")
		return
	}
	limitRows(b, l.Limits, now)
	if more := l.Total - len(l.Limits); more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
	for _, e := range l.Limits {
		if e.Next != "" {
			fmt.Fprintf(b, "to let the first one in again: %s\n", e.Next)
			return
		}
	}
}

func limitRows(b *bytes.Buffer, list []api.Limited, now time.Time) {
	rows := [][]string{{"WHO", "KEPT OUT", "FOR", "FAILURES", "CONNECTIONS", "MESSAGES", "RECIPIENTS", "LARGE", "STRANGERS"}}
	for _, e := range list {
		who, left := e.Prefix, "-"
		if e.Account != "" {
			who = "account " + e.Account
		}
		kept := "-"
		if e.Kept != "" {
			kept, left = e.Kept, span(e.Until.Sub(now))
		}
		rows = append(rows, []string{
			who, kept, left, fmt.Sprint(e.Failures), fmt.Sprint(e.Connections), fmt.Sprint(e.Messages), fmt.Sprint(e.Recipients), fmt.Sprint(e.Large), fmt.Sprint(e.Strangers),
		})
	}
	table(b, rows)
}
