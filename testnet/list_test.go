package testnet_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/lists"
	"cairn/testnet"
)

// listAddress is a mailing list that Charlie's node hosts.
const listAddress = "devs@charlie.test"

// hostList sets the list up, with all three persons as members.
func hostList(t *testing.T, w *testnet.Network, ctx context.Context, address string, r api.HostedListRequest) {
	t.Helper()
	charlie := w.Members[2]
	owner := w.Address(2)
	r.Address, r.Owner = address, &owner
	if _, err := charlie.PutHostedList(ctx, r); err != nil {
		t.Fatal(err)
	}
	members := api.MembersRequest{Address: address, Members: []string{w.Address(0), w.Address(1), w.Address(2)}}
	if l, err := charlie.Join(ctx, members); err != nil || l.Total != 3 {
		t.Fatalf("%+v, %v", l, err)
	}
}

// TestHostedList sends mail of Alpha's to lists of Charlie's, which sends it on
// to Bravo: there it bears the records of both, linked.
func TestHostedList(t *testing.T) {
	t.Parallel()
	tag, footer := "devs", "devs mailing list\nhttps://charlie.test/devs"
	w, ctx := start(t, 3)
	bravo := w.Members[1]
	// What Bob's node says in the end of mail through each list.
	for _, tt := range []struct {
		name, address string
		list          api.HostedListRequest
		knows         bool // Bob has named the list
		verdict       record.Verdict
		says          string // among the reasons
		has           []string
	}{
		{
			"plain, not known", "plain@charlie.test", api.HostedListRequest{}, false,
			record.Differs, "sent on by charlie.test for plain@charlie.test, which you have not named as a list or forwarder of yours\nrecorded by \"Alpha\"", []string{"\r\nSubject: A question\r\n", "\r\n\r\nDoes it hold?\r\n"},
		},
		{
			"plain, known", "known@charlie.test", api.HostedListRequest{}, true,
			record.Vouched, "Sent on by charlie.test. Recorded by alpha.test for alice@alpha.test: unchanged",
			[]string{"\r\nSubject: A question\r\n"},
		},
		{
			"marked, known", listAddress, api.HostedListRequest{Tag: &tag, Footer: &footer}, true,
			record.Vouched, "Recorded by alpha.test for alice@alpha.test: line 1. Not alice@alpha.test's: [devs], last 3 lines: ",
			[]string{"\r\nSubject: [devs] A question\r\n", "_\r\ndevs mailing list\r\nhttps://charlie.test/devs\r\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hostList(t, w, ctx, tt.address, tt.list)
			if tt.knows {
				if _, err := bravo.AddForwarders(ctx, api.ForwarderRequest{Account: "bob", Addresses: []string{tt.address}}); err != nil {
					t.Fatal(err)
				}
			}
			raw := testnet.Compose(w.Address(0), tt.address, "A question", "Does it hold?\n")
			if err := testnet.SendOne(w.Members[0].SubmissionAddr(), w.Address(0), tt.address, raw); err != nil {
				t.Fatal(err)
			}
			byList := func(m *testnet.Mail) bool {
				id := strings.Replace(tt.address, "@", ".", 1)
				return bytes.Contains(m.Raw, []byte("\r\nList-Id: <"+id+">\r\n"))
			}
			mail, err := bravo.AwaitMail(ctx, "bob", testnet.Both(byList, testnet.Judged(tt.verdict)))
			if err != nil {
				t.Fatal(err)
			}
			checkCustody(t, w, mail, tt.address)
			t.Logf("labels %v: %q", mail.Labels, mail.Finding.Reasons)
			if !strings.Contains(strings.Join(mail.Finding.Reasons, "\n"), tt.says) {
				t.Errorf("the reasons %q do not say %q", mail.Finding.Reasons, tt.says)
			}
			for _, text := range tt.has {
				if !bytes.Contains(mail.Raw, []byte(text)) {
					t.Errorf("%q is not in\n%s", text, mail.Raw)
				}
			}
			if mail.From != w.Address(2) {
				t.Errorf("the envelope sender is %q, not the owner", mail.From)
			}
			// The author is a member too, and Charlie's own is served alike.
			for i, name := range []string{"alice", "bob", "carol"} {
				if _, err := w.Members[i].AwaitMail(ctx, name, byList); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestNotSpam: a copy of what was recorded for somebody else is spam, until such a mail was called
// no spam; which is less than to name a list.
func TestNotSpam(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 3)
	alpha, bravo := w.Members[0], w.Members[1]
	copied := func(subject string) *testnet.Mail {
		raw := testnet.Compose(w.Address(0), w.Address(2), subject, "Does it hold?\n")
		if err := testnet.SendOne(alpha.SubmissionAddr(), w.Address(0), w.Address(2), raw); err != nil {
			t.Fatal(err)
		}
		first, err := w.Members[2].AwaitMail(ctx, "carol", testnet.Subject(subject))
		if err != nil {
			t.Fatal(err)
		}
		if err := testnet.SendOne(bravo.InboundAddr(), w.Address(0), w.Address(1), first.AsSent()); err != nil {
			t.Fatal(err)
		}
		mail, err := bravo.AwaitMail(ctx, "bob", testnet.Subject(subject))
		if err != nil {
			t.Fatal(err)
		}
		return mail
	}
	mail := copied("A question")
	if !slices.Contains(mail.Labels, mailstore.LabelSpam) {
		t.Fatalf("a copy has the labels %q", mail.Labels)
	}
	ref := fmt.Sprintf("bob/%d", mail.ID)
	for _, r := range []api.LabelRequest{{Ref: ref, Remove: []string{"spam"}}, {Ref: ref, Add: []string{"spam"}}} {
		if _, err := bravo.SetLabels(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if mail = copied("Another"); !slices.Contains(mail.Labels, mailstore.LabelInbox) {
		t.Errorf("another has the labels %q", mail.Labels)
	}
}

// checkCustody holds that a mail bears two linked records: Charlie's, which is
// for whom it came to and holds, and below it the author's, which is for the
// list.
func checkCustody(t *testing.T, w *testnet.Network, mail *testnet.Mail, listed string) {
	t.Helper()
	tokens, err := record.Tokens(mail.Raw)
	if err != nil || len(tokens) != 2 {
		t.Fatalf("%d tokens, %v in\n%s", len(tokens), err, mail.Raw)
	}
	hops, err := record.Custody(tokens)
	if err != nil {
		t.Fatal(err)
	}
	list, author := hops[0].Token, hops[1].Token
	if list.Recorder != w.Members[2].Identity().RecorderKey() || author.Recorder != w.Members[0].Identity().RecorderKey() {
		t.Error("the records are of others than Charlie and Alpha")
	}
	if !list.HasRecipient(mail.Recipients[0]) || !author.HasRecipient(listed) || author.HasRecipient(mail.Recipients[0]) {
		t.Error("the records are for others than the member and the list")
	}
	// The finding may be about the original; the list's own record holds for all that came.
	sent := mail.Raw[bytes.Index(mail.Raw, list.Header()):]
	c := record.Compare(list, record.Arrived(sent, tokens, mail.Recipients), record.Context{})
	if !c.AllSame() {
		t.Errorf("what came is not what the list sent: %v", c.Differences())
	}
}

// TestHostedListHolds: what no record speaks for stays with the list until it is
// approved, and then is sent on.
func TestHostedListHolds(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 3)
	charlie := w.Members[2]
	hostList(t, w, ctx, listAddress, api.HostedListRequest{})
	raw := testnet.Compose(w.Address(0), listAddress, "Not recorded", "hello\n")
	if err := testnet.SendOne(charlie.InboundAddr(), w.Address(0), listAddress, raw); err != nil {
		t.Fatal(err)
	}
	held, err := charlie.AwaitMail(ctx, listAddress, func(m *testnet.Mail) bool { return slices.Contains(m.Labels, lists.LabelHeld) })
	if err != nil {
		t.Fatal(err)
	}
	ref := fmt.Sprintf("%s/%d", listAddress, held.ID)
	if _, err := charlie.SetLabels(ctx, api.LabelRequest{Ref: ref, Add: []string{lists.LabelApproved}}); err != nil {
		t.Fatal(err)
	}
	mail, err := w.Members[1].AwaitMail(ctx, "bob", testnet.Subject("Not recorded"))
	if err != nil {
		t.Fatal(err)
	}
	if tokens, err := record.Tokens(mail.Raw); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
	_, err = charlie.AwaitMail(ctx, listAddress, func(m *testnet.Mail) bool {
		return slices.Contains(m.Labels, lists.LabelPosted) && !slices.Contains(m.Labels, lists.LabelHeld)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestHostedListBounces: a member who is no more is told to the owner, never to
// the author, and does not come back to the list.
func TestHostedListBounces(t *testing.T) {
	t.Parallel()
	w, ctx := start(t, 3)
	hostList(t, w, ctx, listAddress, api.HostedListRequest{})
	gone := api.MembersRequest{Address: listAddress, Members: []string{"gone@bravo.test"}}
	if _, err := w.Members[2].Join(ctx, gone); err != nil {
		t.Fatal(err)
	}
	raw := testnet.Compose(w.Address(0), listAddress, "To all", "hello\n")
	if err := testnet.SendOne(w.Members[0].SubmissionAddr(), w.Address(0), listAddress, raw); err != nil {
		t.Fatal(err)
	}
	isReport := func(m *testnet.Mail) bool {
		return !m.Outgoing && bytes.Contains(m.Raw, []byte("gone@bravo.test")) && bytes.Contains(m.Raw, []byte("report-type=delivery-status"))
	}
	if _, err := w.Members[2].AwaitMail(ctx, "carol", isReport); err != nil {
		t.Fatal(err)
	}
	for _, box := range []struct {
		m    *testnet.Member
		name string
	}{{w.Members[0], "alice"}, {w.Members[2], listAddress}} {
		mails, err := box.m.Mailbox(box.name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(mails, func(m testnet.Mail) bool { return isReport(&m) }) {
			t.Errorf("%s got the report", box.name)
		}
	}
}
