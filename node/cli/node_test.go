package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cairn/node/api"
)

// desk is a node that answers with what the test put there and notes what it was asked.
type desk struct {
	api.Backend // the methods a test does not use are nil, and would panic

	asked   any
	err     error
	found   api.SearchResult
	sent    api.Sent
	message api.Message
	judged  map[string]string // text in the message to verdict
	peers   api.PeerList
	text    string        // of a backup
	stalled chan struct{} // a backup ends when it is closed; nil: at once

	relabelled api.Relabelled
	queue      api.QueueList
	limits     api.LimitList
	status     api.Status
}

func (d *desk) Status(context.Context) (*api.Status, error) { return &d.status, d.err }

func (d *desk) ChainStatus(context.Context) (*api.ChainStatus, error) { return &d.status.Chain, d.err }

func (d *desk) Search(_ context.Context, r api.SearchRequest) (*api.SearchResult, error) {
	d.asked = r
	return &d.found, d.err
}

func (d *desk) Message(_ context.Context, ref string) (*api.Message, error) {
	d.asked = ref
	return &d.message, d.err
}

func (d *desk) Send(_ context.Context, r api.SendRequest) (*api.Sent, error) {
	d.asked = r
	sent := d.sent
	sent.Ref, sent.To = "alice/3", r.To
	return &sent, d.err
}

func (d *desk) Verify(_ context.Context, r api.VerifyRequest) (*api.Verification, error) {
	d.asked = r
	for text, verdict := range d.judged {
		if bytes.Contains(r.Raw, []byte(text)) {
			return &api.Verification{Verdict: verdict}, d.err
		}
	}
	return nil, d.err
}

func (d *desk) SetLabels(_ context.Context, r api.LabelRequest) (*api.MessageLabels, error) {
	d.asked = r
	return &api.MessageLabels{Ref: r.Ref, Labels: []string{"inbox"}}, d.err
}

func (d *desk) Relabel(_ context.Context, r api.RelabelRequest) (*api.Relabelled, error) {
	d.asked = r
	return &d.relabelled, d.err
}

func (d *desk) Accounts(context.Context) (*api.AccountList, error) {
	return &api.AccountList{Accounts: []api.Account{{Name: "alice", Addresses: []string{"alice@alpha.example"}}, {Name: "bob", Apps: []api.AppPassword{{Name: "phone"}}}}}, d.err
}

func (d *desk) Labels(context.Context, string) (*api.LabelList, error) {
	return &api.LabelList{Labels: []api.LabelCount{{Label: "inbox"}, {Label: "invoices"}, {Label: "verdict/verified"}}}, d.err
}

func (d *desk) HostedLists(context.Context) (*api.HostedLists, error) {
	return &api.HostedLists{Lists: []api.HostedList{{Address: "devs@alpha.example"}}}, d.err
}

func (d *desk) Orgs(context.Context, string) (*api.OrgList, error) {
	return &api.OrgList{Orgs: []api.Org{{Name: "Beta", Domains: []string{"beta.example"}}}}, d.err
}

func (d *desk) OrgNodes(context.Context) (*api.OrgNodeList, error) {
	return &api.OrgNodeList{Nodes: []api.OrgNodeState{{Node: "aa"}, {Node: "ab", Waiting: true}, {Node: "ac", End: "dropped"}}}, d.err
}

func (d *desk) Applications(context.Context) (*api.Applications, error) {
	return &api.Applications{Applications: []api.Application{{ID: "bb", Type: "enrol", Name: "Beta"}}}, d.err
}

func (d *desk) Peers(context.Context) (*api.PeerList, error) { return &d.peers, d.err }

func (d *desk) ListQueue(context.Context, api.QueueSelection) (*api.QueueList, error) {
	return &d.queue, d.err
}

// at serves d and gives the folder that commands take as --dir.
func at(t *testing.T, d *desk) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli") // t.TempDir is too long for a socket's name on some systems
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- api.Serve(ctx, l, d, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
		goleak.VerifyNone(t)
	})
	return dir
}

func cairn(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(stdin), out: &output{Writer: &out}, err: &errs}
	code = a.run(t.Context(), args)
	return code, out.String(), errs.String()
}

