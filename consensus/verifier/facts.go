package verifier

import (
	"fmt"
	"slices"
	"strconv"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// judge draws the verdict from the facts. Of mail that counts as without a
// record because nothing here can read it, it says so.
func (f *Finding) judge() {
	f.Verdict, f.Reasons = record.Judge(f.Facts)
	if f.Facts.TokenPresent || f.Facts.TokenFault == "" {
		return
	}
	if f.Verdict == record.Unrecorded {
		f.Reasons = nil
	}
	f.Reasons = append(f.Reasons, f.Facts.TokenFault)
}

// claims reports whether org has enrolled all of domains.
func claims(org *consensus.Org, domains []string) bool {
	for _, d := range domains {
		if !slices.Contains(org.Domains, d) {
			return false
		}
	}
	return len(domains) > 0
}

// genuine reports whether the message is the one that was recorded, for this
// recipient or sent on to it by a known forwarder.
func (f *Finding) genuine() bool {
	c := f.Facts.Comparison
	return c.AllSame() || f.Facts.Forwarder != "" && c.Forwarded()
}

// usesUp reports whether the message uses its record up. What a stranger sent on does so as it
// arrived, in a place of its own, so that neither a second stranger nor another addition gets it
// delivered anew. A forwarder's old record does not: it may yet make another one.
func (f *Finding) usesUp() bool {
	switch {
	case f.Facts.ByStranger():
		return f.Facts.Named() && !f.Facts.Decisive() && !f.Facts.Old()
	case f.Facts.Forwarder != "":
		return f.genuine() && !f.Facts.Old()
	case !f.Facts.Named(): // that its reader knows whom it is for explains one copy
		return len(f.Facts.RecordedFor) > 0 && !f.Facts.Decisive()
	}
	return f.genuine()
}

// acceptedKey is under what the first delivery of f's record to rcpt is remembered.
func (f *Finding) acceptedKey(rcpt string) []byte {
	by := f.Facts.Forwarder
	switch {
	case !f.Facts.Named():
		by = byCopy
	case f.Facts.ByStranger():
		by = byStranger
	}
	return acceptedKey(f.Record, rcpt, by)
}

// at is Own as the chain with the state s has the organisation.
func (o Own) at(s *consensus.State) Own {
	if org, ok := s.OrgByKey(o.Key); ok {
		o.Domains = org.Domains
	}
	return o
}

// others returns those of addrs that are at no domain of ours: what is for somebody of ours comes
// to nobody else by a list or an old address elsewhere.
func (o Own) others(addrs []string) []string {
	return slices.DeleteFunc(addrs, func(addr string) bool { return slices.Contains(o.Domains, message.Domain(addr)) })
}

// recordedBy notes who enrolled the key that signed the token, and what is
// known of it and the sender's domains. A nil org: nobody has.
func (f *Finding) recordedBy(org *consensus.Org, w word, cfg Config) {
	f.TrustedBy, f.Unanswered = "", w.open
	if org == nil {
		f.Org, f.OrgEvent = consensus.Hash{}, consensus.Hash{}
		f.Facts.SetThreshold(cfg.Threshold, 0)
		f.Facts.TokenValid, f.Facts.Recorder, f.Facts.RecorderDomain = false, "", ""
		f.Facts.TokenFault = "no organisation of this network has enrolled the key that signed the token"
		f.Facts.FromDomainIsOrg, f.Facts.OrgTrusted = false, false
		f.Facts.OrgPinned, f.Facts.DeclaresAll = false, false
		return
	}
	f.Org, f.OrgEvent = org.ID, org.LastEvent
	if i := slices.IndexFunc(org.Nodes, func(n consensus.OrgNode) bool { return n.Recorder == f.Recorder }); i >= 0 {
		f.Node = org.Nodes[i].Node
	}
	f.Facts.SetThreshold(cfg.Threshold, int(org.ThresholdFloor))
	f.Facts.TokenValid, f.Facts.TokenFault = true, ""
	f.Facts.Recorder, f.Facts.RecorderDomain = org.Name, speaksAs(org, f.Domains)
	f.Facts.FromDomainIsOrg = claims(org, f.Domains)
	f.Facts.OrgTrusted = f.Facts.FromDomainIsOrg && w.trusted
	f.Facts.OrgPinned, f.Facts.DeclaresAll = w.pinned, w.declared
	if w.own {
		f.Facts.OwnDomain = ""
	}
	if f.Facts.OrgTrusted {
		f.TrustedBy = w.how
	}
}

// contested reports whether between two states of the chain it changed who claims f's domains.
func (f *Finding) contested(then, now *consensus.State) bool {
	return slices.ContainsFunc(f.Domains, func(domain string) bool {
		return !slices.Equal(then.OrgsByDomain(domain), now.OrgsByDomain(domain))
	})
}

// speaksAs is the domain under which org is named to people: the author's if it
// has that, else its first.
func speaksAs(org *consensus.Org, domains []string) string {
	for _, d := range domains {
		if slices.Contains(org.Domains, d) {
			return d
		}
	}
	if len(org.Domains) == 0 {
		return ""
	}
	return org.Domains[0]
}

// claimed returns the domain of our own that mail from outside with a header
// claims without our record; empty if it claims none. courier is the organisation
// whose node brought it: what our own nodes bring, such as a report that could not
// be recorded, is ours.
func (o Own) claimed(f *Finding, header *record.Header, sender string, s *consensus.State, courier *consensus.Org) string {
	if courier != nil && keysOf(s, courier)(o.Key) {
		return ""
	}
	if org, ok := s.Org(f.Org); ok && keysOf(s, org)(o.Key) {
		return ""
	}
	return header.Claims(sender, o.at(s).Domains)
}

// thresholdOf is the share that an account asks for, 0 if it asks for none.
func thresholdOf(rd *mailstore.Reader, account mailstore.AccountID) (int, error) {
	value, err := rd.Setting(account, SettingThreshold)
	if err != nil || value == "" {
		return 0, err
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("setting %s of account %d is %q, no number: %w", SettingThreshold, account, value, err)
	}
	return n, nil
}

// locate looks up where the record's batch stands, at the cursor that sp
// shows. A record that is in no block is late or given up at its deadline; one
// whose place was decided until now waits anew.
func (f *Finding) locate(sp mailstore.SpaceReader) error {
	if f.Record.IsZero() {
		return nil
	}
	p, err := placeOf(sp, f.series(), f.Seq)
	if err != nil {
		return err
	}
	cursor, err := cursorIn(sp)
	if err != nil {
		return err
	}
	f.Block = chain.Index{}
	if decided := f.Facts.Inclusion == record.InclusionIncluded || f.Facts.Inclusion == record.InclusionConflict; decided && p == nil {
		f.Deadline, f.Late = max(f.Deadline, cursor.Height+patience), false
	}
	switch {
	case p == nil && cursor.Height >= f.Deadline:
		return f.overdue(sp, cursor.Height)
	case p == nil && f.Late:
		f.Facts.Inclusion = record.InclusionLate
	case p == nil:
		f.Facts.Inclusion = record.InclusionNone
	case int(f.Micro) < len(p.micros) && p.micros[f.Micro] == f.Root:
		f.Facts.Inclusion = record.InclusionIncluded
		f.Block = p.block
	default:
		f.Facts.Inclusion = record.InclusionConflict
	}
	return nil
}

// overdue notes that f's record is in no block at its deadline. Where recorder keys have epochs
// that says nothing against it as long as a block may yet take it: whoever was cut off, or had a
// wrong clock, comes late.
func (f *Finding) overdue(sp mailstore.SpaceReader, height uint64) error {
	if f.Epoch == 0 {
		f.Facts.Inclusion = record.InclusionExpired
		return nil
	}
	if !f.Late {
		may := f.Seq <= near
		if !may {
			var err error
			if may, err = sp.Has(placeKey(f.series(), f.Seq-near)); err != nil {
				return err
			}
		}
		if may {
			f.Deadline, f.Late = f.Deadline+lateFor, true
		}
	}
	f.Facts.Inclusion = record.InclusionLapsed
	if f.Late && height < f.Deadline {
		f.Facts.Inclusion = record.InclusionLate
	}
	return nil
}

func (f *Finding) isOverdue() bool {
	return slices.Contains([]record.Inclusion{record.InclusionExpired, record.InclusionLate, record.InclusionLapsed}, f.Facts.Inclusion)
}

// addressedTo narrows what was found about an arrival to the copy of one of
// its recipients.
func (f *Finding) addressedTo(rcpt string, token *record.Token) {
	f.Facts.Comparison = f.Facts.Comparison.For(token, rcpt)
	f.Facts.RecipientInRecord = f.Facts.Comparison.RecipientInRecord
}
