package smtpgw

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	xscram "github.com/xdg-go/scram"

	"cairn/mailstore/outbox"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/tlstest"
)

// foreignServer is a mail server of somebody else. It notes what it is told, with "tls:" in front
// once that is encrypted.
type foreignServer struct {
	banner   string   // "220 hello" if empty
	ext      []string // that EHLO offers; "no EHLO" for a server that knows none
	after    []string // the same once it is encrypted; nil: ext without STARTTLS
	startTLS string   // its reply to STARTTLS, with what follows; "220 go" if empty
	broken   bool     // no handshake ever succeeds
	first    bool     // TLS before the banner
	unproved bool     // it does not know the password that SCRAM is to prove
	config   *tls.Config
	// instead answers a command, or the end "." of a text, the nth of its kind from 1, in its own
	// way; "": as usual. "hang up" is no reply.
	instead func(line string, n int) string

	addr  string
	mu    sync.Mutex
	told  []string
	texts []string       // as they came, with their final dots
	of    map[string]int // commands
}

// own is the reply of instead.
func (s *foreignServer) own(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[string]int)
	}
	s.of[verb]++
	if s.instead == nil {
		return ""
	}
	return s.instead(line, s.of[verb])
}

func (s *foreignServer) listen(t *testing.T) *foreignServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	var served sync.WaitGroup
	t.Cleanup(func() { l.Close(); served.Wait() })
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { defer c.Close(); s.serve(c) })
		}
	})
	return s
}

func (s *foreignServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, line)
}

// keep keeps a line of a text, and returns which one that is; -1: it begins another. Sessions bring
// theirs at the same time.
func (s *foreignServer) keep(line string, at int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at < 0 {
		s.texts = append(s.texts, "")
		at = len(s.texts) - 1
	}
	s.texts[at] += line + "\r\n"
	return at
}

func (s *foreignServer) serve(c net.Conn) {
	c.SetDeadline(time.Now().Add(time.Minute))
	encrypted := ""
	if s.first {
		c, encrypted = tls.Server(c, s.config), "tls:"
	}
	lines := bufio.NewReader(c)
	say := func(l ...string) { io.WriteString(c, strings.Join(l, "\r\n")+"\r\n") }
	say(cmp.Or(s.banner, "220 hello"))
	s.mu.Lock()
	offered := s.ext
	s.mu.Unlock()
	ext, text, at := offered, false, -1
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if text {
			at = s.keep(line, at)
			if text = line != "."; text {
				continue
			}
			own := s.own(line)
			if own == "hang up" {
				return
			}
			say(cmp.Or(own, "250 taken"))
			continue
		}
		s.note(encrypted + line)
		if own := s.own(line); own == "hang up" {
			return
		} else if own != "" {
			say(own)
			text = strings.HasPrefix(own, "354")
			at = -1
			continue
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case verb == "EHLO" && slices.Contains(ext, "no EHLO"):
			say("502 what?")
		case verb == "EHLO":
			reply := []string{"250-here"}
			for _, e := range ext {
				reply = append(reply, "250-"+e)
			}
			say(append(reply, "250 HELP")...)
		case verb == "STARTTLS":
			io.WriteString(c, cmp.Or(s.startTLS, "220 go\r\n"))
			if s.broken {
				lines.ReadByte() // what it begins with
				say("this is no TLS")
				return
			}
			over := tls.Server(c, s.config)
			if over.Handshake() != nil {
				return
			}
			c, encrypted, lines = over, "tls:", bufio.NewReader(over)
			if ext = s.after; ext == nil {
				ext = slices.DeleteFunc(slices.Clone(offered), func(e string) bool { return e == "STARTTLS" })
			}
		case verb == "AUTH":
			answer := func() string {
				line, _ := lines.ReadString('\n')
				b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
				return string(b)
			}
			good := line == "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00me\x00secret"))
			if line == "AUTH LOGIN" {
				say("334 VXNlcm5hbWU6")
				user := answer()
				say("334 UGFzc3dvcmQ6")
				good = answer() == "secret" && user == "me"
			}
			if first, ok := strings.CutPrefix(line, "AUTH SCRAM-SHA-256 "); ok {
				good = s.scram(first, answer, func(text string) { say("334 " + base64.StdEncoding.EncodeToString([]byte(text))) })
			}
			if !good {
				say("535 5.7.8 no")
				continue
			}
			say("235 yes")
		case verb == "DATA":
			text, at = true, -1
			say("354 go on")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// scram is an exchange with who signs in by SCRAM-SHA-256, by a server that is not ours.
