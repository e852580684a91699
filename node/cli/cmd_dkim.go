package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdDKIM() *cobra.Command {
	ls := &cobra.Command{
		Use:     "ls [DOMAIN]",
		Short:   "List the keys that sign mail to the rest of the world, and what the DNS says of them",
		Example: "  cairn dkim ls\n  cairn dkim ls example.org",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.askDKIM(c, args, (*api.Client).DKIM, a.showDKIM)
		},
	}
	show := &cobra.Command{
		Use:   "show [DOMAIN]",
		Short: "Print the DNS records to publish, as lines of a zone",
		Long: `Print the TXT records of the keys that sign mail to the rest of the world (RFC 6376, RFC 8463), as lines of a zone. Those that are to be removed
stand behind a semicolon. Where a form asks for the text of a record, join the strings of its line without the quotes and the space between them.`,
		Example: "  cairn dkim show\n  cairn dkim show example.org",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.askDKIM(c, args, (*api.Client).DKIM, showZone)
		},
	}
	var stolen bool
	rotate := &cobra.Command{
		Use:   "rotate DOMAIN",
		Short: "Make new keys for a domain, and print their records",
		Long: `Make new keys for a domain and print the records to publish. The keys of before go on signing until the node sees the new records in the DNS,
for which it looks every few minutes. Leave the old records in the DNS for another week, for mail that is on its way; "cairn dkim ls" tells when
they may go.

With --stolen the keys of before sign no more, and their records are to be removed at once: mail leaves unsigned until the new records are seen.`,
		Example: "  cairn dkim rotate example.org\n  cairn dkim rotate --stolen example.org",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			ask := (*api.Client).RotateDKIM
			if stolen {
				ask = (*api.Client).ReplaceDKIM
			}
			return a.askDKIM(c, args, ask, showZone)
		},
	}
	rotate.Flags().BoolVar(&stolen, "stolen", false, "somebody else has the keys of before: they sign no more, and their records go at once")
	return group("dkim", "The keys that sign mail to the rest of the world, and their DNS records", ls, show, rotate)
}

// askDKIM asks the node about the domain that was named, or about all.
func (a *app) askDKIM(c *cobra.Command, args []string, call func(*api.Client, context.Context, string) (*api.DKIMKeys, error), show func(*bytes.Buffer, *api.DKIMKeys)) error {
	domain := ""
	if len(args) > 0 {
		var err error
		if domain, err = domainOf(c, args[0]); err != nil {
			return err
		}
	}
	return ask(a, c, about(call, domain), show)
}

// showDKIM lists keys.
func (a *app) showDKIM(b *bytes.Buffer, l *api.DKIMKeys) {
	if len(l.Keys) > 0 {
		rows := [][]string{{"DOMAIN", "SELECTOR", "KEY", "STATE", "RECORD"}}
		for _, k := range l.Keys {
			rows = append(rows, []string{k.Domain, k.Selector, k.Algorithm, dkimState(&k), line(dkimRecord(&k), 0)})
		}
		table(b, rows)
	}
	if len(l.Without) > 0 {
		fmt.Fprintf(b, "no keys for %s: %s\n", strings.Join(l.Without, ", "), l.Why)
	}
	for _, k := range l.Keys {
		if k.State == "waiting" {
			fmt.Fprintf(b, "what is to be published: %s\n", a.typable("cairn dkim show"))
			return
		}
	}
}

// dkimState is a state in a few words.
func dkimState(k *api.DKIMKey) string {
	switch {
	case k.State == "waiting":
		return "signs once its record is seen"
	case k.Signs:
		return "signs"
	case k.State == "former":
		return "former, keep its record until " + k.Until.Format(time.DateOnly)
	case k.State == "ended":
		return "former, remove its record"
	}
	return k.State
}

// dkimRecord is what the DNS says of a key's record.
func dkimRecord(k *api.DKIMKey) string {
	switch {
	case k.Fault != "" && !k.Seen.IsZero():
		return fmt.Sprintf("seen %s, now: %s", clock(k.Seen), k.Fault)
	case k.Fault != "":
		return k.Fault
	case !k.Seen.IsZero():
		return "seen since " + clock(k.Seen)
	}
	return "not asked for yet"
}

// showZone prints records as lines of a zone (RFC 1035, section 5.1).
func showZone(b *bytes.Buffer, l *api.DKIMKeys) {
	for _, k := range l.Keys {
		mark := ""
		if k.State == "ended" {
			mark = "; remove: "
		}
		fmt.Fprintf(b, "%s%s. IN TXT", mark, k.Name)
		for _, s := range k.Strings {
			fmt.Fprintf(b, " %q", s)
		}
		fmt.Fprintln(b)
	}
	if len(l.Without) > 0 {
		fmt.Fprintf(b, "; no keys for %s: %s\n", strings.Join(l.Without, ", "), l.Why)
	}
}
