package cli

import (
	"context"

	"cairn/node/api"
)

// orgDomains are the domains that members claim, each with who does.
func orgDomains(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.Orgs(ctx, "all"); err == nil {
		for _, o := range l.Orgs {
			for _, d := range o.Domains {
				list = append(list, d+"\t"+line(o.Name, 60))
			}
		}
	}
	return list
}

// applications are the events that wait for the word of members.
func applications(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.Applications(ctx); err == nil {
		for _, a := range l.Applications {
			list = append(list, a.ID+"\t"+line(a.Type+" of "+named(a.Name, 0), 60))
		}
	}
	return list
}

// ourNodes are the nodes of our organisation that have not ended.
func ourNodes(ctx context.Context, c *api.Client, _ []string, _ string) (list []string) {
	if l, err := c.OrgNodes(ctx); err == nil {
		for _, n := range l.Nodes {
			if n.End == "" && !n.Waiting {
				list = append(list, n.Node)
			}
		}
	}
	return list
}
