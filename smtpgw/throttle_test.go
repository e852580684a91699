package smtpgw

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/limits"
)

// throttled is an inbound server with such limits, its log, and what opens a session from an
// address.
type throttled struct {
	srv   *Server
	pipes *pipes
	log   gatewaytest.Lines
}

func throttle(t *testing.T, c limits.Config, l Limits) *throttled {
	th := &throttled{}
	cfg := membersConfig()
	cfg.Limits = l
	cfg.Throttle = NewThrottle(c, nil, th.log.Log())
	st := localStore(t)
	th.srv = NewInbound(cfg, st, testDelivery(cfg, st, &deliverytest.Verifier{}), th.log.Log())
	th.pipes = servePipes(t, th.srv)
	return th
}

// visit opens a connection of a node, a member if its key begins with 1, and wants a banner.
func (th *throttled) visit(t *testing.T, ip string, key byte, banner string) *dialogue {
	t.Helper()
	conn := th.pipes.visit(netip.MustParseAddr(ip), &consensus.Key{key})
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
	d.expect(banner)
	return d
}

// logged wants a line in the log.
func (th *throttled) logged(t *testing.T, want string) {
	t.Helper()
	if text := th.log.Text(); !regexp.MustCompile("(?m)" + want).MatchString(text) {
		t.Errorf("no line %s in the log of %d octets: %s", want, len(text), clip(text))
	}
}

const (
	banned  = "^421 4.7.0 .*takes nothing from you at present, after too many failures"
	tooFast = "^421 4.7.0 .*has had too many connections from you in a short time"
	put     = "^421 4.7.0 nothing is taken from you at present"
)

// A thousand connections from one /64 get as many sessions as it may open, and others go on.
func TestConnectionFlood(t *testing.T) {
	th := throttle(t, limits.Config{Connections: limits.Rate{Count: 50, Per: time.Hour}}, Limits{PerPeer: 500})
	for i := range 1000 {
		want := tooFast
		if i < 50 {
			want = "^220"
		}
		d := th.visit(t, fmt.Sprintf("2001:db8:1:2:%x::1", i), 2, want)
		if i >= 50 {
			d.closed()
		}
	}
	th.visit(t, "2001:db8:1:3::1", 2, "^220")
	th.visit(t, "2001:db8:1:2::1", 1, "^220") // a member
	th.logged(t, `level=WARN msg="smtp: too many connections in a short time" mode=inbound peer=2001:db8:1:2::/64 prefix=2001:db8:1:2::/64`)
	if list, total := th.srv.cfg.Throttle.List(10); total != 3 || list[0].Connections < 50 {
		t.Errorf("%d are listed: %+v", total, list)
	}
}

// A relay that is named as exempt may have many sessions at one time: half of all.
func TestExemptRelayHasManySessions(t *testing.T) {
	c := limits.Config{Exempt: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}
	th := throttle(t, c, Limits{Connections: 12, PerPeer: 1})
	for range 6 {
		th.visit(t, "192.0.2.1", 2, "^220")
	}
	const enough = "^421 4.7.0 .*has too many connections with you"
	th.visit(t, "192.0.2.1", 2, enough).closed()
	th.visit(t, "198.51.100.1", 2, "^220")
	th.visit(t, "198.51.100.1", 2, enough).closed()
}

// Who looks for mailboxes is put off in all its sessions and kept out, until it is forgiven.
func TestRecipientScan(t *testing.T) {
	th := throttle(t, limits.Config{Failures: limits.Rate{Count: 50, Per: time.Hour}, Delay: time.Millisecond, Ban: time.Hour}, Limits{})
	const from = "192.0.2.1"
	other := th.visit(t, from, 2, "^220")
	other.say("EHLO other.example\r\n", "^250")
	neighbour := th.visit(t, "192.0.2.2", 2, "^220")
	d := th.visit(t, from, 2, "^220")
	d.say("EHLO scan.example\r\nMAIL FROM:<s@peer.example>\r\n", "^250")
	d.expect("^250")
	for i := range 50 {
		d.say(fmt.Sprintf("RCPT TO:<name%d@local.example>\r\n", i), "^550 5.1.1")
	}
	d.say("RCPT TO:<name51@local.example>\r\n", "^550 5.1.1")
	d.expect(put)
	d.closed()
	other.say("MAIL FROM:<s@peer.example>\r\n", put)
	other.closed()
	th.visit(t, from, 2, banned).closed()
	th.logged(t, `level=WARN msg="smtp: who failed too often is banned for a time" prefix=192.0.2.1/32 lasts=1h0m0s`)
	th.logged(t, `level=INFO msg="smtp: turned away who is banned" mode=inbound peer=192.0.2.1 prefix=192.0.2.1/32`)
	neighbour.say("EHLO neighbour.example\r\n", "^250")
	if gone := th.srv.cfg.Throttle.Forgive(netip.MustParsePrefix(from + "/32")); len(gone) != 2 {
		t.Errorf("forgiven: %+v", gone)
	}
	th.visit(t, from, 2, "^220")
}

