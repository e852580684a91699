package node

import (
	"strings"
	"testing"
	"time"

	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/node/api"
	"cairn/node/p2p"
	"cairn/smtpgw/trace"
)

func TestWaitsFor(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name             string
		sealed           bool
		next             time.Duration
		held, unrecorded bool
		want             string
	}{
		{"to be recorded", false, 0, false, false, api.WaitsRecord},
		{"to be recorded anew", false, 0, true, false, api.WaitsRecord},
		{"delivered without a record", false, 0, false, true, api.WaitsDelivery},
		{"held", true, 0, true, false, api.WaitsHeld},
		{"held, and tried before", true, time.Hour, true, false, api.WaitsHeld},
		{"tried before", true, time.Hour, false, false, api.WaitsAttempt},
		{"due", true, -time.Hour, false, false, api.WaitsNothing},
	} {
		e := &outbox.Entry{NextAttempt: now.Add(tt.next)}
		if tt.sealed {
			e.Token = []byte("Cairn-Record: x\r\n")
		}
		if got := waitsFor(e, tt.held, tt.unrecorded, now); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// The queue says what mail waits for, to accounts here and elsewhere, and what is held; status
// counts that.
func TestQueueSaysWhatIsHeld(t *testing.T) {
	n, _ := alone(t)
	for _, to := range []string{n.postmaster(), "bob@beta.test"} {
		raw := "From: <" + n.postmaster() + ">\r\nTo: <" + to + ">\r\nSubject: x\r\n\r\nx\r\n"
		if _, err := n.submitter.Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, n.postmaster(), []string{to}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(here, away string, held int) {
		t.Helper()
		l, err := n.ListQueue(t.Context(), api.QueueSelection{})
		if err != nil {
			t.Fatal(err)
		}
		if l.Entries[0].WaitsFor != here || l.Entries[1].WaitsFor != away {
			t.Errorf("waits for %q and %q", l.Entries[0].WaitsFor, l.Entries[1].WaitsFor)
		}
		for _, e := range l.Entries {
			if (e.Why == "") != (e.WaitsFor == api.WaitsNothing) || e.NextAttempt.IsZero() != (e.WaitsFor != api.WaitsNothing) {
				t.Errorf("waits for %s because of %q, until %v", e.WaitsFor, e.Why, e.NextAttempt)
			}
			if strings.HasSuffix(e.Next, "cairn org node stays") != (e.WaitsFor == api.WaitsRecord) {
				t.Errorf("waits for %s, next %q", e.WaitsFor, e.Next)
			}
		}
		if s, err := n.Status(t.Context()); err != nil || s.Mail.Held != held {
			t.Errorf("status: %+v, %v", s.Mail, err)
		}
	}
	if _, err := n.copies.found(p2p.Copy{Instance: p2p.Instance{1}}, 0, time.Now()); err != nil { // so nothing is recorded
		t.Fatal(err)
	}
	shows(api.WaitsDelivery, api.WaitsRecord, 0)
	for id, waits := range map[uint64]string{1: api.WaitsDelivery, 2: api.WaitsRecord} {
		if r, err := n.RetryQueue(t.Context(), api.QueueRequest{ID: id}); err != nil || r.Due != 0 || r.WaitsFor != waits || r.Why == "" {
			t.Errorf("tried now: %+v, %v", r, err)
		}
	}
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return n.queue.Seal(tx, 2, []byte("Cairn-Record: x\r\n"))
	})
	if err != nil {
		t.Fatal(err)
	}
	n.queue.Hold([]uint64{2})
	shows(api.WaitsDelivery, api.WaitsHeld, 1)
	if r, err := n.RetryQueue(t.Context(), api.QueueRequest{ID: 2}); err != nil || r.Due != 0 || r.WaitsFor != api.WaitsHeld || r.Why == "" {
		t.Errorf("tried now: %+v, %v", r, err)
	}
	n.queue.Release([]uint64{2})
	shows(api.WaitsDelivery, api.WaitsNothing, 0)
}

