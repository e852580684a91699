package smtpgw

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func prepareTest(raw string) (string, error) {
	out, err := prepare([]byte(raw), []byte("Received: r\r\n"), "mx.local.example", "ref", moment)
	return string(out), err
}

func TestPrepare(t *testing.T) {
	const complete = "From: a@b\r\nDate: now\r\nMessage-ID: <x@y>\r\n"
	for _, tt := range []struct{ name, raw, want string }{
		{"complete", complete + "\r\nbody\r\n", complete + "\r\nbody\r\n"},
		{"nothing there", "From: a@b\r\n\r\nbody", "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <ref@mx.local.example>\r\nFrom: a@b\r\n\r\nbody"},
		{"no body", complete, complete},
		{"Bcc", complete + "Bcc: c@d,\r\n e@f\r\nbCC : g@h\r\nResent-Bcc: i@j\r\nX: y\r\n\r\nBcc: body\r\n", complete + "X: y\r\n\r\nBcc: body\r\n"},
		{"foreign record", "Cairn-Record: abc\r\n\tdef\r\n" + complete + "\r\n", complete + "\r\n"},
		{"our results", complete + "Authentication-Results: mx.local.example; x-cairn=pass\r\n\r\n", complete + "\r\n"},
		{"others' results", complete + "Authentication-Results: mx.far.example; dkim=pass\r\n\r\n", complete + "Authentication-Results: mx.far.example; dkim=pass\r\n\r\n"},
		{"odd lines stay", complete + "no colon here\r\n: no name\r\nX\tY: z\r\n\r\n", complete + "no colon here\r\n: no name\r\nX\tY: z\r\n\r\n"},
		{"folding stays", complete + "Subject: a\r\n\tb\r\n  \r\n c\r\n\r\n", complete + "Subject: a\r\n\tb\r\n  \r\n c\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := prepareTest(tt.raw)
			if err != nil || got != "Received: r\r\n"+tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestPrepareRefuses(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"no From", "Subject: x\r\n\r\nFrom: a@b\r\n", "no From field"},
		{"two From", "From: a@b\r\nfrom : c@d\r\n\r\n", "2 From fields"},
		{"no header", "\r\nFrom: a@b\r\n", "no From field"},
		{"empty", "", "no From field"},
		{"loop", "From: a@b\r\n" + strings.Repeat("Received: x\r\n", 100) + "\r\n", "circles"},
	} {
		var refusal *smtp.SMTPError
		if _, err := prepareTest(tt.raw); !errors.As(err, &refusal) || refusal.Code != 554 || !strings.Contains(refusal.Message, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// someToken is a field that has the form of a token; n tells it from others.
func someToken(n byte) string {
	t := record.Token{Version: record.TokenVersion, Seq: 1, Count: 1, Secret: record.Secret{n}}
	t.Record.Version = record.RecordVersion
	t.Record.Commitments = record.Commit(t.Secret, message.Components([]byte("From: a@b.example\r\n\r\n"), nil))
	return string(t.Header())
}

// TestPrepareKeepsEarlierRecords: a message that is sent on keeps the newest of
// the records that it came with, for ours to refer to.
func TestPrepareKeepsEarlierRecords(t *testing.T) {
	const rest = "From: a@b\r\nDate: now\r\nMessage-ID: <x@y>\r\n\r\nbody\r\n"
	var long []string
	for n := range byte(record.MaxHops + 2) {
		long = append(long, someToken(n))
	}
	folded := strings.ReplaceAll(someToken(1), "Cairn-Record: ", "cairn-RECORD :\r\n\t")
	for _, tt := range []struct{ name, raw, want string }{
		{"one", someToken(1) + rest, someToken(1) + rest},
		{"two among others", "X: y\r\n" + someToken(2) + "Received: z\r\n" + folded + rest, "X: y\r\n" + someToken(2) + "Received: z\r\n" + folded + rest},
		{"rubbish goes", "Cairn-Record: x\r\n" + someToken(1) + rest, someToken(1) + rest},
		{"cut short goes", someToken(1)[:200] + "\r\n" + rest, rest},
		{"the oldest go", strings.Join(long, "") + rest, strings.Join(long[:record.MaxHops], "") + rest},
	} {
		if got, err := prepareTest(tt.raw); err != nil || got != "Received: r\r\n"+tt.want {
			t.Errorf("%s: got %q (%v)", tt.name, got, err)
		}
	}
}

// FuzzPrepare: header surgery loses no byte of the body, and of the header
// only whole fields that have to go.
func FuzzPrepare(f *testing.F) {
	f.Add([]byte("From: a@b\r\nBcc: c@d\r\n e@f\r\n\r\nbody\r\n"))
	f.Add([]byte("From: a@b\r\nno colon\r\n\r\n\r\nBcc: x\r\n"))
	f.Add([]byte(someToken(1) + "From: a@b\r\n\r\n"))
	f.Add([]byte(" From: a@b\r\nFrom: c\r\n"))
	f.Add([]byte("From:\nCairn-Record: x\n\nbody\x00"))
	f.Add([]byte("FROM\t: x\r\nAuthentication-Results: (c) mx.local.example; a=b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		header, rest := splitHeader(raw)
		var joined []byte
		for x := range fieldsOf(header) {
			joined = append(joined, x.raw...)
		}
		if !bytes.Equal(append(joined, rest...), raw) {
			t.Fatal("fields and rest are not the message")
		}
		out, err := prepareTest(string(raw))
		if err != nil {
			return
		}
		if !strings.HasSuffix(out, string(rest)) {
			t.Fatalf("body %q is not at the end of %q", rest, out)
		}
		after, body := splitHeader([]byte(out))
		if !bytes.Equal(body, rest) {
			t.Fatalf("body became %q, was %q", body, rest)
		}
		for _, name := range []string{"from", "date", "message-id", "received"} {
			if count(after, name) == 0 {
				t.Errorf("no %s in %q", name, out)
			}
		}
		for _, name := range []string{"bcc", "resent-bcc"} {
			if count(after, name) > 0 {
				t.Errorf("%s is left in %q", name, out)
			}
		}
		if tokens, err := record.Tokens([]byte(out)); err != nil || len(tokens) != count(after, "cairn-record") {
			t.Errorf("what is left of the records is not %d tokens: %v", len(tokens), err)
		}
		again, err := prepare([]byte(out), nil, "mx.local.example", "ref", moment)
		if err != nil || string(again) != out {
			t.Errorf("prepared again %q (%v), was %q", again, err, out)
		}
	})
}

func TestReceivedField(t *testing.T) {
	key := consensus.Key{0xab}
	for _, tt := range []struct {
		peer  Peer
		rcpts []string
		want  string
	}{
		{Peer{Addr: "192.0.2.1:25", Helo: "c.example", Protocol: "ESMTP"}, nil,
			"Received: from c.example ([192.0.2.1])\r\n\tby mx (Cairn) with ESMTP id ref;\r\n\tFri, 02 Jan 2026 03:04:05 +0000\r\n"},
		{Peer{Addr: "[2001:db8::1%eth0]:25", Helo: "evil)\r\nBcc: x", Protocol: "SMTP"}, []string{"a b@x"},
			"Received: from evilBcc:x ([IPv6:2001:db8::1])\r\n\tby mx (Cairn) with SMTP id ref\r\n\tfor <\"a b\"@x>;\r\n\tFri, 02 Jan 2026 03:04:05 +0000\r\n"},
		{Peer{Addr: "12D3Koo", Node: &key, Protocol: "ESMTP"}, []string{"a@x", "b@x"},
			"Received: from unknown (libp2p node ab" + strings.Repeat("0", 62) + ")\r\n\tby mx (Cairn) with ESMTP id ref;\r\n\tFri, 02 Jan 2026 03:04:05 +0000\r\n"},
	} {
		if got := string(receivedField(tt.peer, "mx", "ref", tt.rcpts, moment)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestGroupRecipients(t *testing.T) {
	raw := []byte("To: Ann <ann@far.example>, bob@FAR.example\r\nCc: list: eve@far.example;,\r\n carl@near.example\r\n\r\n")
	show := func(gs []group) (out []string) {
		for _, g := range gs {
			out = append(out, g.domain+": "+strings.Join(g.recipients, " "))
		}
		return out
	}
	got := show(groupRecipients(raw, []string{"ann@far.example", "secret@far.example", "carl@near.example", "Bob@far.example", "ann@far.example", "hidden@far.example"}))
	want := []string{
		"far.example: secret@far.example", "far.example: hidden@far.example",
		"far.example: ann@far.example Bob@far.example", "near.example: carl@near.example",
	}
	if !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	if got := show(groupRecipients([]byte("To: \"broken\r\n\r\n"), []string{"a@x", "b@x"})); len(got) != 2 {
		t.Errorf("an unreadable To named %q", got)
	}
	var many []string
	list := "To: "
	for i := range 60 {
		many = append(many, strings.Repeat("x", i+1)+"@far.example")
		list += many[i] + ",\r\n "
	}
	sizes := []int{}
	for _, g := range groupRecipients([]byte(list+"z@z\r\n\r\n"), many) {
		sizes = append(sizes, len(g.recipients))
	}
	if !slices.Equal(sizes, []int{24, 24, 12}) {
		t.Errorf("sizes %v", sizes)
	}
}
