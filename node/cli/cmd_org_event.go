package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/membership"
)

// standing asks the node what the next event of its organisation goes by, and reads the keys that
// may sign it.
func (a *app) standing(ctx context.Context, client *api.Client) (*membership.Standing, []ed25519.PrivateKey, error) {
	v, err := client.OrgStanding(ctx)
	if err != nil {
		return nil, nil, err
	}
	g, err := node.LoadNetwork(a.dir)
	if err != nil {
		return nil, nil, err
	}
	st, err := membership.DecodeStanding(g, v)
	if err != nil {
		return nil, nil, err
	}
	keys, err := node.LoadOrgKeys(a.dir)
	return st, keys, err
}

// making is one way of a standing to an event.
type making func(st *membership.Standing, keys []ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error)

// propose makes an event and brings it to the network as r says.
func (a *app) propose(c *cobra.Command, done string, r api.EventRequest, with making) error {
	client := a.client()
	defer client.Close()
	e, err := a.event(c.Context(), client, with)
	if err != nil {
		return err
	}
	r.Event = e.Encode()
	return ask(a, c, about((*api.Client).ProposeEvent, r), func(b *bytes.Buffer, v *api.OrgEvent) {
		showProposed(b, done, v)
		for _, d := range v.Unaddressed {
			fmt.Fprintf(b, "  accounts  %d of them without an address at %s; once a block has it: %s\n", d.Accounts, d.Domain,
				a.typable("cairn account address add ACCOUNT ADDRESS"))
		}
	})
}

// event makes an event of our organisation and shows how that goes.
func (a *app) event(ctx context.Context, client *api.Client, with making) (*consensus.OrgEvent, error) {
	st, keys, err := a.standing(ctx, client)
	if err != nil {
		return nil, err
	}
	progress, done := a.stampProgress()
	defer done()
	return with(st, keys, progress)
}

func (a *app) cmdOrgUpdate() *cobra.Command {
	var name, records string
	var domains []string
	var floor uint8
	var r api.EventRequest
	c := &cobra.Command{
		Use:   "update",
		Short: "Change what our organisation says of itself: name, domains, declaration, threshold",
		Long: `Change what our organisation says of itself on the chain. What no flag is given for stays; --domain names all domains, not
only new ones. It counts when a block has it. Where members attest to new ones, they attest to another name and to further
domains too. cairn.toml is left as it is: what stands there is proposed when it was changed and the node started again.

A domain at which accounts or mailing lists of this node have addresses does not go unless --cut-off says that this is meant:
no mail comes to these addresses any more. At a domain that comes, accounts that are there have no address until they get
one, with "cairn account address add".`,
		Example: "  cairn org update --name 'Alpha Ltd'\n  cairn org update --domain alpha.example --domain alpha.org --records all",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			given := c.Flags().Changed
			if !slices.ContainsFunc([]string{"name", "domain", "records", "threshold-floor"}, given) {
				return usage(c, "nothing to change is given")
			}
			var policy consensus.RecordsPolicy
			if given("records") {
				if err := policy.UnmarshalText([]byte(records)); err != nil {
					return usage(c, "--records %q is none of all, some, none", records)
				}
			}
			for i, d := range domains {
				canonical, err := domainOf(c, d)
				if err != nil {
					return err
				}
				domains[i] = canonical
			}
			slices.Sort(domains)
			domains = slices.Compact(domains)
			said := node.OrganisationConfig{Name: "unchanged", Domains: []string{"example.org"}, Records: "some", ThresholdFloor: int(floor)}
			if given("name") {
				said.Name = name
			}
			if given("domain") {
				said.Domains = domains
			}
			if err := said.Check(); err != nil {
				return badFlag(c, err)
			}
			return a.propose(c, "the update goes to the network", r, func(st *membership.Standing, keys []ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
				u := st.Profile()
				if given("name") {
					u.Name = name
				}
				if given("domain") {
					u.Domains = domains
				}
				if given("records") {
					u.Records = policy
				}
				if given("threshold-floor") {
					u.ThresholdFloor = floor
				}
				return st.Update(c.Context(), keys, u, progress)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "name of the organisation")
	f.StringSliceVar(&domains, "domain", nil, "mail domain; given once for each that the organisation is to have")
	f.StringVar(&records, "records", "", "what the organisation declares to record: all, some, none")
	f.BoolVar(&r.CutOff, "cut-off", false, "also if accounts or lists have addresses at a domain that goes")
	f.Uint8Var(&floor, "threshold-floor", 0, "least share of parts as sent, in percent, that recipients should accept; 0 for none")
	return c
}

func (a *app) cmdOrgChanges() *cobra.Command {
	return &cobra.Command{
		Use:   "changes [DOMAIN|KEY|ID]",
		Short: "Tell how an organisation has changed on the chain; without argument our own",
		Long: `Tell how the entry of an organisation has changed on the chain: keys with their fingerprints in words, nodes, domains, and
what is announced and counts later.`,
		Args: between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			which := ""
			if len(args) > 0 {
				which = args[0]
			}
			return ask(a, c, about((*api.Client).OrgChanges, which), showChanges)
		},
	}
}
