package smtpgw

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/trace"
)

const head = "From: s@peer.example\r\nSubject: strict\r\n\r\n"

// TestBadText holds message text to RFC 5321, after DATA and after BDAT alike.
// Whatever is refused, the session goes on, in step; but it ends where the text
// may have been meant to end early.
func TestBadText(t *testing.T) {
	cfg := testConfig
	cfg.Limits = Limits{MessageBytes: 100_000, LineBytes: 20_000, HeaderBytes: 60_000, HeaderLines: 50, Errors: 1000}
	st := localStore(t)
	addr := inbound(t, cfg, st, &deliverytest.Verifier{})
	long := strings.Repeat("x", 19_998) + "\r\n"
	fill := func(n int) string { // a message of n octets in all
		n -= len(head)
		return head + strings.Repeat(strings.Repeat("y", 98)+"\r\n", n/100) + strings.Repeat("z", max(n%100-2, 0)) + "\r\n"[2-min(n%100, 2):]
	}
	for _, tt := range []struct {
		name, text string
		want       string
	}{
		{"fine", head + "text\r\n", "^250 "},
		{"no empty line", "Subject: x\r\n", "^250 "},
		{"bare LF", head + "a\nb\r\n", "^554 5.6.0 .*bare LF"},
		{"bare LF in the header", "From: a@b\nTo: c@d\r\n\r\n", "^554 5.6.0 .*bare LF"},
		{"bare CR", head + "a\rb\r\n", "^554 5.6.0 .*bare CR"},
		{"CR CR LF", head + "a\r\r\n", "^554 5.6.0 .*bare CR"},
		{"bare CR after a dot", head + ".\rMAIL\r\n", "^554 5.6.0 .*bare CR"},
		{"NUL", head + "a\x00b\r\n", "^554 5.6.0 .*NUL"},
		{"LF dot LF", head + "a\n.\nMAIL FROM:<x@y>\r\n", "^554 5.6.0 .*bare LF"},
		{"LF dot CRLF", head + "a\n.\r\nMAIL FROM:<x@y>\r\n", "^554 5.6.0 .*bare LF"},
		{"CR dot CR", head + "a\r.\rMAIL FROM:<x@y>\r\n", "^554 5.6.0 .*bare CR"},
		{"CR LF dot LF", head + "a\r\n.\nMAIL FROM:<x@y>\r\n", "^554 5.6.0 .*bare LF"},
		{"longest line", head + long, "^250 "},
		{"line too long", head + "x" + long, "^554 5.6.0 .*20000 octets"},
		{"far too long line", head + strings.Repeat(long[:19_998], 3) + "\r\n", "^554 5.6.0 .*20000 octets"},
		{"largest message", fill(100_000), "^250 "},
		{"message too large", fill(100_001), "^552 5.3.4"},
		{"message far too large", fill(190_000), "^552 5.3.4"},
		{"longest header", head[:len(head)-2] + strings.Repeat("a:\r\n", 48) + "\r\n" + strings.Repeat("a:\r\n", 50), "^250 "},
		{"header of too many lines", head[:len(head)-2] + strings.Repeat("a:\r\n", 49) + "\r\nbody\r\n", "^552 5.3.4 header .*50 lines"},
		{"header of too many lines, no body", head[:len(head)-2] + strings.Repeat("a:\r\n", 49), "^552 5.3.4 header .*50 lines"},
		{"header too large", head[:len(head)-2] + strings.Repeat("x:"+long[2:], 3), "^552 5.3.4 header .*60000 octets"},
		{"8bit", head + "gr\xfc\xdfe \xff\xfe\r\n", "^250 "},
	} {
		for _, verb := range []string{"DATA", "BDAT", "BDAT in pieces"} {
			t.Run(tt.name+"/"+verb, func(t *testing.T) {
				d := greeted(t, addr)
				d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
				d.say("RCPT TO:<user@local.example>\r\n", "^250")
				before := len(inboxOf(t, st, "user@local.example", "inbox"))
				switch verb {
				case "DATA":
					d.say("DATA\r\n", "^354")
					stuffed := strings.ReplaceAll(tt.text, "\r\n.", "\r\n..")
					if tt.name == "CR LF dot LF" {
						stuffed = tt.text
					}
					d.say(stuffed+".\r\n", tt.want)
				case "BDAT":
					d.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(tt.text), tt.text), tt.want)
				default:
					half := len(tt.text) / 2
					if reply := d.say(fmt.Sprintf("BDAT %d\r\n%s", half, tt.text[:half]), "^(250|552)"); reply[0] == '2' {
						d.say(fmt.Sprintf("BDAT %d\r\n%s", len(tt.text)-half, tt.text[half:]), "^(250|552)")
						d.say("BDAT 0 LAST\r\n", "^(503|"+strings.TrimPrefix(tt.want, "^")+")")
					}
				}
				if regexp.MustCompile("bare|NUL").MatchString(tt.want) {
					d.closed()
				} else {
					d.say("NOOP\r\n", "^250")
					d.say("QUIT\r\n", "^221")
				}
				stored := inboxOf(t, st, "user@local.example", "inbox")[before:]
				if want := strings.HasPrefix(tt.want, "^250"); (len(stored) == 1) != want {
					t.Fatalf("%d stored", len(stored))
				}
				if len(stored) == 1 && !strings.HasSuffix(stored[0], tt.text) {
					t.Errorf("stored %q, want it to end with %q", clip(stored[0]), clip(tt.text))
				}
			})
		}
	}
}

