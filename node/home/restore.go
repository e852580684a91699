package home

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
)

// Check reads a backup to its end and holds all that is in it to lengths, digests, form and facts.
// Contents are what could be read, also with an error; stats are of its mail.
func Check(r io.Reader, facts Facts) (*Contents, mailstore.DumpStats, error) {
	file := func(string, []byte) error { return nil }
	mail := func(_ *Manifest, content io.Reader) (mailstore.DumpStats, error) { return mailstore.CheckDump(content) }
	return examine(r, facts, file, mail)
}

// examine reads a backup to its end, gives its files and its mail away, and then holds its manifest
// to them.
func examine(r io.Reader, facts Facts, file func(name string, text []byte) error,
	mail func(*Manifest, io.Reader) (mailstore.DumpStats, error)) (*Contents, mailstore.DumpStats, error) {
	w := whole{files: make(map[string][]byte)}
	room := bytes.NewBuffer(make([]byte, 0, maxFile+bytes.MinRead)) // of one file after the other
	found, err := read(r, func(m *Manifest, name string, content io.Reader) (err error) {
		if name == MailDir {
			w.mail, err = mail(m, content)
			return unreadable(err)
		}
		room.Reset()
		if _, err := room.ReadFrom(content); err != nil {
			return err
		}
		w.files[name] = bytes.Clone(room.Bytes())
		return file(name, w.files[name])
	})
	if err == nil {
		err = w.check(&found.Manifest, facts)
	}
	return found, w.mail, err
}

// unreadable is the error of a mail store that is whole, but not ours to read.
func unreadable(err error) error {
	if errors.Is(err, mailstore.ErrDump) {
		return api.Errorf(api.CodeInvalid, "use the version of cairn that made the backup", reading+"%v", err)
	}
	return err
}

// Restore makes the node's directory of a backup and moves it to its place.
func (w *Work) Restore(r io.Reader, facts Facts, now time.Time, log *slog.Logger) (*Contents, mailstore.DumpStats, error) {
	found, stats, err := w.grow(r, facts, now, log)
	if err == nil {
		err = w.finish()
	}
	return found, stats, err
}

// grow makes the node's directory of a backup.
func (w *Work) grow(r io.Reader, facts Facts, now time.Time, log *slog.Logger) (*Contents, mailstore.DumpStats, error) {
	file := func(name string, text []byte) error { return w.file(w.path(name), text) }
	mail := func(m *Manifest, content io.Reader) (mailstore.DumpStats, error) {
		return mailstore.Restore(w.path(MailDir), content, mailstore.Restoration{Made: m.Made, At: now}, log)
	}
	return examine(r, facts, file, mail)
}
