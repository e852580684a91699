package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell how the running node is",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, (*api.Client).Status, func(b *bytes.Buffer, s *api.Status) {
				rows := [][2]string{
					{"node", fmt.Sprintf("%s, %s, up %v", s.Hostname, s.Software, time.Since(s.Started).Round(time.Second))},
					{"organisation", fmt.Sprintf("%s (%s), %s", named(s.Org.Name, 0), strings.Join(s.Org.Domains, ", "), memberNote(&s.Org))},
					{"this node", withNext(s.Org.Ended, s.Org.EndedNext)},
					{"next org key", pendingNote(s.Org.Pending)},
					{"recovery key", a.recoveryNote(&s.Org)},
					{"not proposed", withNext(s.Org.Refused, s.Org.RefusedNext)},
					{"network", fmt.Sprintf("%s, chain %s, block %d%s", s.Chain.Network, s.Chain.ChainID, s.Chain.Height, syncNote(&s.Chain))},
					{"parameters", paramsNote(&s.Chain)},
					{"clock", clockNote(&s.Clock)},
				}
				for _, e := range s.Org.Proposed {
					rows = append(rows, [2]string{"proposed", fmt.Sprintf("%s %.8s, waits for %s", e.Type, e.ID, e.WaitsFor)})
				}
				for _, e := range s.Org.Overtaken {
					rows = append(rows, [2]string{"overtaken", withNext(fmt.Sprintf("%s %.8s, another event of the organisation was in a block before it", e.Type, e.ID), e.Next)})
				}
				for _, finding := range s.Clock.Findings {
					rows = append(rows, [2]string{"clock wrong?", finding})
				}
				rows = append(rows, [2]string{"peers", peersNote(s.PeersByOrg)})
				if c := s.Copy; c != nil {
					rows = append(rows, [2]string{"copy", a.copyNote(c)})
				}
				for _, t := range s.Twice {
					rows = append(rows, [2]string{"there twice", twiceNote(&t)})
				}
				for _, p := range s.SilentPeers {
					rows = append(rows, silentRow(&p))
				}
				rows = append(rows,
					[2]string{"mining", miningNote(s)},
					[2]string{"mail", fmt.Sprintf("%s, %s, %d pending", plural(s.Mail.Accounts, "account"), plural(s.Mail.Messages, "message"), s.Mail.Pending)},
					[2]string{"no room", fullNote(&s.Mail)},
					[2]string{"damaged", damagedNote(&s.Mail)},
					[2]string{"outbound", fmt.Sprintf("%d queued: %d waiting for a record, %d held, %d held by hand, %d deferred; %d sealed and in no block yet",
						s.Mail.Queued, s.Mail.Unsealed, s.Mail.Held, s.Mail.ByHand, s.Mail.Deferred, s.Mail.Sealed)},
					[2]string{"not signed", a.unsignedNote(s.Mail.Unsigned)},
					[2]string{"cut off", a.cutOffNote(s.Mail.CutOff)},
					[2]string{"not recorded", withNext(s.Mail.Halted, s.Mail.Next)},
					[2]string{"records in", epochNote(s.Mail.Epoch)},
					[2]string{"index", indexNote(&s.Index)},
					[2]string{"submission", s.Listen.Submission},
					[2]string{"  with TLS", s.Listen.SubmissionTLS},
					[2]string{"inbound", s.Listen.Inbound},
					[2]string{"milter", s.Listen.Milter},
					[2]string{"operations", s.Listen.Operations},
					[2]string{"http", s.Listen.HTTP},
					[2]string{"https", s.Listen.HTTPS},
				)
				for _, c := range s.Certificates {
					rows = append(rows, [2]string{"certificate", certificateNote(&c)})
				}
				rows = append(rows, policyRows(s.Policy)...)
				for _, p := range s.Listen.P2P {
					rows = append(rows, [2]string{"p2p", p})
				}
				for _, row := range rows {
					if row[1] != "" {
						fmt.Fprintf(b, "%-13s %s\n", row[0], line(row[1], 0))
					}
				}
			})
		},
	}
}

func pendingNote(p *api.PendingRotation) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%.16s… is announced (%s), and counts from block %d on, about %s", p.Key, p.Fingerprint, p.At, p.About.Format(time.DateTime))
}

func (a *app) recoveryNote(o *api.OrgSummary) string {
	if !o.RecoveryKeyHere {
		return ""
	}
	return "it is in this directory still, where a thief finds it with the rest: " + a.typable("cairn org recovery-key -o FILE")
}

func paramsNote(s *api.ChainStatus) string {
	note := fmt.Sprintf("version %d", s.Params)
	if s.Attesters > 0 {
		note += fmt.Sprintf(", %s attest to each new member", plural(int(s.Attesters), "member"))
	}
	return note
}

func epochNote(epoch string) string {
	if epoch == "" {
		return ""
	}
	return "epoch " + epoch + " of this node's recorder key"
}

func syncNote(s *api.ChainStatus) string {
	if s.Syncing {
		return fmt.Sprintf(" of %d, catching up", s.SyncTarget)
	}
	return ""
}

// memberNote says since when an organisation is a member, or what that waits for.
func memberNote(o *api.OrgSummary) string {
	if o.Enrolled {
		return fmt.Sprintf("enrolled, member since block %d", o.Height)
	}
	if o.Awaited {
		return "a member or not, as the chain says, which is not here yet: it waits for " + o.WaitsFor
	}
	if o.Added {
		return "this node is in no block yet, as seen here: it waits for " + o.WaitsFor
	}
	return "no member yet: its enrolment waits for " + o.WaitsFor
}

// withNext is what is wrong and what to do about it.
func withNext(what, next string) string {
	if what == "" || next == "" {
		return what
	}
	return what + "; next: " + next
}

