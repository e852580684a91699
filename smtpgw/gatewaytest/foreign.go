package gatewaytest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	xscram "github.com/xdg-go/scram"
)

// Foreign is a mail server of somebody else. It notes what it is told, with "tls:" in front once
// that is encrypted. Its fields are set before Listen.
type Foreign struct {
	Banner    string   // "220 hello" if empty
	Offers    []string // that EHLO offers; "no EHLO" for a server that knows none
	After     []string // the same once it is encrypted; nil: Offers without STARTTLS
	StartTLS  string   // its reply to STARTTLS, with what follows; "220 go" if empty
	Broken    bool     // no handshake ever succeeds
	FromStart bool     // TLS before the banner
	Unproved  bool     // it does not know the password that SCRAM is to prove
	Config    *tls.Config
	// Instead answers a command, or the end "." of a text, the nth of its kind from 1, in its own
	// way; "": as usual. "hang up" is no reply. It is called with Mu held.
	Instead func(line string, n int) string

	Addr  string // where it listens
	Mu    sync.Mutex
	Told  []string       // commands; guarded by Mu, as what follows
	Texts []string       // as they came, with their final dots
	Of    map[string]int // commands, by verb
}

// own is the reply of Instead.
func (s *Foreign) own(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.Of == nil {
		s.Of = make(map[string]int)
	}
	s.Of[verb]++
	if s.Instead == nil {
		return ""
	}
	return s.Instead(line, s.Of[verb])
}

// Listen has it serve on a loopback port until the test ends.
func (s *Foreign) Listen(t *testing.T) *Foreign {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
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

func (s *Foreign) note(line string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Told = append(s.Told, line)
}

// keep keeps a line of a text, and returns which one that is; -1: it begins another. Sessions bring
// theirs at the same time.
func (s *Foreign) keep(line string, at int) int {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if at < 0 {
		s.Texts = append(s.Texts, "")
		at = len(s.Texts) - 1
	}
	s.Texts[at] += line + "\r\n"
	return at
}

func (s *Foreign) serve(c net.Conn) {
	c.SetDeadline(time.Now().Add(time.Minute))
	encrypted := ""
	if s.FromStart {
		c, encrypted = tls.Server(c, s.Config), "tls:"
	}
	lines := bufio.NewReader(c)
	say := func(l ...string) { io.WriteString(c, strings.Join(l, "\r\n")+"\r\n") }
	say(cmp.Or(s.Banner, "220 hello"))
	s.Mu.Lock()
	offered := s.Offers
	s.Mu.Unlock()
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
			io.WriteString(c, cmp.Or(s.StartTLS, "220 go\r\n"))
			if s.Broken {
				lines.ReadByte() // what it begins with
				say("this is no TLS")
				return
			}
			over := tls.Server(c, s.Config)
			if over.Handshake() != nil {
				return
			}
			c, encrypted, lines = over, "tls:", bufio.NewReader(over)
			if ext = s.After; ext == nil {
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
func (s *Foreign) scram(first string, answer func() string, say func(string)) bool {
	secret := "secret"
	client, err := xscram.SHA256.NewClient("me", secret, "")
	if err != nil {
		return false
	}
	stored, err := client.GetStoredCredentialsWithError(xscram.KeyFactors{Salt: "0123456789abcdef", Iters: 4096})
	if err != nil {
		return false
	}
	if s.Unproved {
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

// DialTo opens connections to an address.
func DialTo(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) }
}
