package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cairn/mailstore/quota"
	"cairn/node/api"
)

func (a *app) cmdAccount() *cobra.Command {
	return group("account", "Manage the accounts of this node", a.cmdAccountLs(), a.cmdAccountAdd(), a.cmdAccountSet(), a.cmdAccountPasswd(), a.cmdAccountApp(), a.cmdAccountAddress(), a.cmdAccountForward(), a.cmdAccountRm())
}

func (a *app) cmdAccountLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List accounts",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).Accounts, func(b *bytes.Buffer, l *api.AccountList) {
				rows := [][]string{{"ACCOUNT", "MESSAGES", "UNREAD", "PASSWORDS", "SETTINGS", "ADDRESSES"}}
				for i := range l.Accounts {
					e := &l.Accounts[i]
					rows = append(rows, []string{e.Name, fmt.Sprint(e.Messages), fmt.Sprint(e.Unread), passwordsNote(e), settingsNote(e), addressesNote(e)})
				}
				table(b, rows)
			})
		},
	}
}

// settingsNote lists what an account has decided for itself.
func settingsNote(e *api.Account) string {
	list := make([]string, len(e.Settings))
	for i, s := range e.Settings {
		list[i] = s.Name + "=" + s.Value
		if s.Name == quota.Setting {
			list[i] += fmt.Sprintf(" (%.1fM used)", float64(e.Used)/(1<<20))
		}
	}
	return strings.Join(list, ", ")
}

// addressesNote lists the addresses of an account, and marks those at domains that are not the
// organisation's.
func addressesNote(e *api.Account) string {
	list := slices.Clone(e.Addresses)
	for i, s := range list {
		if slices.Contains(e.CutOff, s) {
			list[i] = s + " (cut off: no domain of ours)"
		}
	}
	return strings.Join(list, ", ")
}

func (a *app) cmdAccountAdd() *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME [ADDRESS...]",
		Short: "Make an account",
		Long:  "Make an account. Without addresses it gets NAME at each domain of the organisation.",
		Args:  between(1, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.AccountRequest{Name: args[0]}
			var err error
			if r.Addresses, err = bareAddresses(c, args[1:]); err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).AddAccount, r), func(b *bytes.Buffer, e *api.Account) {
				fmt.Fprintf(b, "%s: %s\n", e.Name, addressesNote(e))
			})
		},
	}
}

func (a *app) cmdAccountSet() *cobra.Command {
	var unset bool
	set := &cobra.Command{
		Use:   "set NAME SETTING [VALUE]",
		Short: "Set or show what an account decides for itself",
		Long: `Set what an account decides for itself; without a value, show it, and with --unset take it back. There are

  threshold   the least share of a message that must be as recorded, in percent, for mail to this account. Of
              it and the thresholds of the administrator, the sender's organisation and the sender the highest
              counts; it is for mail that arrives from now on
  quota       how much its mail may be together, as in 500M or 2G: what others send is put off beyond that, with 452,
              but for what is sent to the postmaster or to abuse`,
		Example: "  cairn account set alice threshold 90\n  cairn account set alice threshold\n  cairn account set alice threshold --unset\n  cairn account set alice quota 2G",
		Args:    between(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.SettingRequest{Account: args[0], Name: args[1], Unset: unset}
			if len(args) == 3 {
				switch r.Value = args[2]; {
				case r.Value == "":
					return usage(c, "the value is empty: --unset takes the setting back")
				case unset:
					return usage(c, "a value and --unset: give one of the two")
				}
			}
			return ask(a, c, about((*api.Client).SetAccount, r), func(b *bytes.Buffer, e *api.Account) {
				for _, s := range e.Settings {
					if s.Name == r.Name {
						fmt.Fprintf(b, "%s: %s is %s\n", e.Name, s.Name, s.Value)
						return
					}
				}
				fmt.Fprintf(b, "%s: %s is not set\n", e.Name, r.Name)
			})
		},
	}
	set.Flags().BoolVar(&unset, "unset", false, "take the setting back")
	return set
}

func (a *app) cmdAccountRm() *cobra.Command {
	var yes bool
	rm := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove an account and all its mail",
		Long: `Remove an account and all its mail. Its addresses are taken off the mailing lists that this node hosts. In an account
that is made again with the same name the numbers of messages begin at 1 again.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return api.Errorf(api.CodeUsage, "cairn account rm "+args[0]+" --yes", "removing %s deletes its mail for good: say that it is meant", args[0])
			}
			return ask(a, c, about((*api.Client).RemoveAccount, args[0]), func(b *bytes.Buffer, e *api.Account) {
				fmt.Fprintf(b, "removed %s with %s\n", e.Name, plural(e.Messages, "message"))
				showLeftLists(b, e.LeftLists)
			})
		},
	}
	rm.Flags().BoolVar(&yes, "yes", false, "delete the account's mail")
	return rm
}

// showLeftLists names the mailing lists off which removed addresses were taken.
func showLeftLists(b *bytes.Buffer, lists []string) {
	if len(lists) > 0 {
		fmt.Fprintf(b, "taken off the mailing lists here: %s\n", strings.Join(lists, ", "))
	}
}
