package index

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/postings"
	"cairn/index/query"
	"cairn/mailstore"
)

// evaluator finds the documents of one account that a query describes. All lists of documents are
// sorted.
type evaluator struct {
	ctx     context.Context
	txn     *badger.Txn
	account mailstore.AccountID
	now     time.Time // that ages count back from
	all     []uint64  // documents of the account; nil until asked for
	steps   int       // what was looked at, see step

	leaves map[string]places // of the near that is looked at, by what they are in a query
	parts  int               // of what its ways in one document are made of
}

// step counts what takes about as long as looking at one place of a word, and has a search end when
// nobody waits for it any more.
func (e *evaluator) step() error {
	if e.steps++; e.steps%1024 != 0 {
		return nil
	}
	return e.ctx.Err()
}

// get is get of the database, as long as somebody waits for it.
func (e *evaluator) get(key []byte) ([]byte, error) {
	if err := e.step(); err != nil {
		return nil, err
	}
	return get(e.txn, key)
}

// scan is scan of the database, as long as somebody waits for it.
func (e *evaluator) scan(prefix []byte, values bool, fn func(key, value []byte) bool) error {
	var ended error
	err := scan(e.txn, prefix, values, func(key, value []byte) bool {
		ended = e.step()
		return ended == nil && fn(key, value)
	})
	return cmp.Or(err, ended)
}

// set returns what q finds. It may hold documents that are removed, see hidden.
func (e *evaluator) set(q query.Q) ([]uint64, error) {
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	switch q := q.(type) {
	case query.All:
		return e.everything()
	case query.And:
		return e.and(q.List, e.set)
	case query.Or:
		return e.or(q.List, e.set)
	case query.Not:
		return e.and([]query.Q{q}, e.set)
	case query.Label:
		return e.documents(labelPrefix(e.account, q.Name))
	case query.Has:
		return e.where(func(d document) bool { return d.hasAttachment })
	case query.Size:
		return e.where(func(d document) bool {
			return q.Larger && d.size > q.Bytes || !q.Larger && d.size < q.Bytes
		})
	case query.Date:
		return e.where(func(d document) bool {
			at := d.date
			if q.Received {
				at = d.received
			}
			return !at.Before(q.From) && (q.To.IsZero() || at.Before(q.To))
		})
	case query.Age:
		since := q.Since(e.now)
		return e.where(func(d document) bool { return d.received.Before(since) != q.Newer })
	case query.Field:
		number, known := fieldNumbers[q.Name]
		if !known {
			return nil, fmt.Errorf("index: field %q is not indexed", q.Name)
		}
		return e.text(q.Q, []field{number})
	case query.Term, query.Prefix, query.Phrase, query.Near:
		return e.text(q, plainFields)
	}
	return nil, fmt.Errorf("index: query part %T is not known", q)
}

// text returns the documents in one of whose fields q finds something.
func (e *evaluator) text(q query.Q, fields []field) ([]uint64, error) {
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	inner := func(q query.Q) ([]uint64, error) { return e.text(q, fields) }
	switch q := q.(type) {
	case query.And:
		return e.and(q.List, inner)
	case query.Or:
		return e.or(q.List, inner)
	case query.Not:
		return e.and([]query.Q{q}, inner)
	}
	var list []uint64
	for _, f := range fields {
		var err error
		if near, ok := q.(query.Near); ok {
			list, err = e.nearDocuments(list, near, f)
		} else {
			list, err = e.words(list, q, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return postings.Union(list), nil
}

// and intersects the parts, negated ones taken away.
func (e *evaluator) and(list []query.Q, set func(query.Q) ([]uint64, error)) ([]uint64, error) {
	var with, without []postings.Set
	for _, q := range list {
		not, negated := q.(query.Not)
		if negated {
			q = not.Q
		}
		found, err := set(q)
		if err != nil {
			return nil, err
		}
		if negated {
			without = append(without, postings.Slice(found))
		} else {
			with = append(with, postings.Slice(found))
		}
	}
	if len(with) == 0 {
		all, err := e.everything()
		if err != nil {
			return nil, err
		}
		with = append(with, postings.Slice(all))
	}
	return postings.Collect(postings.AndNot(postings.And(with...), postings.Or(without...))), nil
}

func (e *evaluator) or(list []query.Q, set func(query.Q) ([]uint64, error)) ([]uint64, error) {
	var all []uint64
	for _, q := range list {
		found, err := set(q)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return postings.Union(all), nil
}

// everything returns the documents of the account.
func (e *evaluator) everything() (list []uint64, err error) {
	if e.all == nil {
		e.all, err = e.documents(accountKey(tableDocument, e.account))
	}
	return e.all, err
}

// documents returns the numbers that the keys with a prefix end with.
func (e *evaluator) documents(prefix []byte) (list []uint64, err error) {
	err = e.scan(prefix, false, func(key, _ []byte) bool {
		list = append(list, lastNumber(key))
		return true
	})
	return list, err
}

// where returns the documents that a condition holds for.
func (e *evaluator) where(holds func(document) bool) (list []uint64, err error) {
	var bad error
	err = e.scan(accountKey(tableDocument, e.account), true, func(key, value []byte) bool {
		var d document
		if d, bad = decodeDocument(value); bad == nil && holds(d) {
			list = append(list, lastNumber(key))
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return list, err
}

// lastDocument returns the newest document of the account that was taken in wholly. A message too
// big for one transaction is taken in by several, and shows before the last of them; it is newer.
func (e *evaluator) lastDocument() uint64 {
	it := e.txn.NewIterator(badger.IteratorOptions{Prefix: accountKey(tableDocument, e.account), Reverse: true})
	defer it.Close()
	it.Seek(documentKey(tableDocument, e.account, ^mailstore.MessageID(0)))
	if !it.Valid() {
		return 0
	}
	return lastNumber(it.Item().Key())
}

// hidden returns the documents that must not be in an answer to q: removed ones, and those labelled
// deleted unless q speaks of that label.
func (e *evaluator) hidden(q query.Q) ([]uint64, error) {
	list, err := e.documents(accountKey(tableRemoved, e.account))
	if err != nil {
		return nil, err
	}
	asked := false
	query.Walk(q, func(q query.Q) {
		label, ok := q.(query.Label)
		asked = asked || ok && label.Name == mailstore.LabelDeleted
	})
	if !asked {
		deleted, err := e.documents(labelPrefix(e.account, mailstore.LabelDeleted))
		if err != nil {
			return nil, err
		}
		list = append(list, deleted...)
	}
	return postings.Union(list), nil
}
