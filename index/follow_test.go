package index

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
	"cairn/mailstore/diskroom"
	"cairn/mailstore/testenv"
)

// textKeys returns how many blocks of postings there are, and their versions added up, which grow
// with every write.
func textKeys(t *testing.T, ix *Index) (blocks int, versions uint64) {
	t.Helper()
	err := ix.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{tableText}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			blocks++
			versions += it.Item().Version()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return blocks, versions
}

func TestLabelChangeTouchesNoPosting(t *testing.T) {
	b := newBed(t)
	id := b.add([]string{"inbox", "unread"}, letter)
	b.sync()
	blocks, versions := textKeys(t, b.ix)
	b.update(func(tx *mailstore.Tx) error {
		return tx.SetLabels(b.account, id, []string{"work"}, []string{"unread"})
	})
	b.sync()
	if n, v := textKeys(t, b.ix); n != blocks || v != versions || blocks == 0 {
		t.Errorf("postings: %d blocks, versions %d; before %d, %d", n, v, blocks, versions)
	}
	if got := b.find("work invoice -is:unread"); got != "1" {
		t.Errorf("with the new labels: %q", got)
	}
	if got := b.find("is:unread"); got != "" {
		t.Errorf("with the old label: %q", got)
	}
}

func TestRestartResumes(t *testing.T) {
	b := newBed(t)
	b.add(nil, letter, page)
	b.sync()
	_, versions := textKeys(t, b.ix)
	b.closeIndex()
	b.openIndex()
	b.sync()
	if _, v := textKeys(t, b.ix); v != versions {
		t.Error("a restart indexed again")
	}
	b.closeIndex()
	b.add(nil, reply)
	b.openIndex()
	b.sync()
	if got := b.find("invoice"); got != "3 1" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestUnknownCursorStartsOver(t *testing.T) {
	for name, at := range map[string]func(p position) position{
		"ahead of the journal": func(p position) position { p.cursor += 1000; return p },
		"another store":        func(p position) position { p.store[0]++; return p },
	} {
		b := newBed(t)
		b.add(nil, letter)
		b.sync()
		p := position{store: b.ix.storeID, cursor: b.ix.Cursor()}
		b.stop()
		stray := document{terms: map[fieldTerm][]uint32{{fieldNumbers["body"], "stray"}: {1}}}
		batch := newBatch(b.ix.db)
		if err := batch.apply(mailstore.Change{Kind: mailstore.ChangeAdded, Account: b.account, Message: 77}, &stray); err != nil {
			t.Fatal(err)
		}
		if err := batch.commit(b.ix.db, at(p)); err != nil {
			t.Fatal(err)
		}
		b.stop = func() {}
		b.closeIndex()
		b.openIndex()
		b.add(nil, reply)
		b.sync()
		if got := b.find("invoice"); got != "2 1" {
			t.Errorf("%s: %q", name, got)
		}
		if got := b.find("stray"); got != "" {
			t.Errorf("%s: what does not belong there is found: %q", name, got)
		}
	}
}

func TestRemovedMailIsForgotten(t *testing.T) {
	b := newBed(t)
	first := b.add([]string{"inbox"}, letter)
	b.add(nil, reply)
	b.sync()
	b.update(func(tx *mailstore.Tx) error { return tx.RemoveMessage(b.account, first) })
	b.sync()
	for _, q := range []string{"fox", "inbox", "has:attachment", "larger:1", "from:jon"} {
		if got := b.find(q); got != "" && got != "2" || q == "fox" && got != "" {
			t.Errorf("%s finds %q", q, got)
		}
	}
	if got := b.find(""); got != "2" {
		t.Errorf("everything is %q", got)
	}
	b.update(func(tx *mailstore.Tx) error { return tx.RemoveAccount(b.account) })
	b.sync()
	b.closeIndex() // waits until postings are dropped
	b.openIndex()
	b.sync()
	if n, _ := textKeys(t, b.ix); n != 0 || b.find("") != "" {
		t.Errorf("%d blocks are left of an account that is gone", n)
	}
}

func TestMessageTooBigForOneTransaction(t *testing.T) {
	b := newBed(t)
	var raw strings.Builder
	raw.WriteString("Subject: many words\n\n")
	for i := range 60_000 {
		fmt.Fprintf(&raw, "w%d ", i)
	}
	b.add([]string{"inbox"}, reply, raw.String(), letter)
	b.sync()
	for query, want := range map[string]string{"w0": "2", "w59999": "2", `"w777 w778"`: "2", "invoice": "1 3", "inbox": "2 1 3"} {
		if got := b.find(query); got != want {
			t.Errorf("%s finds %q, want %q", query, got, want)
		}
	}
}

// followUntilKilled is the child of TestKill: it follows the store in dir and says how far it is.
func followUntilKilled(dir string) {
	store, err := mailstore.Open(dir+"/mail", quiet)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	ix, err := Open(dir+"/index", store, quiet)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	go func() {
		for ix.WaitFor(context.Background(), ix.Cursor()+1) == nil {
			fmt.Println("at", ix.Cursor())
		}
	}()
	fmt.Println("error", ix.Run(context.Background()))
}

// TestKill kills a follower several times in the middle of its work; in the end it must hold what a
// new index holds.
func TestKill(t *testing.T) {
	b := newBed(t)
	b.closeIndex()
	if err := os.RemoveAll(b.dir + "/index"); err != nil {
		t.Fatal(err)
	}
	fill(b, 1500)
	b.update(func(tx *mailstore.Tx) error {
		for id := mailstore.MessageID(1); id <= 300; id++ {
			if err := tx.SetLabels(b.account, id*5, []string{"five"}, []string{"unread"}); err != nil {
				return err
			}
		}
		return tx.RemoveMessage(b.account, 7)
	})
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	kills := 1
	if testenv.CI() {
		kills = 4
	}
	for range kills {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), "CAIRN_INDEX_CHILD="+b.dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n, kill := 0, 1+rand.IntN(3); lines.Scan(); n++ {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Error(lines.Text())
			}
			if n == kill || lines.Text() == "at 1801" {
				child.Process.Kill()
			}
		}
		child.Wait()
	}
	var err error
	if b.store, err = mailstore.Open(b.dir+"/mail", quiet); err != nil {
		t.Fatal(err)
	}
	contents := func() map[string]string {
		b.openIndex()
		b.sync()
		found := make(map[string]string)
		for i := range 300 {
			q := fmt.Sprintf("w%d", i*7)
			found[q] = b.find(q)
		}
		for _, q := range []string{"", "five", "is:unread", `"w1 w2"`, "from:p7@example.com", "larger:4100", "w1*"} {
			found[q] = b.find(q)
		}
		return found
	}
	killed := contents()
	b.closeIndex()
	if err := os.RemoveAll(b.dir + "/index"); err != nil {
		t.Fatal(err)
	}
	fresh := contents()
	if len(strings.Fields(fresh[""])) != 1499 || len(strings.Fields(fresh["five"])) != 300 {
		t.Errorf("%d messages, %d labelled", len(strings.Fields(fresh[""])), len(strings.Fields(fresh["five"])))
	}
	for _, q := range slices.Sorted(maps.Keys(fresh)) {
		if killed[q] != fresh[q] {
			t.Errorf("%s finds %d, in a new index %d", q, len(strings.Fields(killed[q])), len(strings.Fields(fresh[q])))
		}
	}
}

