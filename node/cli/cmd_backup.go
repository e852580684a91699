package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
)

func (a *app) cmdBackup() *cobra.Command {
	return group("backup", "Make, verify and restore backups of this node", a.cmdBackupCreate(), a.cmdBackupVerify(), a.cmdBackupRestore())
}

// backup is what the commands print of one.
type backup struct {
	api.Document
	File      string `json:"file"`
	Encrypted bool   `json:"encrypted"`
	HasOrgKey bool   `json:"has_org_key"`
	home.Manifest
	Parts    []home.Part `json:"parts"`
	Accounts *uint64     `json:"accounts,omitempty"` // these two are not known of a mail store that was not read to its end
	Messages *uint64     `json:"messages,omitempty"`
	Damaged  uint64      `json:"damaged_texts,omitempty"` // of mail, which are not in it
	Warnings []string    `json:"warnings,omitempty"`
	Error    *api.Error  `json:"error,omitempty"` // why it is not whole
}

func describe(file string, found *home.Contents, stats mailstore.DumpStats, encrypted bool) *backup {
	return &backup{
		File: file, Encrypted: encrypted, HasOrgKey: found.Manifest.HasOrgKey(), Manifest: found.Manifest, Parts: found.Parts,
		Accounts: &stats.Accounts, Messages: &stats.Messages, Damaged: stats.Damaged,
	}
}

// headline says what a backup is of.
func (d *backup) headline() string {
	s := fmt.Sprintf("a backup of %s's node, made %s with %s", line(d.Organisation, 0), moment(d.Made), line(d.Software, 0))
	if d.Encrypted {
		s += ", encrypted"
	}
	return s
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// holds says what mail is in it.
func (d *backup) holds() string {
	s := fmt.Sprintf("%s with %s, up to change %d of the journal", plural(int(*d.Accounts), "account"), plural(int(*d.Messages), "message"), d.Journal)
	if d.Damaged > 0 {
		s += fmt.Sprintf("; without %s of mail, damaged when it was made", plural(int(d.Damaged), "text"))
	}
	return s
}

// openBackup opens a backup; - is standard input. It reads no longer than ctx. total is its size in
// bytes, -1 if that is not known.
func (a *app) openBackup(ctx context.Context, file string) (in io.ReadCloser, total int64, err error) {
	from, closeFile := a.in, func() error { return nil }
	total = -1
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the backup: %w", err)
		}
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			f.Close()
			return nil, 0, api.Errorf(api.CodeInvalid, "give the file that cairn backup create wrote", "reading the backup: %s is a folder, not a file", file)
		}
		if err == nil && info.Mode().IsRegular() {
			total = info.Size()
		}
		from, closeFile = f, f.Close
	}
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, from)
		w.CloseWithError(errors.Join(err, closeFile()))
	}()
	return r, total, nil
}
