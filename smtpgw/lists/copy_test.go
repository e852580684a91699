package lists

import (
	"bytes"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/rawheader"
)

func copyTest(l List, raw string) (string, error) {
	out, err := copyFor(&l, []byte(raw), []byte("Received: r\r\n"), "mx.local.example", "ref", gatewaytest.Moment)
	return string(out), err
}

const listHead = "Received: r\r\nDelivered-To: devs@local.example\r\nList-Id: <devs.local.example>\r\nList-Post: <mailto:devs@local.example>\r\nPrecedence: list\r\n"

func TestListCopy(t *testing.T) {
	const author = "From: a@b.example\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <x@y>\r\n"
	const foot = "\r\n" + rule + "\r\nfoot\r\n"
	plain, marked := devs, devs
	marked.Tag, marked.Footer = "devs", "foot"
	for _, tt := range []struct {
		name      string
		list      List
		raw, want string
	}{
		{"as it came", plain, author + "Subject: x\r\n\r\nbody\r\n", author + "Subject: x\r\n\r\nbody\r\n"},
		{"trace and records stay", plain, "Return-Path: <a@b.example>\r\nReceived: s\r\n" + gatewaytest.Token(1) + author + "\r\nbody", "Received: s\r\n" + gatewaytest.Token(1) + author + "\r\nbody"},
		{"another list's fields go", plain, "List-Id: <x.y>\r\nlist-unsubscribe: <z>\r\nPrecedence: bulk\r\nListen: up\r\n" + author + "\r\n", "Listen: up\r\n" + author + "\r\n"},
		{"tag and footer", marked, author + "Subject: x\r\n\r\nbody\r\n", author + "Subject: [devs] x\r\n\r\nbody" + foot},
		{"tagged before", marked, author + "Subject: Re: [Devs] x\r\n\r\nbody\r\n", author + "Subject: Re: [Devs] x\r\n\r\nbody" + foot},
		{"no white space", marked, author + "subject:x\r\n\r\nbody\r\n", author + "Subject: [devs] x\r\n\r\nbody" + foot},
		{"encoded", marked, author + "Subject: =?utf-8?q?=C3=A4?=\r\n\r\nbody\r\n", author + "Subject: [devs] =?utf-8?q?=C3=A4?=\r\n\r\nbody" + foot},
		{"long", marked, author + "Subject: " + strings.Repeat("x", 80) + "\r\n\r\nbody\r\n", author + "Subject: [devs]\r\n " + strings.Repeat("x", 80) + "\r\n\r\nbody" + foot},
		{"no text", marked, author, author + "\r\n" + foot[2:]},
		{"empty subject", marked, author + "Subject: \r\n\r\nbody\r\n", author + "Subject: \r\n\r\nbody" + foot},
		{"no line end", marked, author + "\r\nbody", author + "\r\nbody" + foot},
		{"quoted-printable", marked, author + "Content-Transfer-Encoding: Quoted-Printable\r\n\r\nb=C3=A4\r\n", author + "Content-Transfer-Encoding: Quoted-Printable\r\n\r\nb=C3=A4" + foot},
		{"a line that goes on", marked, author + "Content-Transfer-Encoding: quoted-printable\r\n\r\nb=\r\n", author + "Content-Transfer-Encoding: quoted-printable\r\n\r\nb=\r\n"},
		{"base64", marked, author + "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n", author + "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n"},
		{"HTML alone", marked, author + "Content-Type: text/html\r\n\r\n<p>\r\n", author + "Content-Type: text/html\r\n\r\n<p>\r\n"},
		{"signed", marked, author + "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n", author + "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n"},
		{
			"mixed", marked, author + "Content-Type: multipart/mixed;\r\n boundary=\"b\"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
			author + "Content-Type: multipart/mixed;\r\n boundary=\"b\"\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: text/plain; charset=us-ascii\r\n" +
				"Content-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n" + foot[:len(foot)-2] + "\r\n--b--\r\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Fields that prepare adds and that all cases have.
			want := listHead + tt.want
			if got, err := copyTest(tt.list, tt.raw); err != nil || got != want {
				t.Errorf("got %q (%v), want %q", got, err, want)
			}
		})
	}
	if _, err := copyTest(plain, "Subject: no author\r\n\r\n"); err == nil {
		t.Error("a post without an author is sent on")
	}
}

// FuzzListCopy: of mail that the gateway takes, a list without tag and footer
// changes no octet of the body, and no list any field of the author's but the
// subject.
func FuzzListCopy(f *testing.F) {
	f.Add([]byte("Return-Path: <>\r\nFrom: a@b.example\r\nSubject: x\r\n y\r\n\r\nbody\r\n"))
	f.Add([]byte("From: a@b.example\r\nSubject:\r\n\tx\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"))
	f.Add([]byte("From: a@b.example\r\nContent-Transfer-Encoding: quoted-printable\r\nList-Id\t: <q>\r\n\r\n=E4=\r\n"))
	f.Add([]byte(gatewaytest.Token(3) + "From: a@b.example\r\nsubject : Re: [DEVS] z\r\n\r\n"))
	marked := devs
	marked.Tag, marked.Footer = "devs", "a = b\nhttps://local.example/devs"
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines := bytes.Count(raw, []byte("\r\n"))
		if bytes.Count(raw, []byte("\r")) != lines || bytes.Count(raw, []byte("\n")) != lines || bytes.IndexByte(raw, 0) >= 0 {
			return
		}
		d, err := draft.Read(raw)
		if err != nil {
			return
		}
		raw = d.Finish(draft.Stamp{Hostname: "local.example", Ref: "r"}) // as it was taken, its header ended
		plain, err := copyTest(devs, string(raw))
		if err != nil {
			return
		}
		if again, err := copyTest(devs, plain); err != nil || strings.Count(again, "List-Id: <devs.local.example>") != 1 {
			t.Fatalf("a second time: %q, %v", again, err)
		}
		_, body := rawheader.Split(raw)
		if _, got := rawheader.Split([]byte(plain)); !bytes.Equal(got, body) {
			t.Fatalf("the body became %q, was %q", got, body)
		}
		out, err := copyTest(marked, string(raw))
		if err != nil {
			t.Fatal(err)
		}
		if header, _ := rawheader.Split([]byte(out)); rawheader.Count(header, "list-id") != 1 {
			t.Fatalf("List-Id is there %d times", rawheader.Count(header, "list-id"))
		}
		c := record.CompareMessages(message.Dissect([]byte(plain), nil), message.Dissect([]byte(out), nil), record.Context{})
		for _, p := range c.Parts {
			if p.Outcome != record.Same && p.Type <= message.References && p.Type != message.Subject {
				t.Fatalf("%s\nof %q", p, raw)
			}
		}
	})
}
