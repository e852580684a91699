package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/index/query"
	"cairn/mailstore"
	"cairn/node/api"
)

func (a *app) cmdSearch() *cobra.Command {
	var r api.SearchRequest
	var explain bool
	c := &cobra.Command{
		Use:   "search [QUERY...]",
		Short: "Find mail, newest first",
		Long: `Find mail, newest first: by its Date, or by when it came in if that is earlier. A query is made of words, fields as in from:alice or subject:invoice, labels as in
label:inbox, verdict:changed, and, or, not and parentheses. Deleted mail is left out unless asked for. Without a query
all mail is listed. --explain shows how a query is understood.

Fields of text: ` + fieldNames(query.Fields()) + `
Further fields: ` + fieldNames(query.Conditions()) + `

date:, before: and after: go by the Date of a mail, or by when it came in where it has none that can be read;
received:, newer_than: and older_than: go by when it came in. after: includes the day, before: leaves it out; days are
those of the time zone that the node runs in.

The shell reads some of these characters itself: put a query that has any in quotes. A leading - needs "--" before it.`,
		Example: `  cairn search from:alice invoice
  cairn search --explain --account bob work "Re: offer"
  cairn search "verdict:changed or verdict:invalid"
  cairn search --account bob label:unread`,
		RunE: func(c *cobra.Command, args []string) error {
			if r.Limit < 1 || r.Limit > api.MaxSearch || r.Offset < 0 {
				return usage(c, "--limit is 1 to %d, --offset 0 or more", api.MaxSearch)
			}
			r.Query = strings.Join(args, " ")
			return ask(a, c, about((*api.Client).Search, r), func(b *bytes.Buffer, result *api.SearchResult) {
				if explain {
					fmt.Fprintf(b, "understood as: %s\n", result.Query)
				}
				listMessages(b, result)
				noteSearch(b, result.Both, result.Behind)
			})
		},
	}
	c.Flags().StringVar(&r.Account, "account", "", "search this account only")
	c.Flags().IntVar(&r.Limit, "limit", 20, fmt.Sprintf("show at most so many, 1 to %d", api.MaxSearch))
	c.Flags().StringVar(&r.After, "after", "", "show what follows a page: what that named for more")
	c.Flags().IntVar(&r.Offset, "offset", 0, "leave out so many of the newest")
	c.Flags().BoolVar(&explain, "explain", false, "say how the query is understood, of one account with its labels")
	return c
}

// fieldNames lists fields as they are written.
func fieldNames[S ~string](names []S) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = string(name) + ":"
	}
	return strings.Join(list, " ")
}

// noteSearch says what an answer is not, or is beside what was meant.
func noteSearch(b *bytes.Buffer, both []string, behind uint64) {
	for _, word := range both {
		fmt.Fprintf(b, "%s is a label and was looked for as a word too; label:%s or a quoted %s is one of the two\n", word, word, `"`+word+`"`)
	}
	if behind > 0 {
		fmt.Fprintf(b, "the search index has %s still to take in, so newer mail may be missing; it catches up by itself\n", plural(int(behind), "change"))
	}
}

// correspondent is who a message is from, or of one that was sent here whom it is to.
func correspondent(m *api.Summary) string {
	if m.To != "" && slices.Contains(m.Labels, mailstore.LabelSent) {
		return "to " + m.To
	}
	return m.From
}

func listMessages(b *bytes.Buffer, r *api.SearchResult) {
	if len(r.Messages) == 0 {
		if r.Total == 0 {
			fmt.Fprintln(b, "no mail found")
		} else {
			fmt.Fprintf(b, "no more mail, %d in all\n", r.Total)
		}
		return
	}
	rows := [][]string{{"MESSAGE", "DATE", "FROM", "SUBJECT", "VERDICT", "LABELS"}}
	for _, m := range r.Messages {
		date, subject := dateOf(&m).Local().Format("2006-01-02 15:04"), line(m.Subject, 48)
		if m.Damaged != "" {
			subject = "(damaged; show says more)"
		}
		if m.Received.IsZero() {
			date = "?"
		}
		rows = append(rows, []string{m.Ref, date, line(correspondent(&m), 32), subject, m.Verdict, strings.Join(m.Labels, ",")})
	}
	table(b, rows)
	if r.Next != "" {
		fmt.Fprintf(b, "%d of %d; for more: --after %s\n", len(r.Messages), r.Total, r.Next)
	}
}

// dateOf is the date by which a message stands in a list.
func dateOf(m *api.Summary) time.Time {
	if m.Date.IsZero() || m.Date.After(m.Received) {
		return m.Received
	}
	return m.Date
}
