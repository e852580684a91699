package node

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/smtpgw/screen"
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
	if !strings.HasPrefix(m.Damaged, "damaged: the text of alice/1 in "+dir) || !strings.Contains(m.Damaged, mailstore.MendText) {
		t.Errorf("it says %q", m.Damaged)
	}
	if m.Text != "" || m.Subject != "" || m.From != "bob@beta.test" || m.Verdict != "verified" || len(m.Labels) != 2 || m.Size != int64(len(texts[0])) {
		t.Errorf("shown is %+v", m)
	}
	var refused *api.Error
	if _, err := n.Raw(t.Context(), "alice/1"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "alice/1") || refused.Code != api.CodeInternal || refused.Hint != mailstore.MendText {
		t.Errorf("its octets: %v", err)
	}
	if m, err := n.Message(t.Context(), "alice/2"); err != nil || m.Damaged != "" || m.Subject != "whole" {
		t.Errorf("another mail: %+v, %v", m, err)
	}

	if err := store.Update(t.Context(), func(tx *mailstore.Tx) error { return put(tx, 1, texts[0]) }); err != nil { // which a backup does
		t.Fatal(err)
	}
	if m, err := n.Message(t.Context(), "alice/1"); err != nil || m.Damaged != "" || m.Subject != "spoilt" {
		t.Errorf("put back: %+v, %v", m, err)
	}
}

