package smtpgw

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore/textroom"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
)

// TestTextBudget has peers send more at one time than the server will hold:
// who comes when there is no room is asked to come again, who was there first
// is served, and the room is given back.
func TestTextBudget(t *testing.T) {
	cfg := testConfig
	cfg.Limits.MessageBytes, cfg.Limits.TextBytes, cfg.Limits.RoomWait = 1<<20, 1<<20, time.Millisecond
	st := localStore(t)
	server := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	addr := gatewaytest.Serve(t, server)
	text := mailText("large") + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 9000) // 700 KB
	begin := func() *dialogue {
		d := greeted(t, addr)
		d.say("MAIL FROM:<a@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		return d
	}
	data := func(want string) {
		t.Helper()
		d := begin()
		d.say("DATA\r\n", "^354")
		d.say(text+".\r\n", want)
	}
	first := begin()
	first.say("DATA\r\n", "^354")
	if _, err := first.conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return server.text.Used() >= int64(len(text)) })

	data("^452 4.3.1 ")
	chunked := begin()
	chunked.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text), text), "^452 4.3.1 ")
	first.say(".\r\n", "^250 ")
	data("^250 ")
	waitFor(t, func() bool { return server.text.Used() == 0 })
}

// TestTextWaits: who comes when there is no room waits for it.
func TestTextWaits(t *testing.T) {
	cfg := testConfig
	cfg.Limits.MessageBytes, cfg.Limits.TextBytes, cfg.Limits.RoomWait = 1<<20, 1<<20, time.Minute
	st := localStore(t)
	server := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	addr := gatewaytest.Serve(t, server)
	if !server.text.Try(1 << 20) {
		t.Fatal("there is no room to begin with")
	}
	d := greeted(t, addr)
	d.say("MAIL FROM:<a@peer.example> SIZE=1000\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say("DATA\r\n", "^354")
	if _, err := d.conn.Write([]byte(mailText("waits") + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	d.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if all, _, err := d.reply(); !os.IsTimeout(err) {
		t.Fatalf("without room: %q, %v", all, err)
	}
	d.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	server.text.Give(1 << 20)
	d.expect("^250 ")
	waitFor(t, func() bool { return server.text.Used() == 0 })
}

// TestGrow: text is copied seldom, takes room for what it has, and no more of it on a mere claim
// than a part of what came.
func TestGrow(t *testing.T) {
	const most = 1 << 20
	for _, tt := range []struct {
		name     string
		size     int
		said     int64
		room     int64
		copies   int
		capacity int
		ok       bool
	}{
		{"a few lines", 1000, 0, most, 1, firstText, true},
		{"a few lines, as said", 1000, 1000, most, 1, 1000 + 1000/8 + 512, true},
		{"much less than said, which is little", 1000, 8000, most, 1, 8000 + 8000/8 + 512, true},
		{"as said", 1_000_000, 1_000_000, most, 5, 1_000_000 + firstText, true},
		{"nothing said", 1_000_000, 0, most, 7, most, true},
		{"more than said", 1_000_000, 1000, most, 8, most, true},
		{"much less than said", 20_000, 1_000_000, most, 2, 32 << 10, true},
		{"too little room to double", 40_000, 0, 50_000, 3, 32<<10 + 32 + firstText, true},
		{"too little room", 40_000, 0, 39_000, 3, 0, false},
	} {
		whole := textroom.New(tt.room)
		r := &room{of: whole, said: tt.said}
		var b []byte
		copies, ok := 0, true
		for len(b) < tt.size && ok {
			n := min(100, tt.size-len(b))
			before := cap(b)
			if b, ok = r.grow(b, n, most); ok {
				b = b[:len(b)+n]
			}
			if cap(b) != before {
				copies++
			}
		}
		if ok != tt.ok || copies > tt.copies || cap(b) != tt.capacity {
			t.Errorf("%s: %t, %d copies, place for %d", tt.name, ok, copies, cap(b))
		}
		if want := int64(cap(b)); ok && (r.taken != want || whole.Used() != want) {
			t.Errorf("%s: %d taken, %d used, want %d", tt.name, r.taken, whole.Used(), want)
		}
		if r.leave(); whole.Used() != 0 {
			t.Errorf("%s: %d are not given back", tt.name, whole.Used())
		}
	}
}

// A message that is refused holds no room while the rest of it comes in: the
// others that one busy peer sends at the same time would be refused with it.
func TestRefusedTextHoldsNothing(t *testing.T) {
	limits := Limits{}.withDefaults()
	whole := textroom.New(50_000)
	first, second := &room{of: whole.Part(50_000)}, &room{of: whole.Part(50_000)}
	line := []byte(strings.Repeat("x", 19_998) + "\r\n")
	a, b := text{limits: &limits, room: first}, text{limits: &limits, room: second}
	a.add(line)
	b.add(line)
	a.add(line) // too much
	if a.refusal == nil || b.refusal != nil || whole.Used() != 20_000 {
		t.Fatalf("refused: %v, %v; %d octets held", a.refusal, b.refusal, whole.Used())
	}
	b.add(line)
	if b.refusal != nil || string(b.b) != string(line)+string(line) {
		t.Errorf("the other one: %v, %q", b.refusal, b.b)
	}
}

// TestTextOfOnePeer: what one peer makes the server hold is no more than its
// part, and what strangers do leaves members theirs.
func TestTextOfOnePeer(t *testing.T) {
	cfg := membersConfig()
	cfg.Limits.MessageBytes, cfg.Limits.TextBytes, cfg.Limits.RoomWait = 200_000, 800_000, time.Millisecond
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	l := servePipes(t, s)
	text := mailText("held") + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 1500) // 150 KB
	send := func(ip string, node consensus.Key, last, want string) {
		t.Helper()
		l.bring(t, ip, node, text, last, want)
	}
	send("192.0.2.0", consensus.Key{2}, "", "^250") // and there is no end
	send("192.0.2.0", consensus.Key{3}, " LAST", "^452 4.3.1")
	for i := range byte(5) {
		send(fmt.Sprintf("192.0.2.%d", i+1), consensus.Key{4, i}, "", "^250")
	}
	send("192.0.2.0", consensus.Key{1}, " LAST", "^250")
}

// bring brings a text in one chunk, as a node at an address; last is " LAST" or empty.
func (p *pipes) bring(t *testing.T, ip string, node consensus.Key, text, last, want string) {
	t.Helper()
	conn := p.visit(netip.MustParseAddr(ip), &node)
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
	d.expect("^220")
	d.say("EHLO client.example\r\n", "^250")
	d.say("MAIL FROM:<a@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say(fmt.Sprintf("BDAT %d%s\r\n%s", len(text), last, text), want)
}

// TestTextOfOneNetwork: what the hosts of one network make the server hold is no more than half of
// it, however many they are.
func TestTextOfOneNetwork(t *testing.T) {
	cfg := membersConfig()
	cfg.Limits.MessageBytes, cfg.Limits.TextBytes, cfg.Limits.RoomWait = 200_000, 800_000, time.Millisecond
	st := localStore(t)
	s := NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), discard())
	l := servePipes(t, s)
	text := mailText("held") + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 1000) // 100 KB
	send := func(ip string, last, want string) {
		t.Helper()
		l.bring(t, ip, consensus.Key{2}, text, last, want)
	}
	for i := range 10 {
		send(fmt.Sprintf("2001:db8:0:%x::1", i), "", "^250")
	}
	if used := s.text.Used(); used > 400_000 || used < 200_000 {
		t.Errorf("they hold %d octets", used)
	}
	send("2001:db8:0:ff::1", " LAST", "^452 4.3.1")
	send("2001:db8:1::1", " LAST", "^250")
}

