package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/postings"
	"cairn/index/query"
	"cairn/mailstore"
)

// Search answers a query from what the index has taken in; the answer's Cursor says how far that
// is. Messages labelled deleted are left out unless the query speaks of that label. Within one
// account a later message is newer; among accounts the time of arrival decides. An empty answer is
// no error.
func (ix *Index) Search(ctx context.Context, r Request) (Result, error) {
	if err := ix.enter(); err != nil {
		return Result{}, err
	}
	defer ix.gate.Leave()
	result, err := ix.search(ctx, r)
	return result, ix.told(err)
}

func (ix *Index) search(ctx context.Context, r Request) (Result, error) {
	txn := ix.db.NewTransaction(false)
	defer txn.Discard()
	at, err := readPosition(txn)
	if err != nil {
		return Result{}, err
	}
	if r.Query == nil {
		r.Query = query.All{}
	}
	result := Result{Cursor: at.cursor}
	if r.Account != 0 {
		result.Hits, err = searchAccount(ctx, txn, r.Account, r.Query)
	} else {
		result.Hits, err = searchAll(ctx, txn, r.Query)
	}
	if err != nil {
		return Result{}, err
	}
	result.Total = len(result.Hits)
	result.Hits = result.Hits[min(max(r.Offset, 0), len(result.Hits)):]
	if r.Limit > 0 && len(result.Hits) > r.Limit {
		result.Hits = result.Hits[:r.Limit]
	}
	return result, nil
}

// searchAccount returns the hits in one account, newest first.
func searchAccount(ctx context.Context, txn *badger.Txn, account mailstore.AccountID, q query.Q) ([]mailstore.Ref, error) {
	e := &evaluator{ctx: ctx, txn: txn, account: account}
	q, err := e.resolve(q)
	if err != nil {
		return nil, err
	}
	found, err := e.set(q)
	if err != nil {
		return nil, err
	}
	hidden, err := e.hidden(q)
	if err != nil {
		return nil, err
	}
	list := postings.Collect(postings.AndNot(postings.Slice(found), postings.Slice(hidden)))
	hits := make([]mailstore.Ref, 0, len(list))
	last := e.lastDocument()
	for _, id := range slices.Backward(list) {
		if id > last {
			continue
		}
		hits = append(hits, mailstore.Ref{Account: account, Message: mailstore.MessageID(id)})
	}
	return hits, nil
}

// searchAll returns the hits in all accounts, newest first.
func searchAll(ctx context.Context, txn *badger.Txn, q query.Q) ([]mailstore.Ref, error) {
	accounts, err := accountsWith(txn, tableDocument)
	if err != nil {
		return nil, err
	}
	type dated struct {
		mailstore.Ref
		received int64
	}
	var all []dated
	for _, account := range accounts {
		hits, err := searchAccount(ctx, txn, account, q)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			b, err := get(txn, documentKey(tableDocument, h.Account, h.Message))
			if err != nil {
				return nil, err
			}
			d, err := decodeDocument(b)
			if err != nil {
				return nil, err
			}
			all = append(all, dated{h, d.received.UnixMilli()})
		}
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(b.received, a.received) })
	hits := make([]mailstore.Ref, len(all))
	for i, d := range all {
		hits[i] = d.Ref
	}
	return hits, nil
}

// accountsWith returns the accounts that have keys in a table of documents.
func accountsWith(txn *badger.Txn, table byte) ([]mailstore.AccountID, error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{table}})
	defer it.Close()
	var accounts []mailstore.AccountID
	for it.Seek([]byte{table}); it.Valid(); {
		account := mailstore.AccountID(binary.BigEndian.Uint32(it.Item().Key()[1:]))
		accounts = append(accounts, account)
		if account == ^mailstore.AccountID(0) {
			break
		}
		it.Seek(accountKey(table, account+1))
	}
	return accounts, nil
}
