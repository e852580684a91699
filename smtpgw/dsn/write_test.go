package dsn

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/reply"
)

// TestWrittenIsRead: what is written of recipients is read so by others, whatever their addresses
// and what a server says of them.
func TestWrittenIsRead(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, from := range []string{"jo@org.example", "jö@org.example"} {
		n := Notification{Hostname: "mx.org.example", Domain: "org.example", Name: "n1", Written: now, From: from, Ref: "r1", EnvID: "e\r\nAction: delivered", Accepted: now}
		told := []Told{
			{Address: "bob@far.example", Original: "rfc822;robert@far.example", Reply: reply.With(550, "5.1.1 nobody\r\nStatus: 2.0.0")},
			{Address: "ö@far.example", Action: "delivered", Reply: reply.With(250, "2.0.0 stored")},
		}
		raw := []byte("From: " + from + "\r\nSubject: hello\r\nMessage-ID: <1@org.example>\r\n\r\nHello.\r\n")
		text, err := n.Failed(raw, told)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"MIME-Version: 1.0", "Message-ID: <n1@mx.org.example>"} { // as filters of spam want them spelled
			if !strings.Contains(string(text), "\r\n"+field+"\r\n") {
				t.Errorf("%s is missing in\n%s", field, text)
			}
		}
		want := []Recipient{
			{Original: "robert@far.example", Final: "bob@far.example", Action: "failed", Status: "5.1.1", Diagnostic: "550 5.1.1 nobody  Status: 2.0.0"},
			{Final: "ö@far.example", Action: "delivered", Status: "2.0.0", Diagnostic: "250 2.0.0 stored"},
		}
		if r, err := Parse(text); err != nil || r.By != "mx.org.example" || !slices.Equal(r.Recipients, want) {
			t.Errorf("%s: read is %+v, %v", from, r, err)
		}
		text, err = n.Delayed(raw, told[:1], now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Parse(text); err != nil || len(r.Recipients) != 1 || r.Recipients[0].Action != "delayed" {
			t.Errorf("%s: read is %+v, %v", from, r, err)
		}
	}
}
