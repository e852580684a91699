package node

import (
	"slices"
	"strings"
	"testing"

	"cairn/smtpgw/limits"
)

// Of an account that is held its owner and the postmaster are told, once, with what helps.
func TestHeldAccountIsTold(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, nil)
	n := open(t, dir)
	n.mustAdd(t, "alice", "alice@alpha.test")
	for i := range limits.Default().AccountRate.Count + 3 {
		if taken, want := n.throttle.Account(limits.LargeMessage, "alice").Answer == limits.Proceed, i < limits.Default().AccountRate.Count; taken != want {
			t.Fatalf("message %d is taken: %t", i, taken)
		}
	}
	if len(n.heldAccounts) != 1 {
		t.Fatalf("%d are to be told of", len(n.heldAccounts))
	}
	if err := n.noticeHeld(t.Context(), <-n.heldAccounts); err != nil {
		t.Fatal(err)
	}
	entries, err := n.queue.List(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, e := range entries {
		raw, err := n.queue.Raw(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"\r\nSubject: The account alice is held\r\n", "cairn account passwd alice --dir ", "cairn limits forgive --account alice --dir "} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%q is not in\n%s", want, raw)
			}
		}
		to = append(to, e.Recipients...)
	}
	if slices.Sort(to); !slices.Equal(to, []string{"alice@alpha.test", "postmaster@alpha.test"}) {
		t.Errorf("told are %q", to)
	}
	list, err := n.Limits(t.Context())
	if err != nil || len(list.Limits) != 1 || list.Limits[0].Account != "alice" || list.Limits[0].Kept != "likely spammer" || list.Limits[0].Next != "cairn limits forgive --account alice" {
		t.Errorf("listed: %+v, %v", list, err)
	}
	for over, want := range map[limits.Event]string{
		limits.Message: "has sent messages faster than limits.account_messages allows", limits.LargeMessage: "has sent large messages faster than limits.account_rate allows",
		limits.Recipient: "has named recipients faster than limits.account_recipients allows",
		limits.Stranger:  "has written to new addresses faster than limits.account_strangers allows",
	} {
		if text := n.heldText(heldAccount{name: "alice", over: over}); !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if err := n.noticeHeld(t.Context(), heldAccount{name: "gone"}); err != nil {
		t.Errorf("an account that was removed: %v", err)
	}
}