// A server that has brought mail of others is put off for what is not here, and goes on with what
// is.
func TestProviderWithSpammer(t *testing.T) {
	th := throttle(t, limits.Config{Failures: limits.Rate{Count: 10, Per: time.Hour}, Delay: time.Millisecond, Ban: time.Hour}, Limits{})
	d := th.visit(t, "192.0.2.1", 2, "^220")
	d.say("EHLO provider.example\r\n", "^250")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	for range 10 {
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
	}
	for i := range 20 {
		want := "^550 5.1.1"
		if i >= 10 {
			want = "^450 4.7.1 too many recipients from you that are not here; try again later"
		}
		d.say(fmt.Sprintf("RCPT TO:<name%d@local.example>\r\n", i), want)
	}
	d.say("RCPT TO:<other@local.example>\r\n", "^250")
	d.say("HUH\r\n", "^500")
	d = th.visit(t, "192.0.2.1", 2, "^220")
	d.say("EHLO provider.example\r\n", "^250")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
}

// Mail that comes too fast is put off, of strangers alone.
func TestMailRates(t *testing.T) {
	th := throttle(t, limits.Config{Messages: limits.Rate{Count: 3, Per: time.Hour}, Recipients: limits.Rate{Count: 2, Per: time.Hour}}, Limits{})
	for _, tt := range []struct {
		key          byte
		second, more string
	}{
		{2, "^452 4.7.1 too many recipients from you", "^450 4.7.1 too many messages from you"},
		{1, "^250", "^250"},
	} {
		d := th.visit(t, "192.0.2.1", tt.key, "^220")
		d.say("EHLO peer.example\r\n", "^250")
		for i := range 3 {
			d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
			d.say("RCPT TO:<user@local.example>\r\n", map[bool]string{true: "^250", false: tt.second}[i < 2])
			d.say("RSET\r\n", "^250")
		}
		d.say("MAIL FROM:<s@peer.example>\r\n", tt.more)
	}
}

// Large messages that come too fast over all connections of a stranger have it judged.
func TestLikelySpammer(t *testing.T) {
	th := throttle(t, limits.Config{Large: 1000, LargeRate: limits.Rate{Count: 4, Per: time.Hour}, Ban: time.Hour}, Limits{})
	const judged = "^450 4.7.1 too many large messages from you"
	send := func(d *dialogue, size int, text string) {
		t.Helper()
		d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("DATA\r\n", "^354")
		d.say(mailText("a")+strings.Repeat("x", size)+"\r\n.\r\n", text)
	}
	var ds []*dialogue
	for range 4 {
		d := th.visit(t, "192.0.2.1", 2, "^220")
		d.say("EHLO peer.example\r\n", "^250")
		ds = append(ds, d)
		send(d, 900, "^250")
		send(d, 1, "^250")
	}
	send(ds[0], 900, judged)
	ds[1].say("MAIL FROM:<s@peer.example>\r\n", judged)
	d := th.visit(t, "192.0.2.1", 2, "^220")
	d.say("EHLO peer.example\r\n", "^250")
	d.say("MAIL FROM:<s@peer.example>\r\n", judged)
	for ip, key := range map[string]byte{"192.0.2.2": 2, "192.0.2.1": 1} {
		d := th.visit(t, ip, key, "^220")
		d.say("EHLO peer.example\r\n", "^250")
		for range 4 + int(2-key) {
			send(d, 900, "^250")
		}
	}
	th.logged(t, `level=WARN msg="smtp: a likely spammer, whose large messages come too fast, is put off" prefix=192.0.2.1/32 lasts=1h0m0s`)
	th.logged(t, `level=INFO msg="mail refused" .*stage=message .*code=450 status=4.7.1`)
}