// fullNote tells of a disk on which nothing is written any more.
func fullNote(m *api.MailStatus) string {
	if m.Full == "" {
		return ""
	}
	return withNext(m.Full+": no mail is taken and nothing is changed", m.FullNext)
}

// damagedNote tells of damage that was met.
func damagedNote(m *api.MailStatus) string {
	if m.Damaged == 0 {
		return ""
	}
	return withNext(fmt.Sprintf("%s of the mail store could not be read as stored since the start", plural(m.Damaged, "value")), m.DamagedNext)
}

// cutOffNote tells of addresses at domains that are not the organisation's.
func (a *app) cutOffNote(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("%s at domains that are not the organisation's get no mail, see: %s", plurals(len(list), "address", "addresses"), a.typable("cairn account ls"))
}

// unsignedNote tells of domains without a DKIM signature.
func (a *app) unsignedNote(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("mail from %s leaves for the rest of the world without a DKIM signature, since no record of a key is seen in the DNS; publish it: %s",
		strings.Join(list, ", "), a.typable("cairn dkim show"))
}

// policyRows tell of our MTA-STS policy, and of what has to be published for it.
func policyRows(p *api.OwnPolicy) (rows [][2]string) {
	if p == nil {
		return nil
	}
	rows = append(rows, [2]string{"mta-sts", fmt.Sprintf("%s, for mail to %s; the DNS needs:", p.Mode, strings.Join(p.MX, ", "))})
	for _, r := range p.Records {
		value := r.Value
		if r.Type == "TXT" {
			value = `"` + value + `"`
		}
		rows = append(rows, [2]string{"", fmt.Sprintf("%s IN %s %s", r.Name, r.Type, value)})
	}
	return rows
}

// certificateNote tells what is shown for a name, and what is wrong with that.
func certificateNote(c *api.Certificate) string {
	from := map[string]string{"own": "of the node's own making", "file": "of a file", "acme": "of an authority"}[c.Source]
	note := fmt.Sprintf("%s, %s, until %s", c.Name, from, c.Until.Format(time.DateOnly))
	if c.Fault == "" {
		return note
	}
	what := "none was issued"
	if c.Source == "acme" {
		what = "it is not renewed, or not on the disk"
	}
	if note += "; " + what + ": " + c.Fault; !c.Again.IsZero() {
		note += ", tried again " + clock(c.Again)
	}
	return withNext(note, c.Next)
}

func clockNote(c *api.ClockStatus) string {
	age := time.Duration(-c.TipAhead * float64(time.Second)).Round(time.Second)
	if age < 0 {
		return fmt.Sprintf("%s, the last block is %v ahead", clock(c.Time), -age)
	}
	kept := ""
	if c.Kernel == "not synchronised" {
		kept = "; no time service keeps it"
	}
	return fmt.Sprintf("%s, the last block is %v old%s", clock(c.Time), age, kept)
}

func (a *app) copyNote(c *api.CopyStatus) string {
	if c.Stays {
		return fmt.Sprintf("another process ran with the keys of this node, found %s; this node is the one that stays", clock(c.Found))
	}
	seen := ""
	if !c.Seen.IsZero() {
		seen = ", last seen " + clock(c.Seen)
	}
	return fmt.Sprintf("another process runs with the keys of this node, found %s%s: neither speaks for it; %s; end the other one first, then: %s",
		clock(c.Found), seen, aloneNote(c), a.typable("cairn org node stays"))
}

// aloneNote says what is lost with the directory of either copy.
func aloneNote(c *api.CopyStatus) string {
	note := "before you end one, look at both: mail that it took until " + clock(c.Found) + " may be in its directory alone"
	if c.Here != nil {
		note += fmt.Sprintf(", here like %s taken since and %d queued", plural(c.Here.Taken, "message"), c.Here.Queued)
	}
	return note
}

func twiceNote(t *api.TwiceNode) string {
	if t.Org == "" {
		return "node " + t.Node
	}
	return fmt.Sprintf("a node of %s, %s", named(t.Org, 40), t.Node)
}

func miningNote(s *api.Status) string {
	switch {
	case s.Chain.Mining == "off":
	case s.Copy != nil && !s.Copy.Stays:
		return s.Chain.Mining + ", not now: see the copy"
	case s.Clock.Waiting:
		return s.Chain.Mining + ", not now: see the clock"
	}
	return miningLine(&s.Chain)
}

// miningLine says what is mined with, and why nothing is now.
func miningLine(s *api.ChainStatus) string {
	if s.MiningWaits == "" {
		return s.Mining
	}
	return s.Mining + ", not now: " + withNext(s.MiningWaits, s.MiningNext)
}

func peersNote(list []api.OrgPeers) string {
	notes := make([]string, len(list))
	for i, o := range list {
		name := named(o.Org, 40)
		if o.ID == "" {
			name = "not enrolled"
		}
		notes[i] = fmt.Sprintf("%s %d", name, o.Nodes)
		if o.Ended > 0 {
			notes[i] += fmt.Sprintf(" (%d ended)", o.Ended)
		}
	}
	if len(notes) == 0 {
		return "none"
	}
	return strings.Join(notes, ", ")
}

func indexNote(i *api.IndexStatus) string {
	if i.Lag == 0 {
		return "up to date"
	}
	return fmt.Sprintf("%d of %d changes taken in", i.Cursor, i.Journal)
}

// silentRow says of a node that was to be connected why it is not.
func silentRow(p *api.Silent) [2]string {
	said := fmt.Sprintf("%s, since %s", p.Address, clock(p.Since))
	if p.Why == "" {
		return [2]string{"no answer", said}
	}
	return [2]string{"no peer", withNext(said+": "+p.Why, p.Next)}
}
