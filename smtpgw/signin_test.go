package smtpgw

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/mailstore/passwords"
	"cairn/smtpgw/gatewaytest"
	"cairn/smtpgw/tlstest"
)

// signed is a submission server with TLS and passwords: each account's is its name and "-secret".
// At plain, connections begin in clear, at secure with TLS.
type signed struct {
	plain, secure string
	config        *tls.Config // of its clients
	store         *mailstore.Store
	app           string // an app password of user
	server        *Server
}

func signIn(t *testing.T, change func(*Config)) signed {
	t.Helper()
	st := localStore(t)
	cert, roots := tlstest.Certificate(t, "mx.local.example")
	cfg := testConfig
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	cfg.Passwords = passwords.New(st, time.Now, func() []string { return []string{"local.example"} })
	s := signed{store: st, app: givePasswords(t, st, cfg.Passwords)}
	if change != nil {
		change(&cfg)
	}
	server := NewSubmission(cfg, st, outbox.New(st), discard())
	s.server = server
	s.config = &tls.Config{ServerName: "mx.local.example", RootCAs: roots}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.secure = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s.plain = gatewaytest.Serve(t, server)
	return s
}

// givePasswords gives user a password and an app password, which it returns, and the account broken
// one of which what is stored is damaged.
func givePasswords(t *testing.T, st *mailstore.Store, p *passwords.Passwords) (app string) {
	t.Helper()
	err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount("broken", []string{"broken@local.example"})
		if err != nil {
			return err
		}
		key := binary.BigEndian.AppendUint32([]byte("own/"), uint32(a.ID))
		return tx.Space("passwords").PutJSON(key, map[string]any{"version": 1, "hash": "secret fault of the disk"})
	})
	if err != nil {
		t.Fatal(err)
	}
	var user mailstore.Account
	if err := st.View(func(r *mailstore.Reader) (err error) {
		user, err = r.AccountByName("user")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Set(t.Context(), user.ID, "user-secret"); err != nil {
		t.Fatal(err)
	}
	if _, app, err = p.AddApp(t.Context(), user.ID, "program"); err != nil {
		t.Fatal(err)
	}
	return app
}

// over is a session in which TLS has begun, after STARTTLS and a new EHLO.
func (s *signed) over(t *testing.T) *dialogue {
	t.Helper()
	d := greeted(t, s.plain)
	d.say("STARTTLS\r\n", "^220 2.0.0 ")
	d.encrypt(s.config)
	if offers := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n") || strings.Contains(offers, "STARTTLS") {
		t.Errorf("offered within TLS: %q", offers)
	}
	return d
}

