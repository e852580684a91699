package suppressed

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/mailstore"
	"cairn/mailstore/scratch"
	"cairn/smtpgw/address"
	"cairn/smtpgw/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

// The list is bounded; what has expired makes room. What is damaged refuses nothing.
func TestIsBounded(t *testing.T) {
	st := gatewaytest.LocalStore(t)
	now := time.Now()
	put := func(i int, at time.Time) error {
		return st.Update(t.Context(), func(tx *mailstore.Tx) error {
			m := address.Mailbox{Local: fmt.Sprint("x", i), Domain: "far.example"}
			return Put(tx, m, Entry{Account: 2, Since: at, Until: at.Add(time.Hour)})
		})
	}
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		for i := range Max {
			m := address.Mailbox{Local: fmt.Sprint("x", i), Domain: "far.example"}
			if err := sp.PutJSON(keyOf(2, m), Entry{Version: 1, Account: 2, Address: m.String(), Until: now.Add(time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(0, now); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	if err := put(Max, now); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		return Put(tx, address.Mailbox{Local: "x", Domain: "far.example"}, Entry{Account: 1, Since: now, Until: now.Add(time.Hour)})
	}); err != nil {
		t.Errorf("the list of one account is full, and another's: %v", err)
	}
	if err := put(Max, now.Add(2*time.Hour)); err != nil {
		t.Errorf("one more later: %v", err)
	}
	err = st.Update(t.Context(), func(tx *mailstore.Tx) error {
		m := address.Mailbox{Local: "odd", Domain: "far.example"}
		sp := tx.Space(space)
		if err := sp.Put(keyOf(2, m), []byte("odd")); err != nil {
			return err
		}
		s, err := Find(&tx.Reader, 2, m, now)
		if s != nil {
			t.Errorf("what is damaged says %+v", s)
		}
		return errors.Join(err, RemoveAll(tx, 2))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = st.View(func(r *mailstore.Reader) error {
		left, err := List(r, 0, now)
		if len(left) != 1 || left[0].Account != 1 || left[0].Address != "x@far.example" {
			t.Errorf("left after all of one account were taken off: %+v", left)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
