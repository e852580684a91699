package relays_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/node"
	"cairn/smtpgw/client"
	"cairn/smtpgw/tlstest"
	"cairn/testnet"
	"cairn/testnet/relays"
)

// TestSmarthost: mail for a domain that nobody is trusted for goes to the server that takes all of
// it, or that is named for its domain, and asks for a password; with its record.
func TestSmarthost(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	for _, signedIn := range []bool{false, true} {
		t.Run(map[bool]string{false: "for all", true: "by domain with a password"}[signedIn], func(t *testing.T) {
			t.Parallel()
			w, ctx := start(t, bravo)
			b := w.Members[0]
			to := relays.Config{NextHop: b.InboundAddr()}
			file := filepath.Join(t.TempDir(), "password")
			if signedIn {
				to = askingForPassword(t, to)
				if err := os.WriteFile(file, []byte(smartPassword+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := relays.StartPostfix(t, to)
			behind := alpha
			behind.Configure = func(c *node.Config) {
				if !signedIn {
					c.Outbound.Via = p.Addr
					return
				}
				c.Outbound.Smarthosts = []node.SmarthostConfig{{
					To: []string{b.Domain}, Via: atLocalhost(p.Addr), TLS: "starttls", User: smartUser, PasswordFile: file, CAFile: to.Settings["smtpd_tls_chain_files"],
				}}
			}
			a, err := w.Join(ctx, behind)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.AwaitMembers(ctx); err != nil {
				t.Fatal(err)
			}
			trust(ctx, t, b, a)
			if _, err := a.Untrust(ctx, b.Domain); err != nil {
				t.Fatal(err)
			}
			mail := letter{text: plainMail, word: "draußen."}
			encoded := letter{word: "drau=C3=9Fen."} // before it is recorded, as it leaves the network
			if err := testnet.SendOne(a.SubmissionAddr(), ana, bob, mail.wire()); err != nil {
				t.Fatal(err)
			}
			told := arrived(ctx, t, b, "bob", encoded.as)
			verified.check(t, told)
			stored, err := b.Raw(ctx, told.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(stored.Raw, []byte("by relay.test (Postfix)")) {
				t.Errorf("it did not come through the smarthost:\n%s", stored.Raw)
			}
		})
	}
}

const smartUser, smartPassword = "node", "correct horse"

// askingForPassword has a Postfix take mail from smartUser alone, over TLS.
func askingForPassword(t *testing.T, c relays.Config) relays.Config {
	t.Helper()
	cert, _ := tlstest.Certificate(t, "localhost")
	chain := filepath.Join(t.TempDir(), "chain.pem")
	if err := os.WriteFile(chain, []byte(tlstest.Chain(t, cert)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Settings = relays.DovecotAuth(t, "plain login scram-sha-256", smartUser, smartPassword, chain)
	return c
}

func atLocalhost(addr string) string { return "localhost" + addr[strings.LastIndexByte(addr, ':'):] }

// TestSignInAtPostfix: each mechanism, and a password that is none.
func TestSignInAtPostfix(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	c := askingForPassword(t, relays.Config{NextHop: "127.0.0.1:1"})
	p := relays.StartPostfix(t, c)
	text, err := os.ReadFile(c.Settings["smtpd_tls_chain_files"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	wait := &client.Waits{Dial: time.Minute, Reply: time.Minute}
	for _, m := range append([]string{""}, client.Mechanisms...) {
		for _, password := range []string{smartPassword, "wrong"} {
			h := client.Host{
				Name: "localhost", TLS: client.TLSRequired, Roots: roots, Login: &client.Login{User: smartUser, Password: password, Mechanism: m},
				Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", p.Addr) },
			}
			err := h.Try(t.Context(), wait, "mail.alpha.test")
			if password == smartPassword && err != nil || password != smartPassword && (err == nil || !strings.Contains(err.Error(), "535 5.7.8")) {
				t.Errorf("%q with %q: %v", m, password, err)
			}
		}
	}
}