func TestBadCommands(t *testing.T) {
	addr := inbound(t, testConfig, localStore(t), &deliverytest.Verifier{})
	for _, tt := range []struct {
		line, want string
		ends       bool
	}{
		{"NOOP\n", "^500 5.5.2 .*CRLF", true},
		{"NOOP \r x\r\n", "^500 5.5.2 .*CRLF", true},
		{"NOOP \x00\r\n", "^500 5.5.2 NUL", true},
		{"NOOP " + strings.Repeat("x", 3000) + "\r\n", "^500 5.5.2 line longer", false},
		{"NOOP " + strings.Repeat("x", 100_000) + "\r\n", "^500 5.5.2 line longer", false},
		{"NOOP \t \r\n", "^250 ", false},
		{"RSET \r\n", "^250 ", false},
		{"DATA \r\n", "^503 5.5.1 ", false},
		{"QUIT \r\n", "^221 ", true},
		{"RSET foo\r\n", "^501 5.5.4 nothing", false},
		{"QUIT foo\r\n", "^501 5.5.4 nothing", false},
		{"DATA foo\r\n", "^501 5.5.4 nothing", false},
		{"F\r\n", "^500 5.5.2 this command", false},
		{"FOO\r\n", "^500 5.5.2 this command", false},
		{"FOOO\r\n", "^500 5.5.2 this command", false},
		{"NOOPX\r\n", "^500 5.5.2 this command", false},
		{"FOOBAR x\r\n", "^500 5.5.2 this command", false},
		{"STARTTLSX\r\n", "^500 5.5.2 this command", false},
		{"\r\n", "^500 5.5.2 this command", false},
		{" NOOP\r\n", "^500 5.5.2 this command", false},
		{"MAIL\tFROM:<a@peer.example>\r\n", "^500 5.5.2 this command", false},
		{"EXPN x\r\n", "^502 ", false},
		{"STARTTLS\r\n", "^502 ", false},
		{"AUTH PLAIN AGEAYg==\r\n", "^502 5.5.1 AUTH", false},
		{"EHLO\r\n", "^501 the name", false},
		{"HELO \r\n", "^501 the name", false},
		{"HELO x.example\r\n", "^250 Hello x.example$", false},
		{"MAIL FROM:<a@peer.example> \r\n", "^250 ", false},
		{"MAIL FROM: <a@peer.example>\r\n", "^250 ", false},
		{"MAIL FROM:a@peer.example BODY=8BITMIME\r\n", "^250 ", false},
		{"MAIL FROM:<\"a>x\"@peer.example> SIZE=3 body=7bit SMTPUTF8\r\n", "^553 5.1.3", false},
		{"MAIL FROM:<a@peer.example>SIZE=3\r\n", "^501 5.5.4 a blank", false},
		{"MAIL FROM:<a@peer.example> AUTH=<>\r\n", "^555 5.5.4 ", false},
		{"MAIL FROM:<a@peer.example> RET=HDRS\r\n", "^250 ", false},
		{"MAIL FROM:<a@peer.example> MT-PRIORITY=3\r\n", "^555 5.5.4 ", false},
		{"MAIL FROM:<a@peer.example> FOO\r\n", "^555 5.5.4 ", false},
		{"MAIL FROM:<a@peer.example> BODY=BINARYMIME\r\n", "^555 5.5.4 ", false},
		{"MAIL FROM:<a@peer.example> SMTPUTF8=1\r\n", "^501 5.5.4 a parameter lacks", false},
		{"MAIL FROM:<a@peer.example> SIZE\r\n", "^501 5.5.4 a parameter lacks", false},
		{"MAIL FROM:<a@peer.example> SIZE=1 size=2\r\n", "^501 5.5.4 .*twice", false},
		{"MAIL FROM:<a@peer.example\r\n", "^501 ", false},
		{"MAIL FROM:<alice>\r\n", "^501 5.1.3 address has no domain", false},
		{"MAIL FROM:<a b@peer.example>\r\n", "^553 5.1.3 local part", false},
		{"MAIL FROM:<a..b@peer.example>\r\n", "^250 ", false},
		{"MAIL FROM:<@hop.example:a@peer.example>\r\n", "^250 ", false},
		{"MAIL FROM:<>\r\n", "^250 ", false},
		{"RCPT TO:<bob>\r\n", "^501 5.1.3 address has no domain", false},
		{"RCPT TO:<a@b@local.example>\r\n", "^553 5.1.3 local part", false},
		{"VRFY\r\n", "^501 5.5.4 something", false},
		{"VRFY bob\r\n", "^252 ", false},
		{"MAIL a@peer.example\r\n", "^501 ", false},
		{"RCPT TO:<user@local.example> NOTIFY=NEVER\r\n", "^503 ", false},
		{"RCPT TO:<user@local.example> RRVS=2026-01-01T00:00:00Z\r\n", "^555 5.5.4 ", false},
		// What is longer, or shorter, in capitals.
		{"MAIL FROM:<a@peer.example> BODY=" + strings.Repeat("\xff", 300) + " SIZE=1\r\n", "^501 ", false},
		{"MAIL FROM:<a@peer.example> BODY=" + strings.Repeat("\u0131", 300) + " SIZE=99999999999\r\n", "^(501|552) ", false}, // of two faults either is told
		{"RCPT TO:<user@local.example> NOTIFY=" + strings.Repeat("\xff", 300) + " ORCPT=rfc822;a+C3@x\r\n", "^503 ", false},
		{"RCPT TO:<user@local.example> NOTIFY=" + strings.Repeat("\u0250", 300) + " orcpt=rfc822;a+C3@x\r\n", "^503 ", false},
	} {
		d := greeted(t, addr)
		d.say(tt.line, tt.want)
		if tt.ends {
			d.closed()
		} else {
			d.say("NOOP\r\n", "^250")
		}
	}
}

