package mailstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(s *Store, value string) error {
	return s.Update(context.Background(), func(tx *Tx) error { return tx.Space("x").Put([]byte("k"), []byte(value)) })
}

func stored(t *testing.T, s *Store) (value string) {
	t.Helper()
	err := s.View(func(r *Reader) error {
		b, err := r.Space("x").Get([]byte("k"))
		value = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestFailedCommitIsNotAcknowledged(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	if err := put(s, "before"); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Close(); err != nil { // the ground is gone from under the store
		t.Fatal(err)
	}
	for range 2 {
		if err := put(s, "after"); !errors.Is(err, ErrBroken) {
			t.Errorf("update without a database: %v", err)
		}
	}
	s.Close()
	s = openTest(t, dir)
	defer s.Close()
	if got := stored(t, s); got != "before" {
		t.Errorf("stored %q", got)
	}
}

// The value log's failed sync reaches us as a line of log only; this is the line of Badger v4.9.6,
// value.go.
func TestUnsyncedValueLogIsNotAcknowledged(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	s.dblog.Errorf("Error while curlf sync: %v\n", errors.New("input/output error"))
	if err := put(s, "x"); !errors.Is(err, ErrBroken) {
		t.Errorf("update after a failed sync: %v", err)
	}
}

// What a test has in hand to make commits fail does what it says.
func TestTrouble(t *testing.T) {
	cause := errors.New("no more")
	for _, tt := range []struct {
		trouble Trouble
		err     error
		stored  string
		broken  bool
	}{
		{Trouble{}, nil, "after", false},
		{Trouble{Full: true}, ErrDiskFull, "before", false},
		{Trouble{Before: cause}, ErrBroken, "before", true},
		{Trouble{After: cause}, ErrBroken, "after", true},
	} {
		dir := t.TempDir()
		s := openTest(t, dir)
		if err := put(s, "before"); err != nil {
			t.Fatal(err)
		}
		s.SetTrouble(func() Trouble { return tt.trouble })
		if err := put(s, "after"); !errors.Is(err, tt.err) {
			t.Errorf("%+v: %v", tt.trouble, err)
		}
		s.SetTrouble(nil)
		if err := s.Failure(); errors.Is(err, ErrBroken) != tt.broken {
			t.Errorf("%+v: the failure is %v", tt.trouble, err)
		}
		s.Close()
		s = openTest(t, dir)
		if got := stored(t, s); got != tt.stored {
			t.Errorf("%+v: %q is stored", tt.trouble, got)
		}
		s.Close()
	}
}

func TestFullDiskIsRefusedAndRecovers(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	set := func(reserve int64) { // on the committer's goroutine, which owns the field
		if err := s.Update(context.Background(), func(*Tx) error { s.reserve = reserve; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	set(1 << 62)
	if err := put(s, "x"); !errors.Is(err, ErrDiskFull) {
		t.Errorf("update on a full disk: %v", err)
	}
	set(diskReserve)
	if err := put(s, "y"); err != nil || stored(t, s) != "y" {
		t.Errorf("after making room: %v", err)
	}
}

// An update that does not fit into its group any more has seen the group's writes. When those are
// refused, it must not be kept as it ran: the blob that it found there does not exist.
func TestUpdateStartsOverWhenItsGroupWasRefused(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	raw := bytes.Repeat([]byte("mail "), valueThreshold)
	fill := func(tx *Tx, from, bytes int) {
		value := make([]byte, valueThreshold/2)
		for n := 0; n < bytes; n += len(value) {
			if err := tx.Space("x").Put(binary.BigEndian.AppendUint32(nil, uint32(from+n)), value); err != nil {
				t.Error(err)
			}
		}
	}
	room, runs := int(s.db.MaxBatchSize()), 0
	started, all := make(chan struct{}), make(chan struct{})
	var blob [32]byte
	list := []func(tx *Tx) error{
		func(*Tx) error { close(started); <-all; return nil }, // the others gather meanwhile
		func(tx *Tx) error {
			fill(tx, 0, room/4)
			_, err := tx.PutBlob(raw)
			return err
		},
		func(tx *Tx) (err error) {
			if runs++; runs == 1 {
				s.reserve = 1 << 62 // the disk is full when the group is committed
			}
			fill(tx, room, room*3/5)
			if blob, err = tx.PutBlob(raw); err != nil {
				return err
			}
			return tx.HoldBlob(blob, "second")
		},
		func(*Tx) error { s.reserve = diskReserve; return nil },
	}
	requests := make([]*request, len(list))
	for i, fn := range list {
		requests[i] = &request{fn: fn, done: make(chan error, 1)}
		s.requests <- requests[i]
		if i == 0 {
			<-started
		}
	}
	close(all)
	for i, r := range requests {
		if err := <-r.done; (i < 2) != errors.Is(err, ErrDiskFull) {
			t.Errorf("update %d: %v", i, err)
		}
	}
	err := s.View(func(r *Reader) error {
		got, err := r.Raw(blob)
		if !bytes.Equal(got, raw) {
			t.Errorf("acknowledged, but its blob has %d bytes", len(got))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDecodersRefuseDamage(t *testing.T) {
	message := encodeMessage(Message{Size: 5, From: "a", Recipients: []string{"b", "c"}})
	for cut := range len(message) {
		if _, err := decodeMessage(1, 1, message[:cut]); err == nil {
			t.Errorf("message of %d bytes cut to %d is accepted", len(message), cut)
		}
	}
	if _, err := decodeMessage(1, 1, append(message, 0)); err == nil {
		t.Error("message with a byte too many is accepted")
	}
	message[0] = 9
	if _, err := decodeMessage(1, 1, message); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("message of another version: %v", err)
	}
	if _, err := decodeLabelRow([]byte{valueVersion, 0xff, 0xff, 0xff, 0xff, 0x0f}); err == nil {
		t.Error("endless label set is accepted")
	}
}
