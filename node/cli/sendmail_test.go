package cli

import (
	"net"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"cairn/node/api"
)

// TestSendmailLetter: what programs hand over becomes a message with an envelope.
func TestSendmailLetter(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		s         sendmail
		args      []string
		from, to  string
		header    string
	}{
		{"cron", "From: root (Cron Daemon)\nTo: root\nSubject: x\n\nout\n", sendmail{name: "CronDaemon"}, []string{"root"},
			"root@a.example", "root@a.example", "From: root@a.example (Cron Daemon)\r\nTo: root@a.example\r\nSubject: x"},
		{"PHP", "To: b@b.example\nSubject: x\n\nhi\n", sendmail{fromFields: true, from: "www@a.example"}, nil,
			"www@a.example", "b@b.example", "From: <www@a.example>\r\nTo: b@b.example\r\nSubject: x"},
		{"a name", "Subject: x\n\nhi\n", sendmail{from: "www", name: `A "web" page`}, []string{"b@B.example", "alice"},
			"www@a.example", "alice@a.example b@b.example", `From: "A \"web\" page" <www@a.example>` + "\r\nSubject: x"},
		{"all fields", "From: Al <al@a.example>\nTo: b@b.example, \"C, D\" <c@b.example>\nCc: e\nBcc: f@b.example,\n g@b.example\n\n", sendmail{fromFields: true}, []string{"b@b.example"},
			"al@a.example", "b@b.example c@b.example e@a.example f@b.example g@b.example",
			"From: Al <al@a.example>\r\nTo: b@b.example, \"C, D\" <c@b.example>\r\nCc: e@a.example\r\nBcc: f@b.example,\r\n g@b.example"},
		{"null sender", "From: Al <al>\n\nx\n", sendmail{from: "<>"}, []string{"b"}, "", "b@a.example", "From: Al <al@a.example>"},
		{"no header", "the disk is full\n", sendmail{from: "mon"}, []string{"alice"}, "mon@a.example", "alice@a.example", "From: <mon@a.example>"},
		{"nothing", "", sendmail{from: "mon"}, []string{"alice"}, "mon@a.example", "alice@a.example", "From: <mon@a.example>"},
		{"text that looks like a field to nobody", "Error at 10:30\n", sendmail{from: "mon"}, []string{"alice"}, "mon@a.example", "alice@a.example", "From: <mon@a.example>"},
		{"header alone", "Subject: x\n", sendmail{from: "mon"}, []string{"alice"}, "mon@a.example", "alice@a.example", "From: <mon@a.example>\r\nSubject: x"},
	} {
		tt.s.domain = "a.example"
		r, err := tt.s.letter(t.TempDir(), crlf([]byte(tt.raw)), tt.args)
		header, _, _ := strings.Cut(string(r.Raw), "\r\n\r\n")
		if err != nil || r.From != tt.from || !slices.Equal(r.To, strings.Fields(tt.to)) || header != tt.header {
			t.Errorf("%s: from %q to %q: %v\n%q", tt.name, r.From, r.To, err, r.Raw)
		}
	}
	if _, err := (&sendmail{domain: "a.example"}).letter(t.TempDir(), []byte("From: a@a.example\r\nTo: b@b.example\r\n\r\n"), nil); err == nil || !strings.Contains(err.Error(), "no recipient") {
		t.Errorf("nobody to send to: %v", err)
	}
}

// TestSendmailRefused: a refusal has the code that the node's socket gives it, and a password is
// asked for by name of what has programs go without one.
func TestSendmailRefused(t *testing.T) {
	here, elsewhere := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 587}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 20), Port: 587}
	for _, tt := range []struct {
		reply textproto.Error
		at    net.Addr
		code  api.Code
		next  string
	}{
		{textproto.Error{Code: 550, Msg: "5.1.1 no mailbox <b@a.example> here"}, here, api.CodeInvalid, "correct the message"},
		{textproto.Error{Code: 552, Msg: "5.3.4 message exceeds the limit"}, here, api.CodeInvalid, "correct the message"},
		{textproto.Error{Code: 550, Msg: "5.7.1 sender <b@a.example> is not an address"}, here, api.CodeNotAllowed, "correct the message"},
		{textproto.Error{Code: 530, Msg: "5.7.0 sign in first"}, here, api.CodeNotAllowed, `submission.unauthenticated = "always"`},
		{textproto.Error{Code: 530, Msg: "5.7.0 sign in first"}, elsewhere, api.CodeNotAllowed, "--server 127.0.0.1:587"},
	} {
		err := api.AsError((&sendmail{server: "mail.a.example:587"}).refused(&tt.reply, tt.at))
		if err.Code != tt.code || !strings.Contains(err.Hint, tt.next) {
			t.Errorf("%v at %v: %+v", tt.reply, tt.at, err)
		}
	}
}

// TestSendmailModes: who asks for another of sendmail's trades hears where that is to be had.
func TestSendmailModes(t *testing.T) {
	for mode, hint := range map[string]string{"p": "cairn queue ls", "s": "cairn status", "i": "cairn sendmail --help", "v": "cairn sendmail --help"} {
		err := api.AsError((&sendmail{mode: mode}).notDone())
		if err.Code != api.CodeUsage || err.Hint != hint || !strings.Contains(err.Message, "-b"+mode) || strings.Contains(err.Message, "queue") != (mode == "p") {
			t.Errorf("-b%s: %+v", mode, err)
		}
	}
}

func TestUntilDot(t *testing.T) {
	for raw, want := range map[string]string{"a\n.\nb\n": "a\n", "a\n..\n.b\n. \n": "a\n..\n.b\n. \n", ".\n": "", "a\r\n.\r\nb": "a\r\n", "a\n.": "a\n", "": ""} {
		if got := string(untilDot([]byte(raw))); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

func FuzzSendmailHeader(f *testing.F) {
	f.Add("From: root (Cron Daemon)\r\nTo: root\r\n\r\nx")
	f.Fuzz(func(t *testing.T, raw string) {
		done := withDomains([]byte(raw), "a.example")
		if again := withDomains(done, "b.example"); string(again) != string(done) {
			t.Errorf("%q: %q, then %q", raw, done, again)
		}
	})
}
