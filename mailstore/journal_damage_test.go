package mailstore

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore/testenv"
)

// journalCases is how often a journal is damaged.
const journalCases = "CAIRN_JOURNAL_CASES"

// mirror follows the journal as the index does: it holds the labels of each mail.
type mirror struct {
	at, began ModSeq
	mails     map[Ref][]string
	most      ModSeq // it follows no further; 0: to the end
}

func (m *mirror) follow(s *Store) error {
	return s.View(func(r *Reader) error {
		trimmed, err := r.Trimmed()
		if err != nil {
			return err
		}
		if m.at == 0 || Missed(m.at, m.began, trimmed) {
			m.at, m.began, m.mails = 0, trimmed, make(map[Ref][]string)
		}
		for {
			changes, err := r.ChangesSince(m.at, 3)
			if err != nil || len(changes) == 0 || m.most != 0 && m.at >= m.most {
				return err
			}
			for _, c := range changes {
				_, known := m.mails[c.Ref()]
				switch {
				case c.Kind == ChangeRemoved:
					delete(m.mails, c.Ref())
				case c.Kind == ChangeAdded || known:
					m.mails[c.Ref()] = c.Labels
				}
				m.at = c.ModSeq
			}
		}
	})
}

// of returns what it has of one account.
func (m *mirror) of(a AccountID) map[Ref][]string {
	mails := maps.Clone(m.mails)
	maps.DeleteFunc(mails, func(ref Ref, _ []string) bool { return ref.Account != a })
	return mails
}

