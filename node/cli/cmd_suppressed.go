package cli

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdSuppressed() *cobra.Command {
	var of string
	ls := &cobra.Command{
		Use:     "ls",
		Short:   "List the addresses that mail is refused to, until when and why",
		Example: "  cairn queue suppressed ls\n  cairn queue suppressed ls --account alice",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, about((*api.Client).ListSuppressed, of), showSuppressed)
		},
	}
	ls.Flags().StringVar(&of, "account", "", "of this account only")
	var add, rm api.SuppressRequest
	var within time.Duration
	put := &cobra.Command{
		Use:   "add ADDRESS --account NAME",
		Short: "Refuse an account's mail to an address for some time",
		Long: `Refuse mail of an account to an address, when it is submitted. An address whose server says that it is gone for good comes on the list by itself,
and each comes off it by itself: after the time that outbound.suppress says, or --for.`,
		Example: "  cairn queue suppressed add bob@beta.example --account alice --for 48h",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("for") && within < time.Second {
				return usage(c, "--for %v is no time: write one as in 48h", within)
			}
			if add.Account == "" {
				return usage(c, "give --account: whose mail is refused")
			}
			add.Address, add.Seconds = args[0], int64(within/time.Second)
			return ask(a, c, about((*api.Client).Suppress, add), func(b *bytes.Buffer, s *api.Suppressed) {
				fmt.Fprintf(b, "mail of %s to %s is refused until %s\n", line(s.Account, 0), line(s.Address, 0), moment(s.Until))
			})
		},
	}
	put.Flags().StringVar(&add.Account, "account", "", "whose mail is refused")
	put.Flags().DurationVar(&within, "for", 0, "for how long, as in 48h")
	remove := &cobra.Command{
		Use:     "rm ADDRESS --account NAME",
		Short:   "Take an account's mail to an address again",
		Example: "  cairn queue suppressed rm bob@beta.example --account alice",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if rm.Account == "" {
				return usage(c, "give --account: whose mail is taken again")
			}
			rm.Address = args[0]
			return ask(a, c, about((*api.Client).Unsuppress, rm), func(b *bytes.Buffer, s *api.Suppressed) {
				fmt.Fprintf(b, "mail of %s to %s is taken again\n", line(s.Account, 0), line(s.Address, 0))
			})
		},
	}
	remove.Flags().StringVar(&rm.Account, "account", "", "whose mail is taken again")
	return group("suppressed", "Addresses that mail is refused to, since they are gone", ls, put, remove)
}

func showSuppressed(b *bytes.Buffer, l *api.SuppressedList) {
	if len(l.Addresses) == 0 {
		fmt.Fprintln(b, "no address is suppressed")
		return
	}
	rows := [][]string{{"ACCOUNT", "ADDRESS", "UNTIL", "WHY"}}
	for _, s := range l.Addresses {
		why := line(s.Why, 160)
		if why == "" {
			why = "by hand"
		}
		rows = append(rows, []string{line(s.Account, 0), line(s.Address, 0), moment(s.Until), why})
	}
	table(b, rows)
}
