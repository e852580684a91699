package index

import (
	"slices"
	"strings"

	"cairn/index/analysis"
	"cairn/index/query"
	"cairn/mailstore"
)

// standing are the labels that every account has, used or not.
var standing = []string{mailstore.LabelInbox, mailstore.LabelUnread, mailstore.LabelSent, mailstore.LabelSpam, mailstore.LabelDeleted}

// resolve prepares a query for this account: bare names of its labels become labels, and words in
// which there is nothing to search for (a lone dash, say) are dropped.
func (e *evaluator) resolve(q query.Q) (query.Q, error) {
	out, err := e.rewrite(q)
	if err != nil {
		return nil, err
	}
	return query.Simplify(out), nil
}

func (e *evaluator) rewrite(q query.Q) (query.Q, error) {
	switch q := q.(type) {
	case query.And:
		list, err := e.rewriteList(q.List)
		return query.And{List: list}, err
	case query.Or:
		list, err := e.rewriteList(q.List)
		return query.Or{List: list}, err
	case query.Not:
		inner, err := e.rewrite(q.Q)
		return query.Not{Q: inner}, err
	case query.Term:
		name := strings.ToLower(q.Text)
		known, err := e.isLabel(name)
		switch {
		case err != nil:
			return nil, err
		case known:
			return query.Label{Name: name}, nil
		case len(analysis.Words(q.Text)) == 0:
			return query.All{}, nil
		}
	case query.Phrase:
		if len(analysis.Words(q.Text)) == 0 {
			return query.All{}, nil
		}
	}
	return q, nil
}

func (e *evaluator) rewriteList(list []query.Q) ([]query.Q, error) {
	out := make([]query.Q, len(list))
	for i, q := range list {
		var err error
		if out[i], err = e.rewrite(q); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isLabel tells whether name is a label that a message of the account has, or one that every
// account has.
func (e *evaluator) isLabel(name string) (found bool, err error) {
	if mailstore.CheckLabel(name) != nil {
		return false, nil
	}
	if slices.Contains(standing, name) {
		return true, nil
	}
	err = scan(e.txn, labelPrefix(e.account, name), false, func([]byte, []byte) bool {
		found = true
		return false
	})
	return found, err
}
