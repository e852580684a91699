package draft

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
)

func prepareTest(raw string) (string, error) { return preparedBelow("Received: r\r\n", raw) }

func preparedBelow(received, raw string) (string, error) {
	d, err := Read([]byte(raw))
	if err != nil {
		return "", err
	}
	return string(d.Finish(Stamp{
		Received: []byte(received), Hostname: "mx.local.example", Ref: "ref", Now: gatewaytest.Moment, Limit: 1 << 20,
	})), nil
}

func TestPrepare(t *testing.T) {
	const complete = "From: a@b\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <x@y>\r\n"
	const now = "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n"
	const id = "Message-ID: <ref@mx.local.example>\r\n"
	long := strings.Repeat("x", 900)
	const same = ""
	for _, tt := range []struct{ name, raw, want string }{
		{"complete", complete + "\r\nbody\r\n", same},
		{"no body", complete, complete + "\r\n"},
		{"folds", complete + "Subject: a\r\n\tb\r\n  c\r\nX:\r\n y\r\n\r\n", same},
		{"no end of line", complete + "X: y", complete + "X: y\r\n\r\n"},
		{"no body, recorded before", gatewaytest.Token(1) + complete, same},
		{"comment behind the id", "From: a@b\r\nDate: 2 Jan 2006 15:04 GMT\r\nMessage-Id:\r\n <x@y> (added by z)\r\n\r\n", same},
		{"others' results", complete + "Authentication-Results: mx.far.example; dkim=pass\r\n\r\n", same},
		{"fields of programs", complete + "X-Spam-Flag: NO\r\nX-Statuses: x\r\nResent-From: c@d\r\nResent-From: e@f\r\n\r\n", same},

		{"nothing there", "From: a@b\r\n\r\nbody", now + id + "From: a@b\r\n\r\nbody"},
		{"empty date", "From: a@b\r\nDate:\r\nMessage-ID: <x@y>\r\n\r\n", "From: a@b\r\n" + now + "Message-ID: <x@y>\r\n\r\n"},
		{"date that is none", "Date: tomorrow\r\n noon\r\nFrom: a@b\r\nMessage-ID: <x@y>\r\n\r\n", now + "From: a@b\r\nMessage-ID: <x@y>\r\n\r\n"},
		{"empty id", complete[:len(complete)-7] + "\r\n\r\n", complete[:len(complete)-19] + id + "\r\n"},

		{"Bcc", complete + "Bcc: c@d,\r\n e@f\r\nbCC : g@h\r\nResent-Bcc: i@j\r\nX: y\r\n\r\nBcc: body\r\n", complete + "X: y\r\n\r\nBcc: body\r\n"},
		{"foreign record", "Cairn-Record: abc\r\n\tdef\r\n" + complete + "\r\n", complete + "\r\n"},
		{"wishes", complete + "Cairn-Components: -references,\r\n -language\r\n\r\n", complete + "\r\n"},
		{"our results", complete + "Authentication-Results: mx.local.example; x-cairn=pass\r\n\r\n", complete + "\r\n"},
		{"notes of mail programs", "Content-Length: 1\r\nLINES: 2\r\nstatus : RO\r\nX-Status: A\r\nX-UID: 7\r\nX-Keywords: $a\r\n b\r\nX-Mozilla-Status2: 0\r\n" + complete + "\r\n", complete + "\r\n"},

		{"mbox line", "From a@b Mon Jan  2 15:04:05 2006\r\n" + complete + "\r\n", complete + "\r\n"},
		{"quoted mbox line", ">From a@b Mon Jan  2 15:04:05 2006\r\n" + complete + "\r\n", complete + "\r\n"},
		{"byte order mark", "\xef\xbb\xbf" + complete + "\r\n", complete + "\r\n"},
		{"space before the colon", complete + "Subject \t: x\r\nX\t: y\r\n z\r\n\r\n", complete + "Subject: x\r\nX: y\r\n z\r\n\r\n"},
		{"blank folds", complete + "Subject: a\r\n\tb\r\n  \r\n c\r\n\t\r\n\r\nbody\r\n", complete + "Subject: a\r\n\tb\r\n c\r\n\r\nbody\r\n"},
		{"line that is no field", complete + "no colon here\r\nX: y\r\n\r\nbody\r\n", complete + "\r\nno colon here\r\nX: y\r\n\r\nbody\r\n"},
		{"mbox line further down", complete + "From a@b 15:04\r\n\r\nbody\r\n", complete + "\r\nFrom a@b 15:04\r\n\r\nbody\r\n"},
		{"no name", complete + ": y\r\n\r\n", complete + "\r\n: y\r\n\r\n"},
		{"8-bit in a name", complete + "X\xfc: y\r\n\r\n", complete + "\r\nX\xfc: y\r\n\r\n"},

		{"long field", complete + "Subject: " + long + " b " + long + "\tc\r\n\r\n", complete + "Subject: " + long + " b\r\n " + long + "\tc\r\n\r\n"},
		{"long fold", complete + "X: a\r\n " + long + "  " + long + "\r\n\r\n", complete + "X: a\r\n " + long + "\r\n  " + long + "\r\n\r\n"},
		{"long word", complete + "X:" + long + long + "\r\n\r\n", same},
		{"long word and white space", complete + "X:" + long + long + strings.Repeat(" ", 999) + "\r\n\r\n", same},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == same {
				tt.want = tt.raw
			}
			got, err := prepareTest(tt.raw)
			if err != nil || got != "Received: r\r\n"+tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestMessageIDs(t *testing.T) {
	for value, want := range map[string]bool{
		"<a@b>": true, "<a.b+c=d/e@[192.0.2.1]>": true, "<a@b@c>": true, " <a@b> (x) ": true, "<ü@b>": true,
		"": false, "a@b": false, "<a>": false, "<@b>": false, "<a@>": false, "<a @b>": false, "<a@b": false, "<a@b> <c@d>": false,
		"<a<@b>": false, "<a@b>x": false, "<a@b> (x": false, "<a@b> (<c@d>)": false, "<\xff@b>": false, "<" + strings.Repeat("a", 900) + "@b>": false,
	} {
		if isMessageID(value) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	type refusal struct{ name, raw, want string }
	tests := []refusal{
		{"no From", "Subject: x\r\n\r\nFrom: a@b\r\n", "no From field"},
		{"two From", "From: a@b\r\nfrom : c@d\r\n\r\n", "2 From fields"},
		{"no header", "\r\nFrom: a@b\r\n", "no From field"},
		{"first line is no field", "hello\r\nFrom: a@b\r\n", "no From field"},
		{"begins with a fold", " From: a@b\r\nX: y\r\n", "no From field"},
		{"empty", "", "no From field"},
		{"loop", "From: a@b\r\n" + strings.Repeat("Received: x\r\n", 100) + "\r\n", "circles"},
	}
	for _, name := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Date", "Subject", "Message-ID", "In-Reply-To", "References"} {
		from := "From: a@b\r\n"
		if name == "From" {
			from = ""
		}
		twice := from + name + ": x\r\n" + strings.ToUpper(name) + ": x\r\n\r\n"
		tests = append(tests, refusal{"two " + name, twice, "2 " + name + " fields; one is allowed"})
	}
	for _, tt := range tests {
		var refusal *refuse.Refusal
		if _, err := prepareTest(tt.raw); !errors.As(err, &refusal) || refusal.Code != 554 || !strings.Contains(refusal.Text, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestPrepareKeepsEarlierRecords: a message that is sent on keeps the newest of
// the records that it came with, for ours to refer to.
func TestPrepareKeepsEarlierRecords(t *testing.T) {
	const rest = "From: a@b\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <x@y>\r\n\r\nbody\r\n"
	var long []string
	for n := range byte(record.MaxHops + 2) {
		long = append(long, gatewaytest.Token(n))
	}
	folded := strings.ReplaceAll(gatewaytest.Token(1), "Cairn-Record: ", "cairn-RECORD:\r\n\t")
	for _, tt := range []struct{ name, raw, want string }{
		{"one", gatewaytest.Token(1) + rest, gatewaytest.Token(1) + rest},
		{"two among others", "X: y\r\n" + gatewaytest.Token(2) + "Received: z\r\n" + folded + rest, "X: y\r\n" + gatewaytest.Token(2) + "Received: z\r\n" + folded + rest},
		{"rubbish goes", "Cairn-Record: x\r\n" + gatewaytest.Token(1) + rest, gatewaytest.Token(1) + rest},
		{"cut short goes", gatewaytest.Token(1)[:200] + "\r\n" + rest, rest},
		{"the oldest go", strings.Join(long, "") + rest, strings.Join(long[:record.MaxHops], "") + rest},
	} {
		if got, err := prepareTest(tt.raw); err != nil || got != "Received: r\r\n"+tt.want {
			t.Errorf("%s: got %q (%v)", tt.name, got, err)
		}
	}
}

// FuzzPrepare: header surgery loses no byte of the body, and what comes out has
// a header that all programs take apart in the same way.
func FuzzPrepare(f *testing.F) {
	f.Add([]byte("From: a@b\r\nBcc: c@d\r\n e@f\r\n\r\nbody\r\n"))
	f.Add([]byte("From: a@b\r\nno colon\r\n\r\n\r\nBcc: x\r\n"))
	f.Add([]byte(gatewaytest.Token(1) + "From: a@b\r\n\r\n"))
	f.Add([]byte(" From: a@b\r\nFrom: c\r\n"))
	f.Add([]byte("From:\nCairn-Record: x\n\nbody\x00"))
	f.Add([]byte("FROM\t: x\r\n \r\nAuthentication-Results: (c) mx.local.example; a=b\r\n\r\n"))
	f.Add([]byte("From: a@b\nno\rfield: " + strings.Repeat("x", 1200) + "\r\n\r\nbody\x7f\n"))
	f.Add([]byte("From: a@b\r\nX: " + strings.Repeat("word ", 500) + "\r\n\r\n" + strings.Repeat("text ", 500)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		header, rest := rawheader.Split(raw)
		var joined []byte
		for x := range rawheader.Fields(header) {
			joined = append(joined, x.Raw...)
		}
		if !bytes.Equal(append(joined, rest...), raw) {
			t.Fatal("fields and rest are not the message")
		}
		out, err := prepareTest(string(raw))
		if err != nil {
			return
		}
		// What is no field in the header becomes text, whose long lines are coded with the rest.
		if !hasLongLine(raw) && !strings.HasSuffix(out, string(rest)) {
			t.Fatalf("body %q is not at the end of %q", rest, out)
		}
		after, _ := rawheader.Split([]byte(out))
		checkHeader(t, after)
		for _, name := range []string{"from", "date", "message-id", "received"} {
			if rawheader.Count(after, name) == 0 {
				t.Errorf("no %s in %q", name, out)
			}
		}
		for _, name := range []string{"bcc", "resent-bcc", "cairn-components", "status"} {
			if rawheader.Count(after, name) > 0 {
				t.Errorf("%s is left in %q", name, out)
			}
		}
		if tokens, err := record.Tokens([]byte(out)); err != nil || len(tokens) != rawheader.Count(after, "cairn-record") {
			t.Errorf("what is left of the records is not %d tokens: %v", len(tokens), err)
		}
		again, err := preparedBelow("", out)
		if err != nil || again != out {
			t.Errorf("prepared again %q (%v), was %q", again, err, out)
		}
	})
}

// checkHeader holds what is true of the header of every prepared message.
func checkHeader(t *testing.T, header []byte) {
	t.Helper()
	for f := range rawheader.Fields(header) {
		if f.Name == nil || f.Raw[len(f.Name)] != ':' {
			t.Errorf("no field, or white space before its colon: %q", f.Raw)
		}
		for i, line := range bytes.SplitAfter(f.Raw, []byte("\n")) {
			if i > 0 && len(line) > 0 && isBlankLine(line) {
				t.Errorf("a fold of white space alone in %q", f.Raw)
			}
			if foldAt(line) > 0 {
				t.Errorf("a line of %d octets in %q", len(line), f.Raw)
			}
		}
	}
}
