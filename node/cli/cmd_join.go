package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cairn/consensus/fingerprint"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

func (a *app) cmdJoin() *cobra.Command {
	return &cobra.Command{
		Use:   "join INVITE|ADMISSION",
		Short: "Join the network of an invite",
		Long: `Join the network of an invite, as "cairn org invite" prints it on a node that is a member; - reads it from standard
input, so that an invite in a file goes in as in "cairn join - < invite.txt". The work that an enrolment costs is done here:
on a public network it takes some minutes. Addresses of the invite that do not answer are named first; the node joins all
the same, and its enrolment goes out when it finds a node of the network.

From then on the founder of the network and whoever made the invite are trusted for their domains, on the word of the invite
alone. They are named with the fingerprints of their keys in words: compare them on the telephone if somebody might have put
another invite in its place on the way.

With what "cairn org node add" prints, this machine becomes one more node of that organisation, without an enrolment.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, kind, err := a.armoured(c, args[0], membership.ArmourInvite, membership.ArmourAdmission)
			if err != nil {
				return err
			}
			if kind == membership.ArmourAdmission {
				return a.joinAsNode(text)
			}
			invite, err := membership.DecodeInvite(text)
			if err != nil {
				return badArmour(kind, err)
			}
			cfg, err := node.LoadConfig(a.dir)
			if err != nil {
				return err
			}
			var silent []string
			if _, err := node.LoadNetwork(a.dir); errors.Is(err, node.ErrNotMember) { // else nothing will come of it
				silent = node.Unanswered(c.Context(), invite.Addresses)
			}
			if len(silent) > 0 {
				fmt.Fprint(a.err, clean(unanswered(silent, len(invite.Addresses))))
			}
			progress, done := a.stampProgress()
			err = node.Join(c.Context(), a.dir, invite, progress)
			done()
			if errors.Is(err, node.ErrExists) {
				return api.Errorf(api.CodeExists, "to go on with it: cairn run", "joining: %v", err)
			}
			if err != nil {
				return err
			}
			org := cfg.Organisation
			doc := &made{Directory: a.dir, Org: api.OrgSummary{Name: org.Name, Domains: org.Domains}, Network: madeNetworkOf(invite.Genesis), Unanswered: silent}
			if id, err := node.LoadIdentity(a.dir); err == nil {
				doc.Org.Key = id.OrgKey().String()
			}
			pins, err := node.StartPins(a.dir)
			if err != nil {
				return err
			}
			doc.Trusted = believed(pins)
			doc.noteRecovery(a.dir)
			return a.print(doc, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s joins the network %v\n  its enrolment goes out when the node runs\n", org.Name, doc.Network)
				showBelieved(b, doc.Trusted)
				a.tellRecovery(b, doc)
				fmt.Fprintf(b, "Next: %s\n", a.typable("cairn run"))
			})
		},
	}
}

// madeTrust is whom the node was made to trust.
type madeTrust struct {
	Source      string   `json:"source"` // "genesis" (the founder) or "invite"
	Domains     []string `json:"domains"`
	Key         string   `json:"key"`
	Fingerprint string   `json:"fingerprint"` // of the key, in words
}

// believed are the pins of other organisations, by whose they are.
func believed(pins []node.Pin) (list []madeTrust) {
	for _, p := range pins {
		if p.Source == node.PinOwn {
			continue
		}
		key := p.Key.String()
		at := slices.IndexFunc(list, func(t madeTrust) bool { return t.Key == key && t.Source == p.Source })
		if at < 0 {
			at = len(list)
			list = append(list, madeTrust{Source: p.Source, Key: key, Fingerprint: fingerprint.Of(p.Key)})
		}
		list[at].Domains = append(list[at].Domains, p.Domain)
	}
	return list
}

func showBelieved(b *bytes.Buffer, list []madeTrust) {
	for _, t := range list {
		who := "whoever made the invite"
		if t.Source == node.PinGenesis {
			who = "the founder of the network"
		}
		fmt.Fprintf(b, "  trusted   for %s: %s\n  key       %s\n  words     %s\n", strings.Join(t.Domains, ", "), who, t.Key, t.Fingerprint)
	}
}

// unanswered tells which addresses of an invite do not answer.
func unanswered(silent []string, of int) string {
	var b strings.Builder
	if len(silent) == of {
		b.WriteString("No address of the invite answers:\n")
	} else {
		fmt.Fprintf(&b, "%d of %d addresses of the invite do not answer:\n", len(silent), of)
	}
	for _, s := range silent {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	if len(silent) == of {
		b.WriteString("  try: ask for an invite of a node that runs, or name another node of the network in p2p.bootstrap of cairn.toml\n")
	}
	return b.String()
}

// joinAsNode makes this machine a node of the organisation that has taken it in.
func (a *app) joinAsNode(text string) error {
	admission, err := membership.DecodeAdmission(text)
	if err != nil {
		return badArmour(membership.ArmourAdmission, err)
	}
	aside, err := node.JoinAsNode(a.dir, admission)
	if errors.Is(err, node.ErrExists) {
		return api.Errorf(api.CodeExists, "to go on with it: cairn run", "joining: %v", err)
	} else if err != nil {
		return err
	}
	org := admission.Enrol.Enrol()
	doc := &made{
		Directory: a.dir, Network: madeNetworkOf(admission.Genesis),
		Org: api.OrgSummary{Name: org.Name, Domains: org.Domains, Key: org.OrgKey.String()}, OrgKeyAside: aside,
	}
	return a.print(doc, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "this is one more node of %s in the network %s, chain %s\n", named(org.Name, 0), doc.Network.Name, doc.Network.ChainID)
		if aside != "" {
			fmt.Fprintf(b, "  org key   %s is now %s: the organisation enrolled with another one; if it has been the organisation's since, put it back\n", home.OrgKey, aside)
		}
		fmt.Fprintf(b, "Next: %s\n", a.typable("cairn run"))
	})
}
