package courier

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/tlstest"
)

// TestHosts: mail to servers that are no nodes, by what they offer and how they fail.
func TestHosts(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	other, _ := tlstest.Certificate(t, "mx.far.example")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	ascii, eightBit := mailText("hello"), mailText("hello")+"grüße\r\n"
	header := "Subject: grüße\r\n" + ascii
	me := &client.Login{User: "me", Password: "secret"}
	const veiled = "451 4.4.0 connect to a mail server of far.example: mx.far.example: user or password refused: 535 (what it says shows the password)"
	echo := func(to, words string) func(string, int) string {
		return func(line string, _ int) string {
			if !strings.HasPrefix(line, to) {
				return ""
			}
			return "535 5.7.8 " + cmp.Or(words, line)
		}
	}
	starttls := []string{"STARTTLS", "CHUNKING", "PIPELINING", "8BITMIME"}
	for _, tt := range []struct {
		name   string
		server *gatewaytest.Foreign
		host   client.Host // Name and Roots are there
		raw    string
		reply  string // what of it: the server's, or ours
		told   string // what the server was told before the text, commands by their first words
	}{
		{"in clear, and no chunks", &gatewaytest.Foreign{Offers: []string{"CHUNKING", "PIPELINING"}}, client.Host{}, ascii, "250 taken", "EHLO MAIL RCPT DATA"},
		{"encrypted", &gatewaytest.Foreign{Offers: starttls}, client.Host{}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"any certificate will do", &gatewaytest.Foreign{Offers: starttls}, client.Host{Name: "other.example"}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"broken TLS", &gatewaytest.Foreign{Offers: starttls, Broken: true}, client.Host{}, ascii, "250 taken", "EHLO STARTTLS EHLO MAIL RCPT DATA"},
		{"STARTTLS refused", &gatewaytest.Foreign{Offers: starttls, StartTLS: "454 not now\r\n"}, client.Host{}, ascii, "250 taken", "EHLO STARTTLS EHLO MAIL RCPT DATA"},
		{"more behind the reply", &gatewaytest.Foreign{Offers: starttls, StartTLS: "220 go\r\n250 fine\r\n"}, client.Host{TLS: client.TLSRequired}, ascii, "451 4.7.5 connect to a mail server of far.example: mx.far.example: something came in clear after the reply to STARTTLS", "EHLO STARTTLS"},
		{"required", &gatewaytest.Foreign{Offers: starttls}, client.Host{TLS: client.TLSRequired}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"required and not there", &gatewaytest.Foreign{}, client.Host{TLS: client.TLSRequired}, ascii, "451 4.7.4 connect to a mail server of far.example: mx.far.example: it offers no STARTTLS, which is required", "EHLO"},
		{"required and broken", &gatewaytest.Foreign{Offers: starttls, Broken: true}, client.Host{TLS: client.TLSRequired}, ascii, "451 4.7.5 connect to a mail server of far.example: mx.far.example: TLS failed", "EHLO STARTTLS"},
		{"required, of another name", &gatewaytest.Foreign{Offers: starttls}, client.Host{Name: "other.example", TLS: client.TLSRequired}, ascii, "451 4.7.5 connect to a mail server of far.example: other.example: its certificate is not accepted: x509: certificate is valid for mx.far.example, not other.example", "EHLO STARTTLS"},
		{"required, of a key that is published", &gatewaytest.Foreign{Offers: starttls}, client.Host{Name: "other.example", TLS: client.TLSRequired, Verify: published(cert)}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"required, of another key", &gatewaytest.Foreign{Offers: starttls}, client.Host{TLS: client.TLSRequired, Verify: published(other)}, ascii, "451 4.7.5 connect to a mail server of far.example: mx.far.example: its certificate is not accepted: another key", "EHLO STARTTLS"},
		{"from the start", &gatewaytest.Foreign{FromStart: true}, client.Host{TLS: client.TLSFromStart}, ascii, "250 taken", "tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"from the start, of another name", &gatewaytest.Foreign{FromStart: true}, client.Host{Name: "other.example", TLS: client.TLSFromStart}, ascii, "451 4.7.5 connect to a mail server of far.example: other.example: its certificate is not accepted: x509: certificate is valid for mx.far.example, not other.example", ""},
		{"TLS that ends after the handshake", &gatewaytest.Foreign{Offers: starttls, Instead: func(line string, n int) string {
			if n == 2 && strings.HasPrefix(line, "EHLO") { // as one that wants a certificate of ours (RFC 8446, section 4.4.2.4)
				return "hang up"
			}
			return ""
		}}, client.Host{}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO EHLO MAIL RCPT DATA"},
		{"no EHLO", &gatewaytest.Foreign{Offers: []string{"no EHLO"}}, client.Host{}, ascii, "250 taken", "EHLO HELO MAIL RCPT DATA"},
		{"turned away", &gatewaytest.Foreign{Banner: "554 no"}, client.Host{}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: turned away: 554 no", ""},
		{"8 bits", &gatewaytest.Foreign{Offers: []string{"8BITMIME"}}, client.Host{}, eightBit, "250 taken", "EHLO MAIL RCPT DATA"},
		{"8 bits to who takes 7", &gatewaytest.Foreign{}, client.Host{}, eightBit, "554 5.6.3 the message has 8-bit text, which the other side does not take (8BITMIME)", "EHLO"},
		{"UTF-8 in the header", &gatewaytest.Foreign{Offers: []string{"8BITMIME", "SMTPUTF8"}}, client.Host{}, header, "250 taken", "EHLO MAIL RCPT DATA"},
		{"UTF-8 in the header to who takes none", &gatewaytest.Foreign{Offers: []string{"8BITMIME"}}, client.Host{}, header, "554 5.6.7 the message has header fields in UTF-8, which the other side does not take (SMTPUTF8)", "EHLO"},
		{"PLAIN", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH LOGIN PLAIN"}}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"LOGIN", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH LOGIN"}}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"another password", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN"}}, client.Host{TLS: client.TLSRequired, Login: &client.Login{User: "me", Password: "Secret"}}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: user or password refused: 535 5.7.8 no", "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"a password that is shown", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN"}, Instead: echo("AUTH ", "")}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, veiled, "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"a password that is shown as it is", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN"}, Instead: echo("AUTH ", "not secret")}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, veiled, "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"SCRAM", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN LOGIN SCRAM-SHA-256"}}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"SCRAM, of who does not know the password", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN SCRAM-SHA-256"}, Unproved: true}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: it did not prove that it knows the password", "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"PLAIN rather than SCRAM", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN SCRAM-SHA-256"}, Unproved: true}, client.Host{TLS: client.TLSRequired, Login: &client.Login{User: "me", Password: "secret", Mechanism: "PLAIN"}}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"SCRAM or nothing", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH PLAIN"}}, client.Host{TLS: client.TLSRequired, Login: &client.Login{User: "me", Password: "secret", Mechanism: "SCRAM-SHA-256"}}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: it does not offer AUTH SCRAM-SHA-256", "EHLO STARTTLS tls:EHLO"},
		{"no AUTH that we know", &gatewaytest.Foreign{Offers: starttls, After: []string{"AUTH GSSAPI"}}, client.Host{TLS: client.TLSRequired, Login: me}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: it offers neither AUTH PLAIN nor AUTH LOGIN", "EHLO STARTTLS tls:EHLO"},
		{"no password in clear", &gatewaytest.Foreign{Offers: []string{"AUTH PLAIN"}}, client.Host{Login: me}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: the password is not sent in clear: STARTTLS is required", "EHLO"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.Config = config
			server := tt.server.Listen(t)
			h := tt.host
			h.Roots, h.Dial = roots, gatewaytest.DialTo(server.Addr)
			if h.Name == "" {
				h.Name = "mx.far.example"
			}
			h.Helo = "out.local.example"
			reply := sendToHosts(t, tt.raw, h)
			if reply != tt.reply {
				t.Errorf("reply %q, want %q", reply, tt.reply)
			}
			server.Mu.Lock()
			defer server.Mu.Unlock()
			var told []string
			for _, line := range server.Told {
				verb, _, _ := strings.Cut(line, " ")
				if strings.HasSuffix(verb, "QUIT") {
					break
				}
				told = append(told, verb)
				if strings.HasSuffix(verb, "EHLO") && !strings.HasSuffix(line, " "+h.Helo) {
					t.Errorf("told %q", line)
				}
				if strings.HasSuffix(verb, "MAIL") && strings.Contains(line, "SMTPUTF8") != (tt.raw == header) {
					t.Errorf("told %q", line)
				}
				if strings.HasSuffix(verb, "MAIL") && strings.Contains(line, "BODY=8BITMIME") != !rawheader.IsASCII([]byte(tt.raw)) {
					t.Errorf("told %q", line)
				}
			}
			if got := strings.Join(told, " "); got != tt.told {
				t.Errorf("told %q, want %q", got, tt.told)
			}
		})
	}
}

