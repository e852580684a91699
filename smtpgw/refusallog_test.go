package smtpgw

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/trace"
)

// TestStrangersDoNotFillTheLog: what a stranger who is refused again and again costs the log is
// bounded.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	var log gatewaytest.Lines
	begin := time.Now()
	st := localStore(t)
	addr := gatewaytest.Serve(t, NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), log.Log()))
	for range 5 {
		d := greeted(t, addr)
		d.say("MAIL FROM:<"+strings.Repeat("s", 64)+"@"+strings.Repeat("peer.", 30)+"example>\r\n", "^250")
		for i := range 150 {
			d.say(fmt.Sprintf("RCPT TO:<nobody%d%s@local.example>\r\n", i, strings.Repeat("x", 50)), "^550")
		}
		d.say("QUIT\r\n", "^221")
	}
	if n, size := strings.Count(log.Text(), "\n"), len(log.Text()); n > refusalLines.Lines+1+int(time.Since(begin)/refusalLines.Gap) {
		t.Errorf("%d lines, %d bytes of log for one stranger in %v", n, size, time.Since(begin))
	}
}

// TestFullDiskIsToldOnce: while the disk is full, each mail that is refused has its line, and that
// the disk is full is told once a minute, with what helps.
func TestFullDiskIsToldOnce(t *testing.T) {
	full := fmt.Errorf("check: %w", mailstore.ErrDiskFull)
	var log gatewaytest.Lines
	st := localStore(t)
	d := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{Fail: full}), log.Log())))
	for range 5 {
		d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
		d.say("RCPT TO:<user@local.example>\r\n", "^250")
		d.say("DATA\r\n", "^354")
		d.say(mailText("a")+".\r\n", "^452 4.3.1")
	}
	log.Line(t, "level=ERROR", `msg="smtp: the disk is full" mode=inbound peer=\S+ during=message mail=[0-9a-f]{16} err=".*" try="make room on that disk`)
	refused := regexp.MustCompile(`level=INFO msg="mail refused" mode=inbound peer=\S+ mail=[0-9a-f]{16} stage=message from=s@peer.example to=user@local.example code=452 status=4\.3\.1 `)
	if n := len(refused.FindAllString(log.Text(), -1)); n != 5 {
		t.Errorf("%d refusals are in the log, want 5:\n%s", n, log.Text())
	}
}

// TestFullDiskOfOwnMailIsToldOnce is the same of mail that comes on no connection.
func TestFullDiskOfOwnMailIsToldOnce(t *testing.T) {
	var log gatewaytest.Lines
	cfg := testConfig
	cfg.Log = log.Log()
	st := localStore(t)
	s := NewSubmitter(cfg, st, outbox.New(st))
	st.SetTrouble(func() mailstore.Trouble { return mailstore.Trouble{Full: true} })
	for range 5 {
		_, err := s.Submit(t.Context(), trace.Peer{Addr: "local"}, "user@local.example", []string{"user@local.example"}, []byte(mailText("a")))
		if !errors.Is(err, mailstore.ErrDiskFull) {
			t.Fatal(err)
		}
	}
	log.Line(t, "level=ERROR", `msg="smtp: the disk is full" .*try="make room on that disk`)
	if n := strings.Count(log.Text(), `msg="mail refused" `); n != 5 {
		t.Errorf("%d refusals are in the log, want 5:\n%s", n, log.Text())
	}
}

// TestOwnTroubleIsARefusalToo: a mail that is not taken for a fault of ours has its line like any
// other, with the reference that the peer was told.
func TestOwnTroubleIsARefusalToo(t *testing.T) {
	var log gatewaytest.Lines
	st := localStore(t)
	d := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{Fail: errors.New("a fault")}), log.Log())))
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say("DATA\r\n", "^354")
	ref := regexp.MustCompile(`[0-9a-f]{16}`).FindString(d.say(mailText("a")+".\r\n", "^451 4.3.0"))
	log.Line(t, `msg="smtp: temporary failure"`, `level=ERROR .*mail=`+ref)
	log.Line(t, `msg="mail refused"`, `mail=`+ref+` stage=message .*code=451`)
}

// TestLinesOfStrangersLeaveThoseOfOthers: what one network uses up, others and members have still,
// and our own programs are not rationed.
func TestLinesOfStrangersLeaveThoseOfOthers(t *testing.T) {
	inbound := newServer(testConfig, Inbound, nil, maillog.Discard)
	submission := newServer(testConfig, Submission, nil, maillog.Discard)
	for _, c := range []struct {
		name string
		srv  *Server
		peer *peer
		want int
	}{
		{"a stranger", inbound, &peer{name: "192.0.2.1", network: "192.0.2.0/24"}, refusalLines.Lines},
		{"its neighbour", inbound, &peer{name: "192.0.2.2", network: "192.0.2.0/24"}, 0},
		{"another network", inbound, &peer{name: "198.51.100.1", network: "198.51.100.0/24"}, refusalLines.Lines},
		{"a member", inbound, &peer{name: "node 1", network: "node 1", member: true}, refusalLines.Lines},
		{"another member", inbound, &peer{name: "node 2", network: "node 2", member: true}, 0},
		{"a program of ours", submission, &peer{name: "127.0.0.1", network: "127.0.0.0/24"}, 3 * refusalLines.Lines},
	} {
		var log gatewaytest.Lines
		begin := time.Now()
		for range 3 * refusalLines.Lines {
			c.srv.logOf(c.peer, log.Log()).Info("refused")
		}
		if n := strings.Count(log.Text(), "\n"); n < c.want || n > c.want+5+int(time.Since(begin)/refusalLines.Gap) {
			t.Errorf("%s: %d lines, want %d", c.name, n, c.want)
		}
	}
}
