package verifier

import (
	"slices"

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

// recordedBy notes who enrolled the key that signed the token, and what is
// known of it and the sender's domains. A nil org: nobody has.
func (f *Finding) recordedBy(org *consensus.Org, w word, p Policy) {
	f.Facts.Threshold = p.threshold(org)
	f.TrustedBy = ""
	if org == nil {
		f.Org = consensus.Hash{}
		f.Facts.TokenValid, f.Facts.Recorder = false, ""
		f.Facts.TokenFault = "no organisation of this network has enrolled the key that signed the token"
		f.Facts.FromDomainIsOrg, f.Facts.OrgTrusted = false, false
		f.Facts.OrgPinned, f.Facts.DeclaresAll = false, false
		return
	}
	f.Org = org.ID
	f.Facts.TokenValid, f.Facts.TokenFault = true, ""
	f.Facts.Recorder = org.Name
	f.Facts.FromDomainIsOrg = claims(org, f.Domains)
	f.Facts.OrgTrusted = f.Facts.FromDomainIsOrg && w.trusted
	f.Facts.OrgPinned, f.Facts.DeclaresAll = w.pinned, w.declared
	if f.Facts.OrgTrusted {
		f.TrustedBy = w.how
	}
}

// locate looks up where the record's batch stands, at the cursor that sp
// shows. A record that is in no block is given up at its deadline; one whose
// place was decided until now waits anew.
func (f *Finding) locate(sp mailstore.SpaceReader) error {
	if f.Record.IsZero() {
		return nil
	}
	p, err := placeOf(sp, f.Recorder, f.Seq)
	if err != nil {
		return err
	}
	var cursor chain.Index
	if _, err := getJSON(sp, []byte(keyCursor), &cursor); err != nil {
		return err
	}
	f.Block = chain.Index{}
	if decided := f.Facts.Inclusion == record.InclusionIncluded || f.Facts.Inclusion == record.InclusionConflict; decided && p == nil {
		f.Deadline = max(f.Deadline, cursor.Height+patience)
	}
	switch {
	case p == nil && cursor.Height >= f.Deadline:
		f.Facts.Inclusion = record.InclusionExpired
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

// addressedTo narrows what was found about an arrival to the copy of one of
// its recipients: whether the record names the others is nothing to rcpt.
func (f *Finding) addressedTo(rcpt string, token *record.Token) {
	c := f.Facts.Comparison
	c.Parts = slices.DeleteFunc(slices.Clone(c.Parts), func(p record.Part) bool {
		if p.Type != message.Recipient {
			return false
		}
		if p.Outcome == record.Extra {
			c.Extra--
		} else {
			c.Same--
			c.Recorded--
		}
		return true
	})
	rest := len(c.Parts)
	for _, p := range record.Compare(token, message.Components(nil, []string{rcpt})).Parts {
		if p.Type == message.Recipient {
			c.Parts = append(c.Parts, p)
		}
	}
	c.RecipientInRecord = len(c.Parts) > rest && c.Parts[rest].Outcome == record.Same
	if c.RecipientInRecord {
		c.Same++
		c.Recorded++
	} else {
		c.Extra++
	}
	slices.SortStableFunc(c.Parts, func(a, b record.Part) int { return int(a.Type) - int(b.Type) })
	f.Facts.Comparison = c
	f.Facts.RecipientInRecord = c.RecipientInRecord
}
