package mailstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/intact"
)

// answers asks a Reader for everything that the store of format 1 held, and more: what was asked,
// and what it said.
func answers(r *Reader, blobs [][32]byte) map[string]answer {
	all := make(map[string]answer)
	note := func(err error, value any, format string, args ...any) {
		all[fmt.Sprintf(format, args...)] = answer{fmt.Sprintf("%+v", value), err}
	}
	id, err := r.StoreID()
	note(err, id, "store id")
	seq, err := r.ModSeq()
	note(err, seq, "modseq")
	accounts, err := r.Accounts()
	note(err, accounts, "accounts")
	_, restored, err := r.Restored()
	note(err, restored, "restored")
	for _, name := range []string{"ann", "Bob", "BOB", "gone"} {
		a, err := r.AccountByName(name)
		note(err, a, "account %s", name)
		a, err = r.AccountByAddress(name + "@example.org")
		note(err, a, "account of %s@example.org", name)
	}
	for a := range AccountID(4) {
		account, err := r.Account(a)
		note(err, account, "account %d", a)
		list, err := r.Messages(a, 0, 100)
		note(err, list, "messages of %d", a)
		counts, err := r.LabelCounts(a)
		note(err, counts, "counts of %d", a)
		n, err := r.MessageCount(a)
		note(err, n, "messages of %d counted", a)
		settings, err := r.Settings(a)
		note(err, settings, "settings of %d", a)
		setting, err := r.Setting(a, "threshold")
		note(err, setting, "setting of %d", a)
		for id := range MessageID(32) {
			m, err := r.Message(a, id)
			note(err, m, "message %d of %d", id, a)
			labels, err := r.Labels(a, id)
			note(err, labels, "labels of %d of %d", id, a)
		}
	}
	for _, blob := range blobs {
		raw, err := r.Raw(blob)
		note(err, raw, "raw %x", blob)
	}
	for since := ModSeq(0); since < seq; since += 3 {
		changes, err := r.ChangesSince(since, 3)
		if len(changes) < min(3, int(seq-since)) && err == nil { // what is behind them is damaged
			err = ErrDamaged
		}
		note(err, changes, "changes since %d", since)
	}
	for _, name := range []string{"queue", "recorder", "none"} {
		var list []string
		err := r.Space(name).Scan(nil, nil, func(key, value []byte) bool {
			list = append(list, fmt.Sprintf("%q %q", key, value))
			return true
		})
		note(err, list, "space %s", name)
	}
	for i := range 62 {
		for _, key := range []string{"e%03d", "u%03d"} {
			value, err := r.Space("queue").Get(fmt.Appendf(nil, key, i))
			note(err, value, "entry "+key, i)
		}
	}
	value, err := r.Space("queue").Get([]byte("large"))
	note(err, value, "large")
	n, known, err := r.Space("recorder").Number([]byte("cursor"))
	note(err, fmt.Sprint(n, known), "number")
	var b bytes.Buffer
	if err = r.Dump(&b); err == nil {
		var stats DumpStats
		if stats, err = CheckDump(bytes.NewReader(b.Bytes())); stats.Damaged > 0 {
			err = ErrDamaged
		}
	}
	note(err, b.String(), "dump")
	return all
}

type answer struct {
	value string
	err   error
}

// blobsOf are the blobs of a store, and one that it does not have.
func blobsOf(entries map[string]string) [][32]byte {
	blobs := [][32]byte{{1}}
	for key := range entries {
		if key[0] == tableBlob {
			blobs = append(blobs, [32]byte([]byte(key[1:])))
		}
	}
	return blobs
}

// notWrong compares answers of a damaged store with those of the whole one: the same, or damaged.
func notWrong(t testing.TB, what string, s *Store, blobs [][32]byte, want map[string]answer) {
	t.Helper()
	s.View(func(r *Reader) error {
		for asked, is := range answers(r, blobs) {
			was := want[asked]
			same := is.value == was.value && errors.Is(is.err, ErrNotFound) == errors.Is(was.err, ErrNotFound)
			if damaged(is.err) || is.err == nil && was.err == nil && same || is.err != nil && was.err != nil && same {
				continue
			}
			t.Errorf("%s: %s is %.200q, %v; it was %.200q, %v", what, asked, is.value, is.err, was.value, was.err)
		}
		return nil
	})
}

