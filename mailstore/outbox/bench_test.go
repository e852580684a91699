package outbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"cairn/mailstore"
)

// BenchmarkWriters measures how long a writer of the store waits while something is done with a
// full queue: mail for 10,000 domains, put off for an hour. CAIRN_OUTBOX_ENTRIES is how much of it
// there is.
func BenchmarkWriters(b *testing.B) {
	entries, err := strconv.Atoi(os.Getenv("CAIRN_OUTBOX_ENTRIES"))
	if err != nil {
		entries = 100_000
	}
	const domains = 10_000
	st := openStore(b)
	q := New(st)
	now := time.Now()
	began := time.Now()
	blob := fill(b, st, q, entries, domains, now.Add(time.Hour))
	b.Logf("%d entries queued and sealed in %s", entries, time.Since(began).Round(time.Millisecond))
	q.SetClock(time.Now)
	step, wrote := 0, make(chan struct{})
	var busy [64]byte
	for _, op := range []struct {
		name string
		do   func() error
	}{
		{"nothing", func() error { // while a thousand writes are seen
			for range 1000 {
				<-wrote
			}
			return nil
		}},
		{"a computation", func() error { // which takes a core, as what follows does, and nothing of the queue
			for range 10_000 {
				sum := sha256.Sum256(busy[:])
				copy(busy[:], sum[:])
			}
			return nil
		}},
		{"retry of 16 domains", func() error {
			for range 16 {
				step++
				if err := q.RetryDomain(context.Background(), domainNumber(step%domains)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"dispatch", func() error { return dispatch(q) }},
		{"a page of the list", func() error { _, err := q.List(0, 1000); return err }},
		{"lengths", func() error {
			for _, count := range []func() (int, error){q.Len, q.LenUnsealed, q.LenDeferred} {
				if _, err := count(); err != nil {
					return err
				}
			}
			return nil
		}},
		{"retry of all", func() error { _, err := q.RetryAll(context.Background()); return err }},
	} {
		b.Run(op.name, func(b *testing.B) {
			var waits []time.Duration
			stop, ended := make(chan struct{}), make(chan error, 1)
			go func() {
				for {
					began := time.Now()
					err := st.Update(context.Background(), func(tx *mailstore.Tx) error { return comesAndGoes(q, tx, blob) })
					waits = append(waits, time.Since(began))
					select {
					case wrote <- struct{}{}:
					default:
					}
					select {
					case <-stop:
						ended <- err
						return
					default:
					}
				}
			}()
			for b.Loop() {
				if err := op.do(); err != nil {
					b.Fatal(err)
				}
			}
			close(stop)
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
			slices.Sort(waits)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(waits[len(waits)-1]), "ms-longest-wait")
			b.ReportMetric(ms(waits[len(waits)*999/1000]), "ms-p99.9-wait")
			b.ReportMetric(ms(waits[len(waits)/2]), "ms-usual-wait")
		})
	}
}

func domainNumber(n int) string { return fmt.Sprintf("d%05d.example", n) }

// fill queues entries to domains in turn and seals them, due at a time. All have one message.
func fill(b *testing.B, st *mailstore.Store, q *Queue, entries, domains int, at time.Time) (blob [32]byte) {
	b.Helper()
	q.SetClock(func() time.Time { return at })
	err := st.Update(b.Context(), func(tx *mailstore.Tx) (err error) {
		blob, err = tx.PutBlob([]byte(mailText))
		return err
	})
	token := slices.Repeat([]byte("x"), 900)
	for n := 0; n < entries && err == nil; {
		err = st.Update(b.Context(), func(tx *mailstore.Tx) error {
			var groups []Group
			first := n + 1
			for ; n < entries && len(groups) < 1000; n++ {
				d := domainNumber(n % domains)
				groups = append(groups, Group{Domain: d, Recipients: []string{"someone@" + d}})
			}
			if err := q.Enqueue(tx, Envelope{Ref: "0123456789abcdef", From: "user@local.example", Account: 2}, groups, 1, blob); err != nil {
				return err
			}
			for id := range groups {
				if err := q.Seal(tx, uint64(first+id), token); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	return blob
}

// BenchmarkCommitted is 64 mails that are queued and carried in one group of transactions.
func BenchmarkCommitted(b *testing.B) {
	const mails = 64
	st := openStore(b)
	q := New(st)
	b.ReportAllocs()
	for b.Loop() {
		err := st.Update(b.Context(), func(tx *mailstore.Tx) error {
			text := fmt.Sprint(b.N, time.Now())
			for n := range mails {
				raw := []byte(fmt.Sprint(mailText, text, n))
				d := domainNumber(1)
				if _, err := q.SubmitTx(tx, Envelope{From: "user@local.example", Account: 2, Recipients: []string{"someone@" + d}}, raw); err != nil {
					return err
				}
			}
			last, err := lastGiven(tx.Space(space).SpaceReader)
			if err != nil {
				return err
			}
			for n := range uint64(mails) {
				if err := q.Remove(tx, &Entry{ID: last - n}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(mails*b.N)/b.Elapsed().Seconds(), "mails/s")
}

// comesAndGoes queues an entry for a domain and drops it.
func comesAndGoes(q *Queue, tx *mailstore.Tx, blob [32]byte) error {
	d := domainNumber(1)
	err := q.Enqueue(tx, Envelope{From: "user@local.example", Account: 2}, []Group{{Domain: d, Recipients: []string{"someone@" + d}}}, 1, blob)
	if err != nil {
		return err
	}
	last, err := lastGiven(tx.Space(space).SpaceReader)
	if err != nil {
		return err
	}
	return q.Remove(tx, &Entry{ID: last})
}

// dispatch is what the courier does when it wakes: 64 domains are served.
func dispatch(q *Queue) error {
	now := time.Now()
	q.LookAgain()
	if err := q.Refresh(context.Background(), q.store.Update); err != nil {
		return err
	}
	domains, _ := q.DueDomains(now, 2*time.Hour, func(string) bool { return false })
	for _, d := range domains[:min(len(domains), 64)] {
		left := 1024
		if err := q.Due(d, now, 2*time.Hour, func(uint64) bool { left--; return left > 0 }); err != nil {
			return err
		}
	}
	return q.Advance(context.Background(), q.store.Update)
}
