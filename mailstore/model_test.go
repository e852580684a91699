package mailstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cairn/mailstore"
)

// model is what the store should hold, kept in memory.
type model struct {
	messages map[mailstore.MessageID][]string // labels
	contents map[mailstore.MessageID]string
	last     mailstore.MessageID
	journal  []mailstore.Change // all of them
	trimmed  mailstore.ModSeq
	space    map[string]string
}

func (m *model) clone() *model {
	c := &model{map[mailstore.MessageID][]string{}, map[mailstore.MessageID]string{}, m.last, slices.Clone(m.journal), m.trimmed, map[string]string{}}
	for id, labels := range m.messages {
		c.messages[id], c.contents[id] = labels, m.contents[id]
	}
	for k, v := range m.space {
		c.space[k] = v
	}
	return c
}

func (m *model) change(kind mailstore.ChangeKind, a mailstore.AccountID, id mailstore.MessageID, labels []string) {
	m.journal = append(m.journal, mailstore.Change{ModSeq: mailstore.ModSeq(len(m.journal) + 1), Kind: kind, Account: a, Message: id, Labels: labels})
}

var errDropped = errors.New("dropped")

// TestStoreIsItsModel does random updates, some of which fail, closes and opens the store in
// between, and compares it with the model.
func TestStoreIsItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "cairn-model")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		dir = filepath.Join(dir, "mail") // what is kept beside the store goes with it
		s, err := mailstore.Open(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { s.Close() }()
		var account mailstore.AccountID
		err = s.Update(context.Background(), func(tx *mailstore.Tx) error {
			a, err := tx.AddAccount("a", nil)
			account = a.ID
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		m := (&model{}).clone()
		for range rapid.IntRange(1, 12).Draw(t, "updates") {
			next := m.clone()
			drop := rapid.Bool().Draw(t, "drop")
			err := s.Update(context.Background(), func(tx *mailstore.Tx) error {
				for range rapid.IntRange(0, 6).Draw(t, "operations") {
					if err := operate(t, tx, account, next); err != nil {
						return err
					}
				}
				if err := agree(&tx.Reader, account, next); err != nil {
					return fmt.Errorf("inside: %w", err)
				}
				if drop {
					return errDropped
				}
				return nil
			})
			switch {
			case drop && err == errDropped:
			case !drop && err == nil:
				m = next
			default:
				t.Fatalf("update: %v", err)
			}
			if rapid.IntRange(0, 2).Draw(t, "trim") == 0 {
				seen := mailstore.ModSeq(rapid.IntRange(0, len(m.journal)).Draw(t, "seen"))
				if err := s.Trim(context.Background(), seen); err != nil {
					t.Fatal(err)
				}
				m.trimmed = max(m.trimmed, min(seen, mailstore.ModSeq(max(len(m.journal), 1)-1)))
			}
			if rapid.IntRange(0, 4).Draw(t, "reopen") == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = mailstore.Open(dir, quiet); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.View(func(r *mailstore.Reader) error { return agree(r, account, m) }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

var labelNames = []string{"inbox", "unread", "a/b", "x"}

// operate does one random thing to the store and to the model.
func operate(t *rapid.T, tx *mailstore.Tx, a mailstore.AccountID, m *model) error {
	labels := func(name string) []string {
		set := rapid.SliceOfN(rapid.SampledFrom(labelNames), 0, 3).Draw(t, name)
		slices.Sort(set)
		return slices.Compact(set)
	}
	var ids []mailstore.MessageID
	for id := range m.messages {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	op := rapid.IntRange(0, 4).Draw(t, "operation")
	if len(ids) == 0 && (op == 1 || op == 2) {
		op = 0
	}
	switch op {
	case 0:
		content := rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, "content")
		set := labels("labels")
		id, err := add(tx, a, []byte(content), set...)
		if err != nil {
			return err
		}
		m.last++
		if id != m.last {
			return fmt.Errorf("number %d, want %d", id, m.last)
		}
		m.messages[id], m.contents[id] = set, content
		m.change(mailstore.ChangeAdded, a, id, set)
	case 1:
		id := rapid.SampledFrom(ids).Draw(t, "message")
		adds, removes := labels("add"), labels("remove")
		var after []string
		for _, l := range labelNames {
			if slices.Contains(adds, l) || slices.Contains(m.messages[id], l) && !slices.Contains(removes, l) {
				after = append(after, l)
			}
		}
		slices.Sort(after)
		if !slices.Equal(after, m.messages[id]) {
			m.messages[id] = after
			m.change(mailstore.ChangeLabels, a, id, after)
		}
		return tx.SetLabels(a, id, adds, removes)
	case 2:
		id := rapid.SampledFrom(ids).Draw(t, "message")
		delete(m.messages, id)
		delete(m.contents, id)
		m.change(mailstore.ChangeRemoved, a, id, nil)
		return tx.RemoveMessage(a, id)
	case 3:
		k, v := rapid.StringN(0, 2, 4).Draw(t, "key"), rapid.String().Draw(t, "value")
		m.space[k] = v
		return tx.Space("s").Put([]byte(k), []byte(v))
	case 4:
		k := rapid.StringN(0, 2, 4).Draw(t, "key")
		delete(m.space, k)
		return tx.Space("s").Delete([]byte(k))
	}
	return nil
}

// agree compares everything a reader can see with the model.
func agree(r *mailstore.Reader, a mailstore.AccountID, m *model) error {
	list, err := r.Messages(a, 0, 1000)
	if err != nil || len(list) != len(m.messages) {
		return fmt.Errorf("%d messages, want %d: %w", len(list), len(m.messages), err)
	}
	counts := make(map[string]int)
	for _, msg := range list {
		labels, err := r.Labels(a, msg.ID)
		if err != nil || !slices.Equal(labels, m.messages[msg.ID]) {
			return fmt.Errorf("labels of %d: %q, want %q: %w", msg.ID, labels, m.messages[msg.ID], err)
		}
		raw, err := r.Raw(msg.Blob)
		if err != nil || string(raw) != m.contents[msg.ID] {
			return fmt.Errorf("bytes of %d: %q, %w", msg.ID, raw, err)
		}
		for _, l := range labels {
			counts[l]++
		}
	}
	got, err := r.LabelCounts(a)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(counts) {
		return fmt.Errorf("counts %v, want %v: %w", got, counts, err)
	}
	if n, err := r.MessageCount(a); err != nil || n != len(list) {
		return fmt.Errorf("count %d of %d messages: %w", n, len(list), err)
	}
	want := slices.DeleteFunc(stillCount(m.journal), func(c mailstore.Change) bool {
		return c.Kind == mailstore.ChangeRemoved && c.ModSeq <= m.trimmed
	})
	for since := range mailstore.ModSeq(len(m.journal) + 1) {
		changes, err := r.ChangesSince(since, 1000)
		if err != nil || fmt.Sprint(changes) != fmt.Sprint(want) {
			return fmt.Errorf("changes since %d are %v, want %v: %w", since, changes, want, err)
		}
		if len(want) > 0 && want[0].ModSeq == since+1 {
			want = want[1:]
		}
	}
	if trimmed, err := r.Trimmed(); err != nil || trimmed != m.trimmed {
		return fmt.Errorf("trimmed up to %d, want %d: %w", trimmed, m.trimmed, err)
	}
	var keys []string
	err = r.Space("s").Scan(nil, nil, func(k, v []byte) bool {
		keys = append(keys, string(k))
		return m.space[string(k)] == string(v)
	})
	if err != nil || len(keys) != len(m.space) || !slices.IsSorted(keys) {
		return fmt.Errorf("space has %q, want %q: %w", keys, m.space, err)
	}
	return nil
}
