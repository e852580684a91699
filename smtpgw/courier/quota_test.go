package courier

import (
	"strings"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/quota"
)

// TestFullMailboxOfOurs: mail of our own people for an account that is full waits until there is
// room, and that for others beside it does not.
func TestFullMailboxOfOurs(t *testing.T) {
	n := nearNode(t, nil)
	set := func(text string) {
		t.Helper()
		err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error { return quota.Set(tx, 3, text) })
		if err != nil {
			t.Fatal(err)
		}
	}
	set("1M")
	n.run(t)
	n.send(t, "user@local.example", mailText("large")+strings.Repeat("x\r\n", 400<<10), "other@local.example", "admin@local.example")
	waitFor(t, func() bool {
		list, err := n.queue.List(0, 10)
		return err == nil && len(list) == 1 && len(list[0].Recipients) == 1 && list[0].Recipients[0] == "other@local.example" &&
			strings.Contains(list[0].LastError, "452 4.2.2 mailbox <other@local.example> is full")
	})
	if len(inboxOf(t, n.store, "admin@local.example", "inbox")) != 1 || len(inboxOf(t, n.store, "other@local.example", "inbox")) != 0 {
		t.Error("it is not where it belongs")
	}
	set("1G")
	n.drained(t)
	if len(inboxOf(t, n.store, "other@local.example", "inbox")) != 1 {
		t.Error("it did not arrive")
	}
}
