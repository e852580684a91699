package smtpgw

import (
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
)

// TestPlaceYields: who makes place before whom.
func TestPlaceYields(t *testing.T) {
	t0 := time.Unix(1000, 0)
	t1 := t0.Add(time.Second)
	order := []place{
		{long: true, network: 2, since: t0},
		{long: true, network: 2, since: t1},
		{long: true, network: 1, since: t0},
		{network: 9, since: t0},
		{network: 1, since: t0},
		{network: 1, since: t1},
		{member: true, long: true, network: 9, since: t0},
		{member: true, long: true, network: 1, since: t1},
	}
	for i, p := range order {
		for j, q := range order {
			if got := p.yields(q); got != (i < j) {
				t.Errorf("%+v yields to %+v: %t", p, q, got)
			}
		}
	}
}

// TestIdle: who is served, or whose text comes as it must, is not idle, whatever else is slow.
func TestIdle(t *testing.T) {
	t0 := time.Unix(1000, 0)
	limits := Limits{}.withDefaults()
	for _, tt := range []struct {
		name     string
		waits    waiting
		received int64
		after    time.Duration
		idle     bool
	}{
		{"it is our turn", notAtAll, 0, time.Hour, false},
		{"does not take its reply", toRead, 0, time.Second, true},
		{"says nothing", toSpeak, 0, time.Second, true},
		{"text has just begun", toSend, 0, 9 * time.Second, false},
		{"no text comes", toSend, 0, 11 * time.Second, true},
		{"text comes at the least rate", toSend, 60 * limits.BytesPerSecond, 59 * time.Second, false},
		{"text comes slower", toSend, 60 * limits.BytesPerSecond, 61 * time.Second, true},
	} {
		w := wire{limits: limits, begun: t0, received: tt.received}
		w.at.since = t0
		w.at.wait(tt.waits, w.slowFrom(), func() {})
		if _, idle := w.at.idle(t0.Add(tt.after)); idle != tt.idle {
			t.Errorf("%s: idle is %t", tt.name, idle)
		}
	}
}

// TestHeldTextMakesPlace: who has begun a message and does not go on is told so where its reply is
// waited for, and nothing of the message is taken. Who goes on keeps the place.
func TestHeldTextMakesPlace(t *testing.T) {
	cfg := testConfig
	cfg.Limits.Connections = 1
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	addr := gatewaytest.Serve(t, s)
	for _, begin := range []string{"DATA\r\n", "BDAT 100000 LAST\r\n"} {
		d := greeted(t, addr)
		d.say("MAIL FROM:<a@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		if _, err := d.conn.Write([]byte(begin + mailText("held"))); err != nil {
			t.Fatal(err)
		}
		w := onlyWire(t, s)
		waitFor(t, func() bool { // all that was sent has come in
			w.at.mu.Lock()
			defer w.at.mu.Unlock()
			return w.at.waits == toSend && s.text.Used() > 0
		})
		dial(t, addr).expect("^421 .* is too busy")
		w.at.mu.Lock()
		w.at.slow = time.Now().Add(-time.Second)
		w.at.mu.Unlock()
		next := dial(t, addr)
		next.expect("^220")
		for {
			all, last, err := d.reply()
			if err != nil {
				t.Fatalf("%q, %v", all, err)
			}
			if strings.HasPrefix(last, "421 4.3.2 too many connections, and this one") {
				break
			}
		}
		next.say("QUIT\r\n", "^221")
		next.closed()
		waitFor(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.wires) == 0 && s.text.Used() == 0 })
	}
	if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) != 0 || s.text.Used() != 0 {
		t.Errorf("stored %q, holding %d", got, s.text.Used())
	}
}

func onlyWire(t *testing.T, s *Server) *wire {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.wires {
		return w
	}
	t.Fatal("no connection is open")
	return nil
}