func TestVerifyExitsWithTheWorstVerdict(t *testing.T) {
	d := &desk{judged: map[string]string{}}
	dir := at(t, d)
	files := t.TempDir()
	for _, v := range []string{"verified", "vouched", "unrecorded", "pending", "changed", "missing", "replayed", "invalid"} {
		d.judged["Subject: a "+v] = v
		if err := os.WriteFile(filepath.Join(files, v), []byte("Subject: a "+v+" mail"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for verdicts, want := range map[string]int{
		"verified": 0, "vouched": 3, "unrecorded": 3, "changed": 4, "pending": 5, "missing": 8, "replayed": 8, "invalid": 8,
		"verified pending": 5, "pending unrecorded verified": 3, "invalid changed": 8, "changed unrecorded": 4,
	} {
		args := []string{"verify", "--dir", dir}
		for _, v := range strings.Fields(verdicts) {
			args = append(args, filepath.Join(files, v))
		}
		if code, out, errs := cairn(t, "", args...); code != want || errs != "" || strings.Count(out, "Verdict: ") != len(args)-3 {
			t.Errorf("%s: exit code %d, want %d\n%s%s", verdicts, code, want, out, errs)
		}
		code, out, _ := cairn(t, "", append(args, "--json")...)
		var doc verified
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != want || len(doc.Files) != len(args)-3 || doc.Version != 1 {
			t.Errorf("%s: exit code %d, %v in %s", verdicts, code, err, out)
		}
	}
}

func TestErrorsOfTheNodeKeepTheirExitCode(t *testing.T) {
	d := &desk{}
	dir := at(t, d)
	for code, want := range map[api.Code]int{
		api.CodeInternal: 1, api.CodeInvalid: 1, api.CodeNotFound: 1, api.CodeNoRecord: 3, api.CodeNotAllowed: 7, api.CodeTryLater: 75, api.CodeInterrupted: 130,
	} {
		d.err = api.Errorf(code, "next \x1b[1m", "what failed: \x1b[1mcause")
		got, out, errs := cairn(t, "", "search", "--dir", dir, "x")
		if got != want || out != "" || errs != "what failed: \\x1b[1mcause\n  try: next \\x1b[1m\n" {
			t.Errorf("%s: exit code %d, want %d; %q %q", code, got, want, out, errs)
		}
		got, out, _ = cairn(t, "", "search", "--dir", dir, "x", "--json")
		var f api.Failure
		if err := json.Unmarshal([]byte(out), &f); err != nil || got != want || f.Error.Code != code {
			t.Errorf("%s: exit code %d, %v in %s", code, got, err, out)
		}
	}
}

func TestShowIsSafeForTerminals(t *testing.T) {
	d := &desk{message: api.Message{
		Summary: api.Summary{Ref: "bob/1", Labels: []string{"inbox"}},
		Headers: []api.HeaderField{
			{Name: "Received", Value: "by somebody"},
			{Name: "From", Value: "eve@evil.example"},
			{Name: "Subject", Value: "hello\nVerdict: verified\x1b[2K"},
		},
		Text:        "first\r\nVerdict of mine \x1b]0;title\a\n",
		Attachments: []api.Attachment{{Name: "gpj\u202eexe", Type: "a\nb", Size: 7}},
		Verification: &api.Verification{
			Verdict: "changed", Org: "Alpha\n", Reasons: []string{"the text was\nchanged"},
			Block: &api.BlockRef{Height: 7, Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)},
			Parts: []api.Part{
				{Component: "from", Outcome: "same", Says: "from: same"},
				{Component: "text", Outcome: "changed", Says: "text: differs"},
			},
		},
	}}
	dir := at(t, d)
	code, out, errs := cairn(t, "", "show", "--dir", dir, "bob/1")
	if code != 0 || errs != "" || d.asked != "bob/1" {
		t.Fatalf("exit code %d, asked %v: %s", code, d.asked, errs)
	}
	for _, bad := range []string{"\x1b", "\a", "\u202e", "\r", "\nVerdict: verified", "Received"} {
		if strings.Contains(out, bad) {
			t.Errorf("%q is in %q", bad, out)
		}
	}
	for _, good := range []string{
		"Subject: hello Verdict: verified\\x1b[2K\n", "Verdict: changed, recorded by \"Alpha\" in block 7 of ", "  the text was changed\n",
		"  1 of 2 components same\n", "  changed text: differs\n", "Attachment 1: gpj\\u202eexe (a b, 7 bytes)\n", "\nfirst\nVerdict of mine \\x1b]0;title\\x07\n",
	} {
		if !strings.Contains(out, good) {
			t.Errorf("%q is not in\n%s", good, out)
		}
	}
	if _, out, _ := cairn(t, "", "show", "--dir", dir, "bob/1", "--headers"); !strings.Contains(out, "Received: by somebody\n") {
		t.Errorf("--headers does not show all:\n%s", out)
	}
}

// A document says the same whether or not a terminal would have obeyed it.
func TestJSONIsSafeForTerminals(t *testing.T) {
	const subject = "gpj\u202eexe \u009b31m \u007f \x1b[2K größer"
	d := &desk{message: api.Message{Summary: api.Summary{Ref: "bob/1", Subject: subject}}}
	_, out, _ := cairn(t, "", "show", "--json", "--dir", at(t, d), "bob/1")
	for _, bad := range []string{"\x1b", "\u009b", "\u007f", "\u202e"} {
		if strings.Contains(out, bad) {
			t.Errorf("%q is in %q", bad, out)
		}
	}
	var m api.Message
	if err := json.Unmarshal([]byte(out), &m); err != nil || m.Subject != subject {
		t.Errorf("%v, subject %q", err, m.Subject)
	}
	if !strings.Contains(out, "größer") {
		t.Errorf("letters are escaped: %q", out)
	}
}

// Nobody can fake a row of the list with a subject.
func TestSearchListsOneRowAMessage(t *testing.T) {
	d := &desk{found: api.SearchResult{Total: 5, Next: "1798000000.2.1", Messages: []api.Summary{
		{Ref: "bob/2", From: "a@alpha.example", Subject: "two\nbob/9\tx", Labels: []string{"inbox", "unread"}, Verdict: "pending"},
		{Ref: "bob/1", From: strings.Repeat("long", 20) + "@alpha.example", Subject: "one"},
	}}}
	code, out, errs := cairn(t, "", "search", "--dir", at(t, d), "--account", "bob", "--limit", "2", "--offset", "1", "--after", "1799000000.2.7", "from:a", "x")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if want := (api.SearchRequest{Account: "bob", Query: "from:a x", Limit: 2, Offset: 1, After: "1799000000.2.7"}); d.asked != want {
		t.Errorf("asked %+v", d.asked)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 4 || !strings.Contains(lines[1], "two bob/9 x") || !strings.Contains(lines[3], "2 of 5; for more: --after 1798000000.2.1") {
		t.Errorf("printed\n%s", out)
	}
}

// What waits is not called sent, and what waits for ever has an exit status of its own.
func TestSendSaysWhatWaits(t *testing.T) {
	for _, tt := range []struct {
		sent api.Sent
		code int
		out  string
	}{
		{api.Sent{}, 0, "sent to b@beta.example as alice/3\n"},
		{api.Sent{Waiting: "a node", Next: "cairn peers"}, 0, "queued for b@beta.example as alice/3\n  waits: a node\n  try: cairn peers --dir DIR\n"},
		{api.Sent{Waiting: "an old copy", Next: "run the other one", ForGood: true}, 75, "queued for b@beta.example as alice/3\n  waits: an old copy\n  it does not leave as things stand, and is returned\n  try: run the other one\n"},
	} {
		t.Run(tt.sent.Waiting, func(t *testing.T) {
			dir := at(t, &desk{sent: tt.sent})
			args := []string{"send", "--dir", dir, "--from", "al@alpha.example", "--to", "b@beta.example", "--body", "Hi"}
			if code, out, errs := cairn(t, "", args...); code != tt.code || errs != "" || strings.ReplaceAll(out, dir, "DIR") != tt.out {
				t.Errorf("exit code %d: %q %q, want %d: %q", code, out, errs, tt.code, tt.out)
			}
			code, out, _ := cairn(t, "", append(args, "--json")...)
			var got api.Sent
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != tt.code || got.Waiting != tt.sent.Waiting || strings.ReplaceAll(got.Next, " --dir "+dir, "") != tt.sent.Next || got.ForGood != tt.sent.ForGood {
				t.Errorf("exit code %d, JSON %s (%v)", code, out, err)
			}
		})
	}
}

// What a node that ended can do about that is a command that can be typed, in its status and when
// it starts.
func TestStatusSaysWhatToDoAboutAnEnd(t *testing.T) {
	dir := at(t, &desk{status: api.Status{Org: api.OrgSummary{Ended: "its key was replaced", EndedNext: "cairn org node rekey"}}})
	if code, out, errs := cairn(t, "", "status", "--dir", dir); code != 0 || !strings.Contains(out, "this node     its key was replaced; next: cairn org node rekey --dir "+dir+"\n") {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	var out bytes.Buffer
	a := &app{out: &output{Writer: &out}, dir: dir}
	a.printRunning(&api.Status{Org: api.OrgSummary{Ended: "its key was replaced", EndedNext: "cairn org node rekey"}})
	if !strings.Contains(out.String(), "its key was replaced; next: cairn org node rekey --dir "+dir+"\n") {
		t.Errorf("run says %s", out.String())
	}
}

// One that has another name now is named by both, and the block stands by the one of then.
func TestVerdictWithTheNameOfNow(t *testing.T) {
	v := api.Verification{Verdict: "verified", Org: "Alpha", OrgNow: "Alpha GmbH", Block: &api.BlockRef{Height: 115}}
	var b bytes.Buffer
	showVerification(&b, &v)
	if !strings.HasPrefix(b.String(), `Verdict: verified, recorded by "Alpha" (now "Alpha GmbH") in block 115 of `) {
		t.Errorf("shows %s", b.String())
	}
}

// Where a node does not mine, why stands beside what it is configured to, in all that tells it.
func TestStatusSaysWhyItDoesNotMine(t *testing.T) {
	for why, want := range map[string]string{"": "10%", "it was dropped": "10%, not now: it was dropped"} {
		t.Run(want, func(t *testing.T) {
			dir := at(t, &desk{status: api.Status{Chain: api.ChainStatus{Mining: "10%", MiningWaits: why}}})
			for _, command := range [][]string{{"status"}, {"chain", "status"}} {
				_, out, errs := cairn(t, "", append(command, "--dir", dir)...)
				if _, mining, _ := strings.Cut(out, "\nmining "); !strings.HasPrefix(strings.TrimLeft(mining, " "), want+"\n") {
					t.Errorf("%s: %s%s", command, out, errs)
				}
			}
		})
	}
}

// The commands in documents can be typed as they stand, those of what strangers say are left alone.
func TestCommandsInDocumentsAreComplete(t *testing.T) {
	dir := at(t, &desk{queue: api.QueueList{Total: 1, Entries: []api.QueueEntry{
		{ID: 1, Domain: "b.example", LastError: "451 see: cairn org trust evil.example", Next: "cairn org trust b.example"},
	}}})
	code, out, errs := cairn(t, "", "queue", "ls", "--dir", dir, "--json")
	var got api.QueueList
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Entries[0].Next != "cairn org trust b.example --dir "+dir ||
		got.Entries[0].LastError != "451 see: cairn org trust evil.example" {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	if _, out, _ = cairn(t, "", "queue", "ls", "--dir", dir); !strings.Contains(out, "\nfor b.example: cairn org trust b.example --dir "+dir+"\n") {
		t.Errorf("printed\n%s", out)
	}
}

func (d *desk) Limits(context.Context) (*api.LimitList, error) { return &d.limits, d.err }

// Who is kept out stands first, and below it how to let it in again.
func TestLimitsShown(t *testing.T) {
	dir := at(t, &desk{limits: api.LimitList{Total: 5, Limits: []api.Limited{
		{Prefix: "192.0.2.1/32", Kept: api.KeptBanned, Until: time.Now().Add(90*time.Second + 500*time.Millisecond), Times: 2, Next: "cairn limits forgive 192.0.2.1/32", Connections: 7},
		{Account: "alice", Large: 3, Strangers: 12},
	}}})
	want := "WHO            KEPT OUT  FOR    FAILURES  CONNECTIONS  MESSAGES  RECIPIENTS  LARGE  STRANGERS\n" +
		"192.0.2.1/32   banned    1 min  0         7            0         0           0      0\n" +
		"account alice  -         -      0         0            0         0           3      12\n" +
		"and 3 more\nto let the first one in again: cairn limits forgive 192.0.2.1/32 --dir " + dir + "\n"
	if code, out, errs := cairn(t, "", "limits", "ls", "--dir", dir); code != 0 || out != want {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
}

// What of the queue is damaged is shown below what is not.
func TestQueueShowsDamage(t *testing.T) {
	dir := at(t, &desk{queue: api.QueueList{Total: 2, Damaged: "entry 1 cannot be read", Entries: []api.QueueEntry{{ID: 2, Domain: "b.example"}}}})
	if code, out, _ := cairn(t, "", "queue", "ls", "--dir", dir); code != 0 || !strings.HasSuffix(out, "and 1 more\ndamaged, and among those that are not listed: entry 1 cannot be read\n") {
		t.Errorf("exit code %d, printed\n%s", code, out)
	}
}

// What is not dropped of several is told of.
func TestDropShowsWhatStays(t *testing.T) {
	var b bytes.Buffer
	showDropped(&b, &api.QueueChanged{Entries: 3, Reports: 2, UnderWay: 1, Damaged: "entry 1 cannot be read"}, false)
	want := "dropped: 3; the senders of 2 are told\nnot dropped: 1, which are tried now and may succeed; hold them, and try again\nnot dropped, since damaged: entry 1 cannot be read\n"
	if b.String() != want {
		t.Errorf("printed\n%s", b.String())
	}
}

func TestSendPassesOnWhatWasMeant(t *testing.T) {
	d := &desk{}
	dir := at(t, d)
	code, out, errs := cairn(t, "Hi\n", "send", "--dir", dir, "--from", "Al <al@Alpha.Example>", "--to", "b@beta.example, c@beta.example",
		"--cc", "d@beta.example, b@beta.example", "--bcc", "e@beta.example", "--subject", "s")
	if code != 0 || errs != "" || out != "sent to b@beta.example, c@beta.example, d@beta.example, e@beta.example as alice/3\n" {
		t.Fatalf("exit code %d: %q %q", code, out, errs)
	}
	r := d.asked.(api.SendRequest)
	if r.From != "al@alpha.example" || bytes.Contains(r.Raw, []byte("e@beta.example")) || !bytes.HasSuffix(r.Raw, []byte("Hi\r\n")) {
		t.Errorf("sent %s:\n%s", r.From, r.Raw)
	}
	whole := "From: al@alpha.example\nTo: B <b@beta.example>\nCc: c@beta.example\nBcc: d@beta.example, e@beta.example\n\ntext\n"
	if code, _, errs := cairn(t, whole, "send", "--dir", dir, "--raw", "-"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	r = d.asked.(api.SendRequest)
	slicesEqual(t, r.To, "d@beta.example", "e@beta.example", "b@beta.example", "c@beta.example")
	if r.From != "al@alpha.example" || string(r.Raw) != strings.ReplaceAll(whole, "\n", "\r\n") {
		t.Errorf("sent %s:\n%q", r.From, r.Raw)
	}
	if code, _, errs := cairn(t, whole, "send", "--dir", dir, "--raw", "-", "--from", "x@alpha.example", "--to", "y@beta.example"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	r = d.asked.(api.SendRequest)
	slicesEqual(t, r.To, "y@beta.example")
	if r.From != "x@alpha.example" {
		t.Errorf("sent from %s", r.From)
	}
}

func slicesEqual(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Several messages, or those of a query, get labels in one request.
func TestLabelsOfSeveral(t *testing.T) {
	d := &desk{relabelled: api.Relabelled{Messages: []api.MessageLabels{{Ref: "bob/1", Labels: []string{"x"}}, {Ref: "a b/2", Labels: []string{"x", "y"}}}}}
	dir := at(t, d)
	for _, tt := range []struct {
		args string
		want api.RelabelRequest
	}{
		{"add bob/1 a/b/2 x y", api.RelabelRequest{Refs: []string{"bob/1", "a/b/2"}, Add: []string{"x", "y"}}},
		{"rm bob/1 bob/2 old/x", api.RelabelRequest{Refs: []string{"bob/1", "bob/2"}, Remove: []string{"old/x"}}},
		{"add --query is:unread --account bob x", api.RelabelRequest{Query: "is:unread", Account: "bob", Add: []string{"x"}}},
		{"rm --query from:alice devs/12", api.RelabelRequest{Query: "from:alice", Remove: []string{"devs/12"}}}, // made by an older version
	} {
		code, out, errs := cairn(t, "", append([]string{"label", "--dir", dir}, strings.Fields(tt.args)...)...)
		if code != 0 || out != "bob/1: x\na b/2: x, y\n" || !reflect.DeepEqual(d.asked, tt.want) {
			t.Errorf("%s: %d %q %s\nasked %+v", tt.args, code, out, errs, d.asked)
		}
	}
	if _, out, _ := cairn(t, "", "label", "add", "--dir", dir, "--json", "bob/1", "bob/2", "x"); !strings.Contains(out, `"ref": "a b/2"`) {
		t.Errorf("as JSON: %s", out)
	}
	d.relabelled.Messages = nil
	if code, out, _ := cairn(t, "", "label", "add", "--dir", dir, "--query", "nothing", "x"); code != 0 || out != "no mail found\n" {
		t.Errorf("nothing found: %d %q", code, out)
	}
}

// The text of a mail is what --body says, what is in the file, or standard input.
func TestSendText(t *testing.T) {
	d := &desk{}
	dir, file := at(t, d), filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags []string
		want  string
	}{
		{nil, "of the input\r\n"},
		{[]string{"--body-file", "-"}, "of the input\r\n"},
		{[]string{"--body-file", file}, "of the file\r\n"},
		{[]string{"--body", "of the flag"}, "of the flag\r\n"},
		{[]string{"--body", file}, file + "\r\n"},
		{[]string{"--body", "two\nlines\n"}, "two\r\nlines\r\n"},
		{[]string{"--body", ""}, "\r\n"},
	} {
		args := append([]string{"send", "--dir", dir, "--from", "a@alpha.example", "--to", "b@beta.example"}, tt.flags...)
		if code, _, errs := cairn(t, "of the input\n", args...); code != 0 {
			t.Errorf("%q: exit code %d: %s", tt.flags, code, errs)
			continue
		}
		_, text, _ := strings.Cut(string(d.asked.(api.SendRequest).Raw), "\r\n\r\n")
		if text != tt.want {
			t.Errorf("%q: text %q, want %q", tt.flags, text, tt.want)
		}
	}
}

func TestLabelsAndPeers(t *testing.T) {
	d := &desk{peers: api.PeerList{Peers: []api.Peer{{ID: "12D3", Org: "Beta\x1b", Height: 9}, {ID: "12D4", Org: "Beta", Ended: true}}}}
	dir := at(t, d)
	if code, out, _ := cairn(t, "", "label", "add", "--dir", dir, "bob/1", "x", "y"); code != 0 || out != "bob/1: inbox\n" {
		t.Errorf("add: %d %q", code, out)
	}
	if want := (api.LabelRequest{Ref: "bob/1", Add: []string{"x", "y"}}); !reflect.DeepEqual(d.asked, want) {
		t.Errorf("asked %+v", d.asked)
	}
	cairn(t, "", "label", "rm", "--dir", dir, "bob/1", "x")
	if want := (api.LabelRequest{Ref: "bob/1", Remove: []string{"x"}}); !reflect.DeepEqual(d.asked, want) {
		t.Errorf("asked %+v", d.asked)
	}
	for _, args := range [][]string{{"peers"}, {"peers", "ls"}} {
		if code, out, _ := cairn(t, "", append(args, "--dir", dir)...); code != 0 || !strings.Contains(out, `12D3  "Beta\x1b"`) || !strings.Contains(out, `12D4  "Beta", ended`) {
			t.Errorf("%v: %d %q", args, code, out)
		}
	}
}

// An account's name may hold a slash; the number is what follows the last one.
func TestShowTakesEveryReferenceThatSearchLists(t *testing.T) {
	for _, ref := range []string{"alice/12", "sales/north/3", "a b/1"} {
		t.Run(ref, func(t *testing.T) {
			d := &desk{}
			if code, _, stderr := cairn(t, "", "show", "--dir", at(t, d), "--peek", ref); code != 0 || d.asked != ref {
				t.Errorf("exit code %d, %s", code, stderr)
			}
		})
	}
}

func TestJSONWithoutCommandIsOneDocument(t *testing.T) {
	code, stdout, _ := cairn(t, "", "--json")
	var failed api.Failure
	if err := json.Unmarshal([]byte(stdout), &failed); code != 2 || err != nil || failed.Error.Code != api.CodeUsage {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
	if code, stdout, _ := cairn(t, ""); code != 0 || !strings.Contains(stdout, "Usage:") {
		t.Errorf("without --json: exit code %d: %s", code, stdout)
	}
	if code, _, _ := cairn(t, "", "nonsense"); code != 2 {
		t.Errorf("unknown command: exit code %d", code)
	}
}
