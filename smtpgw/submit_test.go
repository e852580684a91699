package smtpgw

import (
	"errors"
	"slices"
	"testing"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/trace"
)

// What else a submission's transaction is to do happens with it, or neither does.
func TestSubmitWith(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	s := NewSubmitter(testConfig, st, q)
	failed := errors.New("no such luck")
	for _, want := range []error{failed, nil} {
		_, err := s.SubmitWith(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, "", []string{"user@local.example"}, []byte("Subject: both\r\nFrom: admin@local.example\r\n\r\nx\r\n"), func(tx *mailstore.Tx) error {
			return errors.Join(tx.Space("test").Put([]byte("noted"), nil), want)
		})
		if !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		noted := false
		err = st.View(func(r *mailstore.Reader) (err error) {
			noted, err = r.Space("test").Has([]byte("noted"))
			return err
		})
		if queued := must(q.Len())(t); err != nil || noted != (want == nil) || queued != 0 != noted {
			t.Errorf("with %v: noted %v, %d queued, %v", want, noted, queued, err)
		}
	}
}

// TestRecipientsInAnyCase: who is named twice, in whatever case, gets the mail once.
func TestRecipientsInAnyCase(t *testing.T) {
	st := localStore(t)
	addr, q := submission(t, testConfig, st)
	rcpts := []string{"ANN@far.example", "ann@Far.example", "USER@local.example", "user@local.example"}
	d := greeted(t, addr)
	d.say("MAIL FROM:<user@local.example>\r\n", "^250")
	for _, r := range rcpts {
		d.say("RCPT TO:<"+r+">\r\n", "^250")
	}
	d.say("DATA\r\n", "^354")
	d.say(mailText("once")+".\r\n", "^250")
	if _, err := NewSubmitter(testConfig, st, q).Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, "user@local.example", rcpts, []byte(mailText("once"))); err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, e := range must(q.List(0, 100))(t) {
		to = append(to, e.Recipients...)
	}
	slices.Sort(to)
	if want := []string{"ANN@far.example", "ANN@far.example", "USER@local.example", "USER@local.example"}; !slices.Equal(to, want) {
		t.Errorf("queued for %q", to)
	}
}

// TestSevenBitIsForOthers: what goes to nodes alone stays as it is.
func TestSevenBitIsForOthers(t *testing.T) {
	const raw = "From: user@local.example\r\nSubject: grüße\r\n\r\nschön\r\n"
	for _, tt := range []struct {
		to      []string
		encoded bool
	}{
		{[]string{"bob@node.example"}, false},
		{[]string{"user@local.example"}, false},
		{[]string{"bob@far.example"}, true},
		{[]string{"user@local.example", "bob@node.example", "bob@far.example"}, true},
	} {
		cfg := testConfig
		cfg.ToNode = func(domain string) bool { return domain == "node.example" }
		st := localStore(t)
		r, err := NewSubmitter(cfg, st, outbox.New(st)).Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, "user@local.example", tt.to, []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if rawheader.IsASCII(r.Raw) != tt.encoded {
			t.Errorf("to %s: %q", tt.to, r.Raw)
		}
		if m := message.Parse(r.Raw); m.Subject != "grüße" || m.Text != "schön" {
			t.Errorf("to %s: %q, %q", tt.to, m.Subject, m.Text)
		}
	}
}
