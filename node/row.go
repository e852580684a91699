package node

import (
	"errors"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/node/api"
)

// row reads what a list shows of a message, of which only the header is taken apart.
func row(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) (*api.Summary, error) {
	stored, header, labels, err := readHeader(rd, account, id)
	if errors.Is(err, mailstore.ErrDamaged) {
		s, _, err := summariseDamaged(rd, account, id, err)
		return s, err
	}
	if err != nil {
		return nil, err
	}
	return summaryOf(rd, stored, message.ParseHeader(header), labels)
}

func summaryOf(rd *mailstore.Reader, stored mailstore.Message, m *message.Message, labels []string) (*api.Summary, error) {
	ref, err := refOf(rd, stored.Account, stored.ID)
	if err != nil {
		return nil, err
	}
	return &api.Summary{
		Ref: ref, Received: stored.Received, Date: m.Date, From: people(m.From), To: people(m.To),
		Subject: m.Subject, Size: stored.Size, Labels: labels, Verdict: verdictOf(labels),
	}, nil
}

// readHeader is readMail that leaves the body out.
func readHeader(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) (m mailstore.Message, header []byte, labels []string, err error) {
	if m, err = rd.Message(account, id); err != nil {
		return m, nil, nil, err
	}
	if header, err = rd.RawHeader(m.Blob); err != nil {
		return m, nil, nil, err
	}
	labels, err = rd.Labels(account, id)
	return m, header, labels, err
}
