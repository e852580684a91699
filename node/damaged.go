package node

import (
	"errors"
	"fmt"
	"strings"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/node/api"
)

// damagedMail says in one sentence that a mail cannot be shown as it was stored, and what helps;
// empty if err says nothing of the kind.
func damagedMail(err error, ref string) string {
	var bad *mailstore.DamagedError
	switch {
	case !errors.As(err, &bad):
		return ""
	case bad.Table == mailstore.TableBlob:
		return fmt.Sprintf("damaged: the text of %s in %s is not the one that was stored; %s", ref, bad.Dir, bad.Cure())
	}
	return fmt.Sprintf("damaged: of %s in %s %s cannot be read as it was stored; %s", ref, bad.Dir, bad.What(), bad.Cure())
}

// notDamaged turns damage of a mail into an answer.
func notDamaged(err error, ref string) error {
	text := damagedMail(err, ref)
	if text == "" {
		return err
	}
	return api.Errorf(api.CodeInternal, "cairn backup restore --help", "%s", text)
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
