package smtpgw

import (
	"strings"
	"sync/atomic"
	"testing"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/trace"
)

// hushed is the configuration of a node that may be told to be silent.
func hushed() (cfg Config, silent *atomic.Bool) {
	cfg, silent = testConfig, new(atomic.Bool)
	cfg.Silent = func() string {
		if silent.Load() {
			return "it is not known which one stays"
		}
		return ""
	}
	return cfg, silent
}

// A node that may not speak for itself turns peers away before they say anything, and takes and
// refuses nothing in sessions that were open before.
func TestSilentTakesNothing(t *testing.T) {
	cfg, silent := hushed()
	st := localStore(t)
	addr := inbound(t, cfg, st, &deliverytest.Verifier{})
	const away = "^421 .*it is not known which one stays"
	begin, named, sending := greeted(t, addr), greeted(t, addr), greeted(t, addr)
	for _, c := range []*dialogue{named, sending} {
		c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	}
	sending.say("RCPT TO:<user@local.example>\r\n", "^250 ")
	sending.say("DATA\r\n", "^354 ")
	silent.Store(true)
	begin.say("MAIL FROM:<x@far.example>\r\n", away)
	named.say("RCPT TO:<nobody@local.example>\r\n", away)
	sending.say("Subject: late\r\n\r\nx\r\n.\r\n", away)
	for _, c := range []*dialogue{begin, named, sending} {
		c.closed()
	}
	dial(t, addr).expect(away)
	if n := len(inboxOf(t, st, "user@local.example", "inbox")); n != 0 {
		t.Errorf("%d mails were taken", n)
	}
	silent.Store(false)
	c := greeted(t, addr)
	c.say("MAIL FROM:<x@far.example>\r\n", "^250 ")
	c.say("RCPT TO:<nobody@local.example>\r\n", "^550 ")
}

// Mail of its own users it takes all the same; whom it does not know is not refused for good, nor
// who sends.
func TestSilentSubmission(t *testing.T) {
	cfg, silent := hushed()
	st := localStore(t)
	s := NewSubmitter(cfg, st, outbox.New(st))
	raw := []byte("From: <user@local.example>\r\nSubject: x\r\n\r\nx\r\n")
	submit := func(from, to string) string {
		_, err := s.Submit(t.Context(), trace.Peer{Addr: "local", Protocol: trace.ProtocolLocal}, from, []string{to}, raw)
		if err != nil {
			return err.Error()
		}
		return ""
	}
	for _, now := range []bool{false, true, false} {
		silent.Store(now)
		code := "550"
		if now {
			code = "451"
		}
		if got := submit("user@local.example", "nobody@local.example"); !strings.Contains(got, code) {
			t.Errorf("silent %v: a recipient that is not known: %q", now, got)
		}
		if got := submit("nobody@local.example", "far@far.example"); !strings.Contains(got, code) {
			t.Errorf("silent %v: a sender that is not known: %q", now, got)
		}
		for _, to := range []string{"far@far.example", "other@local.example"} {
			if got := submit("user@local.example", to); got != "" {
				t.Errorf("silent %v: mail to %s: %q", now, to, got)
			}
		}
	}
}

// What its courier cannot deliver to an account here waits.
func TestSilentDelivery(t *testing.T) {
	cfg, silent := hushed()
	silent.Store(true)
	d := NewDelivery(cfg, localStore(t), &deliverytest.Verifier{}, NewFiling(screen.Policy{}), arrival.Sources{})
	err := d.Deliver(t.Context(), &arrival.Arrival{Raw: []byte("Subject: x\r\n\r\nx\r\n"), Recipients: []string{"nobody@local.example"}, Peer: trace.Peer{Protocol: trace.ProtocolLocal}}, "r")
	if err == nil || !strings.Contains(err.Error(), "451") {
		t.Errorf("delivered with %v", err)
	}
}