// published holds a host to the key of a certificate.
func published(c tls.Certificate) func(*tls.ConnectionState) error {
	return func(state *tls.ConnectionState) error {
		if bytes.Equal(state.PeerCertificates[0].RawSubjectPublicKeyInfo, c.Leaf.RawSubjectPublicKeyInfo) {
			return nil
		}
		return client.Reason("another key")
	}
}

// sendToHosts has a courier carry a mail to far.example, and returns the reply.
func sendToHosts(t *testing.T, raw string, hosts ...client.Host) string {
	t.Helper()
	n := nearNode(t, nil)
	n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: hosts}}
	n.courier.cfg.Sending.FirstRetry = time.Hour
	n.send(t, "user@local.example", raw, "bob@far.example")
	e, whole, err := n.queue.Load(must(n.queue.List(0, 1))(t)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	l := newLane(t.Context(), "far.example", n.courier.texts)
	out, o := n.courier.attempt(t.Context(), l, nil, &e, whole)
	if o != nil {
		o.Quit()
	}
	return fmt.Sprint(out[0].reply)
}

// TestNextHost: who cannot be reached or turns the session away is passed by; whoever answers has
// the word.
func TestNextHost(t *testing.T) {
	good := (&gatewaytest.Foreign{}).Listen(t)
	away := (&gatewaytest.Foreign{Banner: "421 later"}).Listen(t)
	closed := client.Host{Name: "closed.example", Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("192.0.2.1:25: refused") }}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut := gone.Addr().String()
	gone.Close()
	turns := client.Host{Name: "away.example", Dial: gatewaytest.DialTo(away.Addr)}
	takes := client.Host{Name: "good.example", Dial: gatewaytest.DialTo(good.Addr)}
	for _, tt := range []struct {
		name  string
		hosts []client.Host
		reply string
	}{
		{"the second", []client.Host{closed, takes}, "250 taken"},
		{"the third", []client.Host{turns, closed, takes}, "250 taken"},
		{"nobody listens", []client.Host{{Name: "shut.example", Dial: gatewaytest.DialTo(shut)}}, "451 4.4.0 connect to a mail server of far.example: shut.example refuses the connection"},
		{"silence", []client.Host{{Name: "mute.example", Dial: func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}}}, "451 4.4.0 connect to a mail server of far.example: mute.example does not answer in time"},
		{"none", []client.Host{closed, turns}, "451 4.4.0 connect to a mail server of far.example: closed.example cannot be reached, or broke off"},
	} {
		if got := sendToHosts(t, mailText("hello"), tt.hosts...); got != tt.reply {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.reply)
		}
	}
}

