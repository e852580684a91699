package courier

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/trace"
)

// movable is a clock that a test sets ahead.
type movable struct{ ahead atomic.Int64 }

func (m *movable) now() time.Time          { return time.Now().Add(time.Duration(m.ahead.Load())) }
func (m *movable) advance(d time.Duration) { m.ahead.Add(int64(d)) }

// by gives a courier and its queue the clock.
func (m *movable) by(n *node) {
	n.queue.SetClock(m.now)
	n.courier.cfg.Clock.Now = m.now
}

// again is n after a restart.
func (n *node) again(clock *movable) *node {
	next := *n
	next.queue = outbox.New(n.store)
	next.courier = New(n.courier.cfg, next.queue, n.courier.router, n.courier.delivery, discard())
	clock.by(&next)
	return &next
}

const threeDomains = "To: a@one.example, b@two.example, c@three.example\r\n"

// All who do not get a mail are in one report, with the reply that each had.
func TestOneReportForAllDomains(t *testing.T) {
	n := nearNode(t, nil)
	gone := peerScript(t, map[string]string{"b": "550 5.1.1 no such person", "c": "550 5.7.1 not from you"})
	n.courier.router = routes{
		"local.example": {Local: true}, "two.example": {Dial: tcp(gone.addr)}, "three.example": {Dial: tcp(gone.addr)},
	}
	n.run(t)
	n.send(t, "user@local.example", threeDomains+mailText("Quarter"), "a@one.example", "b@two.example", "c@three.example")
	n.drained(t)
	got := inboxOf(t, n.store, "user@local.example", "inbox")
	if len(got) != 1 {
		t.Fatalf("%d reports: %q", len(got), got)
	}
	_, parts := partsOf(t, got[0])
	for _, want := range []string{
		"Final-Recipient: rfc822; a@one.example\r\nAction: failed\r\nStatus: 5.1.2\r\nDiagnostic-Code: smtp; 550 5.1.2 ",
		"Final-Recipient: rfc822; b@two.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such person\r\n",
		"Final-Recipient: rfc822; c@three.example\r\nAction: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: smtp; 550 5.7.1 not from you\r\n",
	} {
		if strings.Count(parts[1], want) != 1 {
			t.Errorf("status %q lacks %q", parts[1], want)
		}
	}
	if !strings.Contains(got[0], "\r\nSubject: Mail not delivered: Quarter\r\n") || !strings.Contains(parts[2], "Subject: Quarter\r\n") {
		t.Errorf("report %q", got[0])
	}
	if admin := inboxOf(t, n.store, "admin@local.example", "inbox"); len(admin) != 0 {
		t.Errorf("the postmaster has %q", admin)
	}
}

// While others of a message are under way, its failures wait for five minutes and not longer. A
// stop in between loses no report and makes no second one.
func TestReportWaitsForOthers(t *testing.T) {
	n := nearNode(t, nil)
	script := peerScript(t, map[string]string{"b": "550 5.1.1 gone", "c": "451 4.2.0 over quota"})
	n.courier.router = routes{
		"local.example": {Local: true}, "two.example": {Dial: tcp(script.addr)}, "three.example": {Dial: tcp(script.addr)},
	}
	var clock movable
	clock.by(n)
	stop := n.run(t)
	n.send(t, "user@local.example", threeDomains+mailText("waits"), "b@two.example", "c@three.example", "a@one.example")
	waitFor(t, func() bool {
		es := must(n.queue.List(0, 10))(t)
		return len(es) == 1 && es[0].Domain == "three.example" && es[0].Attempts > 0
	})
	stop()
	n = n.again(&clock)
	clock.advance(5*time.Minute - 10*time.Second)
	if wait, err := n.courier.returnDue(t.Context()); wait <= 0 || err != nil {
		t.Fatalf("waits %v, %v", wait, err)
	}
	if got := n.queued(t); got != 1 {
		t.Fatalf("%d entries before the time has come", got)
	}
	clock.advance(20 * time.Second)
	for range 2 {
		n = n.again(&clock)
		must(n.courier.returnDue(t.Context()))(t)
	}
	es := must(n.queue.List(0, 10))(t)
	if len(es) != 2 || es[1].From != "" {
		t.Fatalf("queued are %+v", es)
	}
	report := string(must(n.queue.Raw(es[1]))(t))
	for _, want := range []string{"; a@one.example\r\n", "; b@two.example\r\n"} {
		if !strings.Contains(report, want) {
			t.Errorf("report %q lacks %q", report, want)
		}
	}
	if strings.Contains(report, "c@three.example\r\nAction") {
		t.Errorf("report %q has who waits", report)
	}
}

