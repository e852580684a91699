package mailstore

import (
	"testing"
	"time"
)

// Last numbers that a damaged block hides are told from what has them: nothing is stored in the
// place of something else.
func TestMissingLastNumbers(t *testing.T) {
	for _, key := range [][]byte{accountKey(tableLastID, 1), metaLastAccount, metaModSeq} {
		dir := copyOf(t, format1)
		s := openTest(t, dir)
		blob := blobOf(t, s, 1, 2)
		_, before := dumpOf(t, s)
		alter(t, s, key, removed)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, dir)
		var got MessageID
		var made Account
		err := s.Update(t.Context(), func(tx *Tx) (err error) {
			if made, err = tx.AddAccount("later", nil); err != nil {
				return err
			}
			got, err = tx.AddMessage(Message{Account: 1, Blob: blob, Received: time.Now()}, nil)
			return err
		})
		if err != nil {
			t.Errorf("%q: %v", key, err)
		}
		_, after := dumpOf(t, s)
		for k, v := range before {
			if (k[0] == tableMessage || k[0] == tableAccount || k[0] == tableJournal) && after[k] != v {
				t.Errorf("without %q, message %d and account %d were added, and %q was %q, is %q", key, got, made.ID, k, v, after[k])
				break
			}
		}
		s.Close()
	}
}
