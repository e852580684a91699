package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/node/acme/acmetest"
	"cairn/node/acme/dns01"
	"cairn/node/acme/dns01/knottest"
	"cairn/smtpgw/dnssec"
)

// site is a Keeper with the listeners that an authority looks at, and what it says and saves.
type site struct {
	*Keeper
	authority *acmetest.Authority

	mu    sync.Mutex
	saved []byte
	said  bytes.Buffer
	lines chan string // each line of the log
	now   time.Time
}

func (s *site) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines <- string(b)
	return s.said.Write(b)
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) set(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// newSite starts a site and its authority; change may change what it goes by.
func newSite(t *testing.T, o acmetest.Options, names []string, change func(*Config)) *site {
	t.Helper()
	s := &site{lines: make(chan string, 100), now: time.Now()}
	plain, encrypted := listen(t), listen(t)
	o.HTTPPort, o.TLSPort = plain.Addr().(*net.TCPAddr).Port, encrypted.Addr().(*net.TCPAddr).Port
	s.authority = acmetest.Start(t, o)
	c := Config{
		Directory: s.authority.Directory, Email: "postmaster@example.org", Roots: s.authority.Roots, Agent: "cairn/test",
		Challenges: []string{TLSALPN01}, Names: func() []string { return names }, Now: s.clock, Log: slog.New(slog.NewTextHandler(s, nil)),
		Save: func(text []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.saved = text
			return nil
		},
	}
	if change != nil {
		change(&c)
	}
	s.Keeper = New(c, new(Kept))
	web := &http.Server{Handler: s}
	if c.Webroot != "" {
		web.Handler = http.FileServer(http.Dir(c.Webroot))
	}
	go web.Serve(plain)
	secure := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: &tls.Config{
		NextProtos: []string{"http/1.1", ALPN},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, ok, err := s.Challenge(hello)
			if !ok {
				err = errors.New("no challenge")
			}
			return cert, err
		},
	}}
	go secure.ServeTLS(encrypted, "", "")
	t.Cleanup(func() { web.Close(); secure.Close() })
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run runs the Keeper until what it returns is called. The wakes are for its names and its clock.
func (s *site) run(t *testing.T) (wake chan<- struct{}, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	wakes, over := make(chan struct{}), make(chan error, 1)
	go func() { over <- s.Run(ctx, wakes) }()
	return wakes, func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

// line waits for a line of the log.
func (s *site) line(t *testing.T, want ...string) {
	t.Helper()
	select {
	case got := <-s.lines:
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Fatalf("the log has no %q: %s", w, got)
			}
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("nothing was logged; wanted %q", want)
	}
}

// TestIssuedAndRenewed: a name is certified by either challenge, the key stays at the renewal, and
// so it does over a restart.
func TestIssuedAndRenewed(t *testing.T) {
	for _, how := range []string{TLSALPN01, HTTP01, "webroot", DNS01, "update"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			const name = "mail.example.org"
			root, texts := "", 0
			var o acmetest.Options
			if how == "update" {
				host := knottest.Host()
				o.DNS = net.JoinHostPort(host, knottest.Free(t, host))
				knottest.Start(t, o.DNS, knottest.Zone{Name: "example.org", Records: "@ NS ns\nns A " + host + "\nmail A 127.0.0.1\n"})
			}
			var s *site
			s = newSite(t, o, []string{name}, func(c *Config) {
				if how == "webroot" {
					root = t.TempDir()
					c.Webroot, how = root, HTTP01
				}
				c.Challenges = []string{how}
				if how == "update" {
					c.Challenges = []string{DNS01}
				}
				c.PublishTime = dns01.Time
				c.Publish = func(ctx context.Context, name, value string) (func() error, error) {
					texts++
					return publisher(t, how, s.authority).Publish(ctx, name, value)
				}
			})
			wake, stop := s.run(t)
			s.line(t, "level=INFO", "issued", "name="+name)
			first := s.Certificate(name)
			if first == nil {
				t.Fatal("no certificate")
			}
			verifyFor(t, s, first, name)
			if files, err := filepath.Glob(filepath.Join(root, ".well-known", "acme-challenge", "*")); root != "" && (err != nil || len(files) > 0) {
				t.Errorf("left in the web server's folder: %v, %v", files, err)
			}
			s.set(renewal(first.Leaf).Add(time.Second))
			wake <- struct{}{}
			s.line(t, "level=INFO", "issued")
			stop()
			if strings.Contains(s.said.String(), "level=ERROR") {
				t.Error(s.said.String())
			}
			second := s.Certificate(name)
			if second.Leaf.Equal(first.Leaf) || !second.PrivateKey.(*ecdsa.PrivateKey).Equal(first.PrivateKey) {
				t.Error("it was not renewed, or not with its key")
			}
			if len(s.c.Challenges) == 1 && s.c.Challenges[0] == DNS01 {
				left, err := dnssec.NewClient(s.authority.DNS).Ask(t.Context(), "_acme-challenge."+name+".", dnsmessage.TypeTXT)
				if err != nil || texts == 0 || len(left.Records) > 0 {
					t.Errorf("%d texts were shown, and %v is left, %v", texts, left.Records, err)
				}
			}
			if len(s.challenges.tokens)+len(s.challenges.names) > 0 {
				t.Errorf("left: %v", s.challenges.tokens)
			}
			kept, err := Decode(s.saved)
			if err != nil || !kept.Names[name].Certificate.Leaf.Equal(second.Leaf) || !kept.Account.Equal(s.kept.Account) {
				t.Errorf("%+v, %v", kept, err)
			}
		})
	}
}