// A mail whose row is damaged is said to be so wherever it is asked for, with the step that helps:
// a backup puts back texts alone.
func TestDamagedRowOfAMail(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	putFound(t, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	spoilFirst(t, dir, "m")
	n = open(t, dir)
	const next = "see that the disk is well and restore a backup"
	said := func(where, text string) {
		t.Helper()
		if !strings.HasPrefix(text, "damaged: of carl/1 in "+dir) || !strings.Contains(text, " message 1 of account ") || strings.Contains(text, "--from") {
			t.Errorf("%s says %q", where, text)
		}
	}
	m, err := n.Message(t.Context(), "carl/1")
	if err != nil {
		t.Fatal(err)
	}
	said("the mail", m.Damaged)
	if !strings.HasSuffix(m.Damaged, "; "+next) || m.Text != "" || m.Verification == nil || m.Verdict != "verified" {
		t.Errorf("shown is %+v", m)
	}
	_, err = n.Raw(t.Context(), "carl/1")
	e := api.AsError(err)
	if e == nil || e.Hint != next {
		t.Fatalf("its octets: %+v", e)
	}
	said("the refusal", e.Message)
	err = n.view("carl/1", func(rd *mailstore.Reader, a mailstore.AccountID, id mailstore.MessageID) error {
		s, err := row(rd, a, id)
		if err == nil {
			said("a list", s.Damaged)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// putFound gives a node the mail carl/1, with a finding and with what else it was filed by.
func putFound(t *testing.T, n *Node) {
	t.Helper()
	const raw = "From: bob@beta.test\r\nTo: carl@alpha.test\r\nSubject: whole\r\n\r\nas it was\r\n"
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("carl", []string{"carl@alpha.test"})
		if err != nil {
			return err
		}
		blob, err := tx.PutBlob([]byte(raw))
		if err != nil {
			return err
		}
		m := mailstore.Message{
			Account: a.ID, Blob: blob, Size: int64(len(raw)), Received: time.Unix(1_800_000_000, 0), From: "bob@beta.test", Recipients: a.Addresses,
		}
		if m.ID, err = tx.AddMessage(m, []string{"inbox", "verdict/verified"}); err != nil {
			return err
		}
		if err := n.filing.Keep(tx, m.Ref(), screen.Evidence{{Method: "spf", Result: screen.Pass}}); err != nil {
			return err
		}
		return tx.Space("verifier").PutJSON(m.Ref().Append([]byte("message/")), verifier.Finding{Verdict: record.Verified})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// How a mail was verified is damaged: the mail is shown, what keeps a backup from being made names
// it, and a check with repair is the way out of both.
func TestDamagedFinding(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	running := func(use func(n *Node)) {
		t.Helper()
		n, err := Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		use(n)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	running(func(n *Node) { putFound(t, n) })
	const repairStopped = "with the node stopped: cairn check --repair"
	spoilFirst(t, dir, "sverifier\x00message/")

	refused := func(err error) {
		t.Helper()
		e := api.AsError(err)
		if e == nil || !strings.HasPrefix(e.Message, "making the backup: how carl/1 was verified cannot be read") || e.Hint != repairStopped {
			t.Errorf("the backup: %+v", e)
		}
	}
	refused(Backup(dir, api.BackupRequest{}, io.Discard))
	running(func(n *Node) {
		refused(n.Backup(t.Context(), api.BackupRequest{}, io.Discard))
		m, err := n.Message(t.Context(), "carl/1")
		if err != nil {
			t.Fatal(err)
		}
		if m.Damaged != "" || m.Subject != "whole" || !strings.Contains(m.Text, "as it was") || m.Verification != nil {
			t.Errorf("shown is %+v", m)
		}
		if !strings.HasPrefix(m.Unverified, "how carl/1 was verified cannot be read") || m.Next != repairStopped {
			t.Errorf("it says %q, %q", m.Unverified, m.Next)
		}
	})

	mail := func(repair bool) Checked {
		t.Helper()
		parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Repair: repair})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p.Part != home.MailDir && len(p.Faults) > 0 {
				t.Errorf("%+v", p)
			}
		}
		return parts[slices.IndexFunc(parts, func(p Checked) bool { return p.Part == home.MailDir })]
	}
	if p := mail(false); p.State != CheckDamaged || len(p.Faults) != 1 || !strings.Contains(p.Faults[0].Next, "a check with repair") {
		t.Errorf("%+v", p)
	}
	if p := mail(true); p.State != CheckMended || len(p.Faults) != 1 || !strings.Contains(p.Faults[0].Text, "carl/1") || !strings.Contains(p.Faults[0].Next, "not known") {
		t.Errorf("%+v", p)
	}
	if p := mail(false); p.State != CheckSound {
		t.Errorf("%+v", p)
	}
	if err := Backup(dir, api.BackupRequest{}, io.Discard); err != nil {
		t.Errorf("the backup: %v", err)
	}
	running(func(n *Node) {
		shown := func() *api.Message {
			t.Helper()
			m, err := n.Message(t.Context(), "carl/1")
			if err != nil || m.Unverified != "" || m.Verification == nil || m.Verdict != "unrecorded" || m.Verification.Verdict != "unrecorded" {
				t.Fatalf("shown is %+v, %v", m, err)
			}
			return m
		}
		if m := shown(); !strings.Contains(strings.Join(m.Verification.Reasons, " "), "lost by damage") {
			t.Errorf("it says %q", m.Verification.Reasons)
		}
		if err := n.verifier.Follow(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if m := shown(); !slices.Equal(m.Verification.Reasons, []string{"no record"}) {
			t.Errorf("it says %q", m.Verification.Reasons)
		}
	})
}

// What else a mail was filed by is damaged: the mail is shown with its verdict, and says so.
func TestDamagedFilingIsShown(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	putFound(t, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	spoilFirst(t, dir, "sfiling\x00")
	if n, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	m, err := n.Message(t.Context(), "carl/1")
	if err != nil || m.Verification == nil || m.Verification.Verdict != "verified" || !strings.Contains(m.Text, "as it was") {
		t.Fatalf("shown is %+v, %v", m, err)
	}
	if v := m.Verification; v.FiledUnder != "inbox" || !slices.Equal(v.FiledWhy, []string{filingLost}) {
		t.Errorf("filed under %s: %q", v.FiledUnder, v.FiledWhy)
	}
}

// TestDamageThatIsMetIsInTheStatus: a running node says by itself that it has found damage.
func TestDamageThatIsMetIsInTheStatus(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	sent, err := n.Send(t.Context(), api.SendRequest{
		From: "alice@alpha.test", To: []string{"alice@alpha.test"}, Raw: []byte("From: alice@alpha.test\r\nSubject: x\r\n\r\n" + strings.Repeat("one line\r\n", 500)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := n.Status(t.Context()); err != nil || s.Mail.Damaged != 0 || s.Mail.DamagedNext != "" {
		t.Fatalf("before any damage: %+v, %v", s, err)
	}
	spoil(t, filepath.Join(dir, home.MailDir), []byte(strings.Repeat("one line\r\n", 500)))
	for range 2 {
		if m, err := n.Message(t.Context(), sent.Ref); err != nil || m.Damaged == "" {
			t.Fatalf("shown is %+v, %v", m, err)
		}
	}
	if s, err := n.Status(t.Context()); err != nil || s.Mail.Damaged != 1 || s.Mail.DamagedNext != NextCheck {
		t.Errorf("with damage: %+v, %v", s.Mail, err)
	}
}
