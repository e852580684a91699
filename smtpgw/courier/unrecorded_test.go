package courier

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/trace"
)

// Where nothing can be recorded, mail between accounts of this node is delivered without a token,
// once, and what goes to others waits.
func TestDeliveredUnrecorded(t *testing.T) {
	n := nearNode(t, farNode(t))
	why := "the recorder waits"
	n.courier.cfg.Unrecorded = func() (string, error) { return why, nil }
	n.courier.cfg.Sending.Unrecorded = time.Minute
	submit := func(raw string, to ...string) {
		t.Helper()
		if _, err := n.queue.Submit(t.Context(), outbox.Envelope{From: "user@local.example", Account: 2, Recipients: to}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	toBoth := "To: other@local.example, admin@local.example, dora@local.example\r\n"
	submit(toBoth+mailText("both"), "other@local.example", "admin@local.example", "dora@local.example", "bob@far.example")
	submit("Cairn-Record: of another one\r\n"+mailText("sent on"), "other@local.example")
	submit(strings.Repeat("Received: by here\r\n", trace.MaxReceived)+mailText("in circles"), "other@local.example")
	w := newUnrecorded(n.courier)
	if w.look(t.Context(), time.Now()); n.queued(t) != 4 {
		t.Fatalf("%d entries are left before their time", n.queued(t))
	}
	n.courier.cfg.Sending.Unrecorded = 0
	why = ""
	if w.look(t.Context(), time.Now()); n.queued(t) != 4 {
		t.Fatalf("%d entries are left that can be recorded", n.queued(t))
	}
	why = "the recorder waits"
	for range 2 {
		if !w.look(t.Context(), time.Now()) {
			t.Error("does not look again soon")
		}
	}
	for addr, want := range map[string]int{"other@local.example": 1, "admin@local.example": 1} {
		got := inboxOf(t, n.store, addr, "inbox")
		if len(got) != want || !strings.HasSuffix(got[0], mailText("both")) {
			t.Errorf("%s has %q", addr, got)
		}
	}
	for _, a := range n.checker.Seen() {
		if a.Unrecorded != why {
			t.Errorf("an arrival says %q", a.Unrecorded)
		}
	}
	left := must(n.queue.Unsealed(0, 10))(t)
	var to []string
	for _, e := range left {
		to = append(to, strings.Join(e.Recipients, " "))
	}
	slices.Sort(to)
	if want := []string{"bob@far.example", "dora@local.example", "other@local.example", "other@local.example"}; !slices.Equal(to, want) {
		t.Errorf("left are %q, want %q", to, want)
	}
	seal(t, n.store, n.queue, left[0].ID) // what is left of an entry can be sealed
}

// gateFilter lets messages through as they are, or does not.
type gateFilter struct {
	run  func(context.Context) error
	runs int
}

func (f *gateFilter) Run(ctx context.Context, p smtpgw.Passing) ([]byte, error) {
	f.runs++
	return p.Raw, f.run(ctx)
}

func (f *gateFilter) String() string { return "a filter" }

// What cannot be delivered without a record is looked at seldom, and what is for others not at all:
// neither is read whole, nor taken to the filter, for as long as nothing is recorded.
func TestUnrecordedLooksSeldom(t *testing.T) {
	st := localStore(t)
	v, refusing := &deliverytest.Verifier{}, &gateFilter{run: func(context.Context) error { return &smtpgw.Rejection{Text: "not this one"} }}
	cfg := testConfig
	cfg.InboundFilter = refusing
	carrying := configOf(cfg)
	carrying.Unrecorded = func() (string, error) { return "the recorder waits", nil }
	carrying.Sending.Unrecorded = time.Nanosecond
	carrying.Sending.FirstRetry = time.Minute
	q := outbox.New(st)
	c := New(carrying, q, routes{}, testDelivery(cfg, st, v), discard())
	for _, to := range []string{"other@local.example", "dora@local.example", "bob@far.example"} {
		if _, err := q.Submit(t.Context(), outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{to}}, []byte(mailText(to))); err != nil {
			t.Fatal(err)
		}
	}
	w, now := newUnrecorded(c), time.Now()
	for second := range 3600 {
		w.look(t.Context(), now.Add(time.Duration(second)*time.Second))
	}
	if refusing.runs < 3 || refusing.runs > 8 || len(v.Seen()) != refusing.runs {
		t.Errorf("judged %d times, filtered %d times within an hour", len(v.Seen()), refusing.runs)
	}
	if len(w.again) != 1 {
		t.Errorf("remembers %d entries", len(w.again))
	}
	if err := q.Drop(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if w.look(t.Context(), now.Add(2*time.Hour)); len(w.again) != 0 {
		t.Error("remembers an entry that is gone")
	}
}

// What is sealed does not wait for the filter of what is not.
func TestUnrecordedHoldsNothingUp(t *testing.T) {
	far := farNode(t)
	n := nearNode(t, far)
	judging, end := make(chan bool), make(chan bool)
	var once sync.Once
	n.courier.cfg.Unrecorded = func() (string, error) { return "the recorder waits", nil }
	n.courier.cfg.Sending.Unrecorded = time.Nanosecond
	cfg := testConfig
	cfg.InboundFilter = &gateFilter{run: func(context.Context) error {
		once.Do(func() { close(judging) })
		<-end
		return nil
	}}
	n.courier.delivery = testDelivery(cfg, n.store, n.checker)
	submit := func(to string) {
		t.Helper()
		if _, err := n.queue.Submit(t.Context(), outbox.Envelope{From: "user@local.example", Account: 2, Recipients: []string{to}}, []byte(mailText(to))); err != nil {
			t.Fatal(err)
		}
	}
	submit("other@local.example")
	n.run(t)
	<-judging
	submit("bob@far.example")
	seal(t, n.store, n.queue, 2)
	waitFor(t, func() bool { return len(inboxOf(t, far.store, "bob@far.example", "inbox")) == 1 })
	close(end)
	waitFor(t, func() bool { return len(inboxOf(t, n.store, "other@local.example", "inbox")) == 1 })
}

// Whether mail goes to an account here is what the courier does with it, whatever else has the
// address.
func TestHere(t *testing.T) {
	st := localStore(t)
	cfg := testConfig
	cfg.Domains = only("local.example", "second.example")
	s := smtpgw.NewSubmitter(cfg, st, outbox.New(st))
	for address, want := range map[string]bool{
		"user@local.example":           true,
		"USER@local.example":           true,
		"postmaster@local.example":     true,
		"postmaster@second.example":    true, // the account of Config.Postmaster stands in
		"user@second.example":          false,
		"nobody@local.example":         false,
		"postmaster@elsewhere.example": false,
		"no address":                   false,
	} {
		err := st.View(func(r *mailstore.Reader) error {
			here, err := s.Here(r, address)
			if here != want {
				t.Errorf("%s is here: %v", address, here)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
