package smtpgw

import (
	"regexp"
	"strings"
	"testing"

	"cairn/smtpgw/deliverytest"
	"cairn/smtpgw/gatewaytest"
)

// TestRefusalsInTheLog: one line for each, with who, at which stage, both codes and why.
func TestRefusalsInTheLog(t *testing.T) {
	var log gatewaytest.Lines
	st := localStore(t)
	d := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), log.Log())))
	const who = `level=INFO msg="mail refused" mode=inbound peer=127\.0\.0\.1:\d+ mail="" stage=`
	d.say("VRFY\x01 x\r\n", "^50")
	log.Line(t, `msg="command refused"`, `mode=inbound peer=127\.0\.0\.1:\d+ stage=.* code=50\d status=5\.5\.\d err=`)
	d.say("MAIL FROM:<a@>\r\n", "^5")
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<nobody@local.example>\r\n", "^550 5.1.1")
	log.Line(t, "nobody@local.example", who+`RCPT from=s@peer.example to=nobody@local.example code=550 status=5\.1\.1 err="no mailbox <nobody@local.example> here"`)
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say("DATA\r\n", "^354")
	d.say("Subject: a\nSubject: b\r\n\r\n.\r\n", "^5")
	log.Line(t, "stage=message", who+`message from=s@peer.example to=user@local.example code=5\d\d status=5\.\d\.\d err=`)
	if n := strings.Count(log.Text(), "\n"); n != 4 {
		t.Errorf("%d lines for four refusals:\n%s", n, log.Text())
	}
}

// TestRefusedChunksInTheLog: a text that is refused before its end is told once, without what the
// transaction has.
func TestRefusedChunksInTheLog(t *testing.T) {
	var log gatewaytest.Lines
	st := localStore(t)
	d := greeted(t, gatewaytest.Serve(t, NewInbound(testConfig, st, testDelivery(testConfig, st, &deliverytest.Verifier{}), log.Log())))
	d.say("MAIL FROM:<s@peer.example>\r\n", "^250")
	d.say("RCPT TO:<user@local.example>\r\n", "^250")
	d.say("BDAT 6 LAST\r\na\nb\nc\n", "^5")
	log.Line(t, "code=5", `msg="mail refused" mode=inbound peer=\S+ mail="" stage=message from="" to="" code=5\d\d status=5\.\d\.\d err=`)
	if n := strings.Count(log.Text(), "\n"); n != 1 {
		t.Errorf("%d lines for one refusal:\n%s", n, log.Text())
	}
}

func TestReceivedID(t *testing.T) {
	for header, want := range map[string]string{
		"Received: from a (b [1.2.3.4])\r\n\tby mx.far.example (Cairn) with ESMTP id 0123456789abcdef;\r\n\tMon, 02 Jan 2006 15:04:05 -0700\r\n": "0123456789abcdef",
		"Cairn-Record: x\r\nReceived: by h (Cairn) with LOCAL id ab\r\n\tfor <id@x.example>; date\r\nReceived: by i id cd; date\r\n":             "ab",
		"Received: from id (envelope id zz) by h (id yy) with ESMTPS id 4Abc.d-e_f for <a@b.example>; date\r\n":                                  "",
		"Received: from x (envelope id zz) by h (id yy) with ESMTPS id 4Abc.d-e_f for <a@b.example>; date\r\n":                                   "4Abc.d-e_f",
		"Received: by h with SMTP; id x\r\n":                            "",
		"Received: by h id\r\n":                                         "",
		"Received: by h id \"a b\"\r\n":                                 "",
		"Received: by h id " + strings.Repeat("a", 65) + "; date\r\n":   "",
		"Received: by h id a=b; date\r\nReceived: by h id ok; date\r\n": "",
		"Subject: id x\r\n\r\nReceived: by h id body; date\r\n":         "",
		"Received: by h id \x1b[31m; date\r\n":                          "",
		"Received: by h (open id x; date\r\n":                           "",
		"Received: by h ((deep) id x) id y; date\r\n":                   "y",
	} {
		if got := receivedID([]byte(header)); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func TestMailIDs(t *testing.T) {
	const ours = "Return-Path: <a@a.example>\r\nReceived: from a\r\n\tby mx.local.example (Cairn) with ESMTP id 0123456789abcdef;\r\n\tdate\r\n"
	for raw, want := range map[string][2]string{
		ours + "\r\n": {"0123456789abcdef", ""},
		ours + "Cairn-Record: x\r\nReceived: by far (Cairn) with LOCAL id fedcba9876543210; date\r\nReceived: by other id x; date\r\n": {"0123456789abcdef", "fedcba9876543210"},
		ours + "Received: by mx.local.example (Cairn) with LOCAL id 0123456789abcdef; date\r\n":                                        {"0123456789abcdef", ""},
		"Received: by other id x; date\r\n" + ours:                                                                                     {"", ""},
		"Subject: (Cairn) with SMTP id x\r\n\r\n" + ours:                                                                               {"", ""},
		"From: a@a.example\r\n\r\nReceived: nothing\r\n\r\n":                                                                           {"", ""},
	} {
		if id, sentAs := MailIDs([]byte(raw)); [2]string{id, sentAs} != want {
			t.Errorf("%q: %q, %q, want %q", raw, id, sentAs, want)
		}
	}
}

func FuzzReceivedID(f *testing.F) {
	f.Add([]byte("Received: by h (Cairn) with LOCAL id ab\r\n\tfor <x@x.example>; date\r\n\r\ntext"))
	f.Add([]byte("Received: id id ) ( id x"))
	plain := regexp.MustCompile(`^[0-9A-Za-z._-]{0,64}$`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, sentAs := MailIDs(raw)
		for _, got := range []string{receivedID(raw), id, sentAs} {
			if !plain.MatchString(got) {
				t.Errorf("%q", got)
			}
		}
	})
}
