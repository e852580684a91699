package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/spf13/cobra"

	"cairn/mailstore/message"
	"cairn/node/api"
)

func (a *app) cmdSend() *cobra.Command {
	var (
		l       letter
		to, bcc []string
		text    textFlags
		raw     string
		hold    string
		withTLS bool
	)
	c := &cobra.Command{
		Use:   "send --from ADDRESS --to ADDRESS",
		Short: "Send a mail through the running node",
		Long: `Send a mail through the running node. The text is given with --body, is in the file of --body-file, or comes from
standard input. With --raw a whole RFC 5322 message is submitted as a mail program would; sender and recipients are then
those of its fields, unless given.

What the node cannot record now is queued; the answer says what it waits for. The exit status is 75 if it would wait for
ever as things stand.`,
		Example: `  cairn send --from alice@alpha.example --to bob@beta.example --subject Meeting --body "See you at ten."
  cairn send --from alice@alpha.example --to bob@beta.example --subject Minutes --body-file minutes.txt --attach plan.pdf`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			var r api.SendRequest
			var err error
			if hold != "" && hold != api.HoldNone && hold != api.HoldUntilIncluded {
				return usage(c, "--hold %q is no way to hold mail; there are until-included and none", hold)
			}
			l.to = to
			if raw != "" {
				if l.subject != "" || len(l.attach) > 0 || text.given(c) || len(l.cc) > 0 {
					return usage(c, "--raw is a whole message: --subject, --cc, --body, --body-file and --attach cannot change it")
				}
				r, err = a.rawLetter(c, raw, l.from, append(to, bcc...))
			} else {
				r, err = a.composed(c, &l, &text, bcc)
			}
			if err != nil {
				return err
			}
			if hold != "" {
				r.Raw = append([]byte("Cairn-Hold: "+hold+"\r\n"), r.Raw...)
			}
			r.RequireTLS = withTLS
			return ask(a, c, func(client *api.Client, ctx context.Context) (*api.Sent, error) {
				sent, err := client.Send(ctx, r)
				if err == nil && sent.ForGood {
					a.exit = 75
				}
				return sent, err
			}, showSent)
		},
	}
	f := c.Flags()
	f.StringVar(&l.from, "from", "", "sender")
	f.StringArrayVar(&to, "to", nil, "recipient; may be given several times, each with one or more addresses")
	f.StringArrayVar(&l.cc, "cc", nil, "recipient of a copy")
	f.StringArrayVar(&bcc, "bcc", nil, "recipient of a copy that others do not learn of")
	f.StringVar(&l.subject, "subject", "", "subject")
	f.StringVar(&text.body, "body", "", "the text")
	f.StringVar(&text.file, "body-file", "-", "file with the text; - is standard input")
	f.StringArrayVar(&l.attach, "attach", nil, "file to attach")
	f.StringVar(&hold, "hold", "", "until-included: it leaves only when its record is in a block; or none")
	f.BoolVar(&withTLS, "require-tls", false, "it goes on over verified TLS alone, all the way, or comes back (REQUIRETLS, RFC 8689)")
	f.StringVar(&raw, "raw", "", "file with a whole message; - is standard input")
	allowEmpty(c, "subject", "body")
	return c
}

// showSent says of mail that cannot be recorded now that it is queued, and what it waits for.
func showSent(b *bytes.Buffer, sent *api.Sent) {
	done := "sent to"
	if sent.Waiting != "" {
		done = "queued for"
	}
	fmt.Fprintf(b, "%s %s", done, strings.Join(sent.To, ", "))
	if sent.Ref != "" {
		fmt.Fprintf(b, " as %s", sent.Ref)
	}
	fmt.Fprintln(b)
	if sent.Waiting != "" {
		fmt.Fprintf(b, "  waits: %s\n", sent.Waiting)
	}
	if sent.ForGood {
		fmt.Fprintln(b, "  it does not leave as things stand, and is returned")
	}
	if sent.Next != "" {
		fmt.Fprintf(b, "  try: %s\n", sent.Next)
	}
}