func (s *foreignServer) scram(first string, answer func() string, say func(string)) bool {
	secret := "secret"
	client, err := xscram.SHA256.NewClient("me", secret, "")
	if err != nil {
		return false
	}
	stored, err := client.GetStoredCredentialsWithError(xscram.KeyFactors{Salt: "0123456789abcdef", Iters: 4096})
	if err != nil {
		return false
	}
	if s.unproved {
		stored.ServerKey = []byte("another one")
	}
	server, err := xscram.SHA256.NewServer(func(string) (xscram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		return false
	}
	talk := server.NewConversation()
	message, _ := base64.StdEncoding.DecodeString(first)
	for step := string(message); ; step = answer() {
		said, err := talk.Step(step)
		if err != nil {
			return false
		}
		say(said)
		if talk.Done() {
			return answer() == "" && talk.Valid()
		}
	}
}

// TestHosts: mail to servers that are no nodes, by what they offer and how they fail.
func TestHosts(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx.far.example")
	other, _ := tlstest.Certificate(t, "mx.far.example")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	ascii, eightBit := mailText("hello"), mailText("hello")+"grüße\r\n"
	header := "Subject: grüße\r\n" + ascii
	me := &Login{User: "me", Password: "secret"}
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
		server *foreignServer
		host   Host // Name and Roots are there
		raw    string
		reply  string // what of it: the server's, or ours
		told   string // what the server was told before the text, commands by their first words
	}{
		{"in clear, and no chunks", &foreignServer{ext: []string{"CHUNKING", "PIPELINING"}}, Host{}, ascii, "250 taken", "EHLO MAIL RCPT DATA"},
		{"encrypted", &foreignServer{ext: starttls}, Host{}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"any certificate will do", &foreignServer{ext: starttls}, Host{Name: "other.example"}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"broken TLS", &foreignServer{ext: starttls, broken: true}, Host{}, ascii, "250 taken", "EHLO STARTTLS EHLO MAIL RCPT DATA"},
		{"STARTTLS refused", &foreignServer{ext: starttls, startTLS: "454 not now\r\n"}, Host{}, ascii, "250 taken", "EHLO STARTTLS EHLO MAIL RCPT DATA"},
		{"more behind the reply", &foreignServer{ext: starttls, startTLS: "220 go\r\n250 fine\r\n"}, Host{TLS: TLSRequired}, ascii, "451 4.7.5 connect to a mail server of far.example: mx.far.example: something came in clear after the reply to STARTTLS", "EHLO STARTTLS"},
		{"required", &foreignServer{ext: starttls}, Host{TLS: TLSRequired}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"required and not there", &foreignServer{}, Host{TLS: TLSRequired}, ascii, "451 4.7.4 connect to a mail server of far.example: mx.far.example: it offers no STARTTLS, which is required", "EHLO"},
		{"required and broken", &foreignServer{ext: starttls, broken: true}, Host{TLS: TLSRequired}, ascii, "451 4.7.5 connect to a mail server of far.example: mx.far.example: TLS failed", "EHLO STARTTLS"},
		{"required, of another name", &foreignServer{ext: starttls}, Host{Name: "other.example", TLS: TLSRequired}, ascii, "451 4.7.5 connect to a mail server of far.example: other.example: its certificate is not accepted: x509: certificate is valid for mx.far.example, not other.example", "EHLO STARTTLS"},
		{"required, of a key that is published", &foreignServer{ext: starttls}, Host{Name: "other.example", TLS: TLSRequired, Verify: published(cert)}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"required, of another key", &foreignServer{ext: starttls}, Host{TLS: TLSRequired, Verify: published(other)}, ascii, "451 4.7.5 connect to a mail server of far.example: mx.far.example: its certificate is not accepted: another key", "EHLO STARTTLS"},
		{"from the start", &foreignServer{first: true}, Host{TLS: TLSFromStart}, ascii, "250 taken", "tls:EHLO tls:MAIL tls:RCPT tls:DATA"},
		{"from the start, of another name", &foreignServer{first: true}, Host{Name: "other.example", TLS: TLSFromStart}, ascii, "451 4.7.5 connect to a mail server of far.example: other.example: its certificate is not accepted: x509: certificate is valid for mx.far.example, not other.example", ""},
		{"TLS that ends after the handshake", &foreignServer{ext: starttls, instead: func(line string, n int) string {
			if n == 2 && strings.HasPrefix(line, "EHLO") { // as one that wants a certificate of ours (RFC 8446, section 4.4.2.4)
				return "hang up"
			}
			return ""
		}}, Host{}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO EHLO MAIL RCPT DATA"},
		{"no EHLO", &foreignServer{ext: []string{"no EHLO"}}, Host{}, ascii, "250 taken", "EHLO HELO MAIL RCPT DATA"},
		{"turned away", &foreignServer{banner: "554 no"}, Host{}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: turned away: 554 no", ""},
		{"8 bits", &foreignServer{ext: []string{"8BITMIME"}}, Host{}, eightBit, "250 taken", "EHLO MAIL RCPT DATA"},
		{"8 bits to who takes 7", &foreignServer{}, Host{}, eightBit, "554 5.6.3 the message has 8-bit text, which the other side does not take (8BITMIME)", "EHLO"},
		{"UTF-8 in the header", &foreignServer{ext: []string{"8BITMIME", "SMTPUTF8"}}, Host{}, header, "250 taken", "EHLO MAIL RCPT DATA"},
		{"UTF-8 in the header to who takes none", &foreignServer{ext: []string{"8BITMIME"}}, Host{}, header, "554 5.6.7 the message has header fields in UTF-8, which the other side does not take (SMTPUTF8)", "EHLO"},
		{"PLAIN", &foreignServer{ext: starttls, after: []string{"AUTH LOGIN PLAIN"}}, Host{TLS: TLSRequired, Login: me}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"LOGIN", &foreignServer{ext: starttls, after: []string{"AUTH LOGIN"}}, Host{TLS: TLSRequired, Login: me}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"another password", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN"}}, Host{TLS: TLSRequired, Login: &Login{User: "me", Password: "Secret"}}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: user or password refused: 535 5.7.8 no", "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"a password that is shown", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN"}, instead: echo("AUTH ", "")}, Host{TLS: TLSRequired, Login: me}, ascii, veiled, "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"a password that is shown as it is", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN"}, instead: echo("AUTH ", "not secret")}, Host{TLS: TLSRequired, Login: me}, ascii, veiled, "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"SCRAM", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN LOGIN SCRAM-SHA-256"}}, Host{TLS: TLSRequired, Login: me}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"SCRAM, of who does not know the password", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN SCRAM-SHA-256"}, unproved: true}, Host{TLS: TLSRequired, Login: me}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: it did not prove that it knows the password", "EHLO STARTTLS tls:EHLO tls:AUTH"},
		{"PLAIN rather than SCRAM", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN SCRAM-SHA-256"}, unproved: true}, Host{TLS: TLSRequired, Login: &Login{User: "me", Password: "secret", Mechanism: "PLAIN"}}, ascii, "250 taken", "EHLO STARTTLS tls:EHLO tls:AUTH tls:MAIL tls:RCPT tls:DATA"},
		{"SCRAM or nothing", &foreignServer{ext: starttls, after: []string{"AUTH PLAIN"}}, Host{TLS: TLSRequired, Login: &Login{User: "me", Password: "secret", Mechanism: "SCRAM-SHA-256"}}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: it does not offer AUTH SCRAM-SHA-256", "EHLO STARTTLS tls:EHLO"},
		{"no AUTH that we know", &foreignServer{ext: starttls, after: []string{"AUTH GSSAPI"}}, Host{TLS: TLSRequired, Login: me}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: it offers neither AUTH PLAIN nor AUTH LOGIN", "EHLO STARTTLS tls:EHLO"},
		{"no password in clear", &foreignServer{ext: []string{"AUTH PLAIN"}}, Host{Login: me}, ascii, "451 4.4.0 connect to a mail server of far.example: mx.far.example: the password is not sent in clear: STARTTLS is required", "EHLO"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.config = config
			server := tt.server.listen(t)
			h := tt.host
			h.Roots, h.Dial = roots, dialTo(server.addr)
			if h.Name == "" {
				h.Name = "mx.far.example"
			}
			h.Helo = "out.local.example"
			reply := sendToHosts(t, tt.raw, h)
			if reply != tt.reply {
				t.Errorf("reply %q, want %q", reply, tt.reply)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			var told []string
			for _, line := range server.told {
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
		return Reason("another key")
	}
}

func dialTo(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) }
}

// sendToHosts has a courier carry a mail to far.example, and returns the reply.
func sendToHosts(t *testing.T, raw string, hosts ...Host) string {
	t.Helper()
	n := nearNode(t, nil)
	n.courier.router = routes{"far.example": Route{To: "outside", Hosts: hosts}}
	n.courier.cfg.Sending.FirstRetry = time.Hour
	n.send(t, "user@local.example", raw, "bob@far.example")
	e, whole, err := n.queue.Load(must(n.queue.List(0, 1))(t)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	l := newLane(t.Context(), "far.example", n.courier.texts)
	out, o := n.courier.attempt(t.Context(), l, nil, &e, whole)
	if o != nil {
		o.quit()
	}
	return fmt.Sprint(out[0].reply)
}

// TestNextHost: who cannot be reached or turns the session away is passed by; whoever answers has
// the word.
func TestNextHost(t *testing.T) {
	good := (&foreignServer{}).listen(t)
	away := (&foreignServer{banner: "421 later"}).listen(t)
	closed := Host{Name: "closed.example", Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("192.0.2.1:25: refused") }}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut := gone.Addr().String()
	gone.Close()
	turns := Host{Name: "away.example", Dial: dialTo(away.addr)}
	takes := Host{Name: "good.example", Dial: dialTo(good.addr)}
	for _, tt := range []struct {
		name  string
		hosts []Host
		reply string
	}{
		{"the second", []Host{closed, takes}, "250 taken"},
		{"the third", []Host{turns, closed, takes}, "250 taken"},
		{"nobody listens", []Host{{Name: "shut.example", Dial: dialTo(shut)}}, "451 4.4.0 connect to a mail server of far.example: shut.example refuses the connection"},
		{"silence", []Host{{Name: "mute.example", Dial: func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}}}, "451 4.4.0 connect to a mail server of far.example: mute.example does not answer in time"},
		{"none", []Host{closed, turns}, "451 4.4.0 connect to a mail server of far.example: closed.example cannot be reached, or broke off"},
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
			server := (&foreignServer{instead: tt.instead}).listen(t)
			n := nearNode(t, nil)
			n.courier.router = routes{"far.example": Route{To: "outside", Hosts: []Host{{Name: "mx.far.example", Dial: dialTo(server.addr)}}}}
			l := newLane(t.Context(), "far.example", n.courier.texts)
			var o *outbound
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
				o.quit()
			}
			var replies []string
			for _, f := range out {
				text := fmt.Sprint(f.reply)
				if f.reply.Code == 451 {
					text = "451"
				}
				replies = append(replies, text)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			if got := strings.Join(replies, ", "); got != tt.replies || server.of["."] != tt.texts {
				t.Errorf("%s, %d texts; want %s, %d", got, server.of["."], tt.replies, tt.texts)
			}
		})
	}
}

