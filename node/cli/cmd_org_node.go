package cli

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cairn/consensus"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/membership"
)

func (a *app) cmdOrgNode() *cobra.Command {
	return group("node", "The nodes of our organisation", a.cmdOrgNodeRequest(), a.cmdOrgNodeAdd(), a.cmdOrgNodeDrop(), a.cmdOrgNodeRekey(), a.cmdOrgNodeLs(), a.cmdOrgNodeStays())
}

// nodeRequest is what org node request prints.
type nodeRequest struct {
	api.Document
	Request string `json:"request"`
	OrgKey  string `json:"org_key"`
	Node    string `json:"node"`
}

func (a *app) cmdOrgNodeRequest() *cobra.Command {
	return &cobra.Command{
		Use:   "request INVITE",
		Short: "Ask to be one more node of the organisation that invites; on the new machine",
		Long: `Print a request to be one more node of an organisation: one string with this machine's keys and their proofs. It is for a
new machine, after "cairn init", with what "cairn org invite" prints on a node of the organisation; - reads that from standard
input. The request is no secret. Give it to "cairn org node add" there, and what that prints to "cairn join" here.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, kind, err := a.armoured(c, args[0], membership.ArmourInvite)
			if err != nil {
				return err
			}
			invite, err := membership.DecodeInvite(text)
			if err != nil {
				return badArmour(kind, err)
			}
			r, err := node.RequestNode(a.dir, invite)
			if err != nil {
				return err
			}
			doc := &nodeRequest{Request: r.Encode(), OrgKey: r.OrgKey.String(), Node: r.Keys.Node.String()}
			return a.print(doc, func(b *bytes.Buffer) { fmt.Fprintln(b, doc.Request) })
		},
	}
}

func (a *app) cmdOrgNodeAdd() *cobra.Command {
	return &cobra.Command{
		Use:   "add REQUEST",
		Short: "Take a node into our organisation",
		Long: `Take the node of a request into our organisation: from its block on it carries and records our mail with keys of its own.
Make sure that the request is that of your machine. It prints what the new machine joins with.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, kind, err := a.armoured(c, args[0], membership.ArmourRequest)
			if err != nil {
				return err
			}
			r, err := membership.DecodeNodeRequest(text)
			if err != nil {
				return badArmour(kind, err)
			}
			client := a.client()
			defer client.Close()
			e, err := a.event(c.Context(), client, func(st *membership.Standing, keys []ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
				return st.AddNode(c.Context(), keys, r, progress)
			})
			if err != nil {
				return err
			}
			v, err := client.AdmitNode(c.Context(), api.EventRequest{Event: e.Encode()})
			if err != nil {
				return err
			}
			v.Node = r.Keys.Node.String()
			return a.print(v, func(b *bytes.Buffer) {
				showProposed(b, fmt.Sprintf("node %s is to be one of ours", v.Node), &v.OrgEvent)
				fmt.Fprintf(b, "Next, on the new machine: cairn join %s\n", v.Admission)
			})
		},
	}
}

func (a *app) cmdOrgNodeDrop() *cobra.Command {
	return &cobra.Command{
		Use:   "drop NODEKEY",
		Short: "End a node of our organisation",
		Long: `End a node of our organisation: what it records is taken for 100 blocks more, so that what is on its way still arrives. Its
keys are never enrolled again. If somebody else may have them, "cairn org revoke --node" ends it at once.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := nodeKeyOf(c, args[0])
			if err != nil {
				return err
			}
			return a.propose(c, fmt.Sprintf("node %s is to end", key), api.EventRequest{}, func(st *membership.Standing, keys []ed25519.PrivateKey, progress membership.Progress) (*consensus.OrgEvent, error) {
				return st.DropNode(c.Context(), keys, key, progress)
			})
		},
	}
}

// mayEnd refuses to end the last node of our organisation unless that is meant.
func mayEnd(c *cobra.Command, st *membership.Standing, ended []consensus.Key, meant bool) error {
	if len(ended) == 0 || meant || st.Left(ended) > 0 {
		return nil
	}
	e := usage(c, "no node of ours is left then, so that nobody records our mail or takes it in: say with --yes that it is meant")
	e.Hint = "add a node before, see: cairn org node add --help"
	return e
}

// nodeKeyOf is a node key given on the command line.
func nodeKeyOf(c *cobra.Command, arg string) (consensus.Key, error) {
	key, err := consensus.ParseKey(strings.ToLower(arg))
	if err != nil {
		return key, usage(c, "%q is not a node's key: 64 hexadecimal digits, as org node ls shows them", arg)
	}
	return key, nil
}

func (a *app) cmdOrgNodeLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the nodes of our organisation",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).OrgNodes, func(b *bytes.Buffer, l *api.OrgNodeList) {
				for i := range l.Nodes {
					showNode(b, &l.Nodes[i])
				}
			})
		},
	}
}
