package mailstore

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"cairn/mailstore/intact"
)

// TestUnsyncedWhileBroughtUp has a sync fail before the store is open: all of it is read at the
// next start.
func TestUnsyncedWhileBroughtUp(t *testing.T) {
	dir := copyOf(t, format1)
	log := slog.New(slog.DiscardHandler)
	dblog := newDatabaseLog(log)
	db, err := openDatabase(dir, dblog)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db, dblog: dblog, log: log, dir: dir, reserve: diskReserve}
	dblog.Errorf("Error while curlf sync: %v\n", os.ErrInvalid)
	if err := s.load(nil); err == nil {
		t.Error("it was brought up")
	}
	if err := s.closeDatabase(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, intact.NoteName))
	if err != nil {
		t.Fatal(err)
	}
	var note struct{ State string }
	if err := json.Unmarshal(b, &note); err != nil || note.State == "closed" {
		t.Errorf("the note says %q, %v", note.State, err)
	}
}
