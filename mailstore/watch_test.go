package mailstore_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cairn/mailstore"
)

// watched is what the store must hold of one writer.
type watched struct {
	account  mailstore.AccountID
	done     uint64
	last     mailstore.MessageID
	labels   map[mailstore.MessageID][]string
	contents map[mailstore.MessageID]content
	space    map[string]content
	removed  []content          // since the last check
	journal  []mailstore.Change // since the last check, without their numbers
}

// watch is the model of a store in which writers do deeds.
type watch struct {
	list [writers]watched
	from mailstore.ModSeq // where the journals begin
}

// newWatch makes the accounts.
func newWatch(s *mailstore.Store) (*watch, error) {
	m := &watch{}
	return m, s.Update(context.Background(), func(tx *mailstore.Tx) error {
		for w := range m.list {
			a, err := tx.AddAccount(writerName(w), nil)
			if err != nil {
				return err
			}
			m.list[w] = watched{account: a.ID, labels: map[mailstore.MessageID][]string{}, contents: map[mailstore.MessageID]content{}, space: map[string]content{}}
		}
		return nil
	})
}

// deed does the writer's next deed in the model.
func (w *watched) deed(number int) {
	w.done++
	for _, a := range deed(number, w.done, slices.Sorted(maps.Keys(w.labels)), w.last) {
		switch a.kind {
		case addMessage:
			w.last = a.id
			w.labels[a.id], w.contents[a.id] = a.add, a.content
			w.change(mailstore.ChangeAdded, a.id)
		case setLabels:
			was := w.labels[a.id]
			var set []string
			for _, l := range labelNames {
				if slices.Contains(a.add, l) || slices.Contains(was, l) && !slices.Contains(a.remove, l) {
					set = append(set, l)
				}
			}
			if w.labels[a.id] = set; !slices.Equal(was, set) {
				w.change(mailstore.ChangeLabels, a.id)
			}
		case removeMessage:
			w.removed = append(w.removed, w.contents[a.id])
			delete(w.labels, a.id)
			delete(w.contents, a.id)
			w.change(mailstore.ChangeRemoved, a.id)
		case putKey:
			w.space[a.key] = a.content
		case deleteKey:
			delete(w.space, a.key)
		}
	}
}

func (w *watched) change(kind mailstore.ChangeKind, id mailstore.MessageID) {
	set := slices.Sorted(slices.Values(w.labels[id]))
	w.journal = append(w.journal, mailstore.Change{Kind: kind, Account: w.account, Message: id, Labels: set})
}

// holds compares a store with the model after acknowledged deeds. Of each writer one more may have
// been done. It takes what was done into the model.
func (m *watch) holds(s *mailstore.Store, acknowledged [writers]uint64) error {
	return s.View(func(r *mailstore.Reader) error {
		for i := range m.list {
			w := &m.list[i]
			done, _, err := progress(r, i)
			if err != nil {
				return err
			}
			if done < acknowledged[i] || done > max(acknowledged[i], w.done)+1 {
				return fmt.Errorf("%s: %d deeds are there, %d were acknowledged", writerName(i), done, acknowledged[i])
			}
			for w.done < done {
				w.deed(i)
			}
			if err := w.same(r, i); err != nil {
				return fmt.Errorf("%s after deed %d: %w", writerName(i), done, err)
			}
		}
		return cmp.Or(m.goneOf(r), m.journalOf(r))
	})
}

