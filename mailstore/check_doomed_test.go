package mailstore

import (
	"fmt"
	"testing"
	"time"
)

// What a removed account leaves behind for a while is not counted as somebody's mail.
func TestCheckCountsDoomedMessagesApart(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	s.stop() // as if the node were killed before it removes the rest
	s.upkeep.Wait()
	fill := func(tx *Tx, name string, n int) (a Account, err error) {
		if a, err = tx.AddAccount(name, []string{name + "@example.org"}); err != nil {
			return a, err
		}
		for i := range n {
			raw := fmt.Appendf(nil, "Subject: %d\r\n\r\n", i)
			blob, err := tx.PutBlob(raw)
			if err != nil {
				return a, err
			}
			m := Message{Account: a.ID, Blob: blob, Size: int64(len(raw)), Received: time.Unix(1_800_000_000, 0)}
			if _, err := tx.AddMessage(m, []string{"inbox"}); err != nil {
				return a, err
			}
		}
		return a, nil
	}
	const left = 3
	err := s.Update(t.Context(), func(tx *Tx) error {
		if _, err := fill(tx, "stays", 2); err != nil {
			return err
		}
		gone, err := fill(tx, "gone", sweepAtOnce+left)
		if err != nil {
			return err
		}
		return tx.RemoveAccount(gone.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Check(t.Context(), false, func(f Fault) { t.Errorf("%+v", f) })
	if err != nil || result.Accounts != 1 || result.Messages != 2 || result.Doomed != left {
		t.Errorf("%+v, %v", result, err)
	}
}
