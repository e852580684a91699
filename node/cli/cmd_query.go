package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdQuery() *cobra.Command {
	var asked api.QueriesRequest
	ls := &cobra.Command{
		Use:   "ls ACCOUNT",
		Short: "List the queries that an account gave names",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			asked.Account = args[0]
			return ask(a, c, about((*api.Client).Queries, asked), listQueries)
		},
	}
	ls.Flags().BoolVar(&asked.Count, "count", false, "say how many messages each finds now")
	add := &cobra.Command{
		Use:   "add ACCOUNT NAME QUERY...",
		Short: "Give a query a name, or change the one of that name",
		Long: `Give a query a name, or change the one of that name. query:NAME stands for it in searches of that account and in its
other queries. Its words are read as they are now: a label that is made later does not change what it finds.
newer_than: and older_than: count back from each search, today and yesterday are the days of now.`,
		Example: "  cairn query add alice unpaid \"subject:invoice newer_than:60d -label:paid\"\n  cairn search --account alice query:unpaid from:acme",
		Args:    between(3, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.NamedQueryRequest{Account: args[0], Name: args[1], Query: strings.Join(args[2:], " ")}
			return ask(a, c, about((*api.Client).PutQuery, r), func(b *bytes.Buffer, l *api.NamedQueries) {
				for _, q := range l.Queries {
					fmt.Fprintf(b, "query:%s of %s stands for: %s\n", q.Name, l.Account, q.Means)
				}
			})
		},
	}
	rm := &cobra.Command{
		Use:     "rm ACCOUNT NAME",
		Short:   "Take a query and its name away",
		Example: "  cairn query rm alice unpaid",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.NamedQueryRequest{Account: args[0], Name: args[1]}
			return ask(a, c, about((*api.Client).RemoveQuery, r), func(b *bytes.Buffer, l *api.NamedQueries) {
				for _, q := range l.Queries {
					fmt.Fprintf(b, "query:%s of %s is gone; it was: %s\n", q.Name, l.Account, q.Query)
				}
			})
		},
	}
	return group("query", "Give queries names", ls, add, rm)
}

func listQueries(b *bytes.Buffer, l *api.NamedQueries) {
	if len(l.Queries) == 0 {
		fmt.Fprintf(b, "%s has given no query a name\n", l.Account)
		return
	}
	rows := [][]string{{"NAME", "MESSAGES", "SINCE", "QUERY"}}
	for _, q := range l.Queries {
		total := "-"
		if q.Total != nil {
			total = strconv.Itoa(*q.Total)
		}
		rows = append(rows, []string{q.Name, total, q.Since.Format("2006-01-02"), line(q.Query, 80)})
	}
	table(b, rows)
	noteSearch(b, nil, l.Behind)
}
