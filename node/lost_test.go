package node

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
)

// hasRun makes a directory one of a node that has been running.
func hasRun(t *testing.T, dir string) {
	t.Helper()
	quiet(t, dir, nil)
	n, err := Open(dir, slog.New(slog.DiscardHandler))
	if err == nil {
		err = n.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The mail store of another organisation's node is refused, also with its head.
func TestMailStoreOfAnother(t *testing.T) {
	alpha, _ := founder(t, "Alpha", "alpha.example")
	beta, _ := founder(t, "Beta", "beta.example")
	for _, dir := range []string{alpha, beta} {
		hasRun(t, dir)
	}
	for _, name := range []string{home.MailDir, home.MailHead} {
		err := errors.Join(os.RemoveAll(filepath.Join(alpha, name)), os.Rename(filepath.Join(beta, name), filepath.Join(alpha, name)))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(alpha, slog.New(slog.DiscardHandler))
	said, ok := errors.AsType[*api.Error](err)
	if !ok || !strings.Contains(said.Message, "mail is the mail store of another organisation's node") || said.Hint == "" {
		t.Error(err)
	}
}

// A node that has been running and of which something is gone that it cannot make again says what, and changes nothing.
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
		_, err := Open(dir, slog.New(slog.DiscardHandler))
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