// Mail that is held until its record is in a block is shown as such once it is recorded, and leaves
// when somebody releases it.
func TestQueueSaysWhatWaitsForItsBlock(t *testing.T) {
	n, _ := alone(t)
	raw := "Cairn-Hold: until-included\r\nFrom: <" + n.postmaster() + ">\r\nTo: <bob@beta.test>\r\nSubject: x\r\n\r\nx\r\n"
	r, err := n.submitter.Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, n.postmaster(), []string{"bob@beta.test"}, []byte(raw))
	if err != nil || strings.Contains(string(r.Raw), "Cairn-Hold") {
		t.Fatalf("%v, it leaves with its wish: %q", err, r.Raw)
	}
	waits := func(want string) {
		t.Helper()
		e, err := n.QueueEntry(t.Context(), api.QueueRequest{ID: 1})
		if err != nil || e.WaitsFor != want || e.NextAttempt.IsZero() != (want != api.WaitsNothing) || (want == api.WaitsBlock) != (e.Next == "cairn queue release 1") {
			t.Errorf("%+v, %v", e, err)
		}
	}
	waits(api.WaitsRecord)
	err = n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return n.queue.Seal(tx, 1, []byte("Cairn-Record: x\r\n"))
	})
	if err != nil {
		t.Fatal(err)
	}
	waits(api.WaitsBlock)
	if r, err := n.RetryQueue(t.Context(), api.QueueRequest{ID: 1}); err != nil || r.Due != 0 || r.WaitsFor != api.WaitsBlock || r.Why == "" {
		t.Errorf("tried now: %+v, %v", r, err)
	}
	if v, err := n.ReleaseQueue(t.Context(), api.QueueRequest{ID: 1}); err != nil || v.Entries != 1 {
		t.Errorf("released: %+v, %v", v, err)
	}
	waits(api.WaitsNothing)

	// Who sends such mail is told that it waits, and where to look.
	for wish, next := range map[string]string{"until-included": "cairn queue show ", "none": ""} {
		raw := strings.Replace(raw, "until-included", wish, 1)
		sent, err := n.Send(t.Context(), api.SendRequest{From: n.postmaster(), To: []string{"bob@beta.test"}, Raw: []byte(raw)})
		if err != nil || (sent.Waiting != "") != (next != "") || !strings.HasPrefix(sent.Next, next) || (sent.Next != "") != (next != "") || sent.ForGood {
			t.Errorf("%s: %+v, %v", wish, sent, err)
		}
	}
}

// Who waits for a DNS that does not answer is shown the command that lists whose keys could be
// trusted instead.
func TestWhatToDoAboutASilentDNS(t *testing.T) {
	w := newChanging(t)
	s := w.chain.State()
	w.now = func() time.Time { return unixMilli(s.Time()) }
	err := router{w.Node}.noRoute(s, "far.test", verifier.NoAnswer)
	e := &outbox.Entry{Domain: "far.test", LastError: "451 4.4.3 find a route to far.test: " + err.Error()}
	if got := afterError(e); got != "cairn org trust far.test" {
		t.Errorf("after %q: %q", e.LastError, got)
	}
	for _, said := range []string{"", "451 no", "451 see: cairn org trust evil.test", err.Error() + " or else"} {
		if got := afterError(&outbox.Entry{Domain: "far.test", LastError: said}); got != "" {
			t.Errorf("after %q: %q", said, got)
		}
	}
}

// One entry that is damaged does not keep the others in the queue, and who drops some hears of it.
// The reports on them are no part of what was named.
func TestDropBesideADamagedEntry(t *testing.T) {
	n, _ := alone(t)
	for _, to := range []string{"a@beta.test", "b@beta.test", "c@gamma.test"} {
		raw := "From: <" + n.postmaster() + ">\r\nTo: <" + to + ">\r\nSubject: x\r\n\r\nx\r\n"
		if _, err := n.submitter.Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, n.postmaster(), []string{to}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
		return tx.Space("queue").Put([]byte("e\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("x"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.DropQueue(t.Context(), api.QueueDrop{QueueRequest: api.QueueRequest{ID: 1}}); err == nil {
		t.Error("the damaged one is dropped by its number, and nobody knows whose it was")
	}
	got, err := n.DropQueue(t.Context(), api.QueueDrop{QueueRequest: api.QueueRequest{All: true}})
	if err != nil || got.Entries != 2 || got.Reports != 2 || !strings.Contains(got.Damaged, "entry 1") {
		t.Errorf("%+v, %v", got, err)
	}
	l, err := n.ListQueue(t.Context(), api.QueueSelection{From: outbox.NullSender})
	if err != nil || len(l.Entries) != 2 {
		t.Errorf("reports: %+v, %v", l, err)
	}
}