// textFlags say where the text of a mail comes from.
type textFlags struct{ body, file string }

func (t *textFlags) given(c *cobra.Command) bool {
	return c.Flags().Changed("body") || c.Flags().Changed("body-file")
}

// text gives what the flags ask for; what is given with --body ends in a line feed, as a file does.
func (a *app) text(c *cobra.Command, t *textFlags) ([]byte, error) {
	if c.Flags().Changed("body") {
		return []byte(strings.TrimSuffix(t.body, "\n") + "\n"), nil
	}
	if t.file == "-" && isTerminal(a.in) {
		fmt.Fprintln(a.err, "Type the text; Ctrl-D on a line of its own ends it.")
	}
	b, err := a.read(c.Context(), t.file)
	if err != nil {
		return nil, fmt.Errorf("reading the text: %w", err)
	}
	return b, nil
}

// composed makes the message from flags and text.
func (a *app) composed(c *cobra.Command, l *letter, t *textFlags, bcc []string) (r api.SendRequest, err error) {
	if l.from == "" {
		return r, usage(c, "--from is missing")
	}
	sender, err := addresses(l.from)
	if err != nil || len(sender) != 1 {
		return r, usage(c, "--from %q is not one mail address", l.from)
	}
	r.From = sender[0].Address
	for _, list := range []struct {
		flag   string
		values []string
	}{{"--to", l.to}, {"--cc", l.cc}, {"--bcc", bcc}} {
		for _, v := range list.values {
			found, err := addresses(v)
			if err != nil {
				return r, usage(c, "%s %q is not a mail address", list.flag, v)
			}
			r.To = appendNew(r.To, found)
		}
	}
	if len(r.To) == 0 {
		return r, usage(c, "no recipient: give --to, --cc or --bcc")
	}
	if c.Flags().Changed("body") && c.Flags().Changed("body-file") {
		return r, usage(c, "--body is the text and --body-file a file with it: give one of the two")
	}
	if l.text, err = a.text(c, t); err != nil {
		return r, err
	}
	l.date = time.Now()
	r.Raw, err = l.compose()
	return r, err
}

// appendNew appends the addresses that are not in to yet.
func appendNew(to []string, found []*mail.Address) []string {
	for _, f := range found {
		if !slices.Contains(to, f.Address) {
			to = append(to, f.Address)
		}
	}
	return to
}

// rawLetter sends a whole message; envelope addresses not given come from its fields.
func (a *app) rawLetter(c *cobra.Command, file, from string, to []string) (r api.SendRequest, err error) {
	raw, err := a.read(c.Context(), file)
	if err != nil {
		return r, fmt.Errorf("reading the message: %w", err)
	}
	if len(raw) == 0 {
		return r, checkMail(file, raw)
	}
	r.Raw = crlf(raw)
	m := message.ParseHeader(r.Raw)
	if from == "" {
		if len(m.From) != 1 {
			return r, usage(c, "the message has %s: give --from", plural(len(m.From), "author"))
		}
		from = m.From[0].Addr
	}
	r.From = message.CanonicalAddress(from)
	if len(to) == 0 {
		to = append(to, m.Headers("Bcc")...)
		for _, field := range slices.Concat(m.To, m.Cc) {
			to = append(to, field.Addr)
		}
	}
	for _, t := range to {
		found, err := addresses(t)
		if err != nil {
			return r, usage(c, "recipient %q is not a mail address: give each recipient with --to", t)
		}
		r.To = appendNew(r.To, found)
	}
	if len(r.To) == 0 {
		return r, usage(c, "the message names no recipient: give --to")
	}
	return r, nil
}

// crlf turns lone line feeds into CRLF (RFC 5321, section 2.3.8), as files on this system have
// them.
func crlf(b []byte) []byte {
	if !bytes.Contains(b, []byte("\n")) {
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/32)
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}
