package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdOrgAttest() *cobra.Command {
	var r api.AttestRequest
	attest := &cobra.Command{
		Use:   "attest EVENTID",
		Short: "Give our word for a new member, or for another name or more domains of one",
		Long: `In a network where members attest to new ones: give our word that the domains of an event are its organisation's. "cairn org
attest ls" shows what waits, and what the DNS of each domain says. Where the DNS does not name the key, call somebody you know
there and compare the words, then add --yes. A node gives its word 16 times a day at most, unless --yes says that this is meant.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.ID = args[0]
			return ask(a, c, about((*api.Client).Attest, r), showApplication)
		},
	}
	attest.Flags().BoolVar(&r.Yes, "yes", false, "also if the DNS does not name the key, or 16 were given today")
	attest.AddCommand(&cobra.Command{
		Use:   "ls",
		Short: "List what waits for the word of members",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).Applications, func(b *bytes.Buffer, l *api.Applications) {
				for i := range l.Applications {
					showApplication(b, &l.Applications[i])
				}
				if len(l.Applications) == 0 {
					fmt.Fprintln(b, "nothing waits for the word of members")
				}
				fmt.Fprintf(b, "without --yes this node gives its word %s more today\n", plural(l.Left, "time"))
			})
		},
	})
	return attest
}

func showApplication(b *bytes.Buffer, v *api.Application) {
	fmt.Fprintf(b, "%s of %s\n  event     %s\n  key       %s\n  words     %s\n", v.Type, named(v.Name, 0), v.ID, v.Key, v.Fingerprint)
	for _, c := range v.Claims {
		fmt.Fprintf(b, "  domain    %s: its DNS %s\n", c.Domain, dnsSays[c.DNS])
		if c.PinnedTo != "" {
			fmt.Fprintf(b, "  pinned    %s is pinned to another key, %s\n", c.Domain, c.PinnedTo)
		}
	}
	fmt.Fprintf(b, "  attested  by %d of %s", len(v.Attested), plural(v.Needed, "member"))
	if len(v.Attested) > 0 {
		names := make([]string, len(v.Attested))
		for i, name := range v.Attested {
			names[i] = named(name, 0)
		}
		fmt.Fprintf(b, ": %s", strings.Join(names, ", "))
	}
	b.WriteString("\n")
	if v.Ours {
		b.WriteString("  here      we have attested too\n")
	}
}
