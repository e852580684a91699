package smtpgw

import (
	"bytes"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/screen"
)

// TestCheckMendsMaps: what follows from the rest is as it was after a check with repair, and what
// else a mail was filed by is noted as not known.
func TestCheckMendsMaps(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  []byte
		done bool // it says what that comes to
	}{
		{"members", []byte("slists\x00m\x00\x00\x00\x01local.example\x00ann"), false},
		{"how many", []byte("slists\x00c\x00\x00\x00\x01"), false},
		{"history", append([]byte("shistory\x00"), historyKey(1, historyWrote, "ann@local.example")...), false},
		{"how far it is", append([]byte("shistory\x00"), historyCursor...), false},
		{"filing", mailstore.Ref{Account: 1, Message: 1}.Append([]byte("sfiling\x00")), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			st := must(mailstore.Open(dir, discard()))(t)
			err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
				if _, err := lists.Put(tx, lists.List{Address: "list@local.example", Owner: "ann@local.example", Post: lists.PostMembers}); err != nil {
					return err
				}
				if _, _, err := lists.Join(tx, "list@local.example", []string{"ann@local.example", "ben@local.example"}); err != nil {
					return err
				}
				sp := tx.Space(historySpace)
				if err := sp.Put(historyKey(1, historyWrote, "ann@local.example"), nil); err != nil {
					return err
				}
				if err := sp.PutNumber(historyCursor, 7); err != nil {
					return err
				}
				return NewFiling(screen.Policy{}).Keep(tx, mailstore.Ref{Account: 1, Message: 1}, screen.Evidence{{Method: "spf"}})
			})
			if err != nil {
				t.Fatal(err)
			}
			must(0, st.Close())(t)
			spoilValue(t, dir, tt.key)
			st = must(mailstore.Open(dir, discard()))(t)
			defer st.Close()
			for i := range 2 {
				var faults []mailstore.Fault
				must(st.Check(t.Context(), true, func(f mailstore.Fault) { faults = append(faults, f) }, MapChecks()...))(t)
				if i == 1 && len(faults) > 0 || i == 0 && (len(faults) != 1 || !faults[0].Mended || (faults[0].Done != "") != tt.done) {
					t.Errorf("check %d: %+v", i, faults)
				}
			}
			err = st.View(func(rd *mailstore.Reader) error {
				l, err := lists.Get(rd, "list@local.example")
				if err != nil || l.Members != 2 {
					t.Errorf("the list is %+v, %v", l, err)
				}
				known, err := (*History)(nil).Of(rd, 1, "ann@local.example")
				if err != nil || !known.Wrote {
					t.Errorf("the history is %+v, %v", known, err)
				}
				e, err := kept(rd, mailstore.Ref{Account: 1, Message: 1})
				if err != nil || (len(e) == 0) != tt.done {
					t.Errorf("filed by %+v, %v", e, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// spoilValue changes an octet of the value of a key of a mail store that is closed.
func spoilValue(t *testing.T, dir string, key []byte) {
	t.Helper()
	db := must(badger.Open(badger.DefaultOptions(dir).WithLoggingLevel(badger.ERROR)))(t)
	defer db.Close()
	err := db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err != nil {
			return err
		}
		v, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		v[len(v)/2] ^= 4
		return txn.Set(bytes.Clone(key), v)
	})
	if err != nil {
		t.Fatal(err)
	}
}
