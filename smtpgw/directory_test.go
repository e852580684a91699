package smtpgw

import (
	"errors"
	"strings"
	"testing"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
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

// While the organisation's domains may be others, no address is refused for good for its domain.
func TestNotServed(t *testing.T) {
	for why, want := range map[string]int{"": 550, "the chain is not here yet": 451} {
		d := newDirectory(Config{Domains: func() []string { return []string{"beta.test"} }, Unsure: func() string { return why }})
		m, err := address.Parse("ann@later.test", false)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{d.notServed(m), d.formerDomain("sender", m, "one of yours")} {
			if refusal, ok := errors.AsType[*refuse.Refusal](err); !ok || refusal.Code != want {
				t.Errorf("unsure %q: %v, want %d", why, err, want)
			}
		}
	}
}
