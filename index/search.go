package index

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/postings"
	"cairn/index/query"
	"cairn/mailstore"
)

// Search answers a query from what the index has taken in; the answer's Cursor says how far that
// is. Messages labelled deleted are left out unless the query speaks of that label. An empty answer
// is no error.
func (ix *Index) Search(ctx context.Context, r Request) (Result, error) {
	if err := ix.enter(); err != nil {
		return Result{}, err
	}
	defer ix.gate.Leave()
	result, err := ix.search(ctx, r)
	return result, ix.told(err)
}

// Resolve returns what a query means to an account now: which words of it are labels.
func (ix *Index) Resolve(ctx context.Context, account mailstore.AccountID, q query.Q) (query.Q, error) {
	if err := ix.enter(); err != nil {
		return nil, err
	}
	defer ix.gate.Leave()
	txn := ix.db.NewTransaction(false)
	defer txn.Discard()
	e := &evaluator{ctx: ctx, txn: txn, account: account}
	q, _, err := e.resolve(q)
	return q, ix.told(err)
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
	accounts := []mailstore.AccountID{r.Account}
	if r.Account == 0 {
		if accounts, err = accountsWith(txn, tableDocument); err != nil {
			return Result{}, err
		}
	}
	result, places := Result{Cursor: at.cursor}, []Place(nil)
	for _, account := range accounts {
		found, err := result.searchAccount(ctx, txn, r, account)
		if err != nil {
			return Result{}, err
		}
		places = append(places, found...)
	}
	if r.Account == 0 {
		result.Query = r.Query
		slices.SortFunc(places, Place.compare)
		slices.Sort(result.Both)
		result.Both = slices.Compact(result.Both)
	}
	places = places[min(max(r.Offset, 0), len(places)):]
	if shown := cut(places, r.Limit); len(shown) < len(places) {
		places = shown
		result.Next = &places[len(places)-1]
	}
	for _, p := range places {
		result.Hits = append(result.Hits, p.Ref)
	}
	return result, nil
}

// searchAccount returns the places of the hits in one account, as many as are needed, and notes how
// many there are and how the query is understood there.
func (result *Result) searchAccount(ctx context.Context, txn *badger.Txn, r Request, account mailstore.AccountID) ([]Place, error) {
	e := &evaluator{ctx: ctx, txn: txn, account: account, now: r.Now}
	q, both, err := e.resolve(r.Query)
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
	hits := postings.Collect(postings.AndNot(postings.Slice(found), postings.Slice(hidden)))
	end, _ := slices.BinarySearch(hits, e.lastDocument()+1)
	hits = hits[:end]
	result.Query = q
	result.Both = append(result.Both, both...)
	result.Total += len(hits)
	most := 0
	if r.Limit > 0 {
		most = max(r.Offset, 0) + r.Limit + 1
	}
	return e.newest(hits, r.After, most)
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
