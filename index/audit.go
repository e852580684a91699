package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"cairn/index/postings"
	"cairn/mailstore"
)

// auditPage is how many messages are read from the store at a time.
const auditPage = 1000

// Check takes in what is left of the journal and then holds the index to the store: all postings
// can be read, and each message that is stored is there with its labels, and none else. It returns
// how many messages that are, or what is wrong, which IsDamaged tells from other errors. Run must
// not run, nor anything be written to the store.
func (ix *Index) Check(ctx context.Context) (messages int, err error) {
	if err := ix.followAll(ctx); err != nil {
		return 0, err
	}
	if err := ix.enter(); err != nil {
		return 0, err
	}
	defer ix.gate.Leave()
	txn := ix.db.NewTransaction(false)
	defer txn.Discard()
	if err := checkPostings(ctx, txn); err != nil {
		return 0, err
	}
	err = ix.store.View(func(r *mailstore.Reader) error {
		accounts, err := r.Accounts()
		if err != nil {
			return err
		}
		for _, a := range accounts {
			n, err := checkAccount(ctx, txn, r, a.ID)
			if messages += n; err != nil {
				return err
			}
		}
		return nil
	})
	return messages, err
}

// Rebuild empties an index of which Check has found that it is damaged, and builds it anew from the
// store.
func (ix *Index) Rebuild(ctx context.Context, cause error) error {
	if err := ix.rebuild(cause); err != nil {
		return err
	}
	return ix.followAll(ctx)
}

// errMismatch is wrapped by what in the index is not what the store has.
var errMismatch = errors.New("it does not fit the mail")

// IsDamaged tells an error that the index is damaged from others.
func IsDamaged(err error) bool { return isDamage(err) || errors.Is(err, errMismatch) }

func checkPostings(ctx context.Context, txn *badger.Txn) (err error) {
	scanned := scan(txn, []byte{tableText}, true, func(key, value []byte) bool {
		if err = ctx.Err(); err == nil {
			_, err = postings.Decode(value)
		}
		return err == nil
	})
	return errors.Join(scanned, err)
}

// checkAccount holds what the index has of an account to the store.
func checkAccount(ctx context.Context, txn *badger.Txn, r *mailstore.Reader, a mailstore.AccountID) (messages int, err error) {
	for next := mailstore.MessageID(0); ; {
		list, err := r.Messages(a, next, auditPage)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return messages, err
		}
		for _, m := range list {
			if err := checkMessage(txn, r, a, m.ID); err != nil {
				return messages, err
			}
		}
		if messages += len(list); len(list) < auditPage {
			break
		}
		next = list[len(list)-1].ID + 1
	}
	indexed := 0
	err = scan(txn, accountKey(tableDocument, a), false, func([]byte, []byte) bool {
		indexed++
		return true
	})
	if err == nil && indexed != messages {
		err = fmt.Errorf("%w: it has %d messages of account %d, the mail store has %d", errMismatch, indexed, a, messages)
	}
	return messages, err
}

func checkMessage(txn *badger.Txn, r *mailstore.Reader, a mailstore.AccountID, id mailstore.MessageID) error {
	b, err := get(txn, documentKey(tableDocument, a, id))
	if err != nil {
		return err
	}
	if b == nil {
		return fmt.Errorf("%w: message %d of account %d is not in it", errMismatch, id, a)
	}
	d, err := decodeDocument(b)
	if err != nil {
		return err
	}
	if place, err := get(txn, placeOf(a, id, &d).key()); err != nil {
		return err
	} else if place == nil {
		return fmt.Errorf("%w: message %d of account %d has no place in it", errMismatch, id, a)
	}
	stored, err := r.Labels(a, id)
	if err != nil {
		return err
	}
	b, err = get(txn, documentKey(tableLabels, a, id))
	if err != nil {
		return err
	}
	if labels := splitLabels(b); !slices.Equal(slices.Sorted(slices.Values(labels)), slices.Sorted(slices.Values(stored))) {
		return fmt.Errorf("%w: message %d of account %d has the labels %q in it, and %q in the mail store", errMismatch, id, a, labels, stored)
	}
	return nil
}
