//go:build unix

package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/filter"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/trace"
)

// shell is a filter that is a real program.
type shell struct{ *filter.Command }

func newShell(script string) shell {
	return shell{filter.New([]string{"/bin/sh", "-c", script}, 20*time.Second, 1<<20, 2)}
}

func (s shell) Run(ctx context.Context, p Passing) ([]byte, error) {
	out, err := s.Command.Run(ctx, p.Raw, []string{
		"MODE=" + p.Mode.String(), "SENDER=" + p.From, "RECIPIENTS=" + strings.Join(p.Recipients, " "), "VERDICT=" + p.Verdict,
	})
	var refusal *filter.Refusal
	switch {
	case errors.Is(err, filter.ErrLater):
		return nil, &Rejection{Later: true}
	case errors.As(err, &refusal):
		return nil, &Rejection{Text: refusal.Text}
	}
	return out, err
}

// TestSubmissionFilter: what leaves, and is recorded, is what the filter makes of it, if that is a
// message that the submitter could have sent.
func TestSubmissionFilter(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		reply        string // empty: taken
		has, hasNot  []string
	}{
		{"as it is", "cat", "", []string{"\r\nHello.\r\n", "Received: from client.example"}, nil},
		{"disclaimer", "cat; printf -- '-- \\r\\nOurs.\\r\\n'", "", []string{"Hello.\r\n-- \r\nOurs.\r\n"}, nil},
		{"line feeds alone", "tr -d '\\r'; echo Ours.", "", []string{"\r\nHello.\r\nOurs.\r\n"}, []string{".\n."}},
		{"envelope", `echo "X-Env: $MODE $SENDER $RECIPIENTS $VERDICT."; cat`, "", []string{"X-Env: submission user@local.example a@far.example .\r\n"}, nil},
		{"without Date and id", "grep -iv -e '^Date:' -e '^Message-ID:'", "", []string{"Date: ", "@mx.local.example>"}, []string{"2006"}},
		{"with Bcc and a wish", "echo 'Bcc: secret@far.example'; echo 'Cairn-Components: -cc'; cat", "", []string{"Hello."}, []string{"secret", "Cairn-Comp"}},
		{"long line", `cat; head -c 2000 /dev/zero | tr '\0' x; echo`, "", []string{"quoted-printable", "=\r\n"}, nil},
		{"another's From", "sed 's/user@local/other@local/'", "^451 4.3.0 local problem", nil, nil},
		{"two From", "echo 'From: user@local.example'; cat", "^451 4.3.0", nil, nil},
		{"no From", "grep -v ^From:", "^451 4.3.0", nil, nil},
		{"nothing", "cat >/dev/null", "^451 4.3.0", nil, nil},
		{"garbage", "cat >/dev/null; head -c 5000 /dev/urandom", "^451 4.3.0", nil, nil},
		{"bare CR", "cat; printf 'a\\rb\\r\\n'", "^451 4.3.0", nil, nil},
		{"NUL", "cat; printf 'a\\000b\\r\\n'", "^451 4.3.0", nil, nil},
		{"huge line", "cat; head -c 300000 /dev/zero | tr '\\0' x; echo", "^451 4.3.0", nil, nil},
		{"huge header", "head -c 500000 /dev/zero | tr '\\0' x | fold -w 70 | sed 's/^/X-A: /'; cat", "^451 4.3.0", nil, nil},
		{"header that cannot arrive", "head -c 50000 /dev/zero | tr '\\0' x | fold -w 70 | sed 's/^/X-A: /'; echo; cat", "^451 4.3.0", nil, nil},
		{"endless", "yes", "^451 4.3.0", nil, nil},
		{"no program", "no-such-program", "^451 4.3.0", nil, nil},
		{"later", "exit 75", "^451 4.7.1 .*try again later", nil, nil},
		{"refused", "printf 'Secret \\303\\244\\007 stays.\\nmore' >&2; exit 77", `^550 5.7.1 Secret \?\? stays\.$`, nil, nil},
		{"refused without a word", "exit 77", "^550 5.7.1 this message is not taken here$", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig
			cfg.SubmissionFilter = newShell(tt.script)
			st := localStore(t)
			addr, q := submission(t, cfg, st)
			d := greeted(t, addr)
			d.say("MAIL FROM:<user@local.example>\r\n", "^250 ")
			d.say("RCPT TO:<a@far.example>\r\n", "^250 ")
			d.say("DATA\r\n", "^354 ")
			want := tt.reply
			if want == "" {
				want = "^250 "
			}
			d.say(mailText("filtered")+".\r\n", want)
			entries, sent := must(q.List(0, 9))(t), inboxOf(t, st, "user@local.example", mailstore.LabelSent)
			if tt.reply != "" {
				if len(entries)+len(sent) > 0 {
					t.Errorf("%d entries and %d copies of what was not taken", len(entries), len(sent))
				}
				d.say("RSET\r\n", "^250 ")
				return
			}
			if len(entries) != 1 || len(sent) != 1 {
				t.Fatalf("%d entries, %d copies", len(entries), len(sent))
			}
			raw := string(must(q.Raw(entries[0]))(t))
			if raw != sent[0] {
				t.Errorf("the copy is %q, what leaves %q", sent[0], raw)
			}
			for _, s := range tt.has {
				if !strings.Contains(raw, s) {
					t.Errorf("%q is not in %q", s, raw)
				}
			}
			for _, s := range tt.hasNot {
				if strings.Contains(raw, s) {
					t.Errorf("%q is in %q", s, raw)
				}
			}
		})
	}
}

