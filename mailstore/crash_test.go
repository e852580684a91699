package mailstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"cairn/mailstore"
)

// writeUntilKilled is the child of TestKill: it stores messages from many writers at once, and says on its standard output
// which of them Update has acknowledged.
func writeUntilKilled(dir string) {
	s, err := mailstore.Open(dir, quiet)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	run := rand.Uint64()
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%x-%d-%d", run, w, i)
				raw := []byte(name + "\n" + strings.Repeat("x", rand.IntN(20_000)))
				err := s.Update(context.Background(), func(tx *mailstore.Tx) error {
					a, err := tx.AccountByName("a")
					if err != nil {
						return err
					}
					if _, err := add(tx, a.ID, raw, "inbox"); err != nil {
						return err
					}
					return tx.Space("names").Put([]byte(name), nil)
				})
				out.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("ok", name)
				}
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKill kills a writing process three times over. What it had acknowledged must be there exactly once; what it had not
// may be there, but wholly or not at all.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	account := addAccount(t, s, "a")
	s.Close()
	acknowledged := make(map[string]bool)
	for range 3 {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), "CAIRN_MAILSTORE_CHILD="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			if word != "ok" {
				t.Error(rest)
			}
			acknowledged[rest] = true
			if n == 300 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		child.Wait()
		s := open(t, dir)
		checkAfterCrash(t, s, account, acknowledged)
		s.Close()
	}
}

func checkAfterCrash(t *testing.T, s *mailstore.Store, account mailstore.AccountID, acknowledged map[string]bool) {
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
