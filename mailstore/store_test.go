package mailstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/mailstore"
)

func TestAccountsAreFoundByAddress(t *testing.T) {
	s := open(t, t.TempDir())
	id := addAccount(t, s, "Zoë", "Zoe@BÜCHER.example", "info@example.org")
	for _, addr := range []string{"zoe@xn--bcher-kva.example", "ZOE@bücher.EXAMPLE.", "Info@example.org"} {
		view(t, s, func(r *mailstore.Reader) error {
			a, err := r.AccountByAddress(addr)
			if a.ID != id {
				t.Errorf("%s leads to %d, %v", addr, a.ID, err)
			}
			return nil
		})
	}
	for _, c := range []struct {
		name      string
		addresses []string
		want      error
	}{
		{"Zoë", nil, mailstore.ErrExists},
		{"other", []string{"zoe@bücher.example"}, mailstore.ErrExists},
		{"", nil, nil},
		{"a\nb", nil, nil},
		{strings.Repeat("x", 65), nil, nil},
		{"other", []string{"nobody"}, nil},
		{"other", []string{"a@"}, nil},
		{"other", []string{"a\r@example.org"}, nil},
		{"other", []string{"a@exa mple.org"}, nil},
		{"other", []string{strings.Repeat("a", 65) + "@example.org"}, nil},
	} {
		err := s.Update(context.Background(), func(tx *mailstore.Tx) error {
			_, err := tx.AddAccount(c.name, c.addresses)
			return err
		})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("account %q %q: %v, want %v", c.name, c.addresses, err, c.want)
		}
	}
	update(t, s, func(tx *mailstore.Tx) error { return tx.SetAddresses(id, []string{"new@example.org"}) })
	view(t, s, func(r *mailstore.Reader) error {
		if _, err := r.AccountByAddress("info@example.org"); !errors.Is(err, mailstore.ErrNotFound) {
			t.Errorf("old address: %v", err)
		}
		a, err := r.AccountByAddress("new@example.org")
		if a.ID != id {
			t.Errorf("new address: %v, %v", a, err)
		}
		return nil
	})
}

func TestBlobIsSharedUntilItsLastUser(t *testing.T) {
	s := open(t, t.TempDir())
	one, two := addAccount(t, s, "one"), addAccount(t, s, "two")
	raw := bytes.Repeat([]byte("Subject: x\r\n"), 4000)
	blob := sha256.Sum256(raw)
	var first, second mailstore.MessageID
	update(t, s, func(tx *mailstore.Tx) (err error) {
		if first, err = add(tx, one, raw); err != nil {
			return err
		}
		if second, err = add(tx, two, raw); err != nil {
			return err
		}
		return tx.HoldBlob(blob, "queue/1")
	})
	there := func() (found bool) {
		view(t, s, func(r *mailstore.Reader) error {
			b, err := r.Raw(blob)
			found = err == nil && bytes.Equal(b, raw)
			return nil
		})
		return found
	}
	for _, step := range []struct {
		name string
		do   func(tx *mailstore.Tx) error
		left bool
	}{
		{"hold of a message that is there", func(tx *mailstore.Tx) error {
			ref := mailstore.Ref{Account: one, Message: first}
			return errors.Join(tx.HoldBlob(blob, "queue/3"), tx.ReleaseBlobOf(ref, blob, "queue/3"))
		}, true},
		{"first message", func(tx *mailstore.Tx) error { return tx.RemoveMessage(one, first) }, true},
		{"other account", func(tx *mailstore.Tx) error { return tx.RemoveAccount(two) }, true},
		{"hold of a message that is gone", func(tx *mailstore.Tx) error {
			ref := mailstore.Ref{Account: one, Message: first}
			return errors.Join(tx.HoldBlob(blob, "queue/2"), tx.ReleaseBlobOf(ref, blob, "queue/2"))
		}, true},
		{"last hold", func(tx *mailstore.Tx) error {
			return tx.ReleaseBlobOf(mailstore.Ref{Account: one, Message: first}, blob, "queue/1")
		}, false},
	} {
		update(t, s, step.do)
		if there() != step.left {
			t.Errorf("after removing the %s: blob there is %v", step.name, !step.left)
		}
	}
	_ = second
}