// FuzzCommandLine: whatever stands in a command line, what go-smtp gets of it is one line.
func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{
		"MAIL FROM:<a@b.example> SIZE=99999999999", "MAIL FROM:<a@b.example> BODY=\xff\xff SIZE=1", "rcpt to:<Postmaster>",
		"RCPT TO:<a@b.example> NOTIFY=\u0250 orcpt=rfc822;a+C3@x", "BDAT 5 LAST", "RCPT TO:<\"a>b\"@c.example> ORCPT=rfc822;a>+FF",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\r\n\x00") {
			return
		}
		line = append(bytes.Clone(line), "\r\n"...)
		verb, arg := splitCommand(line)
		if faultOf(verb, arg, true, true) != "" {
			return
		}
		out := line
		switch verb {
		case "RCPT":
			out = withoutOriginal(completePostmaster(line, "local.example"))
		case "MAIL":
			out = boundSize(line)
		}
		if bytes.Count(out, []byte("\n")) != 1 || !bytes.HasSuffix(out, []byte("\r\n")) {
			t.Errorf("go-smtp gets %q", out)
		}
	})
}

// TestManyBadCommands: unknown commands have one reply each, and end the session with 421 like
// other mistakes, not before.
func TestManyBadCommands(t *testing.T) {
	cfg := testConfig
	cfg.Limits.Errors = 20
	d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
	for _, bad := range []string{"FOO", "MAIL", "NOOPX x", "AUTH LOGIN"} {
		for range 4 {
			d.say(bad+"\r\n", "^50[012] ")
		}
		d.say("NOOP\r\n", "^250 ")
	}
	for range 4 {
		d.say("FOO\r\n", "^500 ")
	}
	d.expect("^421 4.7.0 too many errors")
	d.closed()
}