func (d *dialogue) encrypt(config *tls.Config) {
	d.t.Helper()
	over := tls.Client(d.conn, config)
	if err := over.Handshake(); err != nil {
		d.t.Fatal(err)
	}
	d.conn, d.r = over, bufio.NewReader(over)
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

var plainOfUser = "AUTH PLAIN " + b64("\x00user\x00user-secret") + "\r\n"

// TestSignIn: what is taken as a sign-in, and what it is answered with.
func TestSignIn(t *testing.T) {
	s := signIn(t, nil)
	for _, tt := range []struct{ name, said, replies string }{
		{"PLAIN", plainOfUser, "235 2.7.0"},
		{"PLAIN in small letters", strings.Replace(plainOfUser, "AUTH PLAIN", "auth plain", 1), "235 2.7.0"},
		{"PLAIN for itself", "AUTH PLAIN " + b64("user\x00user\x00user-secret") + "\r\n", "235 2.7.0"},
		{"PLAIN in two steps", "AUTH PLAIN\r\n" + b64("\x00user\x00user-secret") + "\r\n", "334,235 2.7.0"},
		{"LOGIN", "AUTH LOGIN\r\n" + b64("user") + "\r\n" + b64("user-secret") + "\r\n", "334 VXNlcm5hbWU6,334 UGFzc3dvcmQ6,235 2.7.0"},
		{"LOGIN with a name at once", "AUTH LOGIN " + b64("user") + "\r\n" + b64("user-secret") + "\r\n", "334 UGFzc3dvcmQ6,235 2.7.0"},
		{"twice", plainOfUser + plainOfUser, "235 2.7.0,503 5.5.1"},
		{"wrong password", "AUTH PLAIN " + b64("\x00user\x00secret") + "\r\n", "535 5.7.8"},
		{"nobody", "AUTH PLAIN " + b64("\x00nobody\x00secret") + "\r\n", "535 5.7.8"},
		{"for another", "AUTH PLAIN " + b64("other\x00user\x00user-secret") + "\r\n", "535 5.7.8"},
		{"our own trouble", "AUTH PLAIN " + b64("\x00broken\x00x") + "\r\n", "454 4.7.0 the password cannot be checked at present; try again later"},
		{"given up", "AUTH LOGIN\r\n*\r\nNOOP\r\n", "334,501 5.7.0,250"},
		{"no base64", "AUTH PLAIN\r\n!!\r\n", "334,501 5.5.2"},
		{"base64 with more behind it", "AUTH PLAIN " + b64("\x00user\x00user-secret") + " x\r\n", "501 5.5.2"},
		{"empty", "AUTH PLAIN =\r\n", "501 5.5.2"},
		{"four parts", "AUTH PLAIN " + b64("\x00user\x00user-secret\x00") + "\r\n", "501 5.5.2"},
		{"another mechanism", "AUTH CRAM-MD5\r\n", "504 5.5.4"},
		{"none", "AUTH\r\n", "504 5.5.4"},
		{"in a transaction", plainOfUser + "MAIL FROM:<user@local.example>\r\n" + plainOfUser, "235,250,503 5.5.1"},
		{"STARTTLS again", "STARTTLS\r\n", "503 5.5.1"},
		{"a line too long", "AUTH LOGIN\r\n" + strings.Repeat("A", maxAuthLine) + "\r\n", "334,500 5.5.6"},
		{"a bare LF", "AUTH LOGIN\r\n" + b64("user") + "\n", "334,500 5.5.2"},
		{"three wrong ones", strings.Repeat("AUTH PLAIN "+b64("\x00user\x00x")+"\r\n", 4), "535,535,535,421 4.7.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := s.over(t)
			if _, err := d.conn.Write([]byte(tt.said)); err != nil {
				t.Fatal(err)
			}
			for want := range strings.SplitSeq(tt.replies, ",") {
				d.expect("^" + want)
			}
			if last := tt.replies[strings.LastIndex(tt.replies, ",")+1:]; strings.HasPrefix(last, "421") || strings.HasPrefix(last, "500") {
				d.closed()
			} else {
				d.say("NOOP\r\n", "^250 ")
			}
		})
	}
}