// publisher changes the DNS of an authority.
func publisher(t *testing.T, how string, a *acmetest.Authority) *dns01.Publisher {
	t.Helper()
	if how == DNS01 {
		return dns01.ByCommand(a.DNSCommand(), []string{a.DNS})
	}
	key, err := dns01.NewKey(knottest.KeyName, knottest.Secret)
	if err != nil {
		t.Error(err)
	}
	return dns01.ByUpdate(a.DNS, key, []string{a.DNS}, time.Now)
}

// TestNextKey: a next key takes the place of the one before when it is to, by a certificate of its
// own, and no sooner; one that was given up while it was certified does not.
func TestNextKey(t *testing.T) {
	const name = "mail.example.org"
	for _, givenUp := range []bool{false, true} {
		t.Run(fmt.Sprint(givenUp), func(t *testing.T) {
			t.Parallel()
			next, err := drawKey()
			if err != nil {
				t.Fatal(err)
			}
			var use, none atomic.Bool
			told := make(chan string, 8)
			s := newSite(t, acmetest.Options{}, []string{name}, func(c *Config) {
				c.Next = func(string) (*ecdsa.PrivateKey, bool) {
					if none.Load() {
						return nil, false
					}
					return next, use.Load()
				}
				c.Issued = func(name string) { told <- name }
				save := c.Save
				c.Save = func(text []byte) error {
					if use.Load() && givenUp { // the attempt has begun, with this key
						none.Store(true)
					}
					return save(text)
				}
			})
			_, stop := s.run(t)
			s.line(t, "level=INFO", "issued")
			first := s.Certificate(name)
			if next.Equal(first.PrivateKey) || <-told != name {
				t.Error("it is used at once")
			}
			use.Store(true)
			s.Wake()
			if givenUp {
				s.line(t, "level=ERROR", "given up while it was certified")
			} else {
				s.line(t, "level=INFO", "issued")
			}
			stop()
			if now := s.Certificate(name); next.Equal(now.PrivateKey) == givenUp || givenUp && now != first {
				t.Error("another key is shown than should be")
			}
			if kept, err := Decode(s.saved); err != nil || next.Equal(kept.Names[name].Certificate.PrivateKey) == givenUp {
				t.Errorf("%+v, %v", kept, err)
			}
			if got, _ := s.anew(t, s.saved).next(); !givenUp && got != "" {
				t.Error("it is ordered once more")
			}
		})
	}
}

// verifyFor holds a chain to what the authority is known by.
func verifyFor(t *testing.T, s *site, cert *tls.Certificate, name string) {
	t.Helper()
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: name}
	o.Roots.AppendCertsFromPEM(s.authority.RootsPEM(t))
	for _, der := range cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		o.Intermediates.AddCert(c)
	}
	if _, err := cert.Leaf.Verify(o); err != nil {
		t.Error(err)
	}
}