// TestRefusedChunks: whatever is wrong with a BDAT command, the octets behind it
// are never read as commands (RFC 3030, section 2), and nothing of the message is
// taken.
func TestRefusedChunks(t *testing.T) {
	cfg := testConfig
	cfg.Limits = Limits{MessageBytes: 10_000, Errors: 1000}
	st := localStore(t)
	addr := inbound(t, cfg, st, &deliverytest.Verifier{})
	const inside = "RCPT TO:<other@local.example>\r\n"
	chunk := strings.Repeat(inside, 300)
	for _, command := range []string{"BDAT %d FIRST", "BDAT %d LAST LAST", "BDAT  %d  LAST  x", "bdat %d x"} {
		for _, before := range []string{"", "MAIL FROM:<s@peer.example>\r\n", "MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\n",
			"MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nBDAT 5\r\nFrom:"} {
			d := greeted(t, addr)
			d.say(before+fmt.Sprintf(command, len(chunk))+"\r\n"+chunk+"NOOP\r\n", "^(250|501)")
			for range strings.Count(before, "\r\n") {
				d.expect("^(250|501)")
			}
			d.expect("^250 2.0.0 I have")
			d.say("BDAT 3 LAST\r\nx\r\n", "^503") // the transaction is over
			d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
			d.say("QUIT\r\n", "^221")
		}
	}
	for _, command := range []string{"BDAT 20001 FIRST", "BDAT 99999999999 LAST", "BDAT 99999999999999999999999 LAST", "BDAT x LAST", "BDAT +5 LAST", "BDAT -5 LAST", "BDAT LAST", "BDAT"} {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\n", "^250")
		d.expect("^250")
		d.say(command+"\r\n"+inside, "^5(52|01)")
		d.closed()
	}
	if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
}

// TestSlowRefusedChunk: who is refused has no longer for it than others.
func TestSlowRefusedChunk(t *testing.T) {
	cfg := testConfig
	cfg.Limits.DataTimeout = 50 * time.Millisecond
	d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
	d.say("BDAT 100 FIRST\r\nx", "^501")
	d.expect("^421 4.4.2")
	d.closed()
}

func TestTornConnectionsDeliverNothing(t *testing.T) {
	st := localStore(t)
	addr := inbound(t, testConfig, st, &deliverytest.Verifier{})
	for _, sent := range []string{
		"DATA\r\n" + head + "half",
		"DATA\r\n" + head + "text\r\n.",
		"BDAT 1000 LAST\r\n" + head + "half\r\n",
		"BDAT 20\r\n" + head[:20],
		"BDAT 1000\r\n" + head,
	} {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.conn.Write([]byte(sent))
		d.conn.(*net.TCPConn).CloseWrite()
		for { // until the server has hung up
			if _, _, err := d.reply(); err != nil {
				break
			}
		}
	}
	if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) != 0 {
		t.Fatalf("stored %q", got)
	}
}

