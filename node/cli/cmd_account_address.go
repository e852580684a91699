package cli

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdAccountAddress() *cobra.Command {
	add := a.cmdChangeAddress("add", "Give an account one more address", `Give an account one more address, at a domain of the organisation. An account that was there before a domain has none at it.`,
		(*api.Client).AddAddress)
	rm := a.cmdChangeAddress("rm", "Take an address off an account", `Take an address off an account: mail for it comes back from then on, and it is taken off the mailing
lists that this node hosts. The only one of an account stays.`,
		(*api.Client).RemoveAddress)
	return group("address", "Give accounts further addresses, or take them away", add, rm)
}

func (a *app) cmdChangeAddress(name, short, long string, change func(*api.Client, context.Context, api.AddressRequest) (*api.Account, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " ACCOUNT ADDRESS",
		Short:   short,
		Long:    long,
		Example: "  cairn account address " + name + " alice alice@alpha.example",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := bareAddresses(c, args[1:])
			if err != nil {
				return err
			}
			return ask(a, c, about(change, api.AddressRequest{Account: args[0], Address: list[0]}), func(b *bytes.Buffer, e *api.Account) {
				fmt.Fprintf(b, "%s: %s\n", e.Name, addressesNote(e))
				showLeftLists(b, e.LeftLists)
			})
		},
	}
}
