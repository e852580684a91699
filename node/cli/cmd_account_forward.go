package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdAccountForward() *cobra.Command {
	return group("forward", "Have mail of accounts sent on", a.cmdForwardLs(), a.cmdForwardAdd(), a.cmdForwardRm())
}

func (a *app) cmdForwardLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls ACCOUNT",
		Short: "List where mail of an account is sent on to",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c, about((*api.Client).Forwards, args[0]), showForwards)
		},
	}
}

func showForwards(b *bytes.Buffer, l *api.Forwards) {
	if len(l.To) == 0 {
		fmt.Fprintf(b, "%s: its mail is not sent on\n", l.Account)
		return
	}
	copies := "a copy is kept"
	if !l.Copy {
		copies = "no copy is kept"
	}
	fmt.Fprintf(b, "%s: its mail is sent on, and %s\n", l.Account, copies)
	rows := [][]string{{"TO", "SINCE"}}
	for _, f := range l.To {
		rows = append(rows, []string{f.Address, f.Since.Format("2006-01-02")})
	}
	table(b, rows)
}

func (a *app) cmdForwardAdd() *cobra.Command {
	var noCopy, withCopy bool
	add := &cobra.Command{
		Use:   "add ACCOUNT ADDRESS",
		Short: "Have mail of an account sent on to an address",
		Long: `Have mail of an account sent on to an address, as it came and with its author's signatures. The envelope sender becomes an
address of ours, to which what could not be delivered is reported; that goes on to the sender. Where a key of the
domain signs mail (cairn dkim ls), what this node found out about the mail is sealed (ARC).

Spam, what is held, and mail that was changed or is invalid stays here. A copy of what is sent on is kept too, unless
--no-copy was given, which counts for all addresses.`,
		Example: "  cairn account forward add alice alice@example.net\n  cairn account forward add alice alice@example.net --no-copy",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := bareAddresses(c, args[1:])
			if err != nil {
				return err
			}
			r := api.ForwardRequest{Account: args[0], Address: list[0]}
			if noCopy && withCopy {
				return usage(c, "--copy and --no-copy: give one of the two")
			}
			if noCopy || withCopy {
				r.NoCopy = &noCopy
			}
			return ask(a, c, about((*api.Client).AddForward, r), showForwards)
		},
	}
	add.Flags().BoolVar(&noCopy, "no-copy", false, "keep no copy of what is sent on")
	add.Flags().BoolVar(&withCopy, "copy", false, "keep a copy again")
	return add
}

func (a *app) cmdForwardRm() *cobra.Command {
	return &cobra.Command{
		Use:     "rm ACCOUNT ADDRESS",
		Short:   "Have mail of an account not sent on to an address any more",
		Example: "  cairn account forward rm alice alice@example.net",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := bareAddresses(c, args[1:])
			if err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).RemoveForward, api.ForwardRequest{Account: args[0], Address: list[0]}), showForwards)
		},
	}
}