// TestOddHosts: two mails in one session with a server that does not keep to it. Who has a mail
// does not get it again at once, and what was not sent is not taken for delivered.
func TestOddHosts(t *testing.T) {
	second := func(verb, reply string) func(string, int) string {
		return func(line string, n int) string {
			if n == 2 && strings.HasPrefix(line, verb) {
				return reply
			}
			return ""
		}
	}
	for _, tt := range []struct {
		name    string
		instead func(line string, n int) string
		replies string // to the second mail
		texts   int    // that the server took, or may have taken, of both
	}{
		{"none", nil, "250 taken, 250 taken", 2},
		{"codes alone", func(line string, n int) string {
			switch verb, _, _ := strings.Cut(line, " "); verb {
			case "EHLO", "MAIL", "RCPT", ".":
				return "250"
			case "DATA":
				return "354"
			}
			return ""
		}, "250, 250", 2},
		{"gone before the second", second("MAIL", "hang up"), "250 taken, 250 taken", 2},
		{"421 before the second", second("MAIL", "421 too many messages"), "250 taken, 250 taken", 2},
		{"gone with the second", second(".", "hang up"), "451, 451", 2},
		{"421 with the second", second(".", "421 later"), "421 later, 421 later", 2},
		{"no text wanted", second("DATA", "250 fine"), "250 taken, 250 taken", 2},
		{"no text wanted any more", func(line string, n int) string {
			if n >= 2 && line == "DATA" {
				return "250 fine"
			}
			return ""
		}, "451, 451", 1},
		{"one reply too many", func(line string, n int) string {
			if line == "." && n == 1 {
				return "250 taken\r\n250 and more"
			}
			return ""
		}, "250 taken, 250 taken", 2},
		{"one at a time, then gone", func(line string, n int) string {
			switch {
			case strings.HasPrefix(line, "RCPT") && strings.Contains(line, "carol") && n == 4:
				return "452 4.5.3 one at a time"
			case strings.HasPrefix(line, "MAIL") && n == 3:
				return "421 too many messages"
			}
			return ""
		}, "250 taken, 451", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := (&gatewaytest.Foreign{Instead: tt.instead}).Listen(t)
			n := nearNode(t, nil)
			n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: gatewaytest.DialTo(server.Addr)}}}}
			l := newLane(t.Context(), "far.example", n.courier.texts)
			var o *client.Session
			var out []fate
			for i := range 2 {
				to := strings.Replace(mailText("hello"), "u@local.example", "bob@far.example, carol@far.example", 1)
				n.send(t, "user@local.example", to, "bob@far.example", "carol@far.example")
				e, whole, err := n.queue.Load(must(n.queue.List(0, 2))(t)[i].ID)
				if err != nil {
					t.Fatal(err)
				}
				out, o = n.courier.attempt(t.Context(), l, o, &e, whole)
			}
			if o != nil {
				o.Quit()
			}
			var replies []string
			for _, f := range out {
				text := fmt.Sprint(f.reply)
				if f.reply.Code == 451 {
					text = "451"
				}
				replies = append(replies, text)
			}
			server.Mu.Lock()
			defer server.Mu.Unlock()
			if got := strings.Join(replies, ", "); got != tt.replies || server.Of["."] != tt.texts {
				t.Errorf("%s, %d texts; want %s, %d", got, server.Of["."], tt.replies, tt.texts)
			}
		})
	}
}