// same compares messages and named map of a writer.
func (w *watched) same(r *mailstore.Reader, number int) error {
	list, err := r.Messages(w.account, 0, 2*most)
	if err != nil || len(list) != len(w.labels) {
		return fmt.Errorf("%d messages, want %d: %w", len(list), len(w.labels), err)
	}
	counts := map[string]int{}
	for _, msg := range list {
		labels, err := r.Labels(w.account, msg.ID)
		want := slices.Sorted(slices.Values(w.labels[msg.ID]))
		if err != nil || !slices.Equal(labels, want) {
			return fmt.Errorf("labels of %d: %q, want %q: %w", msg.ID, labels, want, err)
		}
		raw, err := r.Raw(msg.Blob)
		if c := w.contents[msg.ID]; err != nil || !bytes.Equal(raw, c.raw()) {
			return fmt.Errorf("message %d has %d octets, want others, %d: %w", msg.ID, len(raw), c.size, err)
		}
		for _, l := range labels {
			counts[l]++
		}
	}
	if got, err := r.LabelCounts(w.account); err != nil || !maps.Equal(got, counts) {
		return fmt.Errorf("counts %v, want %v: %w", got, counts, err)
	}
	n, wrong := 0, ""
	err = r.Space("s").Scan([]byte(writerName(number)+"/"), nil, func(k, v []byte) bool {
		if c, ok := w.space[string(k)]; !ok || !bytes.Equal(v, c.raw()) {
			wrong = string(k)
		}
		n++
		return true
	})
	if err != nil || wrong != "" || n != len(w.space) {
		return fmt.Errorf("key %q is wrong, or %d keys, want %d: %w", wrong, n, len(w.space), err)
	}
	return nil
}

// goneOf holds that blobs of removed messages are gone, if nobody else has them.
func (m *watch) goneOf(r *mailstore.Reader) error {
	kept := map[content]bool{}
	for _, w := range m.list {
		for _, c := range w.contents {
			kept[c] = true
		}
	}
	for _, w := range m.list {
		for _, c := range w.removed {
			if _, err := r.Raw(sha256.Sum256(c.raw())); !kept[c] && !errors.Is(err, mailstore.ErrNotFound) {
				return fmt.Errorf("a blob of %d octets that nobody has: %w", c.size, err)
			}
		}
	}
	return nil
}

// journalOf compares the journal, in which the changes of writers stand in any order among each
// other.
func (m *watch) journalOf(r *mailstore.Reader) error {
	changes, err := r.ChangesSince(m.from, 1<<20)
	if err != nil {
		return err
	}
	by := map[mailstore.AccountID][]mailstore.Change{}
	for i, c := range changes {
		if i > 0 && c.ModSeq <= changes[i-1].ModSeq {
			return fmt.Errorf("change %d stands behind %d", c.ModSeq, changes[i-1].ModSeq)
		}
		by[c.Account] = append(by[c.Account], c)
	}
	trimmed, err := r.Trimmed()
	if err != nil {
		return err
	}
	gone := func(c mailstore.Change) bool { return c.Kind == mailstore.ChangeRemoved && trimmed > m.from }
	all := 0
	for i, w := range m.list {
		all += len(w.journal)
		for i := range by[w.account] {
			by[w.account][i].ModSeq = 0
		}
		if got, want := fmt.Sprint(slices.DeleteFunc(by[w.account], gone)), fmt.Sprint(slices.DeleteFunc(stillCount(w.journal), gone)); got != want {
			return fmt.Errorf("%s: the journal has %s, want %s", writerName(i), got, want)
		}
	}
	if last, err := r.ModSeq(); err != nil || last != m.from+mailstore.ModSeq(all) {
		return fmt.Errorf("the journal ends at %d, want %d changes behind %d: %w", last, all, m.from, err)
	}
	return nil
}

// stillCount leaves of changes those that the journal keeps: by which messages came, their last
// labels with the last of these, and which are gone.
func stillCount(changes []mailstore.Change) (kept []mailstore.Change) {
	seen := map[mailstore.Ref]mailstore.ChangeKind{}
	for _, c := range slices.Backward(changes) {
		if later := seen[c.Ref()]; later == 0 || later == mailstore.ChangeLabels && c.Kind == mailstore.ChangeAdded {
			if later != 0 {
				c.Labels = nil
			}
			seen[c.Ref()] = c.Kind
			kept = append(kept, c)
		}
	}
	slices.Reverse(kept)
	return kept
}

// goOn begins new journals behind what is in the store.
func (m *watch) goOn(s *mailstore.Store) error {
	for i := range m.list {
		m.list[i].journal, m.list[i].removed = nil, nil
	}
	return s.View(func(r *mailstore.Reader) (err error) {
		m.from, err = r.ModSeq()
		return err
	})
}
