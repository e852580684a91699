package namedquery_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"cairn/index/namedquery"
	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { scratch.InMemory(m).Run() }

var now = time.Date(2026, 5, 10, 15, 0, 0, 0, time.UTC)

func parse(t *testing.T, text string) query.Q {
	t.Helper()
	q, err := query.Parse(text, now)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// desk is a store with two accounts.
type desk struct {
	t    *testing.T
	s    *mailstore.Store
	a, b mailstore.AccountID
}

func open(t *testing.T) *desk {
	s, err := mailstore.Open(t.TempDir()+"/mail", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := &desk{t: t, s: s}
	d.update(func(tx *mailstore.Tx) error {
		for name, id := range map[string]*mailstore.AccountID{"a": &d.a, "b": &d.b} {
			account, err := tx.AddAccount(name, nil)
			if err != nil {
				return err
			}
			*id = account.ID
		}
		return nil
	})
	return d
}

func (d *desk) update(fn func(tx *mailstore.Tx) error) {
	d.t.Helper()
	if err := d.s.Update(d.t.Context(), fn); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) put(account mailstore.AccountID, name, text string) error {
	return d.s.Update(d.t.Context(), func(tx *mailstore.Tx) error {
		_, err := namedquery.Put(tx, account, name, text, parse(d.t, text), now)
		return err
	})
}

func (d *desk) expand(account mailstore.AccountID, text string) (out string, err error) {
	err = d.s.View(func(r *mailstore.Reader) error {
		q, err := namedquery.Expand(r, account, parse(d.t, text), now)
		if err == nil {
			out = q.String()
		}
		return err
	})
	return out, err
}

func (d *desk) remove(account mailstore.AccountID, name string) error {
	return d.s.Update(d.t.Context(), func(tx *mailstore.Tx) error {
		_, err := namedquery.Remove(tx, account, name)
		return err
	})
}

func TestNamedQueries(t *testing.T) {
	d := open(t)
	for _, q := range [][2]string{{"unpaid", "subject:invoice newer_than:60d -label:paid"}, {"urgent", "query:unpaid (now or label:now)"}} {
		if err := d.put(d.a, q[0], q[1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := d.expand(d.a, "x or not query:urgent"); got != `x or not (subject:invoice newer_than:60d not label:paid ("now" or label:now))` && got != `x or not ((subject:invoice newer_than:60d not label:paid) ("now" or label:now))` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	var unknown *namedquery.UnknownError
	if _, err := d.expand(d.a, "query:unpiad"); !errors.As(err, &unknown) || unknown.Nearest != "unpaid" || !errors.Is(err, mailstore.ErrNotFound) {
		t.Errorf("a name that is none: %v", err)
	}
	if _, err := d.expand(d.b, "query:unpaid"); !errors.As(err, &unknown) {
		t.Errorf("a name of another account: %v", err)
	}
	if err := d.put(d.a, "unpaid", "x query:urgent"); !errors.Is(err, namedquery.ErrCycle) {
		t.Errorf("a query that stands for itself: %v", err)
	}
	if err := d.put(d.a, "self", "x query:self"); !errors.Is(err, namedquery.ErrCycle) {
		t.Errorf("a query that names itself: %v", err)
	}
	if err := d.put(d.a, "next", "query:nothing"); !errors.As(err, &unknown) {
		t.Errorf("a query that names none: %v", err)
	}
	if err := d.remove(d.a, "unpaid"); !errors.Is(err, namedquery.ErrUsed) {
		t.Errorf("taking away what another names: %v", err)
	}
	for _, name := range []string{"urgent", "unpaid"} {
		if err := d.remove(d.a, name); err != nil {
			t.Error(err)
		}
	}
	if err := d.remove(d.a, "unpaid"); !errors.As(err, &unknown) {
		t.Errorf("taking away what is gone: %v", err)
	}
	if err := d.put(d.a, "No", "x"); err == nil {
		t.Error("a name with a capital is taken")
	}
}

// What names come to is bounded, whatever they name: here each names the one before twice.
func TestNamedQueriesAreBounded(t *testing.T) {
	d := open(t)
	last := "word"
	for i := range 20 {
		name := fmt.Sprintf("q%d", i)
		if err := d.put(d.a, name, last+" or x"+name+" "+last); errors.Is(err, namedquery.ErrLarge) {
			if i < 5 {
				t.Errorf("%s is too large", name)
			}
			return
		} else if err != nil {
			t.Fatal(err)
		}
		last = "query:" + name
	}
	t.Error("there is no end")
}

func TestMostNamedQueries(t *testing.T) {
	d := open(t)
	d.update(func(tx *mailstore.Tx) error {
		for i := range namedquery.Most {
			if _, err := namedquery.Put(tx, d.a, fmt.Sprintf("q%d", i), "x", query.Term{Text: "x"}, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err := d.put(d.a, "more", "x"); !errors.Is(err, namedquery.ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := d.put(d.a, "q7", "y"); err != nil {
		t.Errorf("changing one: %v", err)
	}
	if err := d.put(d.b, "more", "x"); err != nil {
		t.Errorf("of another account: %v", err)
	}
	d.update(func(tx *mailstore.Tx) error { return namedquery.RemoveAll(tx, d.a) })
	err := d.s.View(func(r *mailstore.Reader) error {
		a, errA := namedquery.List(r, d.a)
		b, errB := namedquery.List(r, d.b)
		if len(a) != 0 || len(b) != 1 || b[0].Text != "x" || b[0].Means != `"x"` || !b[0].Since.Equal(now) {
			t.Errorf("left are %v and %v", a, b)
		}
		return errors.Join(errA, errB)
	})
	if err != nil {
		t.Error(err)
	}
}