// TestInboundFilter: an arrival is stored as it came, under what a filter may put on top.
func TestInboundFilter(t *testing.T) {
	for _, tt := range []struct {
		name, script, reply, top string
	}{
		{"as it is", "cat", "", "Return-Path: <a@far.example>\r\n"},
		{"marked", `echo "X-Spam-Status: No, $VERDICT $MODE $RECIPIENTS"; printf 'X-Virus-Scanned:\n yes\n'; cat`, "",
			"X-Spam-Status: No, pending inbound user@local.example\r\nX-Virus-Scanned:\r\n yes\r\nReturn-Path: <a@far.example>\r\n"},
		{"line feeds alone", "echo X-Virus-Scanned: yes; tr -d '\\r'", "", "X-Virus-Scanned: yes\r\nReturn-Path:"},
		{"other results", "echo 'Authentication-Results: other.example; spf=pass'; cat", "", "Authentication-Results: other.example; spf=pass\r\n"},
		{"our results", "echo 'Authentication-Results: mx.local.example; x-cairn=pass'; cat", "^451 4.3.0", ""},
		{"a Subject", "echo 'Subject: [SPAM]'; cat", "^451 4.3.0", ""},
		{"a field that counts", "echo 'X-Other: 1'; cat", "^451 4.3.0", ""},
		{"a note of a file", "echo 'Status: RO'; cat", "^451 4.3.0", ""},
		{"a record", "echo 'Cairn-Record: x'; cat", "^451 4.3.0", ""},
		{"no field", "echo hello; cat", "^451 4.3.0", ""},
		{"an empty line", "echo; cat", "^451 4.3.0", ""},
		{"half a field", "printf X-Virus-Scanned:; cat", "^451 4.3.0", ""},
		{"a folded start", "echo ' x'; cat", "^451 4.3.0", ""},
		{"too much", "for i in $(seq 2000); do echo X-Virus-A: xxxxxxx; done; cat", "^451 4.3.0", ""},
		{"changed", "sed s/Hello/Bye/", "^451 4.3.0", ""},
		{"cut", "head -c 100", "^451 4.3.0", ""},
		{"behind", "cat; echo Ours.", "^451 4.3.0", ""},
		{"nothing", "cat >/dev/null", "^451 4.3.0", ""},
		{"later", "exit 75", "^451 4.7.1", ""},
		{"refused", "echo No macros. >&2; exit 77", `^550 5.7.1 No macros\.$`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig
			cfg.InboundFilter = newShell(tt.script)
			st := localStore(t)
			d := greeted(t, inbound(t, cfg, st, &deliverytest.Verifier{}))
			d.say("MAIL FROM:<a@far.example>\r\n", "^250 ")
			d.say("RCPT TO:<user@local.example>\r\n", "^250 ")
			d.say("DATA\r\n", "^354 ")
			want := tt.reply
			if want == "" {
				want = "^250 "
			}
			text := mailText("arrives")
			d.say(text+".\r\n", want)
			stored := inboxOf(t, st, "user@local.example", mailstore.LabelUnread)
			if tt.reply != "" {
				if len(stored) > 0 {
					t.Errorf("%q was stored", stored)
				}
				return
			}
			if len(stored) != 1 || !strings.HasPrefix(stored[0], tt.top) || !strings.HasSuffix(stored[0], text) {
				t.Errorf("stored %q", stored)
			}
		})
	}
}

// TestFilterOfAPI: who submits without SMTP gets the same answers.
func TestFilterOfAPI(t *testing.T) {
	cfg := testConfig
	st := localStore(t)
	for script, want := range map[string]string{"exit 77": "550", "exit 75": "451", "exit 1": "exit status 1", "cat; printf 'From: x\\n'": ""} {
		cfg.SubmissionFilter = newShell(script)
		_, err := NewSubmitter(cfg, st, outbox.New(st)).Submit(t.Context(), trace.Peer{}, "user@local.example", []string{"a@far.example"}, []byte(mailText("api")))
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}

// FuzzMayAdd: what may stand on top is whole fields that no component covers.
func FuzzMayAdd(f *testing.F) {
	for _, s := range []string{"", "X-Spam-Flag: YES\r\n", "X-Virus-A: b\r\n c\r\n", "Subject: x\r\n", "\r\n", "a", " x\r\n"} {
		f.Add([]byte(s))
	}
	d := &Delivery{hostname: "mx.local.example"}
	f.Fuzz(func(t *testing.T, added []byte) {
		added = message.WireLines(added)
		if strings.Count(string(added), "\n") != strings.Count(string(added), "\r\n") {
			t.Fatalf("%q has a bare LF", added)
		}
		if d.mayAdd(added) != nil {
			return
		}
		stored := trace.Put([]byte(mailText("x")), []byte("Return-Path: <>\r\n"), d.hostname)
		before, _ := rawheader.Split(stored)
		after, rest := rawheader.Split(append(added, stored...))
		if string(rest) != "\r\nHello.\r\n" || len(after) != len(before)+len(added) || rawheader.Count(after, "subject") != 1 || rawheader.Count(after, "from") != 1 {
			t.Fatalf("%q on top makes the header %q", added, after)
		}
	})
}
