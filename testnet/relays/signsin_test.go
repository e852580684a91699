package relays_test

import (
	"bytes"
	"strings"
	"testing"

	"cairn/node"
	"cairn/node/api"
	"cairn/testnet/relays"
)

// TestPostfixSignsIn: a Postfix of somewhere else hands over mail under an account that it signs in
// to, by each mechanism that its library (Cyrus SASL) knows and by the one that this picks, which
// is SCRAM: with another password than one for a program its log says why that does not do.
func TestPostfixSignsIn(t *testing.T) {
	relays.Need(t)
	t.Parallel()
	front := alpha
	front.Configure = func(c *node.Config) { c.Submission.Unauthenticated = "never" }
	w, ctx := start(t, front, bravo)
	a, b := w.Members[0], w.Members[1]
	trust(ctx, t, a, b)
	const own = "correct-horse-battery"
	if _, err := a.SetPassword(ctx, api.PasswordRequest{Account: "ana", Password: own}); err != nil {
		t.Fatal(err)
	}
	app, err := a.AddApp(ctx, api.AppRequest{Account: "ana", Name: "postfix"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mechanisms, password, word string
		refused                    string // in the log of Postfix; empty: it arrives
	}{
		{"", app.Secret, "gewählt.", ""},
		{"scram-sha-256", app.Secret, "scram.", ""},
		{"plain", app.Secret, "plain.", ""},
		{"login", own, "login.", ""},
		{"plain", own, "eigenes.", ""},
		{"", own, "eigenes-gewählt.", "535 5.7.8 wrong name or password; SCRAM takes app passwords alone"},
		{"plain", "wrong", "falsch.", "535 5.7.8"},
	} {
		t.Run(strings.TrimSuffix(c.word, "."), func(t *testing.T) {
			p := relays.StartPostfix(t, relays.Config{NextHop: a.SubmissionAddr(), Settings: map[string]string{
				"smtp_tls_security_level": "encrypt", "smtp_sasl_auth_enable": "yes", "smtp_sasl_security_options": "noanonymous",
				"smtp_sasl_password_maps": "static:ana:" + c.password, "smtp_sasl_mechanism_filter": c.mechanisms,
			}})
			mail := letter{text: plainMail, word: c.word}
			if c.refused != "" {
				p.Relay(ctx, ana, bob, mail.wire())
				if err := p.AwaitLog(ctx, c.refused, "status=deferred"); err != nil {
					t.Error(err)
				}
				return
			}
			if err := p.Relay(ctx, ana, bob, mail.wire()); err != nil {
				t.Fatal(err)
			}
			told := arrived(ctx, t, b, "bob", mail.as)
			verified.check(t, told)
			stored, err := b.Raw(ctx, told.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(stored.Raw, []byte("with UTF8SMTPSA id ")) {
				t.Errorf("how it came:\n%s", stored.Raw)
			}
		})
	}
}