// TestHeldTextHasATime: a peer that sent much of a message at once does not
// earn the time to keep it here, byte by byte or chunk by chunk.
func TestHeldTextHasATime(t *testing.T) {
	cfg := testConfig
	cfg.Limits = Limits{Errors: 10_000, MessageTimeout: 100 * time.Millisecond, DataTimeout: 10 * time.Second, CommandTimeout: 10 * time.Second}
	addr := inbound(t, cfg, localStore(t), &deliverytest.Verifier{})
	text := mailText("kept") + strings.Repeat("x\r\n", 10_000)
	for _, tt := range []struct{ name, begin, drip string }{
		{"text", "DATA\r\n", "x"},
		{"chunk", fmt.Sprintf("BDAT %d\r\n", 1<<20), "x"},
		{"chunks", fmt.Sprintf("BDAT %d\r\n", len(text)), "BDAT 1\r\nx"},
		{"commands", fmt.Sprintf("BDAT %d\r\n", len(text)), "NOOP\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := greeted(t, addr)
			d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
			d.say("RCPT TO:<user@local.example>\r\n", "^250")
			if _, err := d.conn.Write([]byte(tt.begin + text)); err != nil {
				t.Fatal(err)
			}
			drip(d, tt.drip)
			for {
				all, last, err := d.reply()
				switch {
				case err != nil:
					t.Fatal(err)
				case strings.HasPrefix(last, "421 4.4.2 message text came too slowly"):
					return
				case strings.HasPrefix(last, "421"):
					t.Fatalf("reply %q", all)
				}
			}
		})
	}
}

// drip keeps sending until the other side has closed.
func drip(d *dialogue, b string) {
	stop := make(chan struct{})
	d.t.Cleanup(func() { close(stop) })
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := d.conn.Write([]byte(b)); err != nil {
					return
				}
			}
		}
	}()
}

// TestTimeEndsWithTheMessage: a session goes on however long ago its messages
// were.
func TestTimeEndsWithTheMessage(t *testing.T) {
	w := newWire(nil, Limits{}.withDefaults(), "", textroom.Unbounded())
	s := &session{wire: w}
	begin := time.Now()
	for _, over := range []func(){
		s.Reset,
		func() { // no recipients: the chunk is read and thrown away
			w.verb = "BDAT"
			w.Write([]byte("502 5.5.1 Missing RCPT TO command.\r\n"))
			if by := w.deadline(begin); by.Before(begin.Add(time.Minute)) {
				t.Errorf("the rest of a chunk has until %v", by)
			}
		},
	} {
		w.await(true)
		w.begun = begin.Add(-time.Hour)
		w.await(false)
		if by := w.deadline(begin); by.After(begin) {
			t.Errorf("a message has until %v", by)
		}
		w.await(true)
		over()
		w.await(false)
		if by := w.deadline(begin); by.Before(begin.Add(time.Minute)) {
			t.Errorf("a command has until %v", by)
		}
	}
}