// Whatever single value is damaged, and how: what is read is what was stored, or an error that says
// that it is damaged.
func TestNoDamagedValueIsTakenForSound(t *testing.T) {
	s := openTest(t, copyOf(t, format2))
	defer s.Close()
	if err := s.Trim(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	_, entries := dumpOf(t, s)
	blobs := blobsOf(entries)
	var want map[string]answer
	s.View(func(r *Reader) error { want = answers(r, blobs); return nil })
	random := rand.New(rand.NewPCG(1, 2))
	seen := make(map[byte]int) // of each table a few: entries of a table are alike
	for key, value := range entries {
		if seen[key[0]]++; seen[key[0]] > 6 {
			continue
		}
		for name, change := range map[string]func([]byte) []byte{
			"flipped": func(b []byte) []byte { b[random.IntN(len(b))] ^= 1 << random.IntN(8); return b },
			"emptied": emptied,
			"cut":     func(b []byte) []byte { return b[:random.IntN(len(b))] },
			"longer":  func(b []byte) []byte { return append(b, byte(random.Uint32())) },
		} {
			alter(t, s, []byte(key), change)
			notWrong(t, fmt.Sprintf("%q %s", key, name), s, blobs, want)
			put := newOverlay(nil)
			put.set(key, write{value: []byte(value)})
			if err := s.write(put); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The same of an octet flipped in a value log, however the store was left: it is opened all the
// same.
func TestNoFlippedValueLogIsTakenForSound(t *testing.T) {
	dir := copyOf(t, format1)
	s := openTest(t, dir)
	_, entries := dumpOf(t, s)
	blobs := blobsOf(entries)
	var want map[string]answer
	s.View(func(r *Reader) error { want = answers(r, blobs); return nil })
	s.Close()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 10 {
		damagedDir := copyOf(t, dir)
		logs, _ := filepath.Glob(filepath.Join(damagedDir, "*.vlog"))
		logs = slices.DeleteFunc(logs, func(name string) bool { i, err := os.Stat(name); return err != nil || i.Size() < 100 })
		name := logs[random.IntN(len(logs))]
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		at := 20 + random.IntN(len(b)-20)
		b[at] ^= 1 << random.IntN(8)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 { // as after the end of a process: all is read
			if err := os.Remove(filepath.Join(damagedDir, intact.NoteName)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(damagedDir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s at %d: not opened: %v", filepath.Base(name), at, err)
			continue
		}
		notWrong(t, fmt.Sprintf("%s at %d", filepath.Base(name), at), s, blobs, want)
		s.Close()
	}
}

func TestTextThatIsPutBackMendsDamage(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	blob := blobOf(t, s, 1, 2)
	var raw []byte
	s.View(func(r *Reader) (err error) { raw, err = r.Raw(blob); return err })
	for name, change := range map[string]func([]byte) []byte{"flipped": flipped, "emptied": emptied, "removed": removed} {
		alter(t, s, blobKey(blob), change)
		s.View(func(r *Reader) error {
			var bad *DamagedError
			if _, err := r.Raw(blob); !errors.As(err, &bad) || errors.Is(err, ErrNotFound) || bad.Blob != blob || bad.Dir != s.dir {
				t.Errorf("%s: %v", name, err)
			} else if text := err.Error(); !strings.Contains(text, s.dir) || !strings.Contains(text, MendText) {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
		err := s.Update(t.Context(), func(tx *Tx) error {
			got, err := tx.PutBlob(raw)
			if got != blob {
				t.Errorf("%s: another blob", name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.View(func(r *Reader) error {
			if got, err := r.Raw(blob); err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%s, put back: %v", name, err)
			}
			return nil
		})
	}
}

func TestStoreGoesOnWithDamage(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	for _, key := range [][]byte{
		messageKey(tableMessage, 1, 2), messageKey(tableLabels, 1, 3), countKey(1, "inbox"), countKey(1, total),
		accountKey(tableLastID, 1), textKey(tableName, "ann"), textKey(tableAddress, "ann@example.org"), metaLastAccount, metaModSeq, journalKey(1),
	} {
		alter(t, s, key, flipped)
	}
	var added MessageID
	err := s.Update(t.Context(), func(tx *Tx) error {
		blob, err := tx.PutBlob([]byte("a new mail"))
		if err != nil {
			return err
		}
		a, err := tx.AccountByAddress("ann@example.org")
		if err != nil {
			return err
		}
		if added, err = tx.AddMessage(Message{Account: a.ID, Blob: blob, Received: time.Unix(1_800_000_000, 0)}, []string{"inbox"}); err != nil {
			return err
		}
		if _, err := tx.AddAccount("new", []string{"new@example.org"}); err != nil {
			return err
		}
		return errors.Join(tx.SetLabels(1, 3, []string{"again"}, nil), tx.RemoveMessage(1, 2))
	})
	if err != nil || added != 31 {
		t.Fatalf("message %d, %v", added, err)
	}
	s.View(func(r *Reader) error {
		n, err := r.MessageCount(1)
		labels, err2 := r.Labels(1, 3)
		if err := errors.Join(err, err2); err != nil || n != 29 || !slices.Contains(labels, "again") || !slices.Contains(labels, "read-later") {
			t.Errorf("%d messages, labels %q, %v", n, labels, err)
		}
		return nil
	})
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.RemoveAccount(1) }); err != nil {
		t.Error(err)
	}
}

func TestDamagedAccountIsMadeOfWhatLeadsToIt(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	alter(t, s, accountKey(tableAccount, 2), flipped)
	s.View(func(r *Reader) error {
		if a, err := r.AccountByName("bob"); err != nil || a.ID != 2 || a.Name != "Bob" || !slices.Equal(a.Addresses, []string{"bob@example.org"}) {
			t.Errorf("account %+v, %v", a, err)
		}
		return nil
	})
}

// TestDumpWithoutDamagedTexts: a backup is made of a store with damaged texts of mail, says so, and
// what is restored from it does too. Damage of anything else ends it.
func TestDumpWithoutDamagedTexts(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	var spoilt, whole Message
	err := s.View(func(r *Reader) (err error) {
		if spoilt, err = r.Message(1, 3); err == nil {
			whole, err = r.Message(1, 4)
		}
		return err
	})
	if err != nil || spoilt.Blob == whole.Blob {
		t.Fatal(err)
	}
	alter(t, s, blobKey(spoilt.Blob), flipped)
	dump, _ := dumpOf(t, s)
	if stats, err := CheckDump(bytes.NewReader(dump)); err != nil || stats.Damaged != 1 {
		t.Errorf("it says %+v, %v", stats, err)
	}
	dir := filepath.Join(t.TempDir(), "mail")
	if stats, err := Restore(dir, bytes.NewReader(dump), Restoration{}, slog.New(slog.DiscardHandler)); err != nil || stats.Damaged != 1 {
		t.Fatalf("restored: %+v, %v", stats, err)
	}
	again := openTest(t, dir)
	defer again.Close()
	_ = again.View(func(r *Reader) error {
		if _, err := r.Raw(spoilt.Blob); !errors.Is(err, ErrDamaged) {
			t.Errorf("the damaged text: %v", err)
		}
		if raw, err := r.Raw(whole.Blob); err != nil || len(raw) == 0 {
			t.Errorf("a whole text: %d octets, %v", len(raw), err)
		}
		return nil
	})
	alter(t, s, messageKey(tableMessage, 1, 2), flipped)
	if err := s.View(func(r *Reader) error { return r.Dump(io.Discard) }); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a damaged note of a mail: %v", err)
	}
}

// Keys of a space are told as text and numbers, and with the message that they are about.
func TestEntriesAreReadable(t *testing.T) {
	number := "\x00\x00\x00\x00\x00\x00\x00\x08"
	for key, want := range map[string]DamagedError{
		"queue\x00e007":       {Name: `"e007" of the space queue`},
		"queue\x00e" + number: {Name: `"e8" of the space queue`},
		"verifier\x00message/\x00\x00\x00\x03" + number:     {Name: `"message/3/8" of the space verifier`, Account: 3, Message: 8},
		"verifier\x00watch/" + number:                       {Name: `"watch/8" of the space verifier`},
		"filing\x00\x00\x00\x00\x03" + number:               {Name: `"3/8" of the space filing`, Account: 3, Message: 8},
		"smtp\x00of/\x00\x00\x00\x03":                       {Name: `"of/3" of the space smtp`},
		"recorder\x00in/\xff\xfe\x01":                       {Name: `"in/fffe01" of the space recorder`},
		"organisation\x00owner":                             {Name: `"owner" of the space organisation`},
		"queue\x00salpha.test\x00\x00\x00\x00\x01" + number: {Name: `"salpha.test 00000000010000000000000008" of the space queue`},
	} {
		e := damagedAt("", textKey(tableSpace, key), "")
		if e.Name != want.Name || e.Account != want.Account || e.Message != want.Message {
			t.Errorf("%q: %s, %d/%d", key, e.Name, e.Account, e.Message)
		}
	}
}

// Who cannot go past a change that is damaged, or not there, is told what to run.
func TestDamagedChangeNamesTheCheck(t *testing.T) {
	for what, change := range map[string]func([]byte) []byte{"damaged": flipped, "not there": removed} {
		s, _ := withRemoved(t)
		alter(t, s, journalKey(2), change)
		err := (&mirror{}).follow(s)
		if !damaged(err) || !strings.HasSuffix(err.Error(), "stop the node, then: cairn check --repair") {
			t.Errorf("%s: %v", what, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