// TestReplyLine: the text of a reply is optional, its form is not.
func TestReplyLine(t *testing.T) {
	for _, tt := range []struct {
		line string
		code int
		more bool
		text string
	}{
		{"250 fine", 250, false, "fine"}, {"250", 250, false, ""}, {"250 ", 250, false, ""}, {"250-", 250, true, ""}, {"250-SIZE 9", 250, true, "SIZE 9"},
		{"354 go", 354, false, "go"}, {"599  x", 599, false, " x"},
		{"", 0, false, ""}, {"25", 0, false, ""}, {"250fine", 0, false, ""}, {"2500", 0, false, ""}, {"150 x", 0, false, ""}, {"650 x", 0, false, ""},
		{"2x0 x", 0, false, ""}, {" 250 x", 0, false, ""}, {"250\tx", 0, false, ""},
	} {
		code, more, text, ok := reply.ReadLine(tt.line)
		if code != tt.code || more != tt.more || text != tt.text || ok != (tt.code != 0) {
			t.Errorf("%q: %d, %v, %q, %v", tt.line, code, more, text, ok)
		}
	}
}

// TestInStep: what a server said unasked is seen also if it came long before, in a packet of its
// own.
func TestInStep(t *testing.T) {
	said := make(chan struct{})
	server := (&foreignServer{}).listen(t)
	conn, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o, err := greet(conn, "near.example", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if !o.inStep() {
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
	waitFor(t, func() bool { return !o.inStep() })
}

// TestStopLosesNoReply: a server has taken the text for one recipient and waits for the other's
// turn when the program is stopped. It does not get the text again.
func TestStopLosesNoReply(t *testing.T) {
	n := nearNode(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server := (&foreignServer{instead: func(line string, k int) string {
		switch {
		case strings.HasPrefix(line, "RCPT") && k == 2:
			return "452 4.5.3 too many recipients"
		case strings.HasPrefix(line, "MAIL") && k == 2:
			stop()
			return "hang up"
		}
		return ""
	}}).listen(t)
	n.courier.router = routes{"far.example": Route{To: "outside", Hosts: []Host{{Name: "mx.far.example", Dial: dialTo(server.addr)}}}}
	text := strings.Replace(mailText("hello"), "u@local.example", "a@far.example, b@far.example", 1)
	n.send(t, "user@local.example", text, "a@far.example", "b@far.example")
	id := must(n.queue.List(0, 1))(t)[0].ID
	n.courier.queue.Begin("far.example", id)
	l := newLane(ctx, "far.example", n.courier.texts)
	l.workers, l.idle = 1, 0
	if o := n.courier.carry(ctx, l, nil, id); o != nil {
		o.quit()
	}
	n.courier.work.Wait()
	list := must(n.queue.List(0, 10))(t)
	if len(list) != 1 || !slices.Equal(list[0].Recipients, []string{"b@far.example"}) {
		t.Errorf("in the queue after the stop: %+v", list)
	} else if e := list[0]; e.Attempts != 0 || e.NextAttempt.After(time.Now()) {
		t.Errorf("what was broken off by the stop counts as attempt %d, due again at %v", e.Attempts, e.NextAttempt)
	}
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
		server := (&foreignServer{instead: func(line string, n int) string {
			if strings.HasPrefix(line, "RCPT") && n == 2 {
				return reply
			}
			return ""
		}}).listen(t)
		o := must(greet(must(dialTo(server.addr)(t.Context()))(t), "here.example", time.Minute))(t)
		o.foreign = true
		got := must(o.send(t.Context(), "a@local.example", []string{"b@far.example", "c@far.example"}, nil, []byte(mailText("x"))))(t)
		o.quit()
		if said := got[0].String() + ", " + got[1].String(); said != want {
			t.Errorf("%s: %s, want %s", reply, said, want)
		}
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
		server := (&foreignServer{instead: func(line string, n int) string {
			if strings.HasPrefix(line, "RCPT TO:<c") {
				return "552 too many recipients"
			}
			return rest(line, n)
		}}).listen(t)
		n := nearNode(t, nil)
		e := &outbox.Entry{Domain: "far.example", From: "user@local.example", Recipients: []string{"b@far.example", "c@far.example"}}
		n.courier.router = routes{"far.example": Route{To: "outside", Hosts: []Host{{Name: "mx.far.example", Dial: dialTo(server.addr)}}}}
		out, o := n.courier.attempt(t.Context(), newLane(t.Context(), "far.example", n.courier.texts), nil, e, []byte(mailText("x")))
		if o != nil {
			o.quit()
		}
		if c := out[1]; c.reply.Permanent() || c.reply.OK() {
			t.Errorf("%s: %s", name, c.reply)
		}
	}
}

// TestLateStopOfAMail: a mail that is ended when its reply has come spoils none that follows in the
// session.
func TestLateStopOfAMail(t *testing.T) {
	server := (&foreignServer{}).listen(t)
	for range 50 {
		o := must(greet(must(dialTo(server.addr)(t.Context()))(t), "here.example", time.Minute))(t)
		o.foreign = true
		for range 3 {
			o.progress = new(progress)
			p := o.progress
			ctx, stop := context.WithCancelCause(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for p.given.Load() == 0 && ctx.Err() == nil {
					runtime.Gosched()
				}
				stop(errTooSlow)
			}()
			_, err := o.send(ctx, "a@local.example", []string{"b@far.example"}, nil, []byte(mailText("x")))
			stop(nil)
			<-ended
			if err != nil || !o.inStep() {
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
		o := must(greet(near, "here.example", time.Minute))(t)
		io.WriteString(o.w, "NOOP\r\n")
		r, err := o.read()
		if why, _ := errors.AsType[Reason](err); r.Code != 0 || why != "the other side ended the session" {
			t.Errorf("%q: %v, %v", last, r, err)
		}
		o.quit()
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
		o := &outbound{ext: map[string]string{tt.ext: ""}, foreign: true}
		command, refusal := o.mailCommand("user@local.example", []string{tt.to}, 1, false, true)
		if command+refusal != tt.want {
			t.Errorf("%s, %s: %q, %q", tt.to, tt.ext, command, refusal)
		}
	}
}