// TestRefused: a name that is refused leaves the others, is told of once, and is tried again.
func TestRefused(t *testing.T) {
	t.Parallel()
	const bad, good = "mail.refused.example", "mail.example.org"
	s := newSite(t, acmetest.Options{Blocked: []string{"refused.example"}}, []string{bad, good}, nil)
	wake, stop := s.run(t)
	s.line(t, "level=ERROR", "name="+bad, "rejectedIdentifier")
	s.line(t, "level=INFO", "name="+good)
	why, next := s.Fault(bad)
	if s.Certificate(bad) != nil || s.Certificate(good) == nil || !strings.Contains(why, "rejectedIdentifier") || !next.Equal(s.clock().Add(firstAgain)) {
		t.Errorf("%q, %s", why, next)
	}
	for range 3 {
		s.set(next)
		wake <- struct{}{}
		wake <- struct{}{} // taken only when what the first began is over
		var again time.Time
		if _, again = s.Fault(bad); !again.After(next) {
			t.Fatalf("not tried again: %s", again)
		}
		next = again
	}
	stop()
	if n := strings.Count(s.said.String(), "level=ERROR"); n != 1 {
		t.Errorf("told %d times: %s", n, s.said.String())
	}
	if strings.Contains(s.said.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}
}

// TestNoChallenge: an authority that asks for what cannot be met here is told of.
func TestNoChallenge(t *testing.T) {
	t.Parallel()
	s := newSite(t, acmetest.Options{}, []string{"mail.example.org"}, func(c *Config) { c.Challenges = []string{"dns-99"} })
	_, stop := s.run(t)
	s.line(t, "level=ERROR", "none of the challenges")
	stop()
}

// TestNotSaved: what cannot be made durable does not count.
func TestNotSaved(t *testing.T) {
	t.Parallel()
	s := newSite(t, acmetest.Options{}, []string{"mail.example.org"}, func(c *Config) {
		c.Save = func([]byte) error { return os.ErrPermission }
	})
	_, stop := s.run(t)
	s.line(t, "level=ERROR", "keeping certificates")
	stop()
	if s.Certificate("mail.example.org") != nil || s.kept.Account != nil {
		t.Error("it counts all the same")
	}
}

// TestIssuedAndNotSaved: what was issued and cannot be saved is shown at once, nothing is ordered
// in its place, and it is saved when there is room again, at the latest at the end.
func TestIssuedAndNotSaved(t *testing.T) {
	for _, end := range []string{"in time", "at the end"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			const name = "mail.example.org"
			var full atomic.Bool
			full.Store(true)
			s := newSite(t, acmetest.Options{}, []string{name}, func(c *Config) {
				save := c.Save
				c.Save = func(text []byte) error {
					if full.Load() && bytes.Contains(text, []byte("BEGIN CERTIFICATE")) {
						return syscall.ENOSPC
					}
					return save(text)
				}
			})
			wake, stop := s.run(t)
			s.line(t, "level=ERROR", "not on the disk", "no space left")
			s.line(t, "level=INFO", "issued", "name="+name)
			first := s.Certificate(name)
			if first == nil {
				t.Fatal("it is not shown")
			}
			if why, next := s.Fault(name); !strings.Contains(why, "no space left") || !next.Equal(s.clock().Add(saveAgain)) {
				t.Errorf("%q, %s", why, next)
			}
			s.set(s.clock().Add(saveAgain))
			wake <- struct{}{}
			wake <- struct{}{} // taken only when what the first began is over
			full.Store(false)
			if end == "in time" {
				s.set(s.clock().Add(saveAgain))
				wake <- struct{}{}
				s.line(t, "level=INFO", "on the disk now")
			}
			stop()
			if why, _ := s.Fault(name); why != "" || s.Certificate(name) != first {
				t.Errorf("%q, or another certificate is shown", why)
			}
			kept, err := Decode(s.saved)
			if err != nil || !kept.Names[name].Certificate.Leaf.Equal(first.Leaf) {
				t.Errorf("%+v, %v", kept, err)
			}
			if n := strings.Count(s.said.String(), "a certificate was issued"); n != 1 {
				t.Errorf("%d were issued", n)
			}
		})
	}
}

// TestNoRoomForNames: for a name that could not be kept nothing is asked of the authority; those of
// domains that were given up make room once they are past their time.
func TestNoRoomForNames(t *testing.T) {
	kept := new(Kept)
	for i := range maxNames {
		kept = kept.with(fmt.Sprintf("mail%d.example.org", i), Certified{"", made(t, "mail.example.org", time.Hour)})
	}
	now := day
	k := New(Config{Directory: "https://127.0.0.1:1/dir", Now: func() time.Time { return now }, Save: func([]byte) error { return nil },
		Names: func() []string { return []string{"mail.example.com"} }}, kept)
	k.attempts["mail.example.com"] = new(attempts)
	if _, err := k.obtain(t.Context(), "mail.example.com"); err == nil || !strings.Contains(err.Error(), "are not kept") || k.kept.Account != nil {
		t.Errorf("%v", err)
	}
	now = day.Add(2 * time.Hour)
	if _, err := k.obtain(t.Context(), "mail.example.com"); err == nil || strings.Contains(err.Error(), "are not kept") || len(k.kept.Names) > 0 {
		t.Errorf("%v", err)
	}
}

