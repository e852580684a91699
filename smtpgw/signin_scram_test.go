package smtpgw

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// TestScram: a client that is not ours signs in with an app password, bound to the connection in
// each of the ways that there are, and believes that we know it too.
func TestScram(t *testing.T) {
	s := signIn(t, nil)
	bindings := map[string]func(*tls.ConnectionState) (scram.ChannelBinding, error){
		"tls-exporter":         scram.NewTLSExporterBinding,
		"tls-server-end-point": scram.NewTLSServerEndpointBinding,
		"tls-unique": func(state *tls.ConnectionState) (scram.ChannelBinding, error) {
			return scram.NewTLSUniqueBinding(state.TLSUnique), nil
		},
	}
	for _, tt := range []struct {
		name, login, secret, binding string
		version                      uint16
		end                          string
	}{
		{"not bound", "user", s.app, "", tls.VersionTLS13, "^235 2.7.0 signed in as user"},
		{"by an address, without hyphens", "alias@local.example", strings.ReplaceAll(s.app, "-", ""), "", tls.VersionTLS13, "^235 2.7.0 signed in as user"},
		{"TLS 1.3", "user", s.app, "tls-exporter", tls.VersionTLS13, "^235 2.7.0 signed in as user"},
		{"by the certificate", "user", s.app, "tls-server-end-point", tls.VersionTLS13, "^235 2.7.0 signed in as user"},
		{"TLS 1.2", "user", s.app, "tls-unique", tls.VersionTLS12, "^235 2.7.0 signed in as user"},
		{"TLS 1.2 in the way of 1.3", "user", s.app, "tls-exporter", tls.VersionTLS12, "^535 5.7.8 this TLS connection is not the one"},
		{"its own password", "user", "user-secret", "", tls.VersionTLS13, "^535 5.7.8 wrong name or password; SCRAM takes app passwords alone"},
		{"another", "user", "abcd-efgh-ijkl-mnop-qrst-uvwx", "tls-exporter", tls.VersionTLS13, "^535 5.7.8 wrong name"},
		{"nobody", "nobody", s.app, "", tls.VersionTLS13, "^535 5.7.8 wrong name"},
		{"somebody without", "other@local.example", s.app, "", tls.VersionTLS13, "^535 5.7.8 wrong name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := s.config.Clone()
			config.MaxVersion = tt.version
			d := greeted(t, s.plain)
			d.say("STARTTLS\r\n", "^220 ")
			d.encrypt(config)
			d.say("EHLO client.example\r\n", "^250 ")
			client, err := scram.SHA256.NewClient(tt.login, tt.secret, "")
			if err != nil {
				t.Fatal(err)
			}
			mechanism, c := "SCRAM-SHA-256", client.NewConversation()
			if tt.binding != "" {
				state := d.conn.(*tls.Conn).ConnectionState()
				if tt.version < tls.VersionTLS13 && tt.binding == "tls-exporter" {
					c = client.NewConversationWithChannelBinding(scram.ChannelBinding{Type: scram.ChannelBindingTLSExporter, Data: make([]byte, 32)})
				} else if b, err := bindings[tt.binding](&state); err != nil {
					t.Fatal(err)
				} else {
					c = client.NewConversationWithChannelBinding(b)
				}
				mechanism += "-PLUS"
			}
			said := "AUTH " + mechanism + " "
			for challenge := ""; ; {
				answer, err := c.Step(challenge)
				if err != nil {
					t.Fatal(err)
				}
				reply := d.say(said+b64(answer)+"\r\n", "^(334|535|235) ")
				text, more := strings.CutPrefix(reply, "334 ")
				if !more {
					if ok := strings.HasPrefix(tt.end, "^235"); !strings.HasPrefix(reply, tt.end[1:]) || ok != c.Valid() {
						t.Errorf("%q, want %s; the client believes us: %v", reply, tt.end, c.Valid())
					}
					break
				}
				b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
				if err != nil {
					t.Fatal(err)
				}
				said, challenge = "", string(b)
			}
			d.say("NOOP\r\n", "^250 ")
		})
	}
}

// TestScramGivenUp: an exchange that goes wrong leaves the session as it was.
func TestScramGivenUp(t *testing.T) {
	s := signIn(t, nil)
	d := s.over(t)
	const first = "n,,n=user,r=x"
	d.say("AUTH SCRAM-SHA-256 "+b64("y"+first[1:])+"\r\n", "^535 5.7.8 this TLS connection")
	d.say("AUTH SCRAM-SHA-256 "+b64("garbage")+"\r\n", "^501 5.5.2 what was sent is no message of SCRAM")
	d.say("AUTH SCRAM-SHA-256-PLUS "+b64(first)+"\r\n", "^501 5.5.2 what was sent is no message of SCRAM")
	d.say("AUTH SCRAM-SHA-256 "+b64(first)+"\r\n", "^334 ")
	d.say("*\r\n", "^501 5.7.0 given up")
	d.say("AUTH SCRAM-SHA-256 "+b64(first)+"\r\n", "^334 ")
	d.say(b64("c=biws")+"\r\n", "^501 5.5.2 ")
	d.say("MAIL FROM:<user@local.example>\r\n", "^530 5.7.0 ")
	d.say(plainOfUser, "^235 ")
}

// TestLessScram: what is switched off is not offered, and not taken.
func TestLessScram(t *testing.T) {
	for mode, want := range map[Scram]string{NoScram: "PLAIN LOGIN", NoScramPlus: "PLAIN LOGIN SCRAM-SHA-256"} {
		s := signIn(t, func(c *Config) { c.Scram = mode })
		d := greeted(t, s.plain)
		d.say("STARTTLS\r\n", "^220 ")
		d.encrypt(s.config)
		if offers := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-AUTH "+want+"\r\n") {
			t.Errorf("offered: %q", offers)
		}
		d.say("AUTH SCRAM-SHA-256-PLUS\r\n", "^504 5.5.4 .* there are "+strings.ReplaceAll(want, " ", ", "))
		d.say(plainOfUser, "^235 ")
	}
}
