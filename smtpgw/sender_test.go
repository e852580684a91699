package smtpgw

import (
	"strings"
	"testing"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/trace"
)

// An address stays an account's when its domain is the organisation's no more; whoever sends as it
// is told that, and not that nobody has the address.
func TestSenderAtAFormerDomain(t *testing.T) {
	st := storeWith(t, "admin=admin@local.example", "user=user@local.example,user@former.example", "both=both@former.example")
	queue := outbox.New(st)
	s := NewSubmitter(testConfig, st, queue)
	for _, tt := range []struct {
		from, author string
		says         []string
		never        string
	}{
		{"user@former.example", "user@former.example", []string{"sender <user@former.example>", "former.example is no domain of this organisation any more"}, "address of any account"},
		{"user@local.example", "user@former.example", []string{"From <user@former.example>", "former.example is no domain of this organisation any more", "use user@local.example"}, "user@former.example,"},
		{"nobody@former.example", "user@local.example", []string{"is not an address of any account here"}, "any more"},
		{"user@local.example", "admin@local.example", []string{"is not an address of this sender; use user@local.example,"}, "user@former.example"},
	} {
		raw := "From: " + tt.author + "\r\nSubject: x\r\n\r\ntext\r\n"
		_, err := s.Submit(t.Context(), trace.Peer{}, tt.from, []string{"anyone@far.example"}, []byte(raw))
		if err == nil {
			t.Errorf("%s, %s: taken", tt.from, tt.author)
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, without %q", tt.from, tt.author, err, want)
			}
		}
		if strings.Contains(err.Error(), tt.never) {
			t.Errorf("%s, %s: %v", tt.from, tt.author, err)
		}
	}
}
