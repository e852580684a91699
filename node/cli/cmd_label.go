package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdLabel() *cobra.Command {
	ls := &cobra.Command{
		Use:   "ls [ACCOUNT]",
		Short: "List labels and how many messages bear them",
		Args:  between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			account := ""
			if len(args) > 0 {
				account = args[0]
			}
			client := a.client()
			defer client.Close()
			l, err := client.Labels(c.Context(), account)
			if err != nil {
				return err
			}
			return a.print(l, func(b *bytes.Buffer) {
				rows := [][]string{{"LABEL", "MESSAGES"}}
				for _, e := range l.Labels {
					rows = append(rows, []string{e.Label, fmt.Sprint(e.Messages)})
				}
				table(b, rows)
			})
		},
	}
	add := a.cmdSetLabels("add", "Give a message labels", func(r *api.LabelRequest, labels []string) { r.Add = labels })
	rm := a.cmdSetLabels("rm", "Take labels off a message", func(r *api.LabelRequest, labels []string) { r.Remove = labels })
	return group("label", "List and change labels", ls, add, rm)
}

func (a *app) cmdSetLabels(name, short string, set func(*api.LabelRequest, []string)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " ACCOUNT/ID LABEL...",
		Short:   short,
		Example: "  cairn label " + name + " alice/12 invoices",
		Args:    between(2, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkRef(c, args[0]); err != nil {
				return err
			}
			r := api.LabelRequest{Ref: args[0]}
			set(&r, args[1:])
			client := a.client()
			defer client.Close()
			m, err := client.SetLabels(c.Context(), r)
			if err != nil {
				return err
			}
			return a.print(m, func(b *bytes.Buffer) { fmt.Fprintf(b, "%s: %s\n", m.Ref, strings.Join(m.Labels, ", ")) })
		},
	}
}