func TestBigMessageInOneUpdate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a := addAccount(t, s, "a")
	raw := bytes.Repeat([]byte("0123456789abcdef"), 25<<16)
	update(t, s, func(tx *mailstore.Tx) error {
		_, err := add(tx, a, raw, "inbox")
		return err
	})
	s.Close()
	view(t, open(t, dir), func(r *mailstore.Reader) error {
		got, err := r.Raw(sha256.Sum256(raw))
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%d bytes come back as %d, %v", len(raw), len(got), err)
		}
		return nil
	})
}

func TestUpdateLosesOnlyTheWritesOfTheOneThatFails(t *testing.T) {
	s := open(t, t.TempDir())
	a := addAccount(t, s, "a")
	refuse := errors.New("no")
	var wg sync.WaitGroup
	errs := make([]error, 300)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Update(context.Background(), func(tx *mailstore.Tx) error {
				if _, err := add(tx, a, []byte{byte(i), byte(i >> 8)}, "inbox"); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return refuse
				case 2:
					panic("oops")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		switch i % 3 {
		case 0:
			if err != nil {
				t.Errorf("update %d: %v", i, err)
			}
		case 1:
			if err != refuse {
				t.Errorf("update %d: %v", i, err)
			}
		case 2:
			if err == nil || !strings.Contains(err.Error(), "oops") {
				t.Errorf("update %d: %v", i, err)
			}
		}
	}
	view(t, s, func(r *mailstore.Reader) error {
		list, err := r.Messages(a, 0, 1000)
		if err != nil || len(list) != 100 {
			t.Errorf("%d messages, %v", len(list), err)
		}
		changes, err := r.ChangesSince(0, 1000)
		if err != nil || len(changes) != 100 || changes[99].ModSeq != 100 {
			t.Errorf("%d changes, %v", len(changes), err)
		}
		counts, err := r.LabelCounts(a)
		if err != nil || counts["inbox"] != 100 {
			t.Errorf("counts %v, %v", counts, err)
		}
		return nil
	})
}

func TestUpdateTooBigIsRefusedAloneAndGroupsAreSplit(t *testing.T) {
	s := open(t, t.TempDir())
	fill := func(space string, n int) error {
		return s.Update(context.Background(), func(tx *mailstore.Tx) error {
			for i := range n {
				if err := tx.Space(space).Put([]byte{byte(i >> 8), byte(i)}, make([]byte, 1000)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := fill("huge", 8000); !errors.Is(err, mailstore.ErrTooBig) {
		t.Fatalf("8 MB of small values: %v", err)
	}
	var wg sync.WaitGroup
	for _, space := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		wg.Go(func() {
			if err := fill(space, 1200); err != nil { // 1.2 MB each, 2 MB fit into a transaction
				t.Errorf("space %s: %v", space, err)
			}
		})
	}
	wg.Wait()
	view(t, s, func(r *mailstore.Reader) error {
		for _, space := range []string{"a", "h", "huge"} {
			n := 0
			if err := r.Space(space).Scan(nil, nil, func(_, _ []byte) bool { n++; return true }); err != nil {
				return err
			}
			if want := map[bool]int{true: 0, false: 1200}[space == "huge"]; n != want {
				t.Errorf("space %s has %d keys, want %d", space, n, want)
			}
		}
		return nil
	})
}

func TestNumberInSpace(t *testing.T) {
	s := open(t, t.TempDir())
	check := func(want uint64, there bool, fails bool) {
		t.Helper()
		view(t, s, func(r *mailstore.Reader) error {
			n, known, err := r.Space("a").Number([]byte("n"))
			if n != want || known != there || (err != nil) != fails {
				t.Errorf("%d, %v, %v", n, known, err)
			}
			return nil
		})
	}
	put := func(fn func(mailstore.Space) error) {
		t.Helper()
		if err := s.Update(context.Background(), func(tx *mailstore.Tx) error { return fn(tx.Space("a")) }); err != nil {
			t.Fatal(err)
		}
	}
	check(0, false, false)
	put(func(sp mailstore.Space) error { return sp.PutNumber([]byte("n"), 1<<40) })
	check(1<<40, true, false)
	put(func(sp mailstore.Space) error { return sp.Put([]byte("n"), []byte("7")) })
	check(0, false, true)
}

func TestUpdateWithEndedContextDoesNotRun(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	inside, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- s.Update(context.Background(), func(*mailstore.Tx) error {
			close(inside)
			<-release
			return nil
		})
	}()
	<-inside
	cancel()
	ran := false
	err := s.Update(ctx, func(*mailstore.Tx) error { ran = true; return nil })
	close(release)
	if err != context.Canceled || ran {
		t.Errorf("ended context: %v, ran %v", err, ran)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestScanInUpdateSeesItsWrites(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *mailstore.Tx) error {
		sp := tx.Space("x")
		return errors.Join(sp.Put([]byte("b"), []byte("1")), sp.Put([]byte("d"), []byte("1")), sp.Put([]byte("f"), nil), tx.Space("xx").Put([]byte("a"), nil))
	})
	keys := func(sp mailstore.SpaceReader, prefix, from string) (got string) {
		if err := sp.Scan([]byte(prefix), []byte(from), func(key, value []byte) bool {
			got += string(key) + string(value) + " "
			return true
		}); err != nil {
			t.Error(err)
		}
		return got
	}
	update(t, s, func(tx *mailstore.Tx) error {
		sp := tx.Space("x")
		if err := errors.Join(sp.Put([]byte("a"), []byte("2")), sp.Put([]byte("d"), []byte("2")), sp.Delete([]byte("b")), sp.Put([]byte("z"), nil)); err != nil {
			return err
		}
		if got := keys(sp.SpaceReader, "", ""); got != "a2 d2 f z " {
			t.Errorf("scan: %q", got)
		}
		if got := keys(sp.SpaceReader, "", "b"); got != "d2 f z " {
			t.Errorf("scan from b: %q", got)
		}
		if got := keys(sp.SpaceReader, "d", ""); got != "d2 " {
			t.Errorf("scan of d: %q", got)
		}
		deleted := ""
		err := sp.Scan(nil, nil, func(key, _ []byte) bool { // deleting what is walked over, and what is ahead
			deleted += string(key)
			return errors.Join(sp.Delete(key), sp.Delete([]byte("f"))) == nil
		})
		if got := keys(sp.SpaceReader, "", ""); got != "" || deleted != "adz" {
			t.Errorf("deleted %q, left %q", deleted, got)
		}
		return err
	})
	view(t, s, func(r *mailstore.Reader) error {
		if got := keys(r.Space("xx"), "", ""); got != "a " {
			t.Errorf("other space: %q", got)
		}
		if _, err := r.Space("Bad Name").Get(nil); err == nil {
			t.Error("bad space name is accepted")
		}
		return nil
	})
}

func TestChangesSince(t *testing.T) {
	s := open(t, t.TempDir())
	wake, cancel := s.Subscribe()
	defer cancel()
	a := addAccount(t, s, "a")
	var id mailstore.MessageID
	update(t, s, func(tx *mailstore.Tx) (err error) {
		id, err = add(tx, a, []byte("x"), "unread", "inbox")
		return err
	})
	<-wake
	update(t, s, func(tx *mailstore.Tx) error {
		return tx.SetLabels(a, id, []string{"work"}, []string{"unread", "absent"})
	})
	update(t, s, func(tx *mailstore.Tx) error { return tx.SetLabels(a, id, []string{"work"}, nil) })
	<-wake
	added := mailstore.Change{ModSeq: 1, Kind: mailstore.ChangeAdded, Account: a, Message: id, Labels: []string{"inbox", "unread"}}
	labels := mailstore.Change{ModSeq: 2, Kind: mailstore.ChangeLabels, Account: a, Message: id, Labels: []string{"inbox", "work"}}
	removed := mailstore.Change{ModSeq: 4, Kind: mailstore.ChangeRemoved, Account: a, Message: id}
	holds := func(want ...mailstore.Change) {
		view(t, s, func(r *mailstore.Reader) error {
			last, _ := r.ModSeq()
			for since := range last {
				got, err := r.ChangesSince(since, 10)
				if len(want) > 0 && want[0].ModSeq <= since {
					want = want[1:]
				}
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("since %d: %v, %v", since, got, err)
				}
			}
			return nil
		})
	}
	added.Labels = nil
	holds(added, labels)
	update(t, s, func(tx *mailstore.Tx) error { return tx.SetLabels(a, id, nil, []string{"work"}) })
	labels.ModSeq, labels.Labels = 3, []string{"inbox"}
	holds(added, labels)
	update(t, s, func(tx *mailstore.Tx) error { return tx.RemoveMessage(a, id) })
	<-wake
	holds(removed)
	view(t, s, func(r *mailstore.Reader) error {
		if _, err := r.ChangesSince(5, 10); !errors.Is(err, mailstore.ErrUnknownModSeq) {
			t.Errorf("ahead of the journal: %v", err)
		}
		if counts, err := r.LabelCounts(a); len(counts) != 0 {
			t.Errorf("counts %v, %v", counts, err)
		}
		return nil
	})
}

func TestBadUseIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	a := addAccount(t, s, "a")
	at := time.Unix(1, 0)
	for name, fn := range map[string]func(tx *mailstore.Tx) error{
		"no account": func(tx *mailstore.Tx) error { _, err := add(tx, 99, []byte("x")); return err },
		"no blob": func(tx *mailstore.Tx) error {
			_, err := tx.AddMessage(mailstore.Message{Account: a, Received: at}, nil)
			return err
		},
		"no time":      func(tx *mailstore.Tx) error { _, err := tx.AddMessage(mailstore.Message{Account: a}, nil); return err },
		"bad label":    func(tx *mailstore.Tx) error { _, err := add(tx, a, []byte("x"), "Inbox"); return err },
		"empty label":  func(tx *mailstore.Tx) error { _, err := add(tx, a, []byte("x"), ""); return err },
		"long label":   func(tx *mailstore.Tx) error { _, err := add(tx, a, []byte("x"), strings.Repeat("x", 65)); return err },
		"no message":   func(tx *mailstore.Tx) error { return tx.SetLabels(a, 7, []string{"x"}, nil) },
		"gone message": func(tx *mailstore.Tx) error { return tx.RemoveMessage(a, 7) },
		"gone account": func(tx *mailstore.Tx) error { return tx.RemoveAccount(99) },
		"held nothing": func(tx *mailstore.Tx) error { return tx.HoldBlob([32]byte{}, "x") },
	} {
		if err := s.Update(context.Background(), fn); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	var leaked *mailstore.Tx
	update(t, s, func(tx *mailstore.Tx) error { leaked = tx; return nil })
	if _, err := leaked.Account(a); !errors.Is(err, mailstore.ErrTxDone) {
		t.Errorf("reading after the end: %v", err)
	}
	if err := leaked.Space("x").Put(nil, nil); !errors.Is(err, mailstore.ErrTxDone) {
		t.Errorf("writing after the end: %v", err)
	}
}

func TestLargeAccountIsRemovedAlsoAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, other := addAccount(t, s, "a", "a@example.org"), addAccount(t, s, "b")
	const n = 1700
	for part := range 10 {
		update(t, s, func(tx *mailstore.Tx) error {
			for i := range n / 10 {
				if _, err := add(tx, a, []byte{byte(part), byte(i)}, "inbox"); err != nil {
					return err
				}
			}
			_, err := add(tx, other, []byte{byte(part), 1}, "inbox")
			return err
		})
	}
	update(t, s, func(tx *mailstore.Tx) error { return tx.RemoveAccount(a) })
	s.Close() // perhaps in the middle
	s = open(t, dir)
	wake, cancel := s.Subscribe()
	defer cancel()
	for done := false; !done; {
		view(t, s, func(r *mailstore.Reader) error {
			changes, err := r.ChangesSince(n+10, n+10)
			done = len(changes) == n
			return err
		})
		if !done {
			<-wake
		}
	}
	view(t, s, func(r *mailstore.Reader) error {
		if _, err := r.AccountByAddress("a@example.org"); !errors.Is(err, mailstore.ErrNotFound) {
			t.Errorf("address: %v", err)
		}
		left, err := r.Messages(a, 0, 10)
		if err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		kept, err := r.Messages(other, 0, 100)
		if err != nil || len(kept) != 10 {
			t.Errorf("other account has %d, %v", len(kept), err)
		}
		for _, m := range kept {
			if _, err := r.Raw(m.Blob); err != nil {
				t.Errorf("shared bytes: %v", err)
			}
		}
		return nil
	})
}

func TestClosedStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := mailstore.Open(dir, quiet); err == nil {
		t.Error("a store that is open can be opened again")
	}
	s.Close()
	if err := s.Update(context.Background(), func(*mailstore.Tx) error { return nil }); err != mailstore.ErrClosed {
		t.Errorf("update: %v", err)
	}
	if err := s.View(func(*mailstore.Reader) error { return nil }); err != mailstore.ErrClosed {
		t.Errorf("view: %v", err)
	}
}

// An update whose context had ended before is not run, however idle the store is.
func TestUpdateOfEndedContext(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20_000 {
		err := s.Update(ctx, func(*mailstore.Tx) error { t.Error("it was run"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
