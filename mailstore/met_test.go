package mailstore

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// What is found damaged at a read is counted and told once, with whose it is and what helps, by
// views and updates alike. What is missing of a mail is damaged too.
func TestDamageThatIsMetIsTold(t *testing.T) {
	var log bytes.Buffer
	s := openTest(t, copyOf(t, format2))
	defer s.Close()
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	blob, gone := blobOf(t, s, 1, 2), blobOf(t, s, 1, 4)
	if n := s.Damaged(); n != 0 || log.Len() > 0 {
		t.Fatalf("%d before any damage:\n%s", n, &log)
	}
	alter(t, s, blobKey(blob), flipped)
	alter(t, s, blobKey(gone), removed)
	alter(t, s, messageKey(tableLabels, 1, 3), flipped)
	for range 3 {
		_ = s.View(func(r *Reader) error {
			for _, b := range [][32]byte{blob, gone} {
				if _, err := r.Raw(b); !damaged(err) {
					t.Errorf("a damaged text: %v", err)
				}
			}
			_, err := r.Raw([32]byte{1})
			if damaged(err) {
				t.Errorf("what never was: %v", err)
			}
			return nil
		})
		_ = s.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.Labels(1, 3)
			return err
		})
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if s.Damaged() != 3 || len(lines) != 3 {
		t.Fatalf("%d places, and the log:\n%s", s.Damaged(), &log)
	}
	for i, want := range []string{"(ann/2)", "(ann/4)", "(ann/3)"} {
		text := i < 2
		if !strings.Contains(lines[i], "level=WARN") || !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "folder="+s.dir) ||
			strings.Contains(lines[i], "stop the node, then: cairn check") == text || strings.Contains(lines[i], "cairn check --repair --from BACKUP") != text {
			t.Errorf("the log has %s", lines[i])
		}
	}
}

// However much is damaged, the log tells of a part at once, and all is counted.
func TestMuchDamageDoesNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	s := openTest(t, copyOf(t, format2))
	defer s.Close()
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	count := 0
	_ = s.View(func(r *Reader) error {
		for a := range AccountID(4) {
			list, _ := r.Messages(a, 0, 100)
			count += len(list)
		}
		return nil
	})
	if count <= metLines.Lines {
		t.Fatalf("there are %d messages", count)
	}
	s.damageAll(t, tableMessage)
	_ = s.View(func(r *Reader) error {
		for a := range AccountID(4) {
			_, _ = r.Messages(a, 0, 100)
		}
		return nil
	})
	if n := strings.Count(log.String(), "\n"); n != metLines.Lines || s.Damaged() != count {
		t.Errorf("%d lines for %d places of %d", n, s.Damaged(), count)
	}
}

// damageAll alters each value of a table.
func (s *Store) damageAll(t *testing.T, table byte) {
	t.Helper()
	var keys [][]byte
	err := s.View(func(r *Reader) error {
		return r.src.walk([]byte{table}, nil, func(key, _ []byte, _ *DamagedError) bool {
			keys = append(keys, bytes.Clone(key))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		alter(t, s, key, flipped)
	}
}
