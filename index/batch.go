package index

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/postings"
	"cairn/mailstore"
)

// batch gathers what a number of changes brings, to be committed with the cursor that stands behind
// them.
type batch struct {
	txn    *badger.Txn // the index as it was before
	terms  map[termID][]postings.Posting
	writes map[string][]byte // nil: delete
	bytes  int64             // estimate of what terms and writes hold
	seen   map[mailstore.AccountID]bool
}

type termID struct {
	account mailstore.AccountID
	fieldTerm
}

func newBatch(db *badger.DB) *batch {
	return &batch{
		txn:    db.NewTransaction(false),
		terms:  make(map[termID][]postings.Posting),
		writes: make(map[string][]byte),
		seen:   make(map[mailstore.AccountID]bool),
	}
}

// perEntry is about what one entry costs in a transaction beside its value: key and bookkeeping.
const perEntry = 64

func (b *batch) entries() int { return len(b.terms) + len(b.writes) }

func (b *batch) put(key, value []byte) {
	b.writes[string(key)] = value
	b.bytes += int64(len(value)) + perEntry
}

func (b *batch) get(key []byte) ([]byte, error) {
	if value, found := b.writes[string(key)]; found {
		return value, nil
	}
	return get(b.txn, key)
}

// apply takes a change in; d is the message that it is about, nil if that is not there any more. Of
// one that is in the index only the labels are taken in, and of one that is not, no labels: a
// journal that was mended may tell of an arrival again, or not at all.
func (b *batch) apply(c mailstore.Change, d *document) error {
	switch c.Kind {
	case mailstore.ChangeAdded:
		if d == nil {
			return nil // its removal comes later in the journal
		}
		if known, err := b.knows(c); err != nil {
			return err
		} else if known {
			return b.setLabels(c)
		}
		b.put(documentKey(tableDocument, c.Account, c.Message), d.encode())
		b.put(placeOf(c.Account, c.Message, d).key(), []byte{})
		for t, positions := range d.terms {
			id := termID{c.Account, t}
			if _, found := b.terms[id]; !found {
				b.bytes += int64(len(t.term)) + perEntry
			}
			b.bytes += int64(4 + 2*len(positions))
			b.terms[id] = append(b.terms[id], postings.Posting{Document: uint64(c.Message), Positions: positions})
		}
		return b.setLabels(c)
	case mailstore.ChangeLabels:
		if known, err := b.knows(c); err != nil || !known {
			return err
		}
		return b.setLabels(c)
	case mailstore.ChangeRemoved:
		if err := b.displace(c); err != nil {
			return err
		}
		b.put(documentKey(tableDocument, c.Account, c.Message), nil)
		b.put(documentKey(tableRemoved, c.Account, c.Message), []byte{})
		b.seen[c.Account] = true
		return b.setLabels(c)
	}
	return fmt.Errorf("index: change %d has a kind that this program does not know (%d)", c.ModSeq, c.Kind)
}

// displace takes away the place of a message that goes.
func (b *batch) displace(c mailstore.Change) error {
	stored, err := b.get(documentKey(tableDocument, c.Account, c.Message))
	if err != nil || stored == nil {
		return err
	}
	d, err := decodeDocument(stored)
	if err == nil {
		b.put(placeOf(c.Account, c.Message, &d).key(), nil)
	}
	return err
}

// knows reports whether the message of a change is in the index.
func (b *batch) knows(c mailstore.Change) (bool, error) {
	stored, err := b.get(documentKey(tableDocument, c.Account, c.Message))
	return stored != nil, err
}

// setLabels brings the labels of a message to those after the change.
func (b *batch) setLabels(c mailstore.Change) error {
	key := documentKey(tableLabels, c.Account, c.Message)
	stored, err := b.get(key)
	if err != nil {
		return err
	}
	old := splitLabels(stored)
	for _, label := range old {
		if !slices.Contains(c.Labels, label) {
			b.put(labelKey(c.Account, label, c.Message), nil)
		}
	}
	for _, label := range c.Labels {
		if !slices.Contains(old, label) {
			b.put(labelKey(c.Account, label, c.Message), []byte{})
		}
	}
	b.put(key, joinLabels(c.Labels))
	return nil
}

func joinLabels(labels []string) []byte {
	if len(labels) == 0 {
		return nil
	}
	return []byte(strings.Join(labels, "\x00"))
}

func splitLabels(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\x00")
}

// commit writes the batch and the position behind it. It is one transaction unless a single message
// fills more than that; then the position comes with the last one. Should the process end between
// them, the message is taken in again, alone again, and overwrites the same keys.
func (b *batch) commit(db *badger.DB, at position) error {
	b.txn.Discard()
	w := &writer{db: db, txn: db.NewTransaction(true)}
	defer func() { w.txn.Discard() }()
	for id, list := range b.terms {
		key := termKey(id.account, id.field, id.term, mailstore.MessageID(list[0].Document))
		if err := w.set(key, postings.Append(nil, list)); err != nil {
			return err
		}
	}
	for key, value := range b.writes {
		if err := w.set([]byte(key), value); err != nil {
			return err
		}
	}
	if err := w.set(metaCursor, at.encode()); err != nil {
		return err
	}
	return writeError(w.txn.Commit())
}

// writer sets keys, in further transactions when one is full.
type writer struct {
	db  *badger.DB
	txn *badger.Txn
}

func (w *writer) set(key, value []byte) error {
	put := func() error {
		if value == nil {
			return w.txn.Delete(key)
		}
		return w.txn.Set(key, value)
	}
	err := put()
	if err == badger.ErrTxnTooBig {
		if err := w.txn.Commit(); err != nil {
			return writeError(err)
		}
		w.txn = w.db.NewTransaction(true)
		err = put()
	}
	return writeError(err)
}

func writeError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("index: writing to the database (check the disk and its free space): %w", err)
}
