package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/node/api"
	"cairn/node/membership"
)

func (a *app) cmdOrgTrust() *cobra.Command {
	var r api.TrustRequest
	trust := &cobra.Command{
		Use:   "trust DOMAIN [KEY]",
		Short: "Trust an organisation for a mail domain",
		Long: `Trust the organisation with this key for a mail domain: its mail can be verified, and ours for the domain goes to its
nodes. Without a key it tells who claims the domain, and trusts nobody: anybody can claim any domain.

Call somebody you know there, and let them read out the words that "cairn org show" prints on their own node. They are
the fingerprint of the key: pin the key whose words are the same.`,
		Example: "  cairn org trust beta.example\n  cairn org trust beta.example KEY",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if r.Domain, err = domainOf(c, args[0]); err != nil {
				return err
			}
			client := a.client()
			defer client.Close()
			if len(args) == 1 {
				if r.Replace || r.EvenSo {
					return usage(c, "--replace and --even-so are for a key, and none is given")
				}
				l, err := client.Claims(c.Context(), r.Domain)
				if err != nil {
					return err
				}
				return a.print(l, func(b *bytes.Buffer) { a.showClaims(b, l) })
			}
			key, err := consensus.ParseKey(strings.ToLower(args[1]))
			if err != nil {
				return usage(c, "%q is not an organisation's key: 64 hexadecimal digits", args[1])
			}
			r.Key = key.String()
			return a.trust(c, client, r)
		},
	}
	trust.Flags().BoolVar(&r.Replace, "replace", false, "also if the domain is pinned to another key")
	trust.Flags().BoolVar(&r.EvenSo, "even-so", false, "also if no member of the network with this key claims the domain")
	return trust
}

// domainOf is a mail domain given as an argument, in its canonical form.
func domainOf(c *cobra.Command, arg string) (string, error) {
	domain, err := membership.CanonicalDomain(arg)
	if err != nil {
		return "", usage(c, "%v", err)
	}
	return domain, nil
}

// trust pins; whoever sits at the terminal is asked before another key is replaced.
func (a *app) trust(c *cobra.Command, client *api.Client, r api.TrustRequest) error {
	p, err := client.Trust(c.Context(), r)
	if err != nil && api.AsError(err).Code == api.CodeExists && !a.json && isTerminal(a.in) {
		if err := a.mayReplace(c, client, r); err != nil {
			return err
		}
		r.Replace = true
		p, err = client.Trust(c.Context(), r)
	}
	if err != nil {
		return err
	}
	return a.print(p, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "%s is trusted to be of %s\n", p.Domain, holder(p))
		fmt.Fprintf(b, "  key       %s\n  words     %s\n", p.Key, p.Fingerprint)
		showFormer(b, p)
		if p.Unclaimed {
			fmt.Fprintf(b, "  no member of the network with this key claims %s: no mail goes there until one does\n", p.Domain)
		}
	})
}

// mayReplace shows who claims the domain and both fingerprints, and asks; nil means yes.
func (a *app) mayReplace(c *cobra.Command, client *api.Client, r api.TrustRequest) error {
	l, err := client.Claims(c.Context(), r.Domain)
	if err != nil {
		return err
	}
	key, err := consensus.ParseKey(r.Key)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	a.showClaims(&b, l)
	if l.Pin != nil {
		fmt.Fprintf(&b, "\n%s is pinned to   %s\n", l.Domain, l.Pin.Fingerprint)
	}
	fmt.Fprintf(&b, "replace that with %s\nfor all mail of %s? [y/N] ", fingerprint.Of(key), l.Domain)
	if _, err := io.WriteString(a.err, clean(b.String())); err != nil {
		return err
	}
	answer, err := a.answer(c.Context())
	if err != nil {
		return fmt.Errorf("trusting %s, nothing was changed: %w", l.Domain, err)
	}
	if answer != "y" && answer != "yes" {
		return api.Errorf(api.CodeUnchanged, "to see again who claims it: cairn org trust "+l.Domain, "trusting %s: nothing was changed", l.Domain)
	}
	return nil
}

// answer reads a line from whoever was asked, in lower case; empty if there is none. It is
// given up when ctx is done: nobody should have to answer to get away.
func (a *app) answer(ctx context.Context) (string, error) {
	read := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(a.in).ReadString('\n')
		read <- strings.ToLower(strings.TrimSpace(text))
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case text := <-read:
		return text, nil
	}
}

func (a *app) cmdOrgUntrust() *cobra.Command {
	return &cobra.Command{
		Use:   "untrust DOMAIN",
		Short: "Take the trust in an organisation for a mail domain back",
		Long: `Take the pin of a domain back, wherever it came from. Mail from there, and what it sent on as a list or forwarder, is judged
anew; from then on the domain is whose its DNS says it is, or nobody's.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			domain, err := domainOf(c, args[0])
			if err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).Untrust, domain), showUntrusted)
		},
	}
}

func (a *app) cmdOrgPins() *cobra.Command {
	return &cobra.Command{
		Use:   "pins",
		Short: "List the domains that are pinned to an organisation's key",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).Pins, func(b *bytes.Buffer, l *api.PinList) {
				for i := range l.Pins {
					showPin(b, &l.Pins[i])
				}
			})
		},
	}
}
