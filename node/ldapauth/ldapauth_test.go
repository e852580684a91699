package ldapauth

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
	"cairn/node/ldapauth/slapdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

var people = []slapdtest.Person{
	{UID: "alice", Mail: "alice@example.org", Password: "right of alice"},
	{UID: "bob", Mail: "bob@example.org", Password: "right of bob"},
	{UID: "twin", Mail: "both@example.org", Password: "right"}, {UID: "twin2", Mail: "both@example.org", Password: "right"},
}

// TestCheck: whom a directory lets in, by both ways to find an entry and both ways to TLS.
func TestCheck(t *testing.T) {
	s := slapdtest.New(t, people...)
	byName := Config{Roots: s.Roots, BindDN: "uid={user},ou=people," + slapdtest.Base}
	bySearch := Config{
		Roots: s.Roots, Base: slapdtest.Base, Filter: "(&(objectClass=inetOrgPerson)(|(uid={user})(mail={address})))",
		SearchDN: slapdtest.Searcher, SearchPassword: slapdtest.SearchPassword,
	}
	with := func(c Config, change func(*Config)) Config {
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name                    string
		cfg                     Config
		user, address, password string
		right                   bool
		err                     string
	}{
		{"by name", byName, "alice", "", "right of alice", true, ""},
		{"by name, wrong", byName, "alice", "", "right of bob", false, ""},
		{"by name, nobody", byName, "carol", "", "right of alice", false, ""},
		{"by name, no password", byName, "alice", "", "", false, ""},
		{"by name, no name", byName, "", "", "right of alice", false, ""},
		{"by name, another entry", byName, "x,uid=alice", "", "right of alice", false, ""},
		{"by search", bySearch, "alice", "", "right of alice", true, ""},
		{"by search, of the address", bySearch, "al", "alice@example.org", "right of alice", true, ""},
		{"by search, wrong", bySearch, "alice", "", "right of bob", false, ""},
		{"by search, nobody", bySearch, "carol", "carol@example.org", "right of alice", false, ""},
		{"by search, no password", bySearch, "alice", "", "", false, ""},
		{"by search, all of a filter", bySearch, "*", "", "right of alice", false, ""},
		{"by search, another filter", bySearch, "alice)(uid=*", "", "right of alice", false, ""},
		{"by search, several", bySearch, "twins", "both@example.org", "right", false, "fits several entries"},
		{"who searches is wrong", with(bySearch, func(c *Config) { c.SearchPassword = "x" }), "alice", "", "right of alice", false, "does not take who searches"},
		{"nobody searches", with(bySearch, func(c *Config) { c.SearchDN, c.SearchPassword = "", "" }), "alice", "", "right of alice", false, "search the directory"},
		{"not certified", with(byName, func(c *Config) { c.Roots = x509.NewCertPool() }), "alice", "", "right of alice", false, "begin TLS"},
	} {
		for _, at := range []string{s.LDAP, s.LDAPS} {
			cfg := tt.cfg
			cfg.URL = at
			d, err := New(cfg, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			right, err := d.Check(t.Context(), tt.user, tt.address, tt.password)
			if right != tt.right || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s at %s: %v, %v", tt.name, at, right, err)
			}
			if err != nil && (strings.Contains(err.Error(), "right of") || strings.Contains(err.Error(), slapdtest.SearchPassword)) {
				t.Errorf("%s: the error tells a secret: %v", tt.name, err)
			}
		}
	}
}

// TestAway: a directory that is not there is an error, one for some seconds without trying, and
// then it is asked again.
func TestAway(t *testing.T) {
	s := slapdtest.New(t, people...)
	now := time.Now()
	d, err := New(Config{URL: s.LDAPS, Roots: s.Roots, BindDN: "uid={user},ou=people," + slapdtest.Base}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	check := func() (bool, error) { return d.Check(t.Context(), "alice", "", "right of alice") }
	if right, err := check(); !right || err != nil {
		t.Fatal(right, err)
	}
	s.Stop()
	_, err = check()
	if err == nil || d.Probe(t.Context()) == nil {
		t.Fatal("a directory that is away knows nobody's password")
	}
	s.Start()
	if _, again := check(); again != err {
		t.Errorf("it was tried again at once: %v", again)
	}
	now = now.Add(pause)
	if right, err := check(); !right || err != nil {
		t.Errorf("when it is back: %v, %v", right, err)
	}
	if err := d.Probe(t.Context()); err != nil {
		t.Error(err)
	}
}

// hostile serves connections with what says has, and returns its URL.
func hostile(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		work.Wait()
	})
	return "ldap://" + l.Addr().String()
}

