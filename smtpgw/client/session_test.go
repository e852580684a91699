package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/reply"
)

// TestInStep: what a server said unasked is seen also if it came long before, in a packet of its
// own.
func TestInStep(t *testing.T) {
	said := make(chan struct{})
	server := (&gatewaytest.Foreign{}).Listen(t)
	conn, err := net.Dial("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o, err := greet(conn, "near.example", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if !o.InStep() {
		t.Error("out of step though nothing came")
	}
	near, far := net.Pipe()
	defer far.Close()
	o.attach(near)
	go func() {
		close(said)
		fmt.Fprint(far, "421 4.4.2 idle too long\r\n")
	}()
	<-said
	gatewaytest.WaitFor(t, func() bool { return !o.InStep() })
}

// TestTooManyRecipients: whom a server refuses with 552 beside another one that it takes, as
// servers of RFC 821 do, has the mail in a transaction of its own; not whose status says that it is
// about something else, nor who is alone.
func TestTooManyRecipients(t *testing.T) {
	for reply, want := range map[string]string{
		"552 too many recipients":       "250 taken, 250 taken",
		"552 5.5.3 too many recipients": "250 taken, 250 taken",
		"552 5.2.2 mailbox full":        "250 taken, 552 5.2.2 mailbox full",
	} {
		server := (&gatewaytest.Foreign{Instead: func(line string, n int) string {
			if strings.HasPrefix(line, "RCPT") && n == 2 {
				return reply
			}
			return ""
		}}).Listen(t)
		o := gatewaytest.Must(greet(gatewaytest.Must(gatewaytest.DialTo(server.Addr)(t.Context()))(t), "here.example", time.Minute))(t)
		o.Foreign = true
		got := gatewaytest.Must(o.send(t.Context(), "a@local.example", []string{"b@far.example", "c@far.example"}, nil, []byte(gatewaytest.MailText("x"))))(t)
		o.Quit()
		if said := got[0].String() + ", " + got[1].String(); said != want {
			t.Errorf("%s: %s, want %s", reply, said, want)
		}
	}
}

// TestLateStopOfAMail: a mail that is ended when its reply has come spoils none that follows in the
// session.
func TestLateStopOfAMail(t *testing.T) {
	server := (&gatewaytest.Foreign{}).Listen(t)
	for range 50 {
		o := gatewaytest.Must(greet(gatewaytest.Must(gatewaytest.DialTo(server.Addr)(t.Context()))(t), "here.example", time.Minute))(t)
		o.Foreign = true
		for range 3 {
			o.progress = new(Progress)
			p := o.progress
			ctx, stop := context.WithCancelCause(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for p.Given.Load() == 0 && ctx.Err() == nil {
					runtime.Gosched()
				}
				stop(ErrTooSlow)
			}()
			_, err := o.send(ctx, "a@local.example", []string{"b@far.example"}, nil, []byte(gatewaytest.MailText("x")))
			stop(nil)
			<-ended
			if err != nil || !o.InStep() {
				break
			}
		}
		o.conn.Close()
	}
}

// TestReplyWithoutEnd: what has no line end is no reply yet, and who goes away is said to have.
func TestReplyWithoutEnd(t *testing.T) {
	for _, last := range []string{"", "250 taken", "250-taken\r\n"} {
		near, far := net.Pipe()
		go func() {
			io.WriteString(far, "220 hello\r\n")
			lines := bufio.NewScanner(far)
			lines.Scan()
			io.WriteString(far, "250 here\r\n")
			lines.Scan()
			io.WriteString(far, last)
			far.Close()
		}()
		o := gatewaytest.Must(greet(near, "here.example", time.Minute))(t)
		io.WriteString(o.w, "NOOP\r\n")
		r, err := o.read()
		if why, _ := errors.AsType[Reason](err); r.Code != 0 || why != "the other side ended the session" {
			t.Errorf("%q: %v, %v", last, r, err)
		}
		o.Quit()
	}
}

// TestAddressesBeyondASCII: a local part beyond ASCII goes only to who takes it, and a domain as
// A-labels to all (RFC 6531, section 3.5).
func TestAddressesBeyondASCII(t *testing.T) {
	for _, tt := range []struct{ to, ext, want string }{
		{"jürgen@far.example", "", "5.6.7 the other side does not take non-ASCII addresses (SMTPUTF8)"},
		{"jürgen@far.example", "SMTPUTF8", "MAIL FROM:<user@local.example> SMTPUTF8"},
		{"bob@xn--bcher-kva.example", "", "MAIL FROM:<user@local.example>"},
	} {
		o := &Session{ext: map[string]string{tt.ext: ""}, Foreign: true}
		command, refusal := o.mailCommand("user@local.example", []string{tt.to}, 1, false, true)
		if command+refusal != tt.want {
			t.Errorf("%s, %s: %q, %q", tt.to, tt.ext, command, refusal)
		}
	}
}

// TestNameless: which replies are about the name of the address.
func TestNameless(t *testing.T) {
	for text, want := range map[string]bool{
		"550 5.7.25 x": true, "450 4.7.25 x": true, "550 5.7.1 no PTR": true, "554 5.7.1 cannot find your reverse hostname": true, "421 4.7.1 rDNS lookup failed": true,
		"250 2.7.25 x": false, "550 5.7.1 script": false, "550 5.7.26 no PTR": false, "550 4.7.25 x": false, "550 no PTR": false, "550 5.7.1 reversed": false,
	} {
		code, rest, _ := strings.Cut(text, " ")
		if got := nameless(reply.With(int(code[0]-'0')*100+int(code[1]-'0')*10+int(code[2]-'0'), rest)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What is wrong with one of several hosts beside its being away is no trouble of the set.
func TestJoinedErrors(t *testing.T) {
	away := fmt.Errorf("%w: %w", Reason("refused"), errUnreached)
	for _, tt := range []struct {
		errs []error
		want bool
	}{{[]error{away, away}, true}, {[]error{away, Reason("TLS failed")}, false}, {[]error{Reason("TLS failed")}, false}} {
		err := joined(tt.errs)
		if got := errors.Is(err, errUnreached); got != tt.want {
			t.Errorf("%v: %v", tt.errs, got)
		}
		if _, ok := errors.AsType[Reason](err); !ok {
			t.Errorf("%v has no reason", err)
		}
	}
}