func TestSlowPeers(t *testing.T) {
	cfg := testConfig
	cfg.Limits = Limits{CommandTimeout: 100 * time.Millisecond, DataTimeout: 100 * time.Millisecond, BytesPerSecond: 1 << 20}
	addr := inbound(t, cfg, localStore(t), &deliverytest.Verifier{})
	t.Run("no command", func(t *testing.T) {
		d := dial(t, addr)
		d.expect("^220")
		d.expect("^421 4.4.2")
		d.closed()
	})
	t.Run("command in drops", func(t *testing.T) {
		d := greeted(t, addr)
		drip(d, "x")
		d.expect("^421 4.4.2")
	})
	t.Run("text in drops", func(t *testing.T) {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
		d.expect("^250")
		d.expect("^354")
		drip(d, "x")
		d.expect("^421 4.4.2")
	})
	t.Run("chunk in drops", func(t *testing.T) {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\n", "^250")
		d.expect("^250")
		d.conn.Write([]byte("BDAT 100000 LAST\r\n"))
		drip(d, "x")
		d.expect("^421 4.4.2")
	})
}

func TestLimits(t *testing.T) {
	t.Run("recipients", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.Recipients = 2
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		d.say("MAIL FROM:<>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("RCPT TO:<other@local.example>\r\n", "^250")
		d.say("RCPT TO:<admin@local.example>\r\n", "^452 4.5.3")
	})
	t.Run("errors", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.Errors = 5
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		for range 5 {
			d.say("MAIL FROM:<nobody@-x>\r\n", "^553")
		}
		d.expect("^421 4.7.0 too many errors")
		d.closed()
	})
	t.Run("guesses", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.Errors, cfg.Limits.Refused = 5, 30
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		d.say("MAIL FROM:<>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		for i := range 30 {
			if i == 15 {
				d.say("RSET\r\nMAIL FROM:<>\r\n", "^250")
				d.expect("^250")
			}
			d.say("RCPT TO:<guess@local.example>\r\n", "^550")
		}
		d.expect("^421 4.7.0 too many errors")
		d.closed()
	})
	t.Run("recipients beyond", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.Recipients, cfg.Limits.Beyond = 1, 30
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		for range 2 {
			d.say("MAIL FROM:<>\r\n", "^250")
			d.say("RCPT TO:<user@local.example>\r\n", "^250")
			for range 29 {
				d.say("RCPT TO:<user@local.example>\r\n", "^452 4.5.3")
			}
			d.say("DATA\r\n", "^354")
			d.say(mailText("beyond")+".\r\n", "^250") // which is of use
		}
		d.say("MAIL FROM:<>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		for range 30 {
			d.say("RCPT TO:<user@local.example>\r\n", "^452 4.5.3")
		}
		d.expect("^421 4.7.0 too many errors")
		d.closed()
	})
	t.Run("connections", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.Connections, cfg.Limits.PerPeer = 3, 2
		addr := inbound(t, cfg, localStore(t), &deliverytest.Verifier{})
		a, b := dial(t, addr), dial(t, addr)
		a.expect("^220")
		b.expect("^220")
		c := dial(t, addr)
		c.expect("^421 4.7.0 mx.local.example has too many connections with you")
		c.closed()
		a.say("QUIT\r\n", "^221")
		a.closed()
		waitFor(t, func() bool {
			d := dial(t, addr)
			all, _, _ := d.reply()
			return strings.HasPrefix(all, "220")
		})
	})
	t.Run("chunk", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.MessageBytes = 1000
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		d.say("MAIL FROM:<>\r\nRCPT TO:<user@local.example>\r\n", "^250")
		d.expect("^250")
		d.say("BDAT 4000000000 LAST\r\n", "^552")
		d.closed()
	})
	t.Run("endless message", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.MessageBytes = 1000
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		d.say("MAIL FROM:<>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
		d.expect("^250")
		d.expect("^354")
		d.say(strings.Repeat("endless\r\n", 3000), "^552 5.3.4")
		d.closed()
	})
	t.Run("endless line", func(t *testing.T) {
		cfg := testConfig
		cfg.Limits.MessageBytes, cfg.Limits.LineBytes = 10_000, 20_000
		d := greeted(t, inbound(t, cfg, localStore(t), &deliverytest.Verifier{}))
		d.say("MAIL FROM:<>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
		d.expect("^250")
		d.expect("^354")
		d.say(strings.Repeat("x", 50_000), "^554 5.6.0 .*20000 octets")
	})
}

