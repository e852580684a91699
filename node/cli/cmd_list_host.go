package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

type (
	forwarderCall func(*api.Client, context.Context, api.ForwarderRequest) (*api.ForwarderList, error)
	memberCall    func(*api.Client, context.Context, api.MembersRequest) (*api.MemberList, error)
)

func (a *app) cmdListHost() *cobra.Command {
	ls := &cobra.Command{
		Use:   "ls",
		Short: "List the mailing lists of this node",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).HostedLists, func(b *bytes.Buffer, l *api.HostedLists) {
				rows := [][]string{{"LIST", "MEMBERS", "POSTS BY", "PER HOUR", "OWNER", "TAG", "FOOTER"}}
				for _, e := range l.Lists {
					rows = append(rows, []string{e.Address, fmt.Sprint(e.Members), e.Post, fmt.Sprint(e.PerHour), e.Owner, e.Tag, line(e.Footer, 60)})
				}
				table(b, rows)
			})
		},
	}
	join := a.cmdChangeMembers("join", "Make addresses members of a mailing list", "joined", (*api.Client).Join)
	leave := a.cmdChangeMembers("leave", "Take addresses off a mailing list", "left", (*api.Client).Leave)
	host := group("host", "Host mailing lists", ls, a.cmdHostSet(), a.cmdHostRm(), a.cmdHostMembers(), join, leave)
	host.Long = `Host mailing lists. A list is an account of its own. What is posted to it is sent on to its members with a record of
this node, below which the author's record stays. Mail without a record, of somebody who may not
post, or beyond --per-hour is kept there with the label held, until somebody gives it the label approved:
cairn label add LIST/ID approved`
	return host
}

func (a *app) cmdHostSet() *cobra.Command {
	var owner, post, tag, footer string
	var perHour int
	set := &cobra.Command{
		Use:     "set ADDRESS",
		Short:   "Make a mailing list, or change one",
		Long:    "Make a mailing list, or change one. Options that are not given stay as they are.",
		Example: `  cairn list host set devs@alpha.example --owner alice@alpha.example --tag devs`,
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := bareAddresses(c, args)
			if err != nil {
				return err
			}
			r := api.HostedListRequest{Address: list[0]}
			given := c.Flags().Changed
			for name, v := range map[string]struct {
				value *string
				to    **string
			}{"owner": {&owner, &r.Owner}, "post": {&post, &r.Post}, "tag": {&tag, &r.Tag}, "footer": {&footer, &r.Footer}} {
				if given(name) {
					*v.to = v.value
				}
			}
			if given("owner") {
				list, err := bareAddresses(c, []string{owner})
				if err != nil {
					return err
				}
				owner = list[0]
			}
			if given("per-hour") && perHour < 1 {
				return usage(c, "%d posts an hour make no sense: use 1 to 10000", perHour)
			}
			if given("per-hour") {
				r.PerHour = &perHour
			}
			return ask(a, c, about((*api.Client).PutHostedList, r), func(b *bytes.Buffer, l *api.HostedList) {
				fmt.Fprintf(b, "%s: %s, posts by %s, owner %s\n", l.Address, plural(l.Members, "member"), l.Post, l.Owner)
			})
		},
	}
	f := set.Flags()
	f.StringVar(&owner, "owner", "", "address of a person here who gets the bounces (default: postmaster)")
	f.StringVar(&post, "post", "", "who may post: members, by what their record proves, or anyone (default: members)")
	f.StringVar(&tag, "tag", "", "what to put before subjects, in brackets: letters, spaces, - and _, but no digits")
	f.StringVar(&footer, "footer", "", "text to put behind plain texts, below a line; printable ASCII")
	f.IntVar(&perHour, "per-hour", 60, "posts in an hour that are sent on; more are held")
	allowEmpty(set, "tag", "footer")
	return set
}

func (a *app) cmdHostRm() *cobra.Command {
	var yes bool
	rm := &cobra.Command{
		Use:   "rm ADDRESS",
		Short: "Remove a mailing list with all that was posted",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return api.Errorf(api.CodeUsage, "cairn list host rm "+args[0]+" --yes", "removing %s deletes what was posted for good: say that it is meant", args[0])
			}
			return ask(a, c, about((*api.Client).RemoveHostedList, args[0]), func(b *bytes.Buffer, l *api.HostedList) {
				fmt.Fprintf(b, "removed %s with %s\n", l.Address, plural(l.Members, "member"))
				showLeftLists(b, l.LeftLists)
			})
		},
	}
	rm.Flags().BoolVar(&yes, "yes", false, "delete what was posted")
	return rm
}

func (a *app) cmdHostMembers() *cobra.Command {
	return &cobra.Command{
		Use:   "members ADDRESS",
		Short: "List the members of a mailing list, one a line",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c, about((*api.Client).Members, args[0]), func(b *bytes.Buffer, l *api.MemberList) {
				for _, m := range l.Members {
					fmt.Fprintln(b, m)
				}
			})
		},
	}
}

func (a *app) cmdChangeMembers(name, short, done string, change memberCall) *cobra.Command {
	return &cobra.Command{
		Use:     name + " ADDRESS MEMBER...",
		Short:   short,
		Long:    short + ". For - as the only member they are read from standard input, one a line.",
		Example: "  cairn list host " + name + " devs@alpha.example bob@beta.example\n  cairn list host " + name + " devs@alpha.example - < members.txt",
		Args:    between(2, unlimited),
		RunE: func(c *cobra.Command, args []string) error {
			members := args[1:]
			if len(members) == 1 && members[0] == "-" {
				var err error
				if members, err = lines(a.in); err != nil {
					return err
				}
			}
			members, err := bareAddresses(c, members)
			if err != nil {
				return err
			}
			return ask(a, c, about(change, api.MembersRequest{Address: args[0], Members: members}), func(b *bytes.Buffer, l *api.MemberList) {
				fmt.Fprintf(b, "%s: %d %s, %s\n", l.Address, l.Changed, done, plural(l.Total, "member"))
			})
		},
	}
}

// maxMemberList bounds what is read of a file of members.
const maxMemberList = 1 << 20

// lines reads the lines of r that are not empty.
func lines(r io.Reader) (list []string, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMemberList+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the members: %w", err)
	case len(text) > maxMemberList:
		return nil, api.Errorf(api.CodeTooLarge, "give them in several calls", "reading the members: more than %d bytes", maxMemberList)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list, nil
}
