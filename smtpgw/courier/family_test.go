package courier

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"cairn/smtpgw/client"
	"cairn/smtpgw/gatewaytest"
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
		six, four *gatewaytest.Foreign // nil: there is none
		reply     string
		tried     bool // over IPv4
	}{
		{"at RCPT", &gatewaytest.Foreign{Instead: at("RCPT", refused)}, &gatewaytest.Foreign{}, "250 taken", true},
		{"at MAIL", &gatewaytest.Foreign{Instead: at("MAIL", refused)}, &gatewaytest.Foreign{}, "250 taken", true},
		{"of the text", &gatewaytest.Foreign{Instead: at(".", refused)}, &gatewaytest.Foreign{}, "250 taken", true},
		{"at the banner", &gatewaytest.Foreign{Banner: "554 5.7.25 no name"}, &gatewaytest.Foreign{}, "250 taken", true},
		{"for now", &gatewaytest.Foreign{Instead: at("RCPT", "450 4.7.25 no name")}, &gatewaytest.Foreign{}, "250 taken", true},
		{"in other words", &gatewaytest.Foreign{Instead: at("RCPT", "550 5.7.1 [2001:db8::2] has no PTR record")}, &gatewaytest.Foreign{}, "250 taken", true},
		{"over both", &gatewaytest.Foreign{Instead: at("RCPT", refused)}, &gatewaytest.Foreign{Instead: at("RCPT", refused)}, refused, true},
		{"and there is no IPv4", &gatewaytest.Foreign{Instead: at("RCPT", refused)}, nil, refused, false},
		{"for another reason", &gatewaytest.Foreign{Instead: at("RCPT", "550 5.7.1 no relaying")}, &gatewaytest.Foreign{}, "550 5.7.1 no relaying", false},
		{"at the banner, for another reason", &gatewaytest.Foreign{Banner: "554 5.7.1 you are spam"}, &gatewaytest.Foreign{}, "451 4.4.0 connect to a mail server of far.example: mx.far.example: turned away: 554 5.7.1 you are spam", false},
		{"and the other session breaks", &gatewaytest.Foreign{Instead: at("RCPT", refused)}, &gatewaytest.Foreign{Instead: at(".", "hang up")}, "451 4.4.0 send to a mail server of far.example: the other side ended the session", true},
		{"taken at once", &gatewaytest.Foreign{}, &gatewaytest.Foreign{}, "250 taken", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			six := tt.six.Listen(t)
			h := client.Host{Name: "mx.far.example", Dial: func(ctx context.Context) (net.Conn, error) {
				c, err := gatewaytest.DialTo(six.Addr)(ctx)
				return asIPv6{c}, err
			}}
			if tt.four != nil {
				h.DialIPv4 = gatewaytest.DialTo(tt.four.Listen(t).Addr)
			}
			if reply := sendToHosts(t, mailText("hello"), h); reply != tt.reply {
				t.Errorf("reply %q, want %q", reply, tt.reply)
			}
			if tt.four == nil {
				return
			}
			tt.four.Mu.Lock()
			defer tt.four.Mu.Unlock()
			if tried := slices.ContainsFunc(tt.four.Told, func(line string) bool { return strings.HasPrefix(line, "MAIL") }); tried != tt.tried {
				t.Errorf("told over IPv4: %q", tt.four.Told)
			}
		})
	}
}