// TestErrorGate: whatever fails inside, the peer is told to come again and no
// more than that.
func TestErrorGate(t *testing.T) {
	try := func(t *testing.T, addr string, want string) string {
		d := greeted(t, addr)
		d.say("MAIL FROM:<user@local.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("DATA\r\n", "^354")
		return d.say(mailText("gate")+".\r\n", want)
	}
	t.Run("checker fails", func(t *testing.T) {
		v := &deliverytest.Verifier{Fail: errors.New("secret path /var/lib/cairn")}
		reply := try(t, inbound(t, testConfig, localStore(t), v), `^451 4\.3\.0 .*\(reference [0-9a-f]{16}\)`)
		if strings.Contains(reply, "secret") {
			t.Errorf("reply shows internals: %q", reply)
		}
	})
	t.Run("disk is full", func(t *testing.T) {
		v := &deliverytest.Verifier{Fail: fmt.Errorf("check: %w", mailstore.ErrDiskFull)}
		try(t, inbound(t, testConfig, localStore(t), v), `^452 4\.3\.1`)
	})
	t.Run("shutting down", func(t *testing.T) {
		try(t, inbound(t, testConfig, localStore(t), &deliverytest.Verifier{Fail: context.Canceled}), `^421 4\.3\.2`)
	})
	for _, mode := range []Mode{Inbound, Submission} {
		t.Run("store is gone/"+mode.String(), func(t *testing.T) {
			st := localStore(t)
			var addr string
			if mode == Inbound {
				addr = inbound(t, testConfig, st, &deliverytest.Verifier{})
			} else {
				addr, _ = submission(t, testConfig, st)
			}
			d := greeted(t, addr)
			d.say("MAIL FROM:<user@local.example>\r\n", "^250")
			d.say("RCPT TO:<user@local.example>\r\n", "^250")
			d.say("DATA\r\n", "^354")
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			d.say(mailText("gate")+".\r\n", `^451 4\.3\.0`)
			if mode == Submission {
				d.say("MAIL FROM:<user@local.example>\r\n", `^451 4\.3\.0`)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	st := localStore(t)
	s := NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), discard())
	addr, served := gatewaytest.Begin(t, s)
	idle := greeted(t, addr)
	sending := greeted(t, addr)
	sending.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
	sending.expect("^250")
	sending.expect("^354")

	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	idle.expect("^421 4.3.2")
	idle.closed()
	sending.say(mailText("late")+".\r\n", "^250") // a message on its way is taken
	sending.expect("^421 4.3.2")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if n := len(inboxOf(t, st, "user@local.example", "inbox")); n != 1 {
		t.Errorf("%d stored", n)
	}
}

func TestShutdownCutsOffWhoDoesNotEnd(t *testing.T) {
	st := localStore(t)
	s := NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), discard())
	addr, served := gatewaytest.Begin(t, s)
	d := greeted(t, addr)
	d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
	d.expect("^250")
	d.expect("^354")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	for {
		if _, _, err := d.reply(); err != nil {
			break
		}
	}
}

// A node that is told to end while it starts shuts its servers down before
// they serve.
func TestServeAfterShutdownReturns(t *testing.T) {
	st := localStore(t)
	s := NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), discard())
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, served := gatewaytest.Begin(t, s)
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still serving")
	}
}

// lingering is a checker that goes on for a moment after it was cut off.
type lingering struct {
	begun    chan struct{}
	shutDown chan struct{} // closed when Shutdown has returned
	late     chan bool     // whether it had, at the end of the check
}

