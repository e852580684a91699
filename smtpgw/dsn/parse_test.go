package dsn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const people = "--b\r\nContent-Type: text/plain\r\n\r\nIt did not work.\r\n"

// notification is a message with a part for programs.
func notification(kind, status string) string {
	return "From: <postmaster@far.example>\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary=b\r\n\r\n" +
		people + "--b\r\nContent-Type: " + kind + "\r\n\r\n" + status + "\r\n--b--\r\n"
}

const usual = "Reporting-MTA: dns; mx.far.example\r\n\r\nFinal-Recipient: rfc822; bob@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n" +
	"Diagnostic-Code: smtp; 550 5.1.1 no\r\n such user\r\n"

// openSMTPD is a notification as OpenSMTPD 6.8 writes it: the parts of a report, in a multipart
// that does not say so.
const openSMTPD = "Subject: Delivery status notification: failed\r\nFrom: Mailer Daemon <MAILER-DAEMON@mail.far.example>\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed;boundary=\"2/m\"\r\n\r\nThis is a MIME-encapsulated message.\r\n\r\n" +
	"--2/m\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n    Hi!\r\n\r\nbob@far.example: 550 5.1.1 no\r\n\r\n" +
	"--2/m\r\nContent-Description: Delivery Report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.far.example\r\n\r\n" +
	"Final-Recipient: rfc822; bob@far.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\nFinal-Recipient: rfc822; ann@far.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n" +
	"--2/m\r\nContent-Description: Message headers\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n\r\n--2/m--\r\n"

func TestParse(t *testing.T) {
	const kind = "message/delivery-status"
	many := "Reporting-MTA: dns; mx.far.example\r\n" + strings.Repeat("\r\nFinal-Recipient: rfc822; bob@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n", MaxRecipients)
	for _, tt := range []struct{ name, raw, want string }{
		{"usual", notification(kind, usual), `mx.far.example [{ bob@far.example failed 5.1.1 550 5.1.1 no such user}]`},
		{"bare LF", strings.ReplaceAll(notification(kind, usual), "\r\n", "\n"), `mx.far.example [{ bob@far.example failed 5.1.1 550 5.1.1 no such user}]`},
		{"original", notification(kind, "X: y\r\n\r\nOriginal-Recipient: RFC822;<bob@far.example>\r\nFinal-Recipient: x400; /C=no\r\nACTION: Failed\r\nStatus: 5.2.1 (off)\r\n"),
			` [{bob@far.example  failed 5.2.1 }]`},
		{"utf-8", notification("message/global-delivery-status", "X: y\r\n\r\nFinal-Recipient: utf-8; bøb@far.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n"), ` [{ bøb@far.example delayed 4.4.1 }]`},
		{"base64", notification(kind+"\r\nContent-Transfer-Encoding: base64", "WDogeQ0KDQpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjsgYm9iQGZhci5leGFtcGxlDQpBY3Rpb246\r\nIGZhaWxlZA0KU3RhdHVzOiA1LjEuMQ0K"),
			` [{ bob@far.example failed 5.1.1 }]`},
		{"no status, no action, nobody", notification(kind, "X: y\r\n\r\nFinal-Recipient: rfc822; a@far.example\r\nAction: failed\r\nStatus: gone\r\n\r\n"+
			"Final-Recipient: rfc822; a@far.example\r\nAction: lost\r\nStatus: 5.1.1\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"), ` []`},
		{"the first field counts", notification(kind, "X: y\r\n\r\nFinal-Recipient: rfc822; a@far.example\r\nFinal-Recipient: rfc822; b@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"),
			` [{ a@far.example failed 5.1.1 }]`},
		{"as many as are read", notification(kind, many), "mx.far.example [" + strings.TrimSpace(strings.Repeat("{ bob@far.example failed 5.1.1 } ", MaxRecipients)) + "]"},
		{"more", notification(kind, many+"\r\nFinal-Recipient: rfc822; bob@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"), ErrBounds.Error()},
		{"too long", notification(kind, usual+"X: "+strings.Repeat("x", maxStatus)), ErrBounds.Error()},
		{"too many parts", strings.Replace(notification(kind, usual), people, strings.Repeat(people, maxParts), 1), ErrBounds.Error()},
		{"an answer", strings.Replace(notification(kind, usual), "delivery-status;", "disposition-notification;", 1), ErrNone.Error()},
		{"of OpenSMTPD", openSMTPD, `mail.far.example [{ bob@far.example failed 5.0.0 } { ann@far.example failed 5.0.0 }]`},
		{"mixed, of many parts", strings.Replace(openSMTPD, "--2/m\r\n", strings.Repeat("--2/m\r\n\r\nx\r\n", maxParts)+"--2/m\r\n", 1), ErrNone.Error()},
		{"mixed, with no status", strings.Replace(openSMTPD, "message/delivery-status", "text/plain", 1), ErrNone.Error()},
		{"no multipart", "From: a@far.example\r\nContent-Type: text/plain\r\n\r\n" + usual, ErrNone.Error()},
		{"no status part", notification("text/plain", usual), ErrNone.Error()},
		{"no header", "no header", ErrNone.Error()},
		{"nothing", "", ErrNone.Error()},
	} {
		r, err := Parse([]byte(tt.raw))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(r.By, " ", r.Recipients)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// FuzzParse: whatever comes ends in a report within bounds, or in one of the two errors.
func FuzzParse(f *testing.F) {
	f.Add([]byte(notification("message/delivery-status", usual)))
	f.Add([]byte(notification("message/global-delivery-status\r\nContent-Transfer-Encoding: quoted-printable", "=0D=0A"+usual)))
	f.Add([]byte("Content-Type: multipart/report\r\n\r\n"))
	f.Add([]byte(openSMTPD))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrNone) && !errors.Is(err, ErrBounds) || r != nil {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		if len(r.Recipients) > MaxRecipients {
			t.Fatalf("%d recipients", len(r.Recipients))
		}
		values := []string{r.By}
		for _, to := range r.Recipients {
			values = append(values, to.Original, to.Final, to.Action, to.Status, to.Diagnostic)
		}
		for _, v := range values {
			if len(v) > maxValue || strings.ContainsAny(v, "\r\n\x00") {
				t.Fatalf("value %q", v)
			}
		}
	})
}
