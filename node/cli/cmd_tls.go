package cli

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdTLS() *cobra.Command {
	ls := &cobra.Command{
		Use:     "ls [NAME]",
		Short:   "List the keys of the servers' certificates, their TLSA records and the keys that are to come",
		Example: "  cairn tls ls\n  cairn tls ls mail.example.org",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.askTLS(c, args, (*api.Client).TLSKeys)
		},
	}
	var cancel bool
	roll := &cobra.Command{
		Use:   "roll [NAME]",
		Short: "Make the next key of a certificate, and print the TLSA record to add",
		Long: `Make the next key of the certificate that is shown for the host name, or for NAME, and print the TLSA record to add to that of the key in use.
The node looks for both every few minutes. Once they have been there for two TTLs, and an hour at least, it has the next key certified (tls.acme) or makes
a certificate with it, and uses it; "cairn tls ls" says then that the old record may go. Until then the key stays as it is.

Where no record counts, as there is none, the zone is not signed or no resolver here validates, the next key is used a day later.`,
		Example: "  cairn tls roll\n  cairn tls roll --cancel",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if cancel {
				return a.askTLS(c, args, (*api.Client).CancelRollTLS)
			}
			return a.askTLS(c, args, (*api.Client).RollTLS)
		},
	}
	roll.Flags().BoolVar(&cancel, "cancel", false, "give the next key up; its record may go")
	return group("tls", "The keys of the servers' certificates, and their TLSA records", ls, roll)
}

// askTLS asks the node about the name that was given, or about its own.
func (a *app) askTLS(c *cobra.Command, args []string, call func(*api.Client, context.Context, string) (*api.TLSKeys, error)) error {
	name := ""
	if len(args) > 0 {
		var err error
		if name, err = domainOf(c, args[0]); err != nil {
			return err
		}
	}
	return ask(a, c, about(call, name), showTLS)
}

// showTLS lists keys, and what is to be done about their records.
func showTLS(b *bytes.Buffer, l *api.TLSKeys) {
	rows := [][]string{{"NAME", "CERTIFICATE", "UNTIL", "TLSA RECORD OF ITS KEY"}}
	for _, k := range l.Keys {
		rows = append(rows, []string{k.Name, certificateOf(k.Source), k.Until.Format(time.DateOnly), k.Record})
	}
	table(b, rows)
	for _, k := range l.Keys {
		if k.Next != nil {
			fmt.Fprintf(b, "next key of %s, made %s: %s\n", k.Name, clock(k.Next.Made), tlsNext(k.Next))
			fmt.Fprintf(b, "  keep: %s. IN TLSA %s\n  add:  %s. IN TLSA %s\n", k.Owner, k.Record, k.Owner, k.Next.Record)
			if k.Next.Using && k.Fault != "" {
				fmt.Fprintf(b, "  no certificate yet: %s\n", line(k.Fault, 0))
			}
		}
		if k.Former != nil {
			fmt.Fprintf(b, "the key of %s before was used until %s, and its record may go:\n  remove: %s. IN TLSA %s\n", k.Name, clock(k.Former.Until), k.Owner, k.Former.Record)
		}
	}
}

// certificateOf is whose a certificate is, in a word.
func certificateOf(source string) string {
	if source == "acme" {
		return "authority"
	}
	return source
}

// tlsNext is how far a next key is, in words.
func tlsNext(n *api.TLSNext) string {
	why := ""
	if n.Why != "" {
		why = ": " + line(n.Why, 0)
	}
	switch {
	case n.Using:
		return "it is being certified, and used once it is"
	case n.State == "seen":
		return fmt.Sprintf("both records are seen since %s; it may be used at %s", clock(n.Since), clock(n.Ready))
	case n.State == "unpublished":
		return fmt.Sprintf("no record counts%s; it may be used at %s", why, clock(n.Ready))
	case n.State == "missing":
		return "it waits for its record" + why
	}
	return "whether its record is there is not known" + why
}
