package cli

import (
	"bytes"
	"fmt"
	"slices"
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
			return ask(a, c, about((*api.Client).Labels, account), func(b *bytes.Buffer, l *api.LabelList) {
				rows := [][]string{{"LABEL", "MESSAGES"}}
				for _, e := range l.Labels {
					rows = append(rows, []string{e.Label, fmt.Sprint(e.Messages)})
				}
				table(b, rows)
			})
		},
	}
	add := a.cmdSetLabels("add", "Give messages labels", func(r *api.RelabelRequest, labels []string) { r.Add = labels })
	rm := a.cmdSetLabels("rm", "Take labels off messages", func(r *api.RelabelRequest, labels []string) { r.Remove = labels })
	return group("label", "List and change labels", ls, add, rm)
}

func (a *app) cmdSetLabels(name, short string, set func(*api.RelabelRequest, []string)) *cobra.Command {
	var r api.RelabelRequest
	c := &cobra.Command{
		Use:   name + " ACCOUNT/ID... LABEL...",
		Short: short,
		Long: short + `: those named, or with --query all that a search for it finds. Of those named either all are changed
or none; what a query finds is changed in steps, and can be repeated after an interruption.`,
		Example: "  cairn label " + name + " alice/12 alice/14 invoices\n  cairn label " + name + ` --query "from:alice invoice" invoices 2026`,
		Args:    between(1, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			labels, err := relabelled(c, &r, args)
			if err != nil {
				return err
			}
			set(&r, labels)
			client := a.client()
			defer client.Close()
			if len(r.Refs) == 1 {
				m, err := client.SetLabels(c.Context(), api.LabelRequest{Ref: r.Refs[0], Add: r.Add, Remove: r.Remove})
				if err != nil {
					return err
				}
				return a.print(m, func(b *bytes.Buffer) {
					showLabels(b, m)
					for _, label := range m.Absent {
						fmt.Fprintf(b, "  nothing to take off: it did not have the label %s\n", label)
					}
				})
			}
			all, err := client.Relabel(c.Context(), r)
			if err != nil {
				return err
			}
			return a.print(all, func(b *bytes.Buffer) {
				for _, m := range all.Messages {
					showLabels(b, &m)
				}
				if len(all.Messages) == 0 {
					fmt.Fprintln(b, "no mail found")
				} else {
					for _, label := range all.Absent {
						fmt.Fprintf(b, "nothing to take off: none of it had the label %s\n", label)
					}
				}
				noteSearch(b, all.Both, all.Behind)
			})
		},
	}
	c.Flags().StringVar(&r.Query, "query", "", "change all messages that this query finds, as of cairn search")
	c.Flags().StringVar(&r.Account, "account", "", "with --query: of this account only")
	allowEmpty(c, "query") // of which relabelled says more
	return c
}

// relabelled puts into r which messages are meant, and returns the labels: what follows the
// messages, or everything beside a query.
func relabelled(c *cobra.Command, r *api.RelabelRequest, args []string) (labels []string, err error) {
	asked := c.Flags().Changed("query")
	if asked && strings.TrimSpace(r.Query) == "" {
		return nil, usage(c, "the query is empty, and would find all mail")
	}
	if !asked && r.Account != "" {
		return nil, usage(c, "--account goes with --query: messages that are named say whose they are")
	}
	n := 0
	if !asked {
		n = slices.IndexFunc(args, func(s string) bool { return !api.IsRef(s) })
		if n == 0 {
			return nil, checkRef(c, args[0])
		}
	}
	if n < 0 {
		return nil, usage(c, "a label is missing after the messages")
	}
	r.Refs, labels = args[:n], args[n:]
	if i := slices.IndexFunc(labels, api.IsRef); i >= 0 && !asked {
		return nil, usage(c, "%q names a message: messages come first, then labels", labels[i])
	}
	return labels, nil
}

func showLabels(b *bytes.Buffer, m *api.MessageLabels) {
	fmt.Fprintf(b, "%s: %s\n", m.Ref, strings.Join(m.Labels, ", "))
}
