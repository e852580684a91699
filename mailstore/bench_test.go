package mailstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/mailstore"
)

// BenchmarkUpdate stores 4 KB messages durably, one per update, from so many writers at once.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 32, 512} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s, err := mailstore.Open(b.TempDir(), slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			account := addAccount(b, s, "bench", "bench@example.org")
			var next atomic.Int64
			var failed atomic.Pointer[error]
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						raw := make([]byte, 4096)
						binary.BigEndian.PutUint64(raw, uint64(n))
						err := s.Update(context.Background(), func(tx *mailstore.Tx) error {
							blob, err := tx.PutBlob(raw)
							if err != nil {
								return err
							}
							_, err = tx.AddMessage(mailstore.Message{
								Account: account, Blob: blob, Size: int64(len(raw)), Received: time.UnixMilli(n),
								From: "a@example.com", Recipients: []string{"bench@example.org"},
							}, []string{mailstore.LabelInbox, mailstore.LabelUnread})
							return err
						})
						if err != nil {
							failed.Store(&err)
							return
						}
					}
				})
			}
			wg.Wait()
			if err := failed.Load(); err != nil {
				b.Fatal(*err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkView reads an account while 16 writers store messages durably: a view waits for none of
// their syncs.
func BenchmarkView(b *testing.B) {
	s, err := mailstore.Open(b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	account := addAccount(b, s, "bench", "bench@example.org")
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for n := uint64(0); ctx.Err() == nil; n++ {
				raw := make([]byte, 4096)
				binary.BigEndian.PutUint64(raw, n)
				raw[8] = byte(w)
				err := s.Update(ctx, func(tx *mailstore.Tx) error {
					_, err := tx.PutBlob(raw)
					return err
				})
				if err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
	}
	for b.Loop() {
		err := s.View(func(r *mailstore.Reader) error {
			_, err := r.Account(account)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	stop()
	wg.Wait()
}

func addAccount(t testing.TB, s *mailstore.Store, name string, addresses ...string) mailstore.AccountID {
	t.Helper()
	var a mailstore.Account
	err := s.Update(context.Background(), func(tx *mailstore.Tx) (err error) {
		a, err = tx.AddAccount(name, addresses)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}