// TestStopLosesNoReply: a server has taken the text for one recipient and waits for the other's
// turn when the program is stopped. It does not get the text again.
func TestStopLosesNoReply(t *testing.T) {
	n := nearNode(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server := (&gatewaytest.Foreign{Instead: func(line string, k int) string {
		switch {
		case strings.HasPrefix(line, "RCPT") && k == 2:
			return "452 4.5.3 too many recipients"
		case strings.HasPrefix(line, "MAIL") && k == 2:
			stop()
			return "hang up"
		}
		return ""
	}}).Listen(t)
	n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: gatewaytest.DialTo(server.Addr)}}}}
	text := strings.Replace(mailText("hello"), "u@local.example", "a@far.example, b@far.example", 1)
	n.send(t, "user@local.example", text, "a@far.example", "b@far.example")
	id := must(n.queue.List(0, 1))(t)[0].ID
	n.courier.queue.Begin("far.example", id)
	l := newLane(ctx, "far.example", n.courier.texts)
	l.workers, l.idle = 1, 0
	if o := n.courier.carry(ctx, l, nil, id); o != nil {
		o.Quit()
	}
	n.courier.work.Wait()
	list := must(n.queue.List(0, 10))(t)
	if len(list) != 1 || !slices.Equal(list[0].Recipients, []string{"b@far.example"}) {
		t.Errorf("in the queue after the stop: %+v", list)
	} else if e := list[0]; e.Attempts != 0 || e.NextAttempt.After(time.Now()) {
		t.Errorf("what was broken off by the stop counts as attempt %d, due again at %v", e.Attempts, e.NextAttempt)
	}
}

// TestTooManyIsTemporary: so has who was refused beside another one, later, where the session comes
// to no other transaction.
func TestTooManyIsTemporary(t *testing.T) {
	for name, rest := range map[string]func(line string, n int) string{
		"451 to the text": func(line string, _ int) string {
			return map[bool]string{true: "451 greylisted"}[line == "."]
		},
		"421 to the second MAIL": func(line string, n int) string {
			return map[bool]string{true: "421 one mail a session"}[strings.HasPrefix(line, "MAIL") && n == 2]
		},
		"gone after the text": func(line string, _ int) string {
			return map[bool]string{true: "hang up"}[line == "."]
		},
	} {
		server := (&gatewaytest.Foreign{Instead: func(line string, n int) string {
			if strings.HasPrefix(line, "RCPT TO:<c") {
				return "552 too many recipients"
			}
			return rest(line, n)
		}}).Listen(t)
		n := nearNode(t, nil)
		e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"b@far.example", "c@far.example"}}
		n.courier.router = routes{"far.example": client.Route{To: "outside", Hosts: []client.Host{{Name: "mx.far.example", Dial: gatewaytest.DialTo(server.Addr)}}}}
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, e, []byte(mailText("x")))
		if o != nil {
			o.Quit()
		}
		if c := out[1]; c.reply.Permanent() || c.reply.OK() {
			t.Errorf("%s: %s", name, c.reply)
		}
	}
}
