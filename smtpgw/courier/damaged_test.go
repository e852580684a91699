package courier

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/deliverytest"
)

// spoil changes an octet of a text in the value logs of a mail store, which may be open.
func spoil(t *testing.T, dir, text string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		f := must(os.OpenFile(name, os.O_RDWR, 0))(t)
		b := must(io.ReadAll(io.LimitReader(f, 1<<20)))(t) // what is behind it is preallocated
		at := bytes.Index(b, []byte(text))
		if at < 0 {
			f.Close()
			continue
		}
		_, err = f.WriteAt([]byte{text[len(text)/2] ^ 1}, int64(at+len(text)/2))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no value log has a text of %d octets", len(text))
}

// A queue entry whose text is damaged is held and named, also when its time is over: nothing empty
// is sent and nothing returned. It holds up no other, and goes out once the text has been put
// back.
func TestDamagedMailIsHeld(t *testing.T) {
	dir := t.TempDir()
	st := must(mailstore.Open(dir, discard()))(t)
	defer st.Close()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		_, err := tx.AddAccount("user", []string{"user@local.example"})
		_, err2 := tx.AddAccount("other", []string{"other@local.example"})
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig
	cfg.Postmaster = "user@local.example"
	carrying := configOf(cfg)
	carrying.Sending = Sending{FirstRetry: 10 * time.Millisecond, MaxRetry: 20 * time.Millisecond, IdleSession: 50 * time.Millisecond}
	q := outbox.New(st)
	n := &node{store: st, queue: q, checker: &deliverytest.Verifier{}}
	n.courier = New(carrying, q, routes{"local.example": client.Route{Local: true}}, testDelivery(cfg, st, n.checker), discard())

	spoilt := mailText("spoilt") + strings.Repeat("one line\r\n", 200)
	q.SetClock(func() time.Time { return time.Now().Add(-6 * 24 * time.Hour) }) // it should have been returned a day ago
	n.send(t, "user@local.example", spoilt, "other@local.example")
	q.SetClock(time.Now)
	spoil(t, dir, spoilt)
	n.send(t, "user@local.example", mailText("whole"), "other@local.example")
	stop := n.run(t)
	defer stop()
	waitFor(t, func() bool { return len(inboxOf(t, st, "other@local.example", "inbox")) == 1 })
	waitFor(t, func() bool { e := must(q.List(0, 10))(t); return len(e) == 1 && e[0].Attempts >= 2 })
	if e := must(q.List(0, 10))(t)[0]; e.LastError != damagedResult {
		t.Errorf("the entry says %q", e.LastError)
	}
	if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) > 0 {
		t.Errorf("the sender was told %q", got)
	}
	if err := st.Update(t.Context(), func(tx *mailstore.Tx) error { _, err := tx.PutBlob([]byte(spoilt)); return err }); err != nil {
		t.Fatal(err)
	}
	n.drained(t)
	got := inboxOf(t, st, "other@local.example", "inbox")
	if len(got) != 2 || !strings.HasSuffix(got[1], spoilt) {
		t.Errorf("%d arrived", len(got))
	}
}