// An account that sends too fast is held, and whoever is to know is told once.
func TestHeldAccount(t *testing.T) {
	var told []string
	th := NewThrottle(limits.Config{Large: 1000, AccountRate: limits.Rate{Count: 2, Per: time.Hour}, Ban: time.Hour},
		func(account string, _ limits.Event, lasts time.Duration) {
			told = append(told, fmt.Sprint(account, " ", lasts))
		}, discard())
	for i := range 4 {
		if got := th.Account(limits.LargeMessage, "ann").Answer == limits.Proceed; got != (i < 2) || th.Held("ann") != (i >= 2) {
			t.Errorf("message %d: %t, held %t", i, got, th.Held("ann"))
		}
	}
	if len(told) != 1 || told[0] != "ann 1h0m0s" {
		t.Errorf("told: %q", told)
	}
	if gone := th.ForgiveAccount("ann"); len(gone) != 1 || th.Held("ann") || th.Account(limits.LargeMessage, "ann").Answer != limits.Proceed {
		t.Errorf("forgiven: %+v", gone)
	}
	if (*Throttle)(nil).Held("ann") || (*Throttle)(nil).Account(limits.LargeMessage, "ann").Answer != limits.Proceed {
		t.Error("no limits")
	}
}

// Who has signed in is held to what its account may, over all its sessions.
func TestSignedInIsHeld(t *testing.T) {
	told := make(chan string, 10)
	one := limits.Rate{Count: 1, Per: time.Hour}
	c := limits.Config{Large: 1000, AccountRate: limits.Rate{Count: 2, Per: time.Hour}, LargeRate: one, Messages: one, Recipients: one, Ban: time.Hour}
	s := signIn(t, func(cfg *Config) {
		cfg.Throttle = NewThrottle(c, func(account string, _ limits.Event, _ time.Duration) { told <- account }, discard())
	})
	const held = "^450 4.7.1 this account has sent too many large messages"
	session := func() *dialogue {
		d := s.over(t)
		d.say(plainOfUser, "^235 ")
		return d
	}
	send := func(d *dialogue, want string) {
		t.Helper()
		d.say("MAIL FROM:<user@local.example>\r\n", "^250")
		d.say("RCPT TO:<other@local.example>\r\n", "^250")
		d.say("DATA\r\n", "^354")
		d.say("From: user@local.example\r\nSubject: s\r\n\r\n"+strings.Repeat("x", 2000)+"\r\n.\r\n", want)
	}
	a, b := session(), session()
	send(a, "^250")
	send(b, "^250")
	send(a, held)
	b.say("MAIL FROM:<user@local.example>\r\n", held)
	if len(told) != 1 || <-told != "user" {
		t.Error("nobody was told, or too often")
	}
}

