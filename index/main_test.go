package index

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("CAIRN_INDEX_CHILD"); dir != "" {
		followUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(scratch.InMemory(m))
}

var quiet = slog.New(slog.DiscardHandler)

// bed is a store with one account and an index that follows it.
type bed struct {
	t       testing.TB
	dir     string
	store   *mailstore.Store
	account mailstore.AccountID
	ix      *Index
	stop    func()
}

func newBed(t testing.TB) *bed {
	b := &bed{t: t, dir: t.TempDir()}
	var err error
	if b.store, err = mailstore.Open(b.dir+"/mail", quiet); err != nil {
		t.Fatal(err)
	}
	b.update(func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("jo", []string{"jo@example.org"})
		b.account = a.ID
		return err
	})
	b.openIndex()
	t.Cleanup(func() {
		b.closeIndex()
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bed) openIndex() {
	b.t.Helper()
	var err error
	if b.ix, err = Open(b.dir+"/index", b.store, quiet); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.ix.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("follower: %v", err)
		}
	}
}

func (b *bed) closeIndex() {
	b.t.Helper()
	if b.ix == nil {
		return
	}
	b.stop()
	if err := b.ix.Close(); err != nil {
		b.t.Error(err)
	}
	b.ix = nil
}

func (b *bed) update(fn func(tx *mailstore.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(context.Background(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// add stores messages in one update and returns the number of the last.
func (b *bed) add(labels []string, raws ...string) (id mailstore.MessageID) {
	b.t.Helper()
	b.update(func(tx *mailstore.Tx) error {
		for _, raw := range raws {
			blob, err := tx.PutBlob([]byte(raw))
			if err != nil {
				return err
			}
			m := mailstore.Message{Account: b.account, Blob: blob, Size: int64(len(raw)), Received: time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)}
			if id, err = tx.AddMessage(m, labels); err != nil {
				return err
			}
		}
		return nil
	})
	return id
}

// sync waits until the index has everything.
func (b *bed) sync() {
	b.t.Helper()
	var last mailstore.ModSeq
	err := b.store.View(func(r *mailstore.Reader) (err error) {
		last, err = r.ModSeq()
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.ix.WaitFor(ctx, last); err != nil {
		b.t.Fatal(err)
	}
}

// find returns the numbers of the hits as text, newest first.
func (b *bed) find(text string) string {
	b.t.Helper()
	q, err := query.Parse(text, time.Date(2026, 5, 10, 15, 0, 0, 0, time.UTC))
	if err != nil {
		b.t.Fatalf("%s: %v", text, err)
	}
	result, err := b.ix.Search(context.Background(), Request{Account: b.account, Query: q})
	if err != nil {
		b.t.Fatalf("%s: %v", text, err)
	}
	var ids []string
	for _, h := range result.Hits {
		ids = append(ids, fmt.Sprint(h.Message))
	}
	return strings.Join(ids, " ")
}

func number(t testing.TB, s string) mailstore.MessageID {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mailstore.MessageID(n)
}