// flaky is a journal that cannot be read for a while.
type flaky struct {
	*mailstore.Store
	faults atomic.Int32
}

func (f *flaky) View(fn func(*mailstore.Reader) error) error {
	if f.faults.Add(-1) >= 0 {
		return errors.New("the disk is away")
	}
	return f.Store.View(fn)
}

// TestFaultsAreTriedAgain has the follower outlive a journal that cannot be
// read for a while.
func TestFaultsAreTriedAgain(t *testing.T) {
	b := newBed(t)
	b.add(nil, "Subject: first\r\n\r\nwords\r\n")
	b.closeIndex()
	journal := &flaky{Store: b.store}
	ix, err := Open(b.dir+"/index", journal, quiet)
	if err != nil {
		t.Fatal(err)
	}
	journal.faults.Store(3)
	b.add(nil, "Subject: second\r\n\r\nwords\r\n")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ix.Run(ctx) }()
	wait, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	if err := ix.WaitFor(wait, 2); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("follower: %v", err)
	}
	if err := ix.Close(); err != nil {
		t.Error(err)
	}
}

func TestFullDiskStopsTheFollower(t *testing.T) {
	b := newBed(t)
	b.closeIndex()
	b.add(nil, letter)
	ix, err := Open(b.dir+"/index", b.store, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	before := ix.Cursor()
	ix.reserve = 1 << 62
	if err := ix.followAll(t.Context()); !errors.Is(err, diskroom.ErrFull) || ix.Cursor() != before {
		t.Errorf("with a full disk: %v, at change %d of %d", err, ix.Cursor(), before)
	}
	ix.reserve = 0
	if err := ix.followAll(t.Context()); err != nil || ix.Cursor() <= before {
		t.Errorf("after making room: %v, at change %d", err, ix.Cursor())
	}
}