// TestHostile: what is no directory is an error, in bounded time and memory.
func TestHostile(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"closes":         func(net.Conn) {},
		"speaks before":  func(c net.Conn) { c.Write([]byte("220 mail.example.org ESMTP\r\n")) },
		"sends for ever": func(c net.Conn) { forever(c, make([]byte, 4096)) },
		"nests":          func(c net.Conn) { forever(c, []byte(strings.Repeat("\x30\x80", 2048))) },
		"one of 2 GB":    func(c net.Conn) { c.Write([]byte("\x30\x84\x7f\xff\xff\xff")); forever(c, make([]byte, 4096)) },
		"refuses TLS": func(c net.Conn) {
			c.Read(make([]byte, 100))
			c.Write([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"))
			c.Read(make([]byte, 100))
		},
	} {
		d, err := New(Config{URL: hostile(t, serve), BindDN: "uid={user}"}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if right, err := d.Check(t.Context(), "alice", "", "secret"); right || err == nil {
			t.Errorf("%s: %v, %v", name, right, err)
		}
	}
}

func forever(c net.Conn, b []byte) {
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// TestSilent: who says nothing holds nobody up longer than may be, and those who ask meanwhile not
// longer than they want.
func TestSilent(t *testing.T) {
	d, err := New(Config{URL: hostile(t, func(c net.Conn) {
		for b := make([]byte, 100); ; {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	}), BindDN: "uid={user}"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var asking sync.WaitGroup
	for range 3 * atOnce {
		asking.Go(func() {
			if _, err := d.Check(ctx, "alice", "", "secret"); err == nil {
				t.Error("silence is an answer")
			}
		})
	}
	asking.Wait()
}

// TestNew: which configurations are none.
func TestNew(t *testing.T) {
	for _, tt := range []struct {
		cfg   Config
		field string
	}{
		{Config{URL: "ldaps://d.example.org", BindDN: "uid={user},dc=org"}, ""},
		{Config{URL: "ldap://d.example.org:1389/", BindDN: "mail={address},dc=org"}, ""},
		{Config{URL: "ldaps://d.example.org", Base: "dc=org", Filter: "(uid={user})"}, ""},
		{Config{URL: "http://d.example.org", BindDN: "uid={user}"}, "URL"},
		{Config{URL: "ldaps://", BindDN: "uid={user}"}, "URL"},
		{Config{URL: "ldaps://u:p@d.example.org", BindDN: "uid={user}"}, "URL"},
		{Config{URL: "ldaps://d.example.org/dc=org?uid", BindDN: "uid={user}"}, "URL"},
		{Config{URL: "ldaps://d.example.org"}, "BindDN"},
		{Config{URL: "ldaps://d.example.org", BindDN: "uid=all,dc=org"}, "BindDN"},
		{Config{URL: "ldaps://d.example.org", BindDN: "{user}"}, "BindDN"},
		{Config{URL: "ldaps://d.example.org", BindDN: "uid={user}", Filter: "(uid={user})"}, "BindDN"},
		{Config{URL: "ldaps://d.example.org", Filter: "uid={user}"}, "Filter"},
		{Config{URL: "ldaps://d.example.org", Filter: "(uid=all)"}, "Filter"},
		{Config{URL: "ldaps://d.example.org", Filter: "(uid={user})", Base: "x"}, "Base"},
		{Config{URL: "ldaps://d.example.org", Filter: "(uid={user})", SearchDN: "cn=s"}, "SearchDN"},
	} {
		_, err := New(tt.cfg, time.Now)
		bad, _ := errors.AsType[*FieldError](err)
		if (err != nil) != (tt.field != "") || bad != nil && bad.Field != tt.field {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
}

// FuzzAnswer: whatever a directory answers to a bind, it ends in a verdict or an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"))
	f.Add([]byte("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00"))
	f.Add([]byte("\x30\x80\x30\x80"))
	f.Fuzz(func(_ *testing.T, answer []byte) {
		here, there := net.Pipe()
		var peer sync.WaitGroup
		peer.Go(func() {
			defer there.Close()
			if _, err := there.Read(make([]byte, 1000)); err == nil {
				there.Write(answer)
			}
		})
		c := ldap.NewConn(&bounded{Conn: here, left: maxRead, stop: func() bool { return true }}, true)
		c.SetTimeout(time.Second)
		c.Start()
		bind(c, "uid=alice", "secret")
		c.Close()
		peer.Wait()
	})
}

// FuzzFound: whatever a directory answers to a search, it ends in an entry, none, or an error.
func FuzzFound(f *testing.F) {
	const done = "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
	f.Add([]byte("\x30\x0e\x02\x01\x01\x64\x09\x04\x05uid=a\x30\x00" + done))
	f.Add([]byte("\x30\x0b\x02\x01\x01\x73\x06\x04\x04ldap" + done))
	f.Add([]byte("\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x04\x04\x00\x04\x00"))
	d := &Directory{cfg: Config{Base: "dc=org", Filter: "(uid={user})"}}
	f.Fuzz(func(t *testing.T, answer []byte) {
		here, there := net.Pipe()
		var peer sync.WaitGroup
		peer.Go(func() {
			defer there.Close()
			if _, err := there.Read(make([]byte, 1000)); err == nil {
				there.Write(answer)
			}
		})
		c := ldap.NewConn(&bounded{Conn: here, left: maxRead, stop: func() bool { return true }}, true)
		c.SetTimeout(time.Second)
		c.Start()
		if dn, known, err := d.find(c, "alice", ""); known != (dn != "") || err != nil && known {
			t.Errorf("%q, %v, %v", dn, known, err)
		}
		c.Close()
		peer.Wait()
	})
}
