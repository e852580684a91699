package trace

import (
	"strings"
	"testing"

	"cairn/consensus"
	"cairn/smtpgw/gatewaytest"
)

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
		if got := string(Received(tt.peer, "mx", "ref", tt.rcpts, gatewaytest.Moment)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// TestWithTrace: what arrives is stored as it came, below our trace and without
// what would be taken for the word of our own filters and programs.
func TestWithTrace(t *testing.T) {
	const rest = "odd line\r\nX: y\r\n\r\nX-Spam-Flag: NO\r\n"
	for _, tt := range []struct{ name, raw, want string }{
		{"nothing", "Subject : a\r\n \r\n b\r\nX-Spammer: x\r\nStatuses: y\r\nX-MS-Exchange-Foo: z\r\n" + rest, ""},
		{"notes of mail programs", "Content-length: 1\r\nLines: 2\r\nStatus: RO\r\nx-status: A\r\nX-UID : 7\r\nX-KEYWORDS:\r\n a\r\nX-Mozilla-Keys: b\r\n" + rest, rest},
		{"findings of filters", "X-Spam-Flag: NO\r\nx-spam-status:\r\n\tNo\r\nX-MS-Exchange-Organization-SCL: -1\r\n" + rest, rest},
		{"our results", "Authentication-Results: mx.local.example; x-cairn=pass\r\nAuthentication-Results: mx.far.example; dkim=pass\r\n" + rest, "Authentication-Results: mx.far.example; dkim=pass\r\n" + rest},
	} {
		if tt.want == "" {
			tt.want = tt.raw
		}
		if got := string(Put([]byte(tt.raw), []byte("Trace: t\r\n"), "mx.local.example")); got != "Trace: t\r\n"+tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
