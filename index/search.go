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
		err = result.searchAccount(ctx, txn, r, r.Account)
	} else {
		err = result.searchAll(ctx, txn, r)
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

// searchAccount adds the hits in one account, newest first, and says how the query is understood
// there.
func (result *Result) searchAccount(ctx context.Context, txn *badger.Txn, r Request, account mailstore.AccountID) error {
	e := &evaluator{ctx: ctx, txn: txn, account: account, now: r.Now}
	q, both, err := e.resolve(r.Query)
	if err != nil {
		return err
	}
	found, err := e.set(q)
	if err != nil {
		return err
	}
	hidden, err := e.hidden(q)
	if err != nil {
		return err
	}
	last := e.lastDocument()
	for _, id := range slices.Backward(postings.Collect(postings.AndNot(postings.Slice(found), postings.Slice(hidden)))) {
		if id <= last {
			result.Hits = append(result.Hits, mailstore.Ref{Account: account, Message: mailstore.MessageID(id)})
		}
	}
	result.Query = q
	result.Both = append(result.Both, both...)
	return nil
}

// searchAll finds the hits in all accounts, newest first.
func (result *Result) searchAll(ctx context.Context, txn *badger.Txn, r Request) error {
	accounts, err := accountsWith(txn, tableDocument)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := result.searchAccount(ctx, txn, r, account); err != nil {
			return err
		}
	}
	result.Query = r.Query
	slices.Sort(result.Both)
	result.Both = slices.Compact(result.Both)
	received := make(map[mailstore.Ref]int64, len(result.Hits))
	for _, h := range result.Hits {
		b, err := get(txn, documentKey(tableDocument, h.Account, h.Message))
		if err != nil {
			return err
		}
		d, err := decodeDocument(b)
		if err != nil {
			return err
		}
		received[h] = d.received.UnixMilli()
	}
	slices.SortStableFunc(result.Hits, func(a, b mailstore.Ref) int { return cmp.Compare(received[b], received[a]) })
	return nil
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
