package mailstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// alter changes what is stored for a key, below all checksums; nil removes it.
func alter(t testing.TB, s *Store, key []byte, change func(stored []byte) []byte) {
	t.Helper()
	err := s.db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err != nil {
			return err
		}
		stored, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		if stored = change(stored); stored == nil {
			return txn.Delete(key)
		}
		return txn.Set(key, stored)
	})
	if err != nil {
		t.Fatal(err)
	}
	// Updates that come now may be of a group that began before, on what was there then.
	_ = s.Update(context.Background(), func(*Tx) error { return nil })
	s.publish() // views see it
}

func flipped(stored []byte) []byte { stored[len(stored)/2] ^= 4; return stored }
func emptied([]byte) []byte        { return []byte{} }
func removed([]byte) []byte        { return nil }

// faults are what Check says of a store.
func faults(t testing.TB, s *Store, repair bool) (list []string) {
	t.Helper()
	result, err := s.Check(t.Context(), repair, func(f Fault) {
		list = append(list, fmt.Sprintf("%s %d/%d %s; mended %v of %v", f.Table, f.Account, f.Message, f.Text, f.Mended, f.Derived))
	})
	if err != nil || result.Faults != uint64(len(list)) {
		t.Errorf("%d faults reported, %+v, %v", len(list), result, err)
	}
	return list
}

// blobOf is the blob of a message.
func blobOf(t testing.TB, s *Store, a AccountID, id MessageID) (blob [32]byte) {
	t.Helper()
	err := s.View(func(r *Reader) error {
		m, err := r.Message(a, id)
		blob = m.Blob
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestCheckFindsAndMends(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	blob := blobOf(t, s, 1, 2)
	_, before := dumpOf(t, s)
	delete(before, string(metaUpdates))
	for _, tt := range []struct {
		key    []byte
		change func([]byte) []byte
		says   string // empty: nothing is wrong
		mended bool
	}{
		{blobKey(blob), flipped, "text 0/0 the text %x of a mail cannot be read as it was stored: its SHA-256 is another one", false},
		{blobKey(blob), emptied, "text 0/0 the text %x of a mail cannot be read as it was stored: nothing can be read there (ann/2", false},
		{blobKey(blob), removed, "message 1/2 the text %x of message 2 of account 1 is not there (ann/2)", false},
		{messageKey(tableMessage, 1, 2), flipped, "message 1/2 message 2 of account 1 cannot be read as it was stored: its checksum does not hold", false},
		{messageKey(tableMessage, 1, 2), removed, "message 1/2 message 2 of account 1 is not there, but its labels are", false},
		{messageKey(tableLabels, 1, 3), flipped, "labels 1/3 the label set of message 3 of account 1 cannot be read", true},
		{messageKey(tableLabels, 1, 3), emptied, "labels 1/3", true},
		{messageKey(tableLabels, 1, 3), removed, "message 1/3 the label set of message 3 of account 1 is not there", true},
		{countKey(1, "inbox"), flipped, "count 1/0 the count of \"inbox\" of account 1", true},
		{countKey(1, "inbox"), removed, "count 1/0 the counts of messages of account 1", true},
		{countKey(1, total), emptied, "count 1/0", true},
		{blobUserKey(blob, messageUser(1, 2)), flipped, "textuser 0/0 the note who uses the text %x", true},
		{blobUserKey(blob, messageUser(1, 2)), removed, "message 1/2 it is not noted that message 2 of account 1 uses its text", true},
		{accountKey(tableAccount, 1), flipped, "account 1/0 account 1 cannot be read", true},
		{accountKey(tableLastID, 1), flipped, "account 1/0", true},
		{accountKey(tableLastID, 1), removed, "account 1/0 the number of message 30 of account 1 would be given out again", true},
		{textKey(tableName, "Bob"), flipped, "account 0/0 the entry \"Bob\" of an account", true},
		{textKey(tableName, "Bob"), removed, "account 2/0 the name \"Bob\" of account 2 does not lead to it", true},
		{textKey(tableAddress, "ann@example.org"), emptied, "account 0/0 the entry \"ann@example.org\" of an account", true},
		{textKey(tableAddress, "ann@example.org"), removed, "account 1/0 the address ann@example.org of account 1 does not lead to it", true},
		{settingKey(1, "threshold"), flipped, "account 1/0 the entry \"threshold\" of an account", false},
		{metaLastAccount, flipped, "store 0/0", true},
		{metaStoreID, flipped, "store 0/0", true},
		{metaUpdates, flipped, "store 0/0", true},
		{metaModSeq, flipped, "store 0/0", true},
		{append(textKey(tableSpace, "queue"), "\x00e007"...), flipped, "space 0/0 the entry \"e007\" of the space queue", false},
		{journalKey(7), flipped, "journal 0/0 change 7 of the journal", true}, // its message was removed since: another one stands for it
		{journalKey(8), flipped, "journal 0/0 change 8 of the journal", true},
		{journalKey(8), removed, "journal 0/0 the changes 8 to 8 of the journal are not there", true},
	} {
		name := fmt.Sprintf("%q", tt.key)
		alter(t, s, tt.key, tt.change)
		says := strings.ReplaceAll(tt.says, "%x", fmt.Sprintf("%x", blob[:8]))
		if list := faults(t, s, false); len(list) == 0 || !strings.HasPrefix(list[0], says) || strings.Contains(strings.Join(list, "\n"), "mended true") {
			t.Errorf("%s: %q", name, list)
		}
		list := faults(t, s, true)
		if mended := slices.ContainsFunc(list, func(f string) bool { return strings.HasPrefix(f, says) && strings.HasSuffix(f, "mended true of true") }); mended != tt.mended {
			t.Errorf("%s: %q", name, list)
		}
		if tt.mended {
			if list := faults(t, s, false); len(list) > 0 {
				t.Errorf("%s: left behind repair: %q", name, list)
			}
			_, after := dumpOf(t, s)
			delete(after, string(metaUpdates)) // counts those of the repair
			for key, value := range before {
				if after[key] != value && key != "Ma" && key != string(journalKey(7)) {
					t.Errorf("%s: repair made %q of %q at %q", name, after[key], value, key)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%s: %d entries are %d", name, len(before), len(after))
			}
		}
		put := newOverlay(nil) // all as it was
		for key, value := range before {
			put.set(key, write{value: []byte(value)})
		}
		if err := s.write(put); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	s := openTest(t, copyOf(t, format1))
	defer s.Close()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Check(done, true, nil); !errors.Is(err, done.Err()) {
		t.Errorf("%v", err)
	}
}
