package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/smtpgw/trace"
)

// spoilFirst changes an octet of the first value of the mail store whose key has a prefix.
func spoilFirst(t *testing.T, dir, prefix string) {
	t.Helper()
	o := badger.DefaultOptions(filepath.Join(dir, home.MailDir)).WithLoggingLevel(badger.ERROR)
	db, err := badger.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(prefix)})
		defer it.Close()
		it.Seek([]byte(prefix))
		if !it.Valid() {
			t.Fatalf("nothing with %q", prefix)
		}
		key := it.Item().KeyCopy(nil)
		v, err := it.Item().ValueCopy(nil)
		if err != nil {
			return err
		}
		v[len(v)/2] ^= 4
		return txn.Set(key, v)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// One damaged value of each kind: cairn check tells of it and goes on, and the node starts.
func TestCheckGoesOnBesideDamage(t *testing.T) {
	t.Parallel()
	whole, _ := founder(t, "alpha", "alpha.test")
	quiet(t, whole, nil)
	n, err := Open(t.Context(), whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		blob, err := tx.PutBlob([]byte("Subject: x\r\n\r\ny\r\n"))
		if err != nil {
			return err
		}
		a, err := tx.AddAccount("carl", []string{"carl@alpha.test"})
		if err != nil {
			return err
		}
		for range 2 {
			if _, err = tx.AddMessage(mailstore.Message{Account: a.ID, Blob: blob, Size: 16, Received: time.Now().Truncate(time.Millisecond)}, []string{"inbox"}); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range "mlacjneu" {
		dir := filepath.Join(shortDir(t), "node")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		spoilFirst(t, dir, string(prefix))
		for _, repair := range []bool{false, true} {
			parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Repair: repair, Progress: func(string, uint64, uint64) {}})
			if err != nil {
				t.Errorf("%c: check, repair %v: %v", prefix, repair, err)
			}
			for _, p := range parts {
				for _, f := range p.Faults {
					if p.Part == home.MailDir && f.Mended != (f.Next == "") {
						t.Errorf("%c: %s: %+v", prefix, p.Part, f)
					}
				}
			}
			if len(parts) != 4 {
				t.Errorf("%c: only these parts were looked at: %+v", prefix, parts)
			}
			if !repair {
				if n, err := Open(t.Context(), dir, nil); err != nil {
					t.Errorf("%c: the node does not start: %v", prefix, err)
				} else if err := n.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// What leads to mail in the queue is damaged: the mail is listed and waits as before, cairn check
// tells of it, and with repair mends it.
func TestCheckMendsTheQueue(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := "From: <" + n.postmaster() + ">\r\nTo: <bob@beta.test>\r\nSubject: x\r\n\r\nx\r\n"
	for range 2 {
		if _, err := n.submitter.Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, n.postmaster(), []string{"bob@beta.test"}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	// checked is the state of the mail store, as a check finds it.
	checked := func(repair bool) (state string) {
		parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Repair: repair})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p.Part == home.MailDir {
				state = p.State
			}
		}
		return state
	}
	for _, table := range []string{"u", "l"} {
		spoilFirst(t, dir, "squeue\x00"+table)
		if got := []string{checked(false), checked(true), checked(false)}; !slices.Equal(got, []string{CheckDamaged, CheckMended, CheckSound}) {
			t.Errorf("%s: found %v", table, got)
		}
	}
	spoilFirst(t, dir, "squeue\x00u")
	spoilFirst(t, dir, "squeue\x00e")
	if n, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if list, err := n.queue.Unsealed(0, 10); err != nil || len(list) != 1 || list[0].ID != 2 {
		t.Errorf("%d wait to be recorded, %v", len(list), err)
	}
	for _, domain := range []string{"", "beta.test"} {
		if l, err := n.ListQueue(t.Context(), api.QueueSelection{Domain: domain}); err != nil || len(l.Entries) != 1 || l.Total != 2 || l.Damaged == "" {
			t.Errorf("listed are %+v, %v", l, err)
		}
	}
}