func (c *lingering) Check(ctx context.Context, _ *arrival.Arrival) (arrival.Assessment, error) {
	close(c.begun)
	<-ctx.Done()
	select {
	case <-c.shutDown:
		c.late <- true
	case <-time.After(200 * time.Millisecond):
		c.late <- false
	}
	return nil, ctx.Err()
}

// The databases are closed after Shutdown, so nothing may be at work then.
func TestShutdownWaitsForWhomItCutOff(t *testing.T) {
	st := localStore(t)
	c := &lingering{begun: make(chan struct{}), shutDown: make(chan struct{}), late: make(chan bool, 1)}
	s := NewInbound(testConfig, st, testDelivery(testConfig, st, c), discard())
	addr, served := gatewaytest.Begin(t, s)
	d := greeted(t, addr)
	d.say("MAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
	d.expect("^250")
	d.expect("^354")
	if _, err := d.conn.Write([]byte(mailText("slow") + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	<-c.begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	close(c.shutDown)
	if <-c.late {
		t.Error("Shutdown returned while a message was being delivered")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// streams is a listener whose Accept fails after Close as that of gostream
// does, and whose connections have no IP address.
type streams struct {
	conns chan net.Conn
	done  chan struct{}
}

type streamAddr struct{}

func (streamAddr) Network() string { return "libp2p" }
func (streamAddr) String() string  { return "12D3KooPeer" }

type stream struct{ net.Conn }

func (stream) RemoteAddr() net.Addr { return streamAddr{} }

func (s *streams) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return stream{c}, nil
	case <-s.done:
		return nil, context.Canceled
	}
}

func (s *streams) Close() error   { close(s.done); return nil }
func (s *streams) Addr() net.Addr { return streamAddr{} }

// TestStreams: the same session serves what is no TCP connection.
func TestStreams(t *testing.T) {
	st := localStore(t)
	key := consensus.Key{9}
	cfg := testConfig
	cfg.Limits.PerPeer = 1
	cfg.NodeKey = func(c net.Conn) *consensus.Key {
		if _, ok := c.(stream); ok {
			return &key
		}
		return nil
	}
	v := &deliverytest.Verifier{}
	s := NewInbound(cfg, st, testDelivery(cfg, st, v), discard())
	l := &streams{conns: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	open := func() *dialogue {
		here, there := net.Pipe()
		l.conns <- there
		here.SetDeadline(time.Now().Add(10 * time.Second))
		t.Cleanup(func() { here.Close() })
		return &dialogue{t: t, conn: here, r: bufio.NewReader(here)}
	}
	d := open()
	d.expect("^220")
	d.say("EHLO n\r\n", "^250")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(mailText("s")), mailText("s")), "^250")
	if a := v.Seen()[0]; a.Peer.Node == nil || *a.Peer.Node != key || a.Peer.Addr != "12D3KooPeer" {
		t.Errorf("peer %+v", a.Peer)
	}
	e := open()
	e.expect("^421 4.7.0")
	d.say("QUIT\r\n", "^221")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// TestRefusedRecipients: a message reaches those recipients who can have it,
// however many others are refused (RFC 5321, section 4.5.3.1.10).
func TestRefusedRecipients(t *testing.T) {
	st := localStore(t)
	addr := inbound(t, testConfig, st, &deliverytest.Verifier{})
	unknown := func(n int) (commands string) {
		for i := range n {
			commands += fmt.Sprintf("RCPT TO:<gone%d@local.example>\r\n", i)
		}
		return commands
	}
	t.Run("unknown", func(t *testing.T) {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example>\r\n"+unknown(99)+"RCPT TO:<user@local.example>\r\nDATA\r\n", "^250")
		for range 99 {
			d.expect("^550 5.1.1")
		}
		d.expect("^250")
		d.expect("^354")
		d.say(mailText("one of many")+".\r\n", "^250")
		if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) != 1 {
			t.Errorf("%d stored", len(got))
		}
	})
	t.Run("no sender", func(t *testing.T) {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@-x>\r\n"+unknown(99)+"BDAT 4 LAST\r\ntextMAIL FROM:<>\r\n", "^553")
		for range 100 {
			d.expect("^503 5.5.1")
		}
		d.expect("^250")
	})
	t.Run("too many", func(t *testing.T) {
		addr, q := submission(t, testConfig, localStore(t))
		d := greeted(t, addr)
		var rcpts strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&rcpts, "RCPT TO:<p%d@far.example>\r\n", i)
		}
		d.say("MAIL FROM:<user@local.example>\r\n", "^250")
		go func() { _, _ = d.conn.Write([]byte(rcpts.String() + "DATA\r\n")) }()
		for i := range 1000 {
			d.expect([]string{"^250", "^452 4.5.3"}[min(i/100, 1)])
		}
		d.expect("^354")
		d.say(mailText("many")+".\r\n", "^250")
		sent := 0
		for _, e := range must(q.List(0, 1000))(t) {
			sent += len(e.Recipients)
		}
		if sent != 100 {
			t.Errorf("%d recipients queued", sent)
		}
	})
}

