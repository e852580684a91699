package testnet_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/testnet"
)

// TestOwnDomainForged: mail from outside in the name of a colleague has no
// record of the colleague's organisation and goes to spam, through a whole node;
// mail among colleagues and the reports of the own node do not.
func TestOwnDomainForged(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 2)
	bob, bravo := w.Address(1), w.Members[1]
	if _, err := bravo.AddAccount(ctx, api.AccountRequest{Name: "boss"}); err != nil {
		t.Fatal(err)
	}
	boss := "boss@" + bravo.Domain
	expect := func(subject string, verdict record.Verdict, box, result string) *testnet.Mail {
		t.Helper()
		mail, err := bravo.AwaitMail(ctx, "bob", testnet.Both(testnet.Subject(subject), testnet.Judged(verdict)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(mail.Labels, box) {
			t.Errorf("%s: labels %q, want %s", subject, mail.Labels, box)
		}
		if !bytes.Contains(mail.Raw, []byte("\r\n\tx-cairn="+result)) {
			t.Errorf("%s: %.300q does not say x-cairn=%s", subject, mail.Raw, result)
		}
		return mail
	}

	from := strings.NewReplacer("BOSS", "The Boss <"+boss+">")
	for subject, header := range map[string]string{
		"forged":        "BOSS",
		"forged second": "somebody@elsewhere.test, BOSS",
	} {
		raw := testnet.Compose(from.Replace(header), bob, subject, "Pay 900 to Eve.\n")
		if err := testnet.SendOne(bravo.InboundAddr(), "x@elsewhere.test", bob, raw); err != nil {
			t.Fatal(err)
		}
		expect(subject, record.Missing, mailstore.LabelSpam, "fail")
	}
	stranger := testnet.Compose("x@elsewhere.test", bob, "stranger", "Hello.\n")
	if err := testnet.SendOne(bravo.InboundAddr(), "x@elsewhere.test", bob, stranger); err != nil {
		t.Fatal(err)
	}
	expect("stranger", record.Unrecorded, mailstore.LabelInbox, "none")

	// Whom a mail is for, and be it a thousand, is not whom it is from. Our own users cannot send
	// one that would not arrive as it was recorded.
	many := bob + strings.Repeat(",\n Somebody Else <somebody.else@elsewhere.test>", 1500) + ",\n " + boss
	if err := testnet.SendOne(bravo.InboundAddr(), "x@elsewhere.test", bob, testnet.Compose("x@elsewhere.test", many, "to many", "Hello.\n")); err != nil {
		t.Fatal(err)
	}
	expect("to many", record.Unrecorded, mailstore.LabelInbox, "none")
	if err := testnet.SendOne(bravo.SubmissionAddr(), boss, bob, testnet.Compose(boss, many, "to many of ours", "Hello.\n")); err == nil || !strings.Contains(err.Error(), "use Bcc or a mailing list") {
		t.Errorf("to many of ours: %v", err)
	}

	if err := testnet.SendOne(bravo.SubmissionAddr(), boss, bob, testnet.Compose(boss, bob, "from the boss", "Pay 100 to Bob.\n")); err != nil {
		t.Fatal(err)
	}
	genuine := expect("from the boss", record.Verified, mailstore.LabelInbox, "neutral")

	// What a stranger has of it is a copy.
	if err := testnet.SendOne(bravo.InboundAddr(), "x@elsewhere.test", bob, genuine.AsSent()); err != nil {
		t.Fatal(err)
	}
	expect("from the boss", record.Replayed, mailstore.LabelSpam, "policy")

	// A report of the own node, which has no record.
	nobody := "nobody@" + w.Members[0].Domain
	if err := testnet.SendOne(bravo.SubmissionAddr(), bob, nobody, testnet.Compose(bob, nobody, "to nobody", "Hello.\n")); err != nil {
		t.Fatal(err)
	}
	report, err := bravo.AwaitMail(ctx, "bob", func(m *testnet.Mail) bool {
		return m.Finding != nil && bytes.Contains(m.Raw, []byte("multipart/report"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if v := report.Verdict(); v == record.Missing || !slices.Contains(report.Labels, mailstore.LabelInbox) {
		t.Errorf("the own node's report is %s with labels %q: %q", v, report.Labels, report.Finding.Reasons)
	}
}

// TestForgedReport: whoever reads mail that was sent on knows the address that stands for its
// sender, and has nobody's name recorded by writing to that.
func TestForgedReport(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 3)
	bravo := w.Members[1]
	if _, err := bravo.AddForward(ctx, api.ForwardRequest{Account: "bob", Address: w.Address(2)}); err != nil {
		t.Fatal(err)
	}
	raw := testnet.Compose(w.Address(0), w.Address(1), "A question", "Does it hold?\n")
	if err := testnet.SendOne(w.Members[0].SubmissionAddr(), w.Address(0), w.Address(1), raw); err != nil {
		t.Fatal(err)
	}
	mail, err := w.Members[2].AwaitMail(ctx, "carol", testnet.Subject("A question"))
	if err != nil {
		t.Fatal(err)
	}
	forged := testnet.Compose(w.Address(1), w.Address(0), "Forged", "Pay to the new account.\n")
	if err := testnet.SendOne(bravo.InboundAddr(), "", mail.From, forged); err == nil || !strings.Contains(err.Error(), "its verdict is missing") {
		t.Errorf("a forged report to %s: %v", mail.From, err)
	}
	stranger := testnet.Compose("MAILER-DAEMON@elsewhere.test", mail.From, "Undelivered", "It did not.\n")
	if err := testnet.SendOne(bravo.InboundAddr(), "", mail.From, stranger); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Members[0].AwaitMail(ctx, "alice", testnet.Both(testnet.Subject("Undelivered"), testnet.Judged(record.Vouched))); err != nil {
		t.Error(err)
	}
}
