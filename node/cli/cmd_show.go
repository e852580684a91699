package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/mailstore"
	"cairn/node/api"
)

func (a *app) cmdShow() *cobra.Command {
	var raw, all, peek bool
	var part int
	var out string
	c := &cobra.Command{
		Use:   "show ACCOUNT/ID",
		Short: "Show a mail with its verdict",
		Long: `Show a mail: its fields, the verdict part by part, its text. Messages are named as "cairn search" lists them, as in
alice/12. Control characters in mail are shown as escapes; --raw writes the bytes as they are stored.
A mail that was shown to a person is no longer unread; --peek, --raw and --json leave it as it is.

--part saves an attachment, of which the first is 1, in the folder that one is in, by its own name as far as that is
harmless, or as --out; --out - writes it to standard output. What exists is not written over.`,
		Example: "  cairn show alice/12\n  cairn show alice/12 --part 1 --out offer.pdf",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkRef(c, args[0]); err != nil {
				return err
			}
			client := a.client()
			defer client.Close()
			if c.Flags().Changed("part") {
				if out == "-" && a.json {
					return usage(c, "--out - writes the attachment, and --json a document: give one of the two")
				}
				return a.savePart(c, client, args[0], part, out)
			}
			if out != "" {
				return usage(c, "--out goes with --part")
			}
			if raw {
				m, err := client.Raw(c.Context(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.encode(m)
				}
				_, err = a.out.Write(m.Raw)
				return err
			}
			m, err := client.Message(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.print(m, func(b *bytes.Buffer) { a.showMessage(b, m, all) }); err != nil {
				return err
			}
			if m.Damaged != "" {
				a.exit = 1 // what was asked for is not there
				return nil
			}
			if peek || a.json || !slices.Contains(m.Labels, mailstore.LabelUnread) {
				return nil
			}
			_, err = client.SetLabels(c.Context(), api.LabelRequest{Ref: m.Ref, Remove: []string{mailstore.LabelUnread}})
			return err
		},
	}
	c.Flags().IntVar(&part, "part", 0, "save this attachment, from 1")
	c.Flags().StringVarP(&out, "out", "o", "", "with --part: the file to make")
	c.Flags().BoolVar(&raw, "raw", false, "write the message as it is stored")
	c.Flags().BoolVar(&peek, "peek", false, "leave the message unread")
	c.Flags().BoolVar(&all, "headers", false, "show all header fields")
	return c
}

// checkRef tells what cannot name a message.
func checkRef(c *cobra.Command, ref string) error {
	if !api.IsRef(ref) {
		return usage(c, "%q does not name a message: write account/id, as in alice/12", ref)
	}
	return nil
}

// shortHeaders are the fields that people ask for, in the order they read them.
var shortHeaders = []string{"From", "Sender", "Reply-To", "To", "Cc", "Date", "Subject"}

func (a *app) showMessage(b *bytes.Buffer, m *api.Message, all bool) {
	if m.Damaged != "" {
		fmt.Fprintf(b, "%s\n\nMessage: %s\nFrom (envelope): %s\nTo (envelope): %s\n", line(m.Damaged, 0), m.Ref, line(m.From, 0), line(m.To, 0))
	}
	for _, h := range chosenHeaders(m.Headers, all) {
		fmt.Fprintf(b, "%s: %s\n", line(h.Name, 0), line(h.Value, 0))
	}
	fmt.Fprintf(b, "Labels: %s\n", strings.Join(m.Labels, ", "))
	if m.Mail != "" {
		fmt.Fprintf(b, "In the log: %s%s\n", line(m.Mail, 0), sentAs(m))
	}
	if m.Held != "" {
		fmt.Fprintf(b, "Held: %s; to send it on: %s\n", line(m.Held, 0), a.typable("cairn label add "+m.Ref+" approved"))
	}
	showDeliveries(b, m)
	if m.Verification != nil {
		if m.Damaged != "" { // what stands below holds of a mail that is here no more
			fmt.Fprintln(b, "When it arrived, before it was damaged:")
		}
		showVerification(b, m.Verification)
	}
	if m.Unverified != "" {
		fmt.Fprintf(b, "Verdict: not known: %s; %s\n", line(m.Unverified, 0), line(m.Next, 0))
	}
	for i, at := range m.Attachments {
		fmt.Fprintf(b, "Attachment %d: %s (%s, %s)\n", i+1, line(at.Name, 0), line(at.Type, 0), plural(at.Size, "byte"))
	}
	fmt.Fprintln(b)
	b.WriteString(strings.TrimRight(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n"))
	fmt.Fprintln(b)
}

// showDeliveries says what became of the recipients of a sent message, and of its record.
func showDeliveries(b *bytes.Buffer, m *api.Message) {
	now := time.Now()
	for i := range m.Deliveries {
		d := &m.Deliveries[i]
		if d.State != api.StateWaiting {
			by := ""
			if d.By != "" {
				by = " by " + line(d.By, 0)
			}
			if d.Reported {
				by += ", as a report says"
			}
			fmt.Fprintf(b, "Delivery: %s: %s%s, %s: %s\n", line(d.To, 0), stateWords[d.State], by, moment(d.Time), line(d.Reply, 0))
			continue
		}
		fmt.Fprintf(b, "Delivery: %s: waits for %s (queue entry %d)", line(d.To, 0), line(waits(&api.QueueEntry{WaitsFor: d.WaitsFor, Why: d.Why, NextAttempt: d.NextAttempt}, now), 0), d.Entry)
		if d.Attempts > 0 {
			fmt.Fprintf(b, "; tried %s, last %s: %s", plural(d.Attempts, "time"), moment(d.Time), line(d.Reply, 0))
		}
		fmt.Fprintln(b)
	}
	if said := recordWords[m.Record]; said != "" {
		fmt.Fprintf(b, "Record: %s\n", said)
	}
}

var (
	stateWords  = map[string]string{"accepted": "accepted", "refused": "refused", "given-up": "given up", "dropped": "dropped"}
	recordWords = map[string]string{
		api.RecordWaits: "not made yet", api.RecordSealed: "made, in no block yet", api.RecordBlock: "in a block",
	}
)

// sentAs is the id of a message where it came from.
func sentAs(m *api.Message) string {
	if m.SentAs == "" {
		return ""
	}
	return ", at the sender: " + line(m.SentAs, 0)
}

// chosenHeaders are all fields in their order, or the short ones in ours.
func chosenHeaders(fields []api.HeaderField, all bool) []api.HeaderField {
	if all {
		return fields
	}
	var chosen []api.HeaderField
	for _, name := range shortHeaders {
		for _, f := range fields {
			if strings.EqualFold(f.Name, name) {
				chosen = append(chosen, f)
			}
		}
	}
	return chosen
}
