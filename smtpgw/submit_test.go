package smtpgw

import (
	"errors"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// What else a submission's transaction is to do happens with it, or neither does.
func TestSubmitWith(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	s := NewSubmitter(testConfig, st, q)
	failed := errors.New("no such luck")
	for _, want := range []error{failed, nil} {
		_, err := s.SubmitWith(t.Context(), Peer{Protocol: ProtocolLocal}, "", []string{"user@local.example"}, []byte("Subject: both\r\nFrom: admin@local.example\r\n\r\nx\r\n"), func(tx *mailstore.Tx) error {
			return errors.Join(tx.Space("test").Put([]byte("noted"), nil), want)
		})
		if !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		noted := false
		err = st.View(func(r *mailstore.Reader) (err error) {
			noted, err = r.Space("test").Has([]byte("noted"))
			return err
		})
		if queued := must(q.Len())(t); err != nil || noted != (want == nil) || queued != 0 != noted {
			t.Errorf("with %v: noted %v, %d queued, %v", want, noted, queued, err)
		}
	}
}
