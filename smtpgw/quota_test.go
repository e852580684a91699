package smtpgw

import (
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/quota"
	"cairn/smtpgw/deliverytest"
)

// TestFullMailbox: what a full account's mail is answered at RCPT, and that others, the postmaster
// and who complains are not kept out by it.
func TestFullMailbox(t *testing.T) {
	st := localStore(t)
	for _, name := range []string{"user", "admin"} {
		err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
			a, err := tx.AccountByName(name)
			if err == nil {
				err = quota.Set(tx, a.ID, "1M")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	addr := inbound(t, testConfig, st, &deliverytest.Verifier{})
	say := func(size, rcpt, want string) {
		t.Helper()
		d := greeted(t, addr)
		d.say("MAIL FROM:<x@far.example>"+size+"\r\n", "^250 ")
		d.say("RCPT TO:<"+rcpt+">\r\n", want)
	}
	say("", "user@local.example", "^250 ")
	say(" SIZE=1048577", "user@local.example", "^452 4.2.2 mailbox <user@local.example> is full")
	for _, rcpt := range []string{"user@local.example", "admin@local.example"} { // the second half does not fit
		for range 2 {
			d := greeted(t, addr)
			d.say("MAIL FROM:<x@far.example>\r\nRCPT TO:<"+rcpt+">\r\nDATA\r\n", "^250 ")
			d.expect("^250 ")
			d.expect("^354 ")
			d.say("From: x@far.example\r\nSubject: large\r\n\r\n"+strings.Repeat(strings.Repeat("x", 998)+"\r\n", 540)+".\r\n", "^250 ")
		}
	}
	say("", "user@local.example", "^452 4.2.2 ")
	say("", "alias@local.example", "^452 4.2.2 ")
	say("", "user+tag@local.example", "^452 4.2.2 ")
	say("", "other@local.example", "^250 ")
	say("", "admin@local.example", "^452 4.2.2 ")
	say("", "postmaster", "^250 ")
	say("", "abuse@local.example", "^250 ")
}

// TestFullMailboxBySibling: what another node of the organisation hands on is for all of its
// recipients or none, so one that is full is no reason to refuse it.
func TestFullMailboxBySibling(t *testing.T) {
	addr, st, _ := second(t, consensus.Key{1})
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error { return quota.Set(tx, 1, "1M") })
	if err != nil {
		t.Fatal(err)
	}
	d := greeted(t, addr)
	d.say("MAIL FROM:<x@far.example> SIZE=2097152\r\n", "^250 ")
	d.say("RCPT TO:<dora@local.example>\r\n", "^250 ")
}
