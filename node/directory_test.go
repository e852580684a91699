package node

import (
	"context"
	"crypto/tls"
	"errors"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/node/ldapauth/slapdtest"
)

// TestSignInByDirectory: who has no password here signs in with that of the directory; whom it does
// not know is wrong, and while it is away nobody is.
func TestSignInByDirectory(t *testing.T) {
	s := slapdtest.New(t, slapdtest.Person{UID: "alice", Mail: "alice@alpha.test", Password: "right of alice"})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(slapdtest.SearchPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, func(c *Config) {
		c.Submission.Listen = "127.0.0.1:0"
		c.LDAP = LDAPConfig{URL: s.LDAP, CAFile: s.RootsFile, Base: slapdtest.Base, Filter: "(mail={address})", SearchDN: slapdtest.Searcher, SearchPasswordFile: secret}
	})
	n := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- n.Serve(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	session := func() *smtp.Client {
		t.Helper()
		c, err := smtp.Dial(n.SubmissionAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	reply := func(err error) int {
		if r, ok := errors.AsType[*textproto.Error](err); ok {
			return r.Code
		}
		return 0
	}
	if got := reply(session().Mail("alice@alpha.test")); got != 530 {
		t.Errorf("without a password: %d", got)
	}
	signIn := func(c *smtp.Client, password string) error {
		return c.Auth(smtp.PlainAuth("", "alice", password, "127.0.0.1"))
	}
	if got := reply(signIn(session(), "wrong")); got != 535 {
		t.Errorf("with a wrong password: %d", got)
	}
	c := session()
	if err := errors.Join(signIn(c, "right of alice"), c.Mail("alice@alpha.test")); err != nil {
		t.Errorf("with that of the directory: %v", err)
	}
	probed := func() string {
		e := &examination{cfg: n.cfg, now: n.now()}
		e.probeDirectory(t.Context())
		return e.facts.Directory.Fault
	}
	if fault := probed(); fault != "" {
		t.Error(fault)
	}
	s.Stop()
	if err := signIn(session(), "right of alice"); reply(err) != 454 || strings.Contains(err.Error(), "localhost") {
		t.Errorf("while it is away: %v", err)
	}
	if probed() == "" {
		t.Error("a directory that is away can be asked")
	}
}

// TestLDAPConfig: what [ldap] may say.
func TestLDAPConfig(t *testing.T) {
	const url, name = "ldaps://ldap.example.org", "uid={user},dc=example,dc=org"
	secret, open := filepath.Join(t.TempDir(), "secret"), filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.WriteFile(secret, []byte("x\n"), 0o600), os.WriteFile(open, []byte("x\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		ldap LDAPConfig
		key  string // that is refused
	}{
		{LDAPConfig{}, ""},
		{LDAPConfig{URL: url, BindDN: name}, ""},
		{LDAPConfig{URL: url, Filter: "(uid={user})"}, ""},
		{LDAPConfig{URL: url, Filter: "(uid={user})", SearchDN: "cn=s", SearchPasswordFile: secret}, ""},
		{LDAPConfig{BindDN: name}, "ldap.url"},
		{LDAPConfig{URL: "ldap.example.org", BindDN: name}, "ldap.url"},
		{LDAPConfig{URL: url}, "ldap.bind_dn"},
		{LDAPConfig{URL: url, BindDN: "uid=one"}, "ldap.bind_dn"},
		{LDAPConfig{URL: url, Filter: "uid={user}"}, "ldap.filter"},
		{LDAPConfig{URL: url, Filter: "(uid={user})", Base: "example.org"}, "ldap.base"},
		{LDAPConfig{URL: url, Filter: "(uid={user})", SearchDN: "cn=s"}, "ldap.search_dn"},
		{LDAPConfig{URL: url, Filter: "(uid={user})", SearchDN: "cn=s", SearchPasswordFile: "secret"}, "ldap.search_password_file"},
		{LDAPConfig{URL: url, Filter: "(uid={user})", SearchDN: "cn=s", SearchPasswordFile: open}, "ldap.search_password_file"},
		{LDAPConfig{URL: url, BindDN: name, CAFile: "ca.pem"}, "ldap.ca_file"},
		{LDAPConfig{URL: url, BindDN: name, CAFile: secret}, "ldap.ca_file"},
	} {
		c := DefaultConfig("alpha", []string{"alpha.test"})
		c.LDAP = tt.ldap
		err := c.Validate()
		if err == nil {
			_, err = c.LDAP.open(nil)
		}
		var key string
		if bad, ok := errors.AsType[*ConfigError](err); ok {
			key = bad.Key
		}
		if key != tt.key || (err == nil) != (tt.key == "") {
			t.Errorf("%+v: %v", tt.ldap, err)
		}
	}
}
