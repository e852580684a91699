package node

import (
	"errors"
	"slices"

	"cairn/consensus"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/screen"
)

func (n *Node) viewFinding(f *verifier.Finding) *api.Verification {
	if f == nil {
		return nil
	}
	s := n.chain.State()
	v := &api.Verification{
		Verdict: string(f.Verdict), Reasons: f.Reasons, From: f.From, Trusted: f.TrustedBy,
		Share: f.Facts.Comparison.Share(), Threshold: f.Facts.Threshold, Parts: PartViews(f.Facts.Comparison),
		ThresholdBy: f.Facts.ThresholdBy, Version: int(f.Facts.RecordVersion), Forwarder: f.Facts.Forwarder,
	}
	if !f.Record.IsZero() {
		v.Record, v.Recorder, v.Seq, v.Recorded = f.Record.String(), f.Recorder.String(), f.Seq, unixMilli(f.Time)
	}
	if f.Facts.ArrivalTime > 0 {
		v.Arrived = unixMilli(f.Facts.ArrivalTime)
	}
	nameRecorder(v, s, f)
	if !f.Block.IsZero() {
		v.Block = &api.BlockRef{Height: f.Block.Height, ID: f.Block.ID.String(), Confirmations: s.Height() - min(s.Height(), f.Block.Height)}
		if b, err := n.chain.Block(f.Block.ID); err == nil {
			v.Block.Time = unixMilli(b.Header.Time)
		}
	}
	return v
}

// nameRecorder names who recorded a mail: as it was in the block with the record, and as it is now
// where that differs.
func nameRecorder(v *api.Verification, s *consensus.State, f *verifier.Finding) {
	now, ok := s.Org(f.Org)
	if !ok {
		return
	}
	v.Org, v.OrgKey = now.Name, keyOf(s, now).String()
	then, ok := s.OrgAt(f.Org, f.Block.Height)
	if f.Block.IsZero() || !ok {
		return
	}
	if v.Org != then.Name {
		v.Org, v.OrgNow = then.Name, v.Org
	}
	if key := then.KeyAt(f.Block.Height).String(); v.OrgKey != key {
		v.OrgKey, v.OrgKeyNow = key, v.OrgKey
	}
}

// viewFiling shows where the node put a message, if it is still there, and what all it knows about
// it.
func (n *Node) viewFiling(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID, f *verifier.Finding, view *api.Message) error {
	v := view.Verification
	decision, evidence, err := n.filing.Decision(rd, mailstore.Ref{Account: account, Message: id}, screened(f))
	if errors.Is(err, mailstore.ErrDamaged) { // the mail is shown, and its verdict
		v.FiledUnder, v.FiledWhy = filedUnder(view.Labels), []string{filingLost}
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range decision.Labels {
		if l != screen.VerdictLabel(f.Verdict) && slices.Contains(view.Labels, l) {
			v.FiledUnder, v.FiledWhy = l, decision.Reasons
		}
	}
	for _, r := range evidence {
		v.Evidence = append(v.Evidence, api.Evidence{Method: r.Method, Result: r.Result, About: r.About, Reason: r.Reason})
	}
	return nil
}

// filingLost stands in the place of why a mail is where it is.
const filingLost = "what it was filed by, beside its record, cannot be read as it was stored; a check with repair notes that as not known"

// filedUnder is where a mail is by its labels.
func filedUnder(labels []string) string {
	for _, l := range []string{mailstore.LabelQuarantine, mailstore.LabelSpam, mailstore.LabelInbox} {
		if slices.Contains(labels, l) {
			return l
		}
	}
	return "other labels"
}
