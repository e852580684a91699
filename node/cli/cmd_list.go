package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdList() *cobra.Command {
	return group("list", "Say which mailing lists and old addresses send mail on to you; host mailing lists",
		a.cmdListLs(), a.cmdListAdd(), a.cmdListRm(), a.cmdListHost())
}

// accountFlag adds --account to c.
func accountFlag(c *cobra.Command, account *string) {
	c.Flags().StringVar(account, "account", "", "whose; may be left out if this node has one account besides postmaster")
}

func (a *app) cmdListLs() *cobra.Command {
	var account string
	ls := &cobra.Command{
		Use:   "ls",
		Short: "List who sends mail on to an account",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, about((*api.Client).Forwarders, account), a.showForwarders)
		},
	}
	accountFlag(ls, &account)
	return ls
}

func (a *app) showForwarders(b *bytes.Buffer, l *api.ForwarderList) {
	rows := [][]string{{"ADDRESS", "KIND", "SENT ON BY", "SINCE"}}
	for _, f := range l.Forwarders {
		rows = append(rows, []string{f.Address, f.Kind, f.Domain, f.Since.Format("2006-01-02")})
	}
	table(b, rows)
	for _, domain := range l.Untrusted {
		fmt.Fprintf(b, "nobody is trusted for %s yet: what it sends on counts as soon as somebody is: %s\n", domain, a.typable("cairn org trust "+domain))
	}
}

func (a *app) cmdListAdd() *cobra.Command {
	var r api.ForwarderRequest
	var forward bool
	add := &cobra.Command{
		Use:   "add ADDRESS...",
		Short: "Name mailing lists that an account is on, or its old addresses",
		Long: `Name the posting addresses of mailing lists that an account is on, or with --forward its old addresses that lead here.

Mail that was recorded for such an address and recorded again by the node that sent it on is then no replay, and what
lists add to a mail is told apart from what its author wrote. Without this entry it is marked as changed or replayed.`,
		Example: "  cairn list add --account alice devs@lists.example\n  cairn list add --account alice --forward alice@old.example",
		Args:    between(1, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			if forward {
				r.Kind = "forward"
			}
			if c.Flags().Changed("via") {
				var err error
				if r.Domain, err = domainOf(c, r.Domain); err != nil {
					return err
				}
			}
			return a.changeForwarders(c, args, &r, (*api.Client).AddForwarders, a.showForwarders)
		},
	}
	accountFlag(add, &r.Account)
	add.Flags().BoolVar(&forward, "forward", false, "the addresses are old ones of the account, not lists")
	add.Flags().StringVar(&r.Domain, "via", "", "domain whose node sends the mail on, if it is not that of the address")
	return add
}

func (a *app) cmdListRm() *cobra.Command {
	var r api.ForwarderRequest
	rm := &cobra.Command{
		Use:   "rm ADDRESS...",
		Short: "Forget who sends mail on to an account",
		Args:  between(1, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeForwarders(c, args, &r, (*api.Client).RemoveForwarders, func(b *bytes.Buffer, l *api.ForwarderList) {
				for _, f := range l.Forwarders {
					fmt.Fprintf(b, "%s is taken off the list of %s\n", f.Address, l.Account)
				}
			})
		},
	}
	accountFlag(rm, &r.Account)
	return rm
}

func (a *app) changeForwarders(c *cobra.Command, args []string, r *api.ForwarderRequest, change forwarderCall, show func(*bytes.Buffer, *api.ForwarderList)) error {
	var err error
	if r.Addresses, err = bareAddresses(c, args); err != nil {
		return err
	}
	return ask(a, c, about(change, *r), show)
}

// bareAddresses gives the addresses of arguments, each of which is one.
func bareAddresses(c *cobra.Command, args []string) ([]string, error) {
	var all []string
	for _, s := range args {
		list, err := addresses(s)
		if err != nil || len(list) != 1 {
			return nil, usage(c, "%q is not a mail address", s)
		}
		all = append(all, list[0].Address)
	}
	return all, nil
}
