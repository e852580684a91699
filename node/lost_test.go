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

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

// hasRun makes a directory one of a node that has been running.
func hasRun(t *testing.T, dir string) {
	t.Helper()
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err == nil {
		err = n.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is of another organisation's node in a directory is named, by whatever reads the mail store
// first, and nothing is changed: the mail store, with its head or without, or the enrolment, of one
// network or of two.
func TestPartsOfAnother(t *testing.T) {
	alpha, g := founder(t, "Alpha", "alpha.example")
	beta, _ := founder(t, "Beta", "beta.example")
	for _, dir := range []string{alpha, beta} {
		hasRun(t, dir)
	}
	const foreignMail, foreignEnrol = "mail is the mail store of another organisation's node", "enrol.cairn is of another organisation than "
	for name, c := range map[string]struct {
		change func(dir string) error
		part   string
		says   string
	}{
		"mail":           {func(dir string) error { return replace(dir, beta, home.MailDir) }, home.MailDir, foreignMail},
		"mail with head": {func(dir string) error { return replace(dir, beta, home.MailDir, home.MailHead) }, home.MailDir, foreignMail},
		"enrolment":      {func(dir string) error { return enrolAs(t, dir, beta, g) }, enrolFile, foreignEnrol},
		"enrolment, without the organisation's key": {func(dir string) error {
			return errors.Join(enrolAs(t, dir, beta, g), os.Remove(filepath.Join(dir, home.OrgKey)))
		}, enrolFile, foreignEnrol},
		"enrolment of another network": {func(dir string) error { return replace(dir, beta, enrolFile) }, enrolFile, "enrol.cairn does not belong to the network of "},
	} {
		dir := filepath.Join(shortDir(t), "n")
		if err := errors.Join(os.CopyFS(dir, os.DirFS(alpha)), c.change(dir)); err != nil {
			t.Fatal(err)
		}
		head, err := os.ReadFile(filepath.Join(dir, home.MailHead))
		if err != nil {
			t.Fatal(err)
		}
		found := func(repair bool) error {
			parts, err := Check(t.Context(), dir, CheckOptions{Now: time.Now(), Repair: repair, Progress: func(string, uint64, uint64) {}})
			for _, p := range parts {
				if p.Part == c.part && p.State == CheckDamaged {
					err = errors.Join(err, api.Errorf(api.CodeInvalid, p.Faults[0].Next, "%s", p.Faults[0].Text))
				}
			}
			return err
		}
		for what, err := range map[string]error{
			"check":  found(false),
			"repair": found(true),
			"backup": Backup(dir, api.BackupRequest{}, io.Discard),
			"run":    func() error { _, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler)); return err }(),
		} {
			said, ok := errors.AsType[*api.Error](err)
			if !ok || !strings.Contains(said.Message, c.says) || said.Hint == "" {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		if after, err := os.ReadFile(filepath.Join(dir, home.MailHead)); err != nil || !bytes.Equal(head, after) {
			t.Errorf("%s: the head was changed, %v", name, err)
		}
	}
}

// TestIndexOfAnother: check tells of an index of another mail store and changes nothing; with
// repair it is built anew, as it is when the node starts.
func TestIndexOfAnother(t *testing.T) {
	alpha, _ := founder(t, "Alpha", "alpha.example")
	beta, _ := founder(t, "Beta", "beta.example")
	for _, dir := range []string{alpha, beta} {
		quiet(t, dir, nil)
		n := open(t, dir)
		err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
			a, err := tx.AddAccount("ann", []string{"ann@" + n.cfg.Organisation.Domains[0]})
			if err != nil {
				return err
			}
			blob, err := tx.PutBlob([]byte("Subject: x\r\n\r\ny\r\n"))
			if err == nil {
				_, err = tx.AddMessage(mailstore.Message{Blob: blob, Account: a.ID, Received: time.Unix(1, 0)}, nil)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.index.Check(t.Context()); err != nil { // which has it follow the mail
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := replace(alpha, beta, home.IndexDir); err != nil {
		t.Fatal(err)
	}
	for _, repair := range []bool{false, false, true} {
		want := map[bool]string{false: CheckDamaged, true: CheckMended}[repair]
		parts, err := Check(t.Context(), alpha, CheckOptions{Now: time.Now(), Repair: repair})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(parts, func(p Checked) bool { return p.Part == home.IndexDir })
		if p := parts[i]; p.State != want || len(p.Faults) != 1 || p.Faults[0].Text != "the index belongs to another mail store" {
			t.Errorf("with repair %v: %+v", repair, p)
		}
	}
}

// A mail store that nobody has claimed is not claimed for an organisation that the node's keys are
// not of.
func TestClaimComesAfterTheKeys(t *testing.T) {
	alpha, g := founder(t, "Alpha", "alpha.example")
	beta := newcomer(t, "Beta", "beta.example")
	quiet(t, alpha, nil)
	own, err := os.ReadFile(filepath.Join(alpha, enrolFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := enrolAs(t, alpha, beta, g); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), alpha, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("the node of another organisation's enrolment opened")
	}
	if err := os.WriteFile(filepath.Join(alpha, enrolFile), own, 0o600); err != nil {
		t.Fatal(err)
	}
	hasRun(t, alpha)
}

// replace puts parts of another node in place of a node's own.
func replace(dir, other string, names ...string) error {
	for _, name := range names {
		to, from := filepath.Join(dir, name), filepath.Join(other, name)
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			err = copyFile(other, dir, name)
		} else {
			err = os.CopyFS(to, os.DirFS(from))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enrolAs puts an enrolment of another node's organisation in the network of g in place of a node's
// own.
func enrolAs(t *testing.T, dir, other string, g *consensus.Genesis) error {
	cfg, err := LoadConfig(other)
	if err != nil {
		return err
	}
	id, err := LoadIdentity(other)
	if err != nil {
		return err
	}
	if id.Recovery, err = NewKey(); err != nil {
		return err
	}
	e, err := newEnrol(t.Context(), &g.Params, cfg, id, nil)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, enrolFile), e.Encode(), 0o600)
}

// A node that has been running and of which something is gone that it cannot make again says what,
// and changes nothing.
func TestLostParts(t *testing.T) {
	whole, _ := founder(t, "Alpha", "alpha.example")
	hasRun(t, whole)
	for _, c := range []struct {
		gone []string
		says string
		hint string
	}{
		{[]string{networkFile}, networkFile + " is lost", "restore it from a backup"},
		{[]string{enrolFile}, enrolFile + " is lost", "restore it from a backup"},
		{[]string{ConfigFile}, ConfigFile + " is lost", "restore it from a backup"},
		{[]string{home.MailDir}, home.MailHead + " says that the node had one", "cairn check --repair"},
		{[]string{home.MailDir, home.MailHead}, home.MailDir + " is lost: nothing of a mail store is there", "restore a backup"},
		{[]string{home.MailDir, home.MailHead, home.ChainDir}, home.IndexDir + " says that the node had one", "restore a backup"},
	} {
		dir := filepath.Join(shortDir(t), "n")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		for _, name := range c.gone {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		before := contents(t, dir)
		_, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
		said, ok := errors.AsType[*api.Error](err)
		if !ok || !strings.Contains(said.Message, c.says) || !strings.Contains(said.Hint, c.hint) {
			t.Errorf("%v: %v", c.gone, err)
		}
		after := contents(t, dir)
		for name, text := range after {
			if before[name] != text {
				t.Errorf("%v: %s was changed", c.gone, name)
			}
		}
	}
}
