package smtpgw

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"cairn/smtpgw/reply"
)

// asIPv6 is a connection that seems to be one of IPv6, wherever there is none.
type asIPv6 struct{ net.Conn }

func (asIPv6) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 25} }

// TestOverIPv4: who is refused since his address of IPv6 has no name is tried once more over IPv4,
// before that counts.
func TestOverIPv4(t *testing.T) {
	const refused = "550 5.7.25 the address has no PTR record"
	at := func(verb, reply string) func(string, int) string {
		return func(line string, _ int) string {
			if strings.HasPrefix(line, verb) {
				return reply
			}
			return ""
		}
	}
	for _, tt := range []struct {
		name      string
		six, four *foreignServer // nil: there is none
		reply     string
		tried     bool // over IPv4
	}{
		{"at RCPT", &foreignServer{instead: at("RCPT", refused)}, &foreignServer{}, "250 taken", true},
		{"at MAIL", &foreignServer{instead: at("MAIL", refused)}, &foreignServer{}, "250 taken", true},
		{"of the text", &foreignServer{instead: at(".", refused)}, &foreignServer{}, "250 taken", true},
		{"at the banner", &foreignServer{banner: "554 5.7.25 no name"}, &foreignServer{}, "250 taken", true},
		{"for now", &foreignServer{instead: at("RCPT", "450 4.7.25 no name")}, &foreignServer{}, "250 taken", true},
		{"in other words", &foreignServer{instead: at("RCPT", "550 5.7.1 [2001:db8::2] has no PTR record")}, &foreignServer{}, "250 taken", true},
		{"over both", &foreignServer{instead: at("RCPT", refused)}, &foreignServer{instead: at("RCPT", refused)}, refused, true},
		{"and there is no IPv4", &foreignServer{instead: at("RCPT", refused)}, nil, refused, false},
		{"for another reason", &foreignServer{instead: at("RCPT", "550 5.7.1 no relaying")}, &foreignServer{}, "550 5.7.1 no relaying", false},
		{"at the banner, for another reason", &foreignServer{banner: "554 5.7.1 you are spam"}, &foreignServer{}, "451 4.4.0 connect to a mail server of far.example: mx.far.example: turned away: 554 5.7.1 you are spam", false},
		{"and the other session breaks", &foreignServer{instead: at("RCPT", refused)}, &foreignServer{instead: at(".", "hang up")}, "451 4.4.0 send to a mail server of far.example: the other side ended the session", true},
		{"taken at once", &foreignServer{}, &foreignServer{}, "250 taken", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			six := tt.six.listen(t)
			h := Host{Name: "mx.far.example", Dial: func(ctx context.Context) (net.Conn, error) {
				c, err := dialTo(six.addr)(ctx)
				return asIPv6{c}, err
			}}
			if tt.four != nil {
				h.DialIPv4 = dialTo(tt.four.listen(t).addr)
			}
			if reply := sendToHosts(t, mailText("hello"), h); reply != tt.reply {
				t.Errorf("reply %q, want %q", reply, tt.reply)
			}
			if tt.four == nil {
				return
			}
			tt.four.mu.Lock()
			defer tt.four.mu.Unlock()
			if tried := slices.ContainsFunc(tt.four.told, func(line string) bool { return strings.HasPrefix(line, "MAIL") }); tried != tt.tried {
				t.Errorf("told over IPv4: %q", tt.four.told)
			}
		})
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