// anew is the Keeper of a node that was started again, with what was saved.
func (s *site) anew(t *testing.T, saved []byte) *Keeper {
	t.Helper()
	kept, err := Decode(saved)
	if err != nil {
		t.Fatal(err)
	}
	return New(s.c, kept)
}

// TestAttemptsAreKept: a start asks no sooner than the attempts before it allow, be they over or
// not, unless somebody wants it or another authority is to be asked.
func TestAttemptsAreKept(t *testing.T) {
	t.Parallel()
	const name = "mail.refused.example"
	var all [][]byte
	s := newSite(t, acmetest.Options{Blocked: []string{"refused.example"}}, []string{name}, func(c *Config) {
		c.Save = func(text []byte) error {
			all = append(all, text)
			return nil
		}
	})
	_, stop := s.run(t)
	s.line(t, "level=ERROR", "name="+name, "rejectedIdentifier")
	stop()
	if len(all) != 3 {
		t.Fatalf("%d times something was saved, not for the account, the attempt and its end", len(all))
	}
	for i, want := range []string{"while the authority was asked", "rejectedIdentifier"} {
		k := s.anew(t, all[i+1])
		if got, wait := k.next(); got != "" || wait > firstAgain || wait < firstAgain-time.Second {
			t.Errorf("after a start %q is tried, or in %s", got, wait)
		}
		if why, next := k.Fault(name); !strings.Contains(why, want) || next.IsZero() {
			t.Errorf("%q, %s", why, next)
		}
		if k.Again(); len(k.again) != 1 {
			t.Error("nobody wakes")
		}
		if got, _ := k.next(); got != name {
			t.Error("it is not tried when somebody wants it")
		}
	}
	k := s.anew(t, all[2])
	s.set(s.clock().Add(-2 * mostAsked))
	if got, _ := k.next(); got != name {
		t.Error("a clock that was set back has it wait for long")
	}
	s.c.Directory = "https://127.0.0.1:1/other"
	if got, _ := s.anew(t, all[2]).next(); got != name {
		t.Error("another authority is not asked")
	}
}

// TestRetryAfter: an authority that says when to come again is asked once, and no sooner, not even
// when somebody wants it.
func TestRetryAfter(t *testing.T) {
	const name = "mail.example.org"
	for _, tt := range []struct {
		code  int
		after string
		want  time.Duration
	}{
		{429, "7200", 2 * time.Hour}, {503, "Fri, 02 Jan 2026 03:00:00 GMT", 3 * time.Hour}, {429, "", firstAgain}, {429, "soon", firstAgain},
		{503, "999999999", mostAsked}, {429, "60", firstAgain},
	} {
		var asked atomic.Int32
		authority := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("Retry-After", tt.after)
			w.WriteHeader(tt.code)
		}))
		roots := x509.NewCertPool()
		roots.AddCert(authority.Certificate())
		k := New(Config{Directory: authority.URL, Roots: roots, Challenges: []string{HTTP01}, Now: func() time.Time { return day },
			Names: func() []string { return []string{name} }, Save: func([]byte) error { return nil }, Log: slog.New(slog.DiscardHandler)}, new(Kept))
		if got, _ := k.next(); got != name {
			t.Fatal("it is not tried")
		}
		k.try(t.Context(), name)
		authority.Close()
		if _, next := k.Fault(name); next.Sub(day) != tt.want || asked.Load() != 1 {
			t.Errorf("%d, %q: again in %s, asked %d times", tt.code, tt.after, next.Sub(day), asked.Load())
		}
		k.Again()
		if got, _ := k.next(); (got == "") != (tt.want > firstAgain) {
			t.Errorf("%d, %q: tried is %q", tt.code, tt.after, got)
		}
	}
}

// TestPlainDirectory: nothing is asked of an authority without HTTPS.
func TestPlainDirectory(t *testing.T) {
	k := New(Config{Directory: "http://127.0.0.1:1/dir", Challenges: []string{HTTP01}, Now: time.Now}, new(Kept))
	key, err := drawKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.order(t.Context(), key, "mail.example.org", key, nil); err == nil || !strings.Contains(err.Error(), "HTTPS") {
		t.Errorf("%v", err)
	}
}
