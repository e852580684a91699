package mailstore_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/mailstore"
)

// TestDumpIsOneMoment dumps a store while sixteen writers add mail. What was acknowledged before
// the dump began is in it, every mail is in it wholly or not at all, and the journal has no gap.
func TestDumpIsOneMoment(t *testing.T) {
	s := open(t, t.TempDir())
	account := addAccount(t, s, "a")
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	var stop atomic.Bool
	var writers sync.WaitGroup
	enough := make(chan struct{}, 1)
	for w := range 16 {
		writers.Go(func() {
			for i := 0; !stop.Load(); i++ {
				name := fmt.Sprintf("%d-%d", w, i)
				err := s.Update(context.Background(), func(tx *mailstore.Tx) error {
					if _, err := add(tx, account, []byte(name+"\n"+strings.Repeat("x", i*50)), "inbox"); err != nil {
						return err
					}
					return tx.Space("names").Put([]byte(name), nil)
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[name] = true
				if len(acknowledged) >= 500 {
					select {
					case enough <- struct{}{}:
					default:
					}
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	mu.Lock()
	before := make(map[string]bool)
	for name := range acknowledged {
		before[name] = true
	}
	mu.Unlock()
	var dump bytes.Buffer
	var last mailstore.ModSeq
	view(t, s, func(r *mailstore.Reader) (err error) {
		if last, err = r.ModSeq(); err != nil {
			return err
		}
		return r.Dump(slowed{&dump, s, t})
	})
	stop.Store(true)
	writers.Wait()
	dir := filepath.Join(t.TempDir(), "mail")
	stats, err := mailstore.Restore(dir, &dump, mailstore.Restoration{Made: time.UnixMilli(1), At: time.UnixMilli(2)}, quiet)
	if err != nil || stats.Messages != uint64(last) {
		t.Fatalf("%+v of %d messages, %v", stats, last, err)
	}
	wholeMails(t, open(t, dir), account, before)
}

// slowed lets a writer commit before each piece of the dump, so that there is always something that
// came after its begin.
type slowed struct {
	dump *bytes.Buffer
	s    *mailstore.Store
	t    *testing.T
}

func (w slowed) Write(b []byte) (int, error) {
	update(w.t, w.s, func(tx *mailstore.Tx) error { return tx.Space("later").Put([]byte{byte(w.dump.Len() >> 16)}, nil) })
	return w.dump.Write(b)
}

// wholeMails holds that mails that were acknowledged are there exactly once, and others wholly or
// not at all.
func wholeMails(t *testing.T, s *mailstore.Store, account mailstore.AccountID, acknowledged map[string]bool) {
	view(t, s, func(r *mailstore.Reader) error {
		found := make(map[string]bool)
		list, err := r.Messages(account, 0, 1<<20)
		if err != nil {
			return err
		}
		for i, m := range list {
			if m.ID != mailstore.MessageID(i+1) {
				t.Fatalf("message %d has number %d", i+1, m.ID)
			}
			raw, err := r.Raw(m.Blob)
			if err != nil {
				return err
			}
			name, _, _ := strings.Cut(string(raw), "\n")
			if found[name] {
				t.Errorf("%s is there twice", name)
			}
			found[name] = true
			if ok, err := r.Space("names").Has([]byte(name)); err != nil || !ok {
				t.Errorf("%s is there in part: %v", name, err)
			}
		}
		for name := range acknowledged {
			if !found[name] {
				t.Errorf("%s was acknowledged and is lost", name)
			}
		}
		changes, err := r.ChangesSince(0, 1<<20)
		if err != nil || len(changes) != len(list) {
			t.Errorf("%d changes for %d messages, %v", len(changes), len(list), err)
		}
		for i, c := range changes {
			if c.ModSeq != mailstore.ModSeq(i+1) || c.Message != list[i].ID {
				t.Fatalf("change %d is %+v", i+1, c)
			}
		}
		last, err := r.ModSeq()
		if err != nil || int(last) != len(changes) {
			t.Errorf("journal ends at %d, %v", last, err)
		}
		counts, err := r.LabelCounts(account)
		if err != nil || counts["inbox"] != len(list) {
			t.Errorf("counts %v for %d messages, %v", counts, len(list), err)
		}
		return nil
	})
}
