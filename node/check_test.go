package node

import (
	"testing"

	"cairn/mailstore"
)

// What is said of the mail agrees with what the index is said to have.
func TestMailOfRemovedAccountsIsSaidApart(t *testing.T) {
	found := mailstore.CheckResult{Messages: 2135, Accounts: 6, Blobs: 3000, Values: 9000}
	if got := seenMail(found); got != "2135 messages of 6 accounts, 3000 texts, 9000 values" {
		t.Error(got)
	}
	found.Doomed = 998
	if got := seenMail(found); got != "2135 messages of 6 accounts, 998 of removed accounts still to be swept, 3000 texts, 9000 values" {
		t.Error(got)
	}
}
