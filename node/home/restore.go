package home

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
)

// Check reads a backup to its end and holds all that is in it to lengths, digests and form. Contents are what could be
// read, also with an error; stats are of its mail.
func Check(r io.Reader) (found *Contents, stats mailstore.DumpStats, err error) {
	found, err = read(r, func(_ *Manifest, name string, content io.Reader) (err error) {
		if name == MailDir {
			stats, err = mailstore.CheckDump(content)
		}
		return unreadable(err)
	})
	return found, stats, err
}

// unreadable is the error of a mail store that is whole, but not ours to read.
func unreadable(err error) error {
	if errors.Is(err, mailstore.ErrDump) {
		return api.Errorf(api.CodeInvalid, "use the version of cairn that made the backup", "reading the backup: %v", err)
	}
	return err
}

// Restore makes a node's directory of a backup, all or nothing: dir has to be empty or missing, and is there only when
// all of the backup is in it and on the disk. Until then it grows beside, in a folder that the next try takes over if
// this one is killed.
func Restore(dir string, r io.Reader, now time.Time, log *slog.Logger) (found *Contents, stats mailstore.DumpStats, err error) {
	w, err := begin(dir)
	if err != nil {
		return nil, stats, err
	}
	defer w.abandon()
	found, err = read(r, func(m *Manifest, name string, content io.Reader) (err error) {
		path := filepath.Join(w.dir, filepath.FromSlash(name))
		if name == MailDir {
			stats, err = mailstore.Restore(path, content, mailstore.Restoration{Made: m.Made, At: now}, log)
			return unreadable(err)
		}
		return w.file(path, content)
	})
	if err == nil {
		err = w.finish()
	}
	return found, stats, err
}