// TestNothingAfterQuit: what a peer sends after QUIT is not looked at.
func TestNothingAfterQuit(t *testing.T) {
	for _, after := range []string{
		"EHLO again\r\nMAIL FROM:<s@peer.example>\r\nRCPT TO:<user@local.example>\r\nDATA\r\n" + head + "ghost\r\n.\r\n",
		strings.Repeat("MAIL FROM:<>\r\n", 100),
	} {
		st := localStore(t)
		var log strings.Builder
		s := NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), slog.New(slog.NewTextHandler(&log, nil)))
		l := newPipes()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		conn := l.dial()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		d := &dialogue{t: t, conn: conn, r: bufio.NewReader(conn)}
		d.expect("^220")
		d.say("EHLO client.example\r\n", "^250")
		d.say("QUIT\r\n"+after, "^221")
		d.closed()
		if err := s.Shutdown(t.Context()); err != nil { // waits for the session
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if got := inboxOf(t, st, "user@local.example", "inbox"); len(got) != 0 {
			t.Errorf("stored %q", got)
		}
		if log.Len() > 0 {
			t.Errorf("logged %s", clip(log.String()))
		}
	}
}

// TestTooLargeInOneWay: whichever way a message says that it is too large, the reply is the same,
// with the limit.
func TestTooLargeInOneWay(t *testing.T) {
	const want = `^552 5\.3\.4 message exceeds the limit of 1000 octets$`
	cfg := testConfig
	cfg.Limits = Limits{MessageBytes: 1000}
	st := localStore(t)
	addr := inbound(t, cfg, st, &deliverytest.Verifier{})
	for _, size := range []string{"1001", "4294967295", "4294967296", "99999999999999999999", "99999999999999999999999", strings.Repeat("9", 400)} {
		d := greeted(t, addr)
		d.say("MAIL FROM:<s@peer.example> SIZE="+size+" BODY=8BITMIME\r\n", want)
		d.say("MAIL FROM:<s@peer.example> SIZE=1000\r\n", "^250")
		d.say("RCPT TO:<\"Max message size exceeded\"@local.example>\r\n", `^55[03] 5\.1\.`)
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("BDAT 1500 LAST\r\n"+strings.Repeat("x", 1500), want)
		d.say("MAIL FROM:<s@peer.example> SIZE=-1\r\n", "^501 5.5.4")
		d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("BDAT 600\r\n"+strings.Repeat("x", 600), "^250")
		d.say("BDAT 600\r\n"+strings.Repeat("x", 600), want)
		d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("DATA\r\n", "^354")
		d.say(head+strings.Repeat("x\r\n", 500)+".\r\n", want)
		d.say("NOOP\r\n", "^250")
	}
	s := NewSubmitter(cfg, st, outbox.New(st))
	_, err := s.Submit(t.Context(), trace.Peer{Protocol: trace.ProtocolLocal}, "user@local.example", []string{"a@far.example"}, []byte(head+strings.Repeat("x\r\n", 500)))
	if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("submitted otherwise: %v", err)
	}
}