// What a report is about is there although sender and courier have done away with it.
func TestReportOnRemovedMail(t *testing.T) {
	n := nearNode(t, nil)
	script := peerScript(t, map[string]string{"b": "550 5.1.1 gone", "c": "451 4.2.0 over quota"})
	n.courier.router = routes{"two.example": {Dial: tcp(script.addr)}, "three.example": {Dial: tcp(script.addr)}}
	var clock movable
	clock.by(n)
	stop := n.run(t)
	n.send(t, "user@local.example", threeDomains+mailText("removed"), "b@two.example", "c@three.example")
	waitFor(t, func() bool {
		es := must(n.queue.List(0, 10))(t)
		return len(es) == 1 && es[0].Attempts > 0
	})
	stop()
	err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return tx.RemoveMessage(2, 1) })
	if err := errors.Join(err, n.queue.Drop(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	clock.advance(6 * time.Minute)
	must(n.courier.returnDue(t.Context()))(t)
	es := must(n.queue.List(0, 10))(t)
	if len(es) != 1 || !strings.Contains(string(must(n.queue.Raw(es[0]))(t)), "Subject: removed\r\n") {
		t.Fatalf("queued are %+v", es)
	}
	_ = n.store.View(func(r *mailstore.Reader) error {
		if sent, err := n.queue.SentOf(r, mailstore.Ref{Account: 2, Message: 1}); err != nil || len(sent.Outcomes) != 1 {
			t.Errorf("known before the sweep: %+v, %v", sent, err)
		}
		return nil
	})
	for after := []byte(nil); ; {
		err := n.store.Update(t.Context(), func(tx *mailstore.Tx) (err error) {
			after, err = n.queue.SweepOutcomes(tx, after, 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if after == nil {
			break
		}
	}
	_ = n.store.View(func(r *mailstore.Reader) error {
		if sent, err := n.queue.SentOf(r, mailstore.Ref{Account: 2, Message: 1}); err != nil || len(sent.Outcomes) != 0 {
			t.Errorf("known after it: %+v, %v", sent, err)
		}
		return nil
	})
}

// What is dropped by hand is told to its sender, unless silently; a report is not, and nothing is
// dropped while an attempt is under way.
func TestDrop(t *testing.T) {
	n := nearNode(t, nil)
	for _, tt := range []struct {
		from     string
		silent   bool
		underWay bool
		queued   int // reports, or the entry itself
	}{
		{"user@local.example", false, false, 1}, {"user@local.example", true, false, 0}, {"", false, false, 0},
		{"user@local.example", false, true, 1},
	} {
		n.send(t, tt.from, mailText("dropped"), "bob@far.example")
		es := must(n.queue.List(0, 10))(t)
		e := es[len(es)-1]
		if tt.underWay && !n.queue.Begin(e.Domain, e.ID) {
			t.Fatal("cannot begin")
		}
		_, reported, err := n.courier.Drop(t.Context(), e.ID, tt.silent)
		if told := tt.queued > 0 && !tt.underWay; reported != told {
			t.Errorf("%+v: reported is %v", tt, reported)
		}
		if errors.Is(err, ErrUnderWay) != tt.underWay || err != nil && !tt.underWay {
			t.Errorf("%+v: %v", tt, err)
		}
		left := must(n.queue.List(0, 10))(t)
		if len(left) != tt.queued {
			t.Errorf("%+v: queued are %+v", tt, left)
		}
		for _, e := range left {
			if raw := string(must(n.queue.Raw(e))(t)); !tt.underWay && !strings.Contains(raw, "\r\nStatus: 5.7.0\r\n") {
				t.Errorf("%+v: report %q", tt, raw)
			}
			n.queue.End(e.ID)
			if _, _, err := n.courier.Drop(t.Context(), e.ID, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	never := outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{"bob@far.example"}}
	never.DSN.Asked = []outbox.Asked{{Recipient: "bob@far.example", Notify: outbox.NotifyNever}}
	must(n.queue.Submit(t.Context(), never, []byte(mailText("never"))))(t)
	if _, reported, err := n.courier.Drop(t.Context(), must(n.queue.List(0, 1))(t)[0].ID, false); reported || err != nil {
		t.Errorf("the sender wants no report: %v, %v", reported, err)
	}
	if _, _, err := n.courier.Drop(t.Context(), 99, false); !errors.Is(err, outbox.ErrGone) {
		t.Errorf("one that is not there: %v", err)
	}
}

// Mail to several domains that could not be recorded comes back in one report.
func TestUnsealedIsReturnedTogether(t *testing.T) {
	n := nearNode(t, nil)
	n.queue.SetClock(func() time.Time { return time.Now().Add(-6 * 24 * time.Hour) })
	env := outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{"a@one.example", "b@two.example", "c@three.example"}}
	must(n.queue.Submit(t.Context(), env, []byte(threeDomains+mailText("unrecorded"))))(t)
	n.queue.SetClock(time.Now)
	n.courier.returnUnsealed(t.Context())
	got := inboxOf(t, n.store, "user@local.example", "inbox")
	if len(got) != 1 || n.queued(t) != 0 || strings.Count(got[0], "Action: failed\r\nStatus: 5.4.7\r\n") != 3 {
		t.Errorf("%d reports, %d queued: %q", len(got), n.queued(t), got)
	}
}

// After four hours the sender is told once of all that wait, and until when they are tried; of
// reports and of what programs send he is not.
func TestDelayNotice(t *testing.T) {
	for _, tt := range []struct {
		name, from, header string
		notices            int
	}{
		{"a person's", "user@local.example", "", 1},
		{"a program's", "user@local.example", "Auto-Submitted: auto-generated; x=y\r\n", 0},
		{"a person's that says so", "user@local.example", "Auto-Submitted: no\r\n", 1},
		{"in bulk", "user@local.example", "Precedence: Bulk\r\n", 0},
		{"a report", "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := nearNode(t, nil)
			script := peerScript(t, map[string]string{"b": "451 4.2.0 over quota", "b2": "450 greylisted", "c": "250 fine"})
			n.courier.router = routes{"two.example": {Dial: tcp(script.addr)}, "three.example": {Dial: tcp(script.addr)}}
			n.courier.cfg.Sending.FirstRetry = time.Minute
			var clock movable
			clock.by(n)
			raw := tt.header + "To: b@two.example, b2@two.example, b@three.example, c@three.example\r\n" + mailText("slow")
			n.send(t, tt.from, raw, "b@two.example", "b2@two.example", "b@three.example", "c@three.example")
			tried := func(attempts uint32) {
				t.Helper()
				stop := n.run(t)
				defer stop()
				waitFor(t, func() bool {
					for id := uint64(1); id <= 2; id++ {
						if e, err := n.queue.Get(id); err != nil || e.Attempts < attempts {
							return false
						}
					}
					return true
				})
			}
			tried(1)
			clock.advance(4*time.Hour - 10*time.Second)
			n = n.again(&clock)
			tried(2)
			e := must(n.queue.Get(1))(t)
			if at := e.Created.Add(4 * time.Hour); tt.from != "" && !e.NextAttempt.Equal(at) {
				t.Errorf("tried again at %v, not when the sender is to be told", e.NextAttempt)
			}
			if got := n.queued(t); got != 2 {
				t.Fatalf("%d entries before the time has come", got)
			}
			clock.advance(20 * time.Second)
			if tt.from == "" {
				clock.advance(2 * time.Hour)
			}
			n = n.again(&clock)
			tried(3)
			clock.advance(2 * time.Hour)
			n = n.again(&clock)
			tried(4)
			es := must(n.queue.List(0, 10))(t)
			if len(es) != 2+tt.notices {
				t.Fatalf("queued are %+v", es)
			}
			if tt.notices == 0 {
				return
			}
			notice := string(must(n.queue.Raw(es[2]))(t))
			until := e.Created.Add(5 * 24 * time.Hour).Format(trace.DateFormat)
			for _, want := range []string{
				"Subject: Mail delayed: slow\r\n", "To: <user@local.example>\r\n",
				"Final-Recipient: rfc822; b@two.example\r\nAction: delayed\r\nStatus: 4.2.0\r\nDiagnostic-Code: smtp; 451 4.2.0 over quota\r\nWill-Retry-Until: " + until + "\r\n",
				"Final-Recipient: rfc822; b2@two.example\r\nAction: delayed\r\nStatus: 4.0.0\r\nDiagnostic-Code: smtp; 450 greylisted\r\n",
				"Final-Recipient: rfc822; b@three.example\r\n",
			} {
				if strings.Count(notice, want) != 1 {
					t.Errorf("notice %q lacks %q", notice, want)
				}
			}
			if strings.Contains(notice, "; c@three.example") {
				t.Errorf("notice %q has who got it", notice)
			}
		})
	}
}
