package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/node/api"
)

// running starts a node in a process of its own, with accounts alice and bob.
func running(t *testing.T) (dir string, client *api.Client, stop func()) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "n")
	free := []string{"--submission", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--p2p", "/ip4/127.0.0.1/tcp/0"}
	if code, _, errs := cairn(t, "", append([]string{"init", "--dir", dir, "--domain", "alpha.test", "--network", "local"}, free...)...); code != 0 {
		t.Fatal(errs)
	}
	run := exec.Command("cairn", "run", "--dir", dir, "--log", "error")
	run.Stderr = os.Stderr
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says where it serves
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	client = api.NewClient(dir)
	stop = sync.OnceFunc(func() {
		client.Close()
		run.Process.Signal(os.Interrupt)
		if err := run.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	for _, name := range []string{"alice", "bob"} {
		if _, err := client.AddAccount(t.Context(), api.AccountRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	return dir, client, stop
}

// TestBackupWhileMailIsSent makes a backup while eight senders send to an account of the same node.
// Each mail that was accepted before it began is in it; each that is in it is whole: with its text,
// and on its way or delivered.
func TestBackupWhileMailIsSent(t *testing.T) {
	t.Parallel()
	dir, client, stop := running(t)
	var mu sync.Mutex
	accepted := map[string]bool{}
	ctx, end := context.WithCancel(t.Context())
	enough := make(chan struct{})
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				subject := fmt.Sprintf("mail %d-%d", s, i)
				text := "From: alice@alpha.test\r\nTo: bob@alpha.test\r\nSubject: " + subject + "\r\n\r\n" + strings.Repeat("text\r\n", 500)
				_, err := client.Send(t.Context(), api.SendRequest{From: "alice@alpha.test", To: []string{"bob@alpha.test"}, Raw: []byte(text)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if accepted[subject] = true; len(accepted) == 50 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	mu.Lock()
	var before []string
	for subject := range accepted {
		before = append(before, subject)
	}
	mu.Unlock()
	file := filepath.Join(t.TempDir(), "b")
	code, _, errs := cairn(t, "", "backup", "create", file, "--dir", dir)
	end()
	senders.Wait()
	stop()
	if code != 0 {
		t.Fatal(errs)
	}
	restored := filepath.Join(t.TempDir(), "n")
	if code, _, errs := cairn(t, "", "backup", "restore", file, "--dir", restored); code != 0 {
		t.Fatal(errs)
	}
	checkMailIsWhole(t, filepath.Join(restored, "mail"), before)
}

// checkMailIsWhole holds a mail store to the mails that have to be in it, and each mail in it to be
// there wholly.
func checkMailIsWhole(t *testing.T, dir string, before []string) {
	store, err := mailstore.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	queued, err := outbox.New(store).Len()
	if err != nil {
		t.Fatal(err)
	}
	sent, delivered := subjects(t, store, "alice"), subjects(t, store, "bob")
	for _, subject := range before {
		if !sent[subject] {
			t.Errorf("%s was accepted before the backup and is not in it", subject)
		}
	}
	for subject := range delivered {
		if !sent[subject] {
			t.Errorf("%s is delivered, but was not sent", subject)
		}
	}
	if len(sent) > len(delivered)+queued || queued > len(sent) {
		t.Errorf("of %d mails %d are delivered and %d on their way", len(sent), len(delivered), queued)
	}
}

// subjects are those of all mail of an account, each of which must be whole and there once.
func subjects(t *testing.T, store *mailstore.Store, account string) map[string]bool {
	found := map[string]bool{}
	err := store.View(func(r *mailstore.Reader) error {
		a, err := r.AccountByName(account)
		if err != nil {
			return err
		}
		list, err := r.Messages(a.ID, 0, 1<<20)
		if err != nil {
			return err
		}
		for _, m := range list {
			raw, err := r.Raw(m.Blob)
			if err != nil || int64(len(raw)) != m.Size || !bytes.HasSuffix(raw, []byte("text\r\n")) {
				t.Errorf("%s/%d has %d octets of %d, %v", account, m.ID, len(raw), m.Size, err)
			}
			_, rest, _ := strings.Cut(string(raw), "Subject: ")
			subject, _, _ := strings.Cut(rest, "\r\n")
			if found[subject] {
				t.Errorf("%s has %s twice", account, subject)
			}
			found[subject] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Backup of a desk writes a text, then waits for stalled to be closed or the caller to go.
func (d *desk) Backup(ctx context.Context, r api.BackupRequest, w io.Writer) error {
	d.asked = r
	io.WriteString(w, d.text)
	if d.stalled != nil {
		select {
		case <-d.stalled:
		case <-ctx.Done():
		}
	}
	return d.err
}

// What is no whole backup does not get the name of one.
func TestFailedBackupLeavesNothing(t *testing.T) {
	for says, d := range map[string]*desk{
		"it is cut off in manifest":     {text: "cairn-backup\x00\x01\x01\x08manifest"},
		"it is none of a cairn node":    {text: "something else"},
		"reading the store: disk error": {text: "cairn-backup\x00\x01", err: api.Errorf(api.CodeInternal, "look", "reading the store: disk error")},
	} {
		t.Run(says, func(t *testing.T) {
			folder := t.TempDir()
			code, out, errs := cairn(t, "", "backup", "create", filepath.Join(folder, "b"), "--dir", at(t, d))
			left, err := os.ReadDir(folder)
			if code != 1 || out != "" || !strings.Contains(errs, says) || len(left) > 0 || err != nil {
				t.Errorf("exit code %d, left %v: %s", code, left, errs)
			}
		})
	}
}

func TestInterruptedBackup(t *testing.T) {
	dir := at(t, &desk{text: "cairn-backup\x00\x01\x01\x08manifest", stalled: make(chan struct{})})
	folder := t.TempDir()
	file := filepath.Join(folder, "b")
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := os.Stat(file + ".partial"); err == nil {
				break
			}
			<-tick.C
		}
		interrupt()
	}()
	var out, errs bytes.Buffer
	a := &app{out: &output{Writer: &out}, err: &errs}
	code := a.run(ctx, []string{"backup", "create", file, "--dir", dir})
	if left, _ := os.ReadDir(folder); code != 130 || len(left) > 0 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit code %d, left %v: %s", code, left, errs.String())
	}
}

// A disk that is full under the backup is told as that.
func TestBackupToAFullDisk(t *testing.T) {
	t.Parallel()
	dir, _, _ := running(t)
	var errs bytes.Buffer
	a := &app{out: &output{Writer: fullDisk{}}, err: &errs}
	if code := a.run(t.Context(), []string{"backup", "create", "-", "--dir", dir}); code != 1 ||
		errs.String() != "making the backup: no space left on device\n  try: make room there, or choose another place\n" {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