// TestStartTLS: nothing that was said in clear counts behind it, and nothing is taken that stands
// behind it in clear.
func TestStartTLS(t *testing.T) {
	s := signIn(t, nil)
	d := dial(t, s.plain)
	d.expect("^220 ")
	if offers := d.say("EHLO client.example\r\n", "^250 "); !strings.Contains(offers, "250-STARTTLS\r\n") || strings.Contains(offers, "AUTH") {
		t.Errorf("offered in clear: %q", offers)
	}
	d.say(plainOfUser, "^538 5.7.11 ")
	d.say("STARTTLS now\r\n", "^501 5.5.4 ")
	d.say("STARTTLS\r\n", "^220 2.0.0 ")
	d.encrypt(s.config)
	d.say(plainOfUser, "^503 5.5.1 ")
	d.say("MAIL FROM:<user@local.example>\r\n", "^503 5.5.1 send EHLO first")
	d.say("HELO client.example\r\n", "^250 ")
	d.say(plainOfUser, "^503 5.5.1 send EHLO first")
	d.say("EHLO client.example\r\n", "^250 ")
	d.say(plainOfUser, "^235 2.7.0 signed in as user")
	d.say("BDAT 3 LAST\r\nabc", "^503 ")

	d = greeted(t, s.plain)
	d.say("STARTTLS\r\nMAIL FROM:<user@local.example>\r\n", "^503 5.5.1 .*; closing")
	d.closed()

	d = greeted(t, s.plain)
	d.say("STARTTLS\r\n", "^220 ")
	d.conn.Write([]byte("EHLO no.tls.example\r\n"))
	d.r.ReadString(0) // an alert
	d.closed()

	d = greeted(t, s.plain)
	d.say("STARTTLS\r\n", "^220 ")
	d.encrypt(s.config)
	d.say("BDAT 5\r\nNOOP\n", "^503 5.5.1 .*; closing")
	d.closed()

	raw, err := tls.Dial("tcp", s.secure, s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	d = &dialogue{t: t, conn: raw, r: bufio.NewReader(raw)}
	d.expect("^220 ")
	d.say("EHLO client.example\r\n", "^250 ")
	d.say(plainOfUser, "^235 ")
	d.say("QUIT\r\n", "^221 ")
	d.closed()
}

// TestWhoMayPost: an address of one's own, and none without a password but on this machine where
// that is allowed.
func TestWhoMayPost(t *testing.T) {
	open := true
	s := signIn(t, func(c *Config) {
		c.Unauthenticated = func() bool { return open }
		c.RelayFrom = []string{"@relayed.example"}
	})
	d := greeted(t, s.plain)
	d.say("MAIL FROM:<user@local.example>\r\n", "^250 ")
	d.say("RSET\r\n", "^250 ")
	d.say("MAIL FROM:<x@relayed.example>\r\n", "^250 ")
	open = false
	d.say("RSET\r\n", "^250 ")
	d.say("MAIL FROM:<user@local.example>\r\n", "^530 5.7.0 send STARTTLS and sign in first")
	d = s.over(t)
	d.say("MAIL FROM:<user@local.example>\r\n", "^530 5.7.0 sign in first")
	d.say(plainOfUser, "^235 ")
	for from, want := range map[string]string{
		"user@local.example": "^250 ", "alias@local.example": "^250 ", "": "^250 ",
		"other@local.example": "^550 5.7.1 .* is not an address of the account that you signed in to", "x@relayed.example": "^550 5.7.1 .* is not an address of the account that you signed in to",
		"postmaster@local.example": "^550 5.7.1 .* is not an address of the account that you signed in to",
		"x@elsewhere.example":      "^550 5.7.1 .* is not an address of the account that you signed in to",
	} {
		d.say("MAIL FROM:<"+from+">\r\n", want)
		d.say("RSET\r\n", "^250 ")
	}
	for _, author := range []string{"other@local.example", "x@relayed.example"} {
		for _, from := range []string{"alias@local.example", ""} {
			d.say("MAIL FROM:<"+from+">\r\nRCPT TO:<bob@far.example>\r\nDATA\r\n", "^250 ")
			d.expect("^250 ")
			d.expect("^354 ")
			d.say(strings.Replace(mailText("hello"), "user@local.example", author, 1)+".\r\n", "^550 5.7.1 From <"+author+"> is not an address of the account that you signed in to; use alias@local.example, user@local.example")
		}
	}
	d.say("MAIL FROM:<alias@local.example>\r\n", "^250 ")
	d.say("RCPT TO:<bob@far.example>\r\n", "^250 ")
	d.say("DATA\r\n", "^354 ")
	d.say(strings.Replace(mailText("hello"), "user@local.example", "alias@local.example", 1)+".\r\n", "^250 ")
	mails := inboxOf(t, s.store, "user@local.example", "sent")
	if len(mails) != 1 || !strings.Contains(mails[0], " with ESMTPSA ") {
		t.Errorf("%d mails: %.300q", len(mails), mails)
	}
}

// TestPasswordTakenBack: a session in which somebody has signed in goes on only as long as what he
// signed in with counts.
func TestPasswordTakenBack(t *testing.T) {
	var p *passwords.Passwords
	s := signIn(t, func(c *Config) { p = c.Passwords })
	d := s.over(t)
	d.say(plainOfUser, "^235 ")
	d.say("MAIL FROM:<user@local.example>\r\n", "^250 ")
	d.say("RSET\r\n", "^250 ")
	var user mailstore.Account
	if err := s.store.View(func(r *mailstore.Reader) (err error) {
		user, err = r.AccountByName("user")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Set(t.Context(), user.ID, "another secret"); err != nil {
		t.Fatal(err)
	}
	d.say("MAIL FROM:<user@local.example>\r\n", "^535 5.7.8 the password that you signed in with counts no more")
}
