package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdAccount() *cobra.Command {
	return group("account", "Manage the accounts of this node", a.cmdAccountLs(), a.cmdAccountAdd(), a.cmdAccountSet(), a.cmdAccountRm())
}

func (a *app) cmdAccountLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List accounts",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).Accounts, func(b *bytes.Buffer, l *api.AccountList) {
				rows := [][]string{{"ACCOUNT", "MESSAGES", "UNREAD", "ADDRESSES"}}
				for _, e := range l.Accounts {
					rows = append(rows, []string{e.Name, fmt.Sprint(e.Messages), fmt.Sprint(e.Unread), strings.Join(e.Addresses, ", ")})
				}
				table(b, rows)
			})
		},
	}
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
				fmt.Fprintf(b, "%s: %s\n", e.Name, strings.Join(e.Addresses, ", "))
			})
		},
	}
}

func (a *app) cmdAccountSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME SETTING [VALUE]",
		Short: "Set what an account decides for itself",
		Long: `Set what an account decides for itself; without a value, take it back. The one setting is

  threshold   the least share of a message that must be as recorded, in percent, for mail to this account. Of
              it and the thresholds of the administrator, the sender's organisation and the sender the highest
              counts; it is for mail that arrives from now on`,
		Example: "  cairn account set alice threshold 90\n  cairn account set alice threshold",
		Args:    between(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.SettingRequest{Account: args[0], Name: args[1]}
			if len(args) == 3 {
				if r.Value = args[2]; r.Value == "" {
					return usage(c, "the value is empty: leave it out to take the setting back")
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
}

func (a *app) cmdAccountRm() *cobra.Command {
	var yes bool
	rm := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove an account and all its mail",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return api.Errorf(api.CodeUsage, "cairn account rm "+args[0]+" --yes", "removing %s deletes its mail for good: say that it is meant", args[0])
			}
			return ask(a, c, about((*api.Client).RemoveAccount, args[0]), func(b *bytes.Buffer, e *api.Account) {
				fmt.Fprintf(b, "removed %s with %s\n", e.Name, plural(e.Messages, "message"))
			})
		},
	}
	rm.Flags().BoolVar(&yes, "yes", false, "delete the account's mail")
	return rm
}