// holding is what a store holds of mails.
func holding(t *testing.T, s *Store) map[Ref][]string {
	t.Helper()
	mails := make(map[Ref][]string)
	err := s.View(func(r *Reader) error {
		list, err := r.Messages(1, 0, 1000)
		for _, m := range list {
			labels, labelsErr := r.Labels(1, m.ID)
			err = firstOf(err, labelsErr)
			mails[m.Ref()] = labels
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return mails
}

func sameLabels(a, b map[Ref][]string) bool { return maps.EqualFunc(a, b, slices.Equal[[]string]) }

// scene is a store to which a random number of random things happened, with one that has followed
// its journal up to somewhere.
type scene struct {
	s      *Store
	random *rand.Rand
	ids    []MessageID
	behind *mirror
	former map[string]string // values that entries had before
}

func newScene(t *testing.T, random *rand.Rand) *scene {
	t.Helper()
	sc := &scene{s: openTest(t, t.TempDir()), random: random, behind: &mirror{}, former: make(map[string]string)}
	sc.update(t, func(tx *Tx) error {
		_, err := tx.AddAccount("ann", nil)
		return err
	})
	for range 2 + random.IntN(3) {
		sc.happen(t)
		if random.IntN(2) == 0 {
			if err := sc.behind.follow(sc.s); err != nil {
				t.Fatal(err)
			}
		}
		if at := sc.behind.at; at > 0 && random.IntN(2) == 0 {
			if err := sc.s.Trim(t.Context(), ModSeq(1+random.Uint64N(uint64(at)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return sc
}

func (sc *scene) update(t *testing.T, fn func(tx *Tx) error) {
	t.Helper()
	if err := sc.s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// happen adds, labels and removes some mails.
func (sc *scene) happen(t *testing.T) {
	t.Helper()
	for range 1 + sc.random.IntN(8) {
		_, before := dumpOf(t, sc.s)
		sc.update(t, func(tx *Tx) error {
			what, at := sc.random.IntN(4), 0
			if len(sc.ids) == 0 {
				what = 0
			} else {
				at = sc.random.IntN(len(sc.ids))
			}
			switch what {
			case 0:
				blob, err := tx.PutBlob([]byte("text"))
				if err != nil {
					return err
				}
				id, err := tx.AddMessage(Message{Account: 1, Blob: blob, Received: time.Unix(1, 0)}, []string{"came"})
				sc.ids = append(sc.ids, id)
				return err
			case 1:
				id := sc.ids[at]
				sc.ids = slices.Delete(slices.Clone(sc.ids), at, at+1)
				return tx.RemoveMessage(1, id)
			}
			return tx.SetLabels(1, sc.ids[at], []string{fmt.Sprint("l", sc.random.IntN(9))}, []string{fmt.Sprint("l", sc.random.IntN(9)), "came"})
		})
		_, after := dumpOf(t, sc.s)
		for key, value := range before {
			if after[key] != value && (key[0] == tableLabels || key[0] == tableJournal) {
				sc.former[key] = value
			}
		}
	}
}

// spoil damages a value, takes it away or brings a former one back, and says which.
func (sc *scene) spoil(t *testing.T) string {
	t.Helper()
	entries := make(map[string]bool)
	err := sc.s.View(func(r *Reader) error {
		return r.src.walk(nil, nil, func(key, _ []byte, _ *DamagedError) bool {
			entries[string(key)] = true
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if sc.random.IntN(8) == 0 && len(sc.ids) > 0 { // labels as they were before rows named changes
		id := sc.ids[sc.random.IntN(len(sc.ids))]
		key := messageKey(tableLabels, 1, id)
		if former, ok := sc.former[string(key)]; ok && entries[string(key)] {
			row, err := decodeLabelRow([]byte(former))
			if err != nil {
				t.Fatal(err)
			}
			sc.update(t, func(tx *Tx) error { return tx.put(key, appendTexts([]byte{valueVersion}, row.labels)) })
			return fmt.Sprintf("labels of message %d are %q again", id, row.labels)
		}
	}
	if former := slices.Sorted(maps.Keys(sc.former)); len(former) > 0 && sc.random.IntN(4) == 0 {
		key := former[sc.random.IntN(len(former))]
		sc.update(t, func(tx *Tx) error { return tx.put([]byte(key), []byte(sc.former[key])) })
		return fmt.Sprintf("%q is %q again", key, sc.former[key])
	}
	var keys []string
	for key := range entries {
		if key[0] == tableLabels || key[0] == tableJournal || key == string(metaTrimmed) || key == string(metaModSeq) || key[0] == tableLastID {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	key := []byte(keys[sc.random.IntN(len(keys))])
	if sc.random.IntN(2) == 0 {
		alter(t, sc.s, key, flipped)
		return fmt.Sprintf("%q is damaged", key)
	}
	alter(t, sc.s, key, removed)
	return fmt.Sprintf("%q is not there", key)
}

// mended checks with repair until nothing more is found that can be mended, and gives all that was
// told and what is left.
func (sc *scene) mended(t *testing.T) (told, left []string) {
	t.Helper()
	for range 3 {
		if left = faults(t, sc.s, true); len(left) == 0 {
			return told, nil
		}
		told = append(told, left...)
	}
	return told, left
}

// doubted reports whether a check has said that the labels of a message are not surely its last.
func doubted(told []string, ref Ref) bool {
	about := fmt.Sprintf("the labels of message %d of account %d ", ref.Message, ref.Account)
	return slices.ContainsFunc(told, func(s string) bool {
		return strings.Contains(s, about+labelsLost) || strings.Contains(s, about+labelsFormer)
	})
}

// Whatever single value is damaged, is gone or is an older one: after one check with repair all is
// as it was, and so it is for who begins to follow the journal, and for who goes on.
func TestOneDamagedValueIsMended(t *testing.T) {
	for seed := range testenv.Number(t, journalCases, 25) {
		sc := newScene(t, rand.New(rand.NewPCG(uint64(seed), 1)))
		want := holding(t, sc.s)
		what := sc.spoil(t)
		_ = sc.behind.follow(sc.s) // as far as it comes
		faults(t, sc.s, true)
		if left := faults(t, sc.s, false); len(left) > 0 {
			t.Errorf("seed %d, %s: left behind repair: %q", seed, what, left)
		}
		if got := holding(t, sc.s); !sameLabels(got, want) {
			t.Errorf("seed %d, %s: the store has %v, had %v", seed, what, got, want)
		}
		sc.agree(t, fmt.Sprintf("seed %d, %s", seed, what), &mirror{}, sc.behind)
		if err := sc.s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// endOf is the number of the last change of a store.
func endOf(t *testing.T, s *Store) (end ModSeq) {
	t.Helper()
	if err := s.View(func(r *Reader) (err error) { end, err = r.ModSeq(); return err }); err != nil {
		t.Fatal(err)
	}
	return end
}

// agree compares what followers come to with the store, and again after more has happened.
func (sc *scene) agree(t *testing.T, what string, followers ...*mirror) {
	t.Helper()
	for _, when := range []string{"repaired", "later"} {
		if when == "later" {
			sc.happen(t)
		}
		want := holding(t, sc.s)
		for i, m := range followers {
			if err := m.follow(sc.s); err != nil || !sameLabels(m.mails, want) {
				t.Errorf("%s, %s: follower %d at %d has %v, the store has %v, %v", what, when, i, m.at, m.mails, want, err)
			}
			if end := endOf(t, sc.s); m.at != end {
				t.Errorf("%s, %s: follower %d comes to %d, the store is at %d", what, when, i, m.at, end)
			}
		}
	}
}

// The same of several values: what cannot be made good is told of each mail, and who begins comes
// to what is stored, which may be older than what others had seen.
func TestSeveralDamagedValues(t *testing.T) {
	ahead := 0 // of what is left
	whole, cases := 0, testenv.Number(t, journalCases, 25)
	for seed := range cases {
		sc := newScene(t, rand.New(rand.NewPCG(uint64(seed), 2)))
		want := holding(t, sc.s)
		var what []string
		for range 2 + sc.random.IntN(2) {
			what = append(what, sc.spoil(t))
		}
		if told, left := sc.mended(t); len(left) == 0 {
			whole++
			for ref, labels := range holding(t, sc.s) {
				if had, ok := want[ref]; (!ok || !slices.Equal(labels, had)) && !doubted(told, ref) {
					t.Errorf("seed %d, %q: message %d has %q, had %q, and nothing was said: %q", seed, what, ref.Message, labels, had, told)
				}
			}
			sc.agree(t, fmt.Sprintf("seed %d, %q", seed, what), &mirror{})
			if err := sc.behind.follow(sc.s); err != nil || !sameLabels(sc.behind.mails, holding(t, sc.s)) {
				ahead++
			}
		} else {
			t.Logf("seed %d, %q: left %q", seed, what, left)
		}
		if err := sc.s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d could be mended; %d times who goes on had seen what is lost", whole, cases, ahead)
	if whole < cases*9/10 || ahead > 1+cases/50 {
		t.Error("that is too few, or too many")
	}
}

// The same of a value that was damaged or lost before the store was brought up to this format.
func TestDamageBeforeTheUpgradeIsMended(t *testing.T) {
	s := openTest(t, copyOf(t, format2))
	want := holding(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range testenv.Number(t, journalCases, 25) {
		dir := copyOf(t, format2)
		db, err := openDatabase(dir, newDatabaseLog(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		var keys [][]byte
		var value []byte
		err = db.Update(func(txn *badger.Txn) error {
			it := txn.NewIterator(badger.DefaultIteratorOptions)
			for it.Rewind(); it.Valid(); it.Next() {
				if key := it.Item().KeyCopy(nil); key[0] == tableJournal || key[0] == tableLabels {
					keys = append(keys, key)
				}
			}
			it.Close()
			key := keys[random.IntN(len(keys))]
			item, err := txn.Get(key)
			if err == nil {
				value, err = item.ValueCopy(nil)
			}
			keys = [][]byte{key}
			if random.IntN(2) == 0 {
				return errors.Join(err, txn.Delete(key))
			}
			return errors.Join(err, txn.Set(key, flipped(value)))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("%q", keys[0])
		s := openTest(t, dir)
		goesOn := &mirror{}
		_ = goesOn.follow(s) // as far as it comes
		faults(t, s, true)
		if left := faults(t, s, false); len(left) > 0 {
			t.Errorf("%s: left behind repair: %q", what, left)
		}
		begins := &mirror{}
		if got, err := holding(t, s), begins.follow(s); !sameLabels(got, want) || !sameLabels(begins.of(1), want) || err != nil {
			t.Errorf("%s: the store has %v, who begins %v, %v; want %v", what, got, begins.mails, err, want)
		}
		if err := goesOn.follow(s); err != nil || !sameLabels(goesOn.of(1), want) {
			t.Errorf("%s: who goes on has %v, %v; want %v", what, goesOn.mails, err, want)
		}
		s.Close()
	}
}