// Small mail of an account that has signed in is bounded too: messages, recipients, and those
// outside whom it has never written to. Programs of this machine that have not signed in are not.
func TestSmallMailIsHeld(t *testing.T) {
	rate := func(n int64) limits.Rate { return limits.Rate{Count: n, Per: time.Hour} }
	for _, tt := range []struct {
		name   string
		limits limits.Config
		first  string // the recipient before those that are held
		want   string
	}{
		{"messages", limits.Config{AccountMessages: rate(3)}, "new%d@far.example", "^450 4.7.1 this account has sent too many messages in a short time and is held"},
		{"recipients", limits.Config{AccountRecipients: rate(3)}, "known@far.example", "^450 4.7.1 this account has named too many recipients in a short time and is held"},
		{"new addresses", limits.Config{AccountStrangers: rate(3)}, "new%d@far.example", "^450 4.7.1 this account has written to too many new addresses in a short time and is held"},
		{"known addresses", limits.Config{AccountStrangers: rate(3)}, "Known@FAR.example", "^250 "},
		{"own addresses", limits.Config{AccountStrangers: rate(3)}, "other@local.example", "^250 "},
		{"nothing", limits.Config{}, "new%d@far.example", "^250 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told := make(chan limits.Event, 10)
			s := signIn(t, func(cfg *Config) {
				cfg.Throttle = NewThrottle(tt.limits, func(_ string, over limits.Event, _ time.Duration) { told <- over }, discard())
				cfg.Unauthenticated = func() bool { return true }
			})
			knows(t, s.store, "user", "known@far.example")
			post := func(d *dialogue, i int) string {
				for _, said := range []string{"MAIL FROM:<user@local.example>", "RCPT TO:<" + strings.ReplaceAll(tt.first, "%d", fmt.Sprint(i)) + ">", "RSET"} {
					if reply := d.say(said+"\r\n", "^(250|450) "); reply[0] == '4' {
						return reply
					}
				}
				return "250 "
			}
			d := s.over(t)
			d.say(plainOfUser, "^235 ")
			for i := range 3 {
				if reply := post(d, i); !strings.HasPrefix(reply, "250 ") {
					t.Errorf("message %d: %q", i, reply)
				}
			}
			if reply := post(d, 3); !regexp.MustCompile(tt.want).MatchString(reply) {
				t.Errorf("one more: %q", reply)
			}
			if held := tt.want != "^250 "; len(told) == 1 != held || s.server.cfg.Throttle.Held("user") != held {
				t.Errorf("held: %t, told of %d", s.server.cfg.Throttle.Held("user"), len(told))
			}
			program := greeted(t, s.plain)
			for i := range 10 {
				if reply := post(program, i); !strings.HasPrefix(reply, "250 ") {
					t.Errorf("who has not signed in: %q", reply)
				}
			}
		})
	}
}

