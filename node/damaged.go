package node

import (
	"errors"
	"fmt"
	"strings"

	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/node/api"
)

// damageOf says in one sentence that a mail cannot be read as it was stored, and what helps; said
// is empty if err says nothing of the kind.
func damageOf(err error, ref string) (said, next string) {
	bad, ok := errors.AsType[*mailstore.DamagedError](err)
	switch {
	case !ok:
		return "", ""
	case bad.Table == mailstore.TableBlob:
		return fmt.Sprintf("damaged: the text of %s in %s is not the one that was stored", ref, bad.Dir), bad.Cure()
	}
	return fmt.Sprintf("damaged: of %s in %s %s cannot be read as it was stored", ref, bad.Dir, bad.What()), stepAgainst(bad)
}

// damagedMail is damageOf as one text.
func damagedMail(err error, ref string) string {
	said, next := damageOf(err, ref)
	if said == "" {
		return ""
	}
	return said + "; " + next
}

// notDamaged turns damage of a mail into an answer. Texts alone come back from a backup.
func notDamaged(err error, ref string) error {
	said, next := damageOf(err, ref)
	if said == "" {
		return err
	}
	if bad, ok := errors.AsType[*mailstore.DamagedError](err); ok && bad.Table == mailstore.TableBlob {
		return api.Errorf(api.CodeInternal, mailstore.MendText, "%s; %s", said, next)
	}
	return api.Errorf(api.CodeInternal, next, "%s", said)
}

// stepAgainst is the next step against damage; maps are what is known of named maps.
func stepAgainst(bad *mailstore.DamagedError, maps ...mailstore.MapCheck) (next string) {
	repair, cure := bad.Helps(maps...)
	if !repair {
		return cure
	}
	next = "with the node stopped: cairn check --repair"
	return next
}

// helps is the next step against damage of any value of the store.
func (n *Node) helps(bad *mailstore.DamagedError) string {
	return stepAgainst(bad, mapChecks(n.store)...)
}

// unverified says in one sentence that it cannot be read how a mail was verified, and what helps.
func (n *Node) unverified(err error, ref string) (said, next string) {
	bad, ok := errors.AsType[*mailstore.DamagedError](err)
	if !ok {
		return "", ""
	}
	return fmt.Sprintf("how %s was verified cannot be read as it was stored in %s (%s)", ref, bad.Dir, bad.Why), n.helps(bad)
}

// noBackup says that damage keeps a backup from being made, of which mail it is, and what helps.
func (n *Node) noBackup(rd *mailstore.Reader, err error) error {
	bad, ok := errors.AsType[*mailstore.DamagedError](err)
	if !ok {
		return err
	}
	return api.Errorf(api.CodeInternal, n.helps(bad), "making the backup: %s cannot be read as it was stored in %s (%s)", damagedPart(rd, bad), bad.Dir, bad.Why)
}

// damagedPart names what is damaged as people name mail and accounts, as far as that can be told.
func damagedPart(rd *mailstore.Reader, bad *mailstore.DamagedError) string {
	if bad.Account == 0 {
		return bad.What()
	}
	a, err := rd.Account(bad.Account)
	if err != nil {
		return bad.What()
	}
	if bad.Message == 0 {
		return fmt.Sprintf("%s (%s)", bad.What(), a.Name)
	}
	ref := fmt.Sprintf("%s/%d", a.Name, bad.Message)
	_, err = verifier.Of(rd, mailstore.Ref{Account: bad.Account, Message: bad.Message})
	finding, ok := errors.AsType[*mailstore.DamagedError](err)
	if ok && bad.Table == mailstore.TableSpace && finding.Name == bad.Name {
		return "how " + ref + " was verified"
	}
	return fmt.Sprintf("%s (%s)", bad.What(), ref)
}

// summariseDamaged is summarise for a mail of which something is damaged: what is known of it all
// the same.
func summariseDamaged(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID, cause error) (*api.Summary, *message.Message, error) {
	ref, err := refOf(rd, account, id)
	if err != nil {
		return nil, nil, err
	}
	s := &api.Summary{Ref: ref, Damaged: damagedMail(cause, ref), Labels: []string{}}
	stored, err := rd.Message(account, id)
	if err == nil {
		s.Received, s.Size = stored.Received, stored.Size
		s.From, s.To = stored.From, strings.Join(stored.Recipients, ", ")
	} else if !errors.Is(err, mailstore.ErrDamaged) {
		return nil, nil, err
	}
	labels, err := rd.Labels(account, id)
	if err == nil {
		s.Labels, s.Verdict = labels, verdictOf(labels)
	} else if !errors.Is(err, mailstore.ErrDamaged) {
		return nil, nil, err
	}
	return s, message.Parse(nil), nil
}

// verdictOf is what the labels of a mail say of its verdict.
func verdictOf(labels []string) (verdict string) {
	for _, l := range labels {
		if v, ok := strings.CutPrefix(l, mailstore.VerdictPrefix); ok {
			verdict = v
		}
	}
	return verdict
}
