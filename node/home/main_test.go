package home

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
	"cairn/node/api"
)

var quiet = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	if dir := os.Getenv("CAIRN_RESTORE_CHILD"); dir != "" {
		if _, _, err := restore(dir, os.Stdin, now, quiet); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(scratch.InMemory(m).Run())
}

var (
	made = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	now  = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
)

// facts are what a node says of itself.
func facts() Manifest {
	return Manifest{
		Software: "cairn/test", Made: made, Organisation: "Alpha", OrgID: strings.Repeat("1", 64),
		Network: "net", ChainID: "12345678", Node: strings.Repeat("2", 64),
	}
}

// asMade are the facts of a node whose files are texts.
func asMade(map[string][]byte) (Manifest, error) { return facts(), nil }

// restore makes the node's directory dir of a backup.
func restore(dir string, r io.Reader, now time.Time, log *slog.Logger) (*Contents, mailstore.DumpStats, error) {
	w, err := Begin(dir)
	if err != nil {
		return nil, mailstore.DumpStats{}, err
	}
	defer w.Abandon()
	return w.Restore(r, asMade, now, log)
}

// texts are the files of the node that is backed up in tests.
func texts() map[string]string {
	return map[string]string{
		ConfigFile: "hostname = \"mail.alpha.example\"\n", "keys/recorder.pem": "recorder key", "keys/node.pem": "node key",
		OrgKey: "org key", RecoveryKey: "recovery key", NetworkFile: "network", EnrolFile: "enrol", PinsFile: "# pins\n", KnownFile: "",
	}
}

// newHome makes a node's directory of files and a mail store with one message.
func newHome(t testing.TB, files map[string]string) (string, *mailstore.Store) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := mailstore.Open(filepath.Join(dir, MailDir), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	err = s.Update(context.Background(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("alice", []string{"alice@alpha.example"})
		if err != nil {
			return err
		}
		raw := []byte("Subject: hello\r\n\r\ntext\r\n")
		blob, err := tx.PutBlob(raw)
		if err != nil {
			return err
		}
		_, err = tx.AddMessage(mailstore.Message{Account: a.ID, Blob: blob, Size: int64(len(raw)), Received: made}, []string{"inbox"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

// backup is a backup of such a node.
func backup(t testing.TB, files map[string]string, orgKey bool) []byte {
	t.Helper()
	dir, s := newHome(t, files)
	var b bytes.Buffer
	if err := s.View(func(r *mailstore.Reader) error { return Create(&b, dir, r, facts(), orgKey) }); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wantError fails unless err is for people: of that code, with a hint, and says text.
func wantError(t *testing.T, err error, code api.Code, text string) {
	t.Helper()
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != code || e.Hint == "" || !strings.Contains(e.Message, text) {
		t.Errorf("%v, want %s with a hint and %q", err, code, text)
	}
}

// list gives the names of all that lies in a folder.
func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