// knows has the history know that an account has written to an address.
func knows(t *testing.T, st *mailstore.Store, account, address string) {
	t.Helper()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(account)
		if err != nil {
			return err
		}
		return putNew(tx.Space(historySpace), historyKey(a.ID, historyWrote, address))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is on its way as an account begins to be held is not taken.
func TestHeldWithinMessage(t *testing.T) {
	s := signIn(t, func(cfg *Config) {
		cfg.Throttle = NewThrottle(limits.Config{AccountRecipients: limits.Rate{Count: 1, Per: time.Hour}}, nil, discard())
	})
	d := s.over(t)
	d.say(plainOfUser, "^235 ")
	d.say("MAIL FROM:<user@local.example>\r\n", "^250 ")
	d.say("RCPT TO:<a@far.example>\r\n", "^250 ")
	d.say("RCPT TO:<b@far.example>\r\n", "^450 4.7.1 ")
	d.say("DATA\r\n", "^354 ")
	d.say(mailText("hello")+".\r\n", "^450 4.7.1 this account has sent too much in a short time and is held for now")
	s.server.cfg.Throttle.ForgiveAccount("user")
	d.say("MAIL FROM:<user@local.example>\r\n", "^250 ")
	d.say("RCPT TO:<a@far.example>\r\n", "^250 ")
	d.say("DATA\r\n", "^354 ")
	d.say(mailText("hello")+".\r\n", "^250 ")
}

// A delay ends when the place is needed, and when the server stops.
func TestPauseEnds(t *testing.T) {
	slow := limits.Config{Failures: limits.Rate{Count: 6, Per: time.Hour}, Delay: time.Hour}
	failing := func(th *throttled) *dialogue {
		d := th.visit(t, "192.0.2.1", 2, "^220")
		for range 3 {
			d.say("HUH\r\n", "^500")
		}
		if _, err := io.WriteString(d.conn, "HUH\r\n"); err != nil {
			t.Fatal(err)
		}
		return d
	}
	paused := func(th *throttled) {
		for {
			th.srv.mu.Lock()
			for w := range th.srv.wires {
				w.at.mu.Lock()
				if w.at.woken != nil {
					w.at.mu.Unlock()
					th.srv.mu.Unlock()
					return
				}
				w.at.mu.Unlock()
			}
			th.srv.mu.Unlock()
		}
	}
	t.Run("place", func(t *testing.T) {
		th := throttle(t, slow, Limits{Connections: 4, PerPeer: 1})
		d := failing(th)
		paused(th)
		for w := range th.srv.wires {
			w.at.useful(time.Now().Add(-lingers))
		}
		th.visit(t, "192.0.2.1", 2, "^220")
		d.expect("^500")
	})
	t.Run("stop", func(t *testing.T) {
		th := throttle(t, slow, Limits{})
		d := failing(th)
		paused(th)
		go func() { // the pipe has to be read
			d.reply()
			d.reply()
		}()
		began := time.Now()
		if err := th.srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > maxPause {
			t.Errorf("the stop took %s", took)
		}
	})
}

// A gigabyte of chunks costs the node little more than one message, and has lines in the log.
func TestGigabyteOfChunks(t *testing.T) {
	const chunk = 1 << 20
	th := throttle(t, limits.Default(), Limits{MessageBytes: 4 << 20})
	d := th.visit(t, "192.0.2.1", 2, "^220")
	d.say("EHLO flood.example\r\n", "^250")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	go io.Copy(io.Discard, d.r)
	text, sent := strings.Repeat("x", chunk), 0
	for range 1024 {
		n, err := io.WriteString(d.conn, fmt.Sprintf("BDAT %d\r\n", chunk)+text)
		if sent += n; err != nil {
			break
		}
	}
	if sent > 32<<20 {
		t.Errorf("%d octets were read", sent)
	}
	th.logged(t, `level=INFO msg="(mail|command) refused" .*code=552 status=5.3.4`)
	d = th.visit(t, "192.0.2.1", 2, "^220")
	d.say("EHLO flood.example\r\n", "^250")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say("BDAT 1073741824 LAST\r\n", "^552 5.3.4 chunk exceeds")
	d.closed()
}

// Text that drips ends its session in the time for it, however many bring it.
func TestSlowDrip(t *testing.T) {
	th := throttle(t, limits.Default(), Limits{DataTimeout: 200 * time.Millisecond, BytesPerSecond: 1 << 20})
	done := make(chan string)
	for range 20 {
		d := th.visit(t, "192.0.2.1", 2, "^220")
		d.say("EHLO drip.example\r\n", "^250")
		d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("DATA\r\n", "^354")
		go func() {
			for {
				if _, err := io.WriteString(d.conn, "x"); err != nil {
					return
				}
			}
		}()
		go func() {
			_, last, _ := d.reply()
			done <- last
		}()
	}
	for range 20 {
		if last := <-done; !strings.HasPrefix(last, "421 4.4.2") {
			t.Errorf("reply %q", last)
		}
	}
}

// Each failure is one by its reply, and a reply that puts off is none.
func TestFailureOf(t *testing.T) {
	for _, tt := range []struct {
		verb, reply string
		want        limits.Event
	}{
		{"RCPT", "550 5.1.1 no mailbox <a@local.example> here", limits.UnknownRecipient},
		{"RCPT", "550 5.7.1 relaying denied: other.example is not served here", limits.UnknownRecipient},
		{"AUTH", "535 5.7.8 wrong name or password", limits.WrongPassword},
		{"", "500 5.5.2 this command is not known here", limits.ProtocolError},
		{"MAIL", "555 5.5.4 this parameter is not known here", limits.ProtocolError},
		{"BDAT", "503 5.5.1 bad sequence", limits.ProtocolError},
		{"RCPT", "452 4.5.3 Maximum limit of 100 recipients reached", 0},
		{"MAIL", "450 4.7.1 too many messages from you in a short time; try again later", 0},
		{"DATA", "554 5.6.0 message contains a bare LF", 0},
		{"", "421 4.4.2 no command within 5m0s; closing", 0},
	} {
		if got := failureOf(tt.verb, tt.reply); got != tt.want {
			t.Errorf("%s, %q is %d, want %d", tt.verb, tt.reply, got, tt.want)
		}
	}
}

// BenchmarkThrottle is what the limits cost each event of a stranger, with the lock around them.
func BenchmarkThrottle(b *testing.B) {
	th := NewThrottle(limits.Default(), nil, discard())
	b.RunParallel(func(pb *testing.PB) {
		for i := uint32(0); pb.Next(); i++ {
			p := &peer{addr: netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)})}
			th.decide(limits.Connection, p)
		}
	})
}
