package node

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
)

// spoil changes an octet of a text in the value logs of a mail store, which may be open.
func spoil(t *testing.T, dir string, text []byte) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.LimitReader(f, 1<<20)) // what is behind it is preallocated
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, text)
		if at < 0 {
			f.Close()
			continue
		}
		_, err = f.WriteAt([]byte{text[len(text)/2] ^ 1}, int64(at+len(text)/2))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no value log has a text of %d octets", len(text))
}

func TestDamagedMailIsShownAsSuch(t *testing.T) {
	dir := shortDir(t)
	store, err := mailstore.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	n := &Node{store: store}
	texts := [][]byte{
		[]byte("From: bob@beta.test\r\nSubject: spoilt\r\n\r\n" + strings.Repeat("one line\r\n", 200)),
		[]byte("From: bob@beta.test\r\nSubject: whole\r\n\r\n" + strings.Repeat("another line\r\n", 200)),
	}
	put := func(tx *mailstore.Tx, a mailstore.AccountID, text []byte) error {
		blob, err := tx.PutBlob(text)
		if err != nil {
			return err
		}
		_, err = tx.AddMessage(mailstore.Message{
			Account: a, Blob: blob, Size: int64(len(text)), Received: time.Unix(1_800_000_000, 0), From: "bob@beta.test", Recipients: []string{"alice@alpha.test"},
		}, []string{"inbox", "verdict/verified"})
		return err
	}
	err = store.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("alice", []string{"alice@alpha.test"})
		for _, text := range texts {
			err = errors.Join(err, put(tx, a.ID, text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, dir, texts[0])

	m, err := n.Message(t.Context(), "alice/1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(m.Damaged, "damaged: the text of alice/1 in "+dir) || !strings.Contains(m.Damaged, "stored again") {
		t.Errorf("it says %q", m.Damaged)
	}
	if m.Text != "" || m.Subject != "" || m.From != "bob@beta.test" || m.Verdict != "verified" || len(m.Labels) != 2 || m.Size != int64(len(texts[0])) {
		t.Errorf("shown is %+v", m)
	}
	var refused *api.Error
	if _, err := n.Raw(t.Context(), "alice/1"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "alice/1") || refused.Code != api.CodeInternal {
		t.Errorf("its octets: %v", err)
	}
	if m, err := n.Message(t.Context(), "alice/2"); err != nil || m.Damaged != "" || m.Subject != "whole" {
		t.Errorf("another mail: %+v, %v", m, err)
	}

	if err := store.Update(t.Context(), func(tx *mailstore.Tx) error { return put(tx, 1, texts[0]) }); err != nil { // it arrives again
		t.Fatal(err)
	}
	if m, err := n.Message(t.Context(), "alice/1"); err != nil || m.Damaged != "" || m.Subject != "spoilt" {
		t.Errorf("stored again: %+v, %v", m, err)
	}
}
