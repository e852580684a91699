package smtpgw

import (
	"fmt"
	"strings"
	"testing"

	"cairn/mailstore/message/grammar"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/trace"
)

// mailOf is mail of a header of n octets as the submitter queues it, its own fields counted.
func mailOf(t *testing.T, n int) string {
	t.Helper()
	st := localStore(t)
	s := NewSubmitter(testConfig, st, outbox.New(st))
	mail := func(note int) string {
		const line = 78
		text := "From: user@local.example\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <a@b.example>\r\nX-Note: "
		text += strings.Repeat(strings.Repeat("x", line-3)+"\r\n ", note/line) + strings.Repeat("x", note%line)
		return text + "\r\n\r\ntext\r\n"
	}
	r, err := s.Submit(t.Context(), trace.Peer{Addr: "local", Helo: "cli", Protocol: trace.ProtocolLocal}, "user@local.example", []string{"ann@far.example"}, []byte(mail(0)))
	if err != nil {
		t.Fatal(err)
	}
	header, _ := rawheader.Split(r.Raw)
	return mail(n - len(header))
}

// What is recorded has to arrive as it was: a header that is too long with what hops put on top of
// it never does, so it does not leave.
func TestLongHeadersAreNotTaken(t *testing.T) {
	const most = 48 << 10
	if most+draft.OwnHeaderBytes > grammar.MaxHeader {
		t.Fatal("no room for what a hop puts on top")
	}
	st := localStore(t)
	s := NewSubmitter(testConfig, st, outbox.New(st))
	for _, tt := range []struct {
		size int
		want string // of the refusal; empty: taken
	}{
		{most - 1, ""},
		{most, ""},
		{most + 1, fmt.Sprintf("552 5.3.4 header exceeds the limit of %d octets with its %d; name fewer recipients in To and Cc: use Bcc or a mailing list", most, most+1)},
		{grammar.MaxHeader, fmt.Sprintf("552 5.3.4 header exceeds the limit of %d octets with its %d; ", most, grammar.MaxHeader)},
		{200 << 10, fmt.Sprintf("552 5.3.4 header exceeds the limit of %d octets with its %d; ", most, 200<<10)},
		{300 << 10, "552 5.3.4 header exceeds the limit of 262144 octets or 4096 lines"},
	} {
		raw := mailOf(t, tt.size)
		_, err := s.Submit(t.Context(), trace.Peer{Addr: "local", Helo: "cli", Protocol: trace.ProtocolLocal}, "user@local.example", []string{"ann@far.example"}, []byte(raw))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("a header of %d octets: %v, want %q", tt.size, err, tt.want)
		}
	}
	addr, _ := submission(t, testConfig, st)
	d := greeted(t, addr)
	d.say("MAIL FROM:<user@local.example>\r\n", "^250")
	d.say("RCPT TO:<ann@far.example>\r\n", "^250")
	d.say("DATA\r\n", "^354")
	d.say(mailOf(t, most+100)+".\r\n", "^552 5.3.4 header exceeds the limit of 49152 octets")
	in := greeted(t, inbound(t, testConfig, st, &deliverytest.Verifier{}))
	in.say("MAIL FROM:<x@far.example>\r\n", "^250")
	in.say("RCPT TO:<user@local.example>\r\n", "^250")
	in.say("DATA\r\n", "^354")
	in.say(mailOf(t, 200<<10)+".\r\n", "^250")
}
