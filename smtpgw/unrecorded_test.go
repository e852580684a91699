package smtpgw

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Where nothing can be recorded, mail between accounts of this node is delivered without a token, once,
// and what goes to others waits.
func TestDeliveredUnrecorded(t *testing.T) {
	n := nearNode(t, farNode(t))
	why := "the recorder waits"
	n.courier.cfg.Unrecorded = func() (string, error) { return why, nil }
	n.courier.sending.Unrecorded = time.Minute
	submit := func(raw string, to ...string) {
		t.Helper()
		if _, err := n.queue.Submit(t.Context(), Envelope{From: "user@local.example", Account: 2, Recipients: to}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	toBoth := "To: other@local.example, admin@local.example, dora@local.example\r\n"
	submit(toBoth+mailText("both"), "other@local.example", "admin@local.example", "dora@local.example", "bob@far.example")
	submit("Cairn-Record: of another one\r\n"+mailText("sent on"), "other@local.example")
	submit(strings.Repeat("Received: by here\r\n", maxReceived)+mailText("in circles"), "other@local.example")
	if n.courier.deliverUnrecorded(t.Context()); n.queued(t) != 4 {
		t.Fatalf("%d entries are left before their time", n.queued(t))
	}
	n.courier.sending.Unrecorded = 0
	why = ""
	if n.courier.deliverUnrecorded(t.Context()); n.queued(t) != 4 {
		t.Fatalf("%d entries are left that can be recorded", n.queued(t))
	}
	why = "the recorder waits"
	for range 2 {
		if again := n.courier.deliverUnrecorded(t.Context()); again > lookAgain {
			t.Errorf("looks again after %v", again)
		}
	}
	for addr, want := range map[string]int{"other@local.example": 1, "admin@local.example": 1} {
		got := inboxOf(t, n.store, addr, "inbox")
		if len(got) != want || !strings.HasSuffix(got[0], mailText("both")) {
			t.Errorf("%s has %q", addr, got)
		}
	}
	for _, a := range n.checker.seen() {
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
