package acme

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

var day = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// made is a certificate for a name from day on.
func made(t testing.TB, name string, life time.Duration) *tls.Certificate {
	t.Helper()
	key, err := drawKey()
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: day, NotAfter: day.Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := matching([][]byte{der}, key, name, day)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestDue: a name is tried at once, then when a third of its certificate's life is left, or when
// another authority is to certify it.
func TestDue(t *testing.T) {
	has := &Certified{"https://a.example/dir", made(t, "mail.example.org", 90*24*time.Hour)}
	later := day.Add(70 * 24 * time.Hour)
	for _, c := range []struct {
		name      string
		a         attempts
		has       *Certified
		directory string
		want      time.Time
	}{
		{"never tried", attempts{}, nil, has.Directory, time.Time{}},
		{"failed", attempts{next: day}, nil, has.Directory, day},
		{"certified", attempts{}, has, has.Directory, day.Add(60 * 24 * time.Hour)},
		{"certified, and a renewal failed", attempts{next: later}, has, has.Directory, later},
		{"certified by another", attempts{}, has, "https://b.example/dir", time.Time{}},
	} {
		if got := c.a.due(c.has, c.directory); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestAttempts: after each failure the next attempt waits twice as long, six hours at most; told
// are the first one and one a day.
func TestAttempts(t *testing.T) {
	var a attempts
	now, told := day, 0
	var waits []time.Duration
	for range 12 {
		if a.after(errors.New("no"), now) {
			told++
		}
		waits = append(waits, a.next.Sub(now))
		now = a.next
	}
	if waits[0] != firstAgain || waits[1] != 2*firstAgain || waits[11] != mostAgain || told != 2 {
		t.Errorf("%v, told %d times", waits, told)
	}
	if a.after(nil, now) || a != (attempts{}) {
		t.Errorf("%+v", a)
	}
}

// TestKept: what is kept is read as it was written, and what is not that is none.
func TestKept(t *testing.T) {
	var k Kept
	if text, err := k.Encode(); err != nil {
		t.Error(err)
	} else if got, err := Decode(text); err != nil || got.Account != nil || len(got.Names) != 0 {
		t.Errorf("empty: %+v, %v", got, err)
	}
	text := encoded(t)
	got, err := Decode(text)
	if err != nil || got.Account == nil || got.Names["mail.example.org"].Directory != "https://a.example/dir" {
		t.Fatalf("%+v, %v", got, err)
	}
	again, err := got.Encode()
	if err != nil || string(again) != string(text) {
		t.Errorf("written anew: %s, %v", again, err)
	}
	for name, change := range map[string][2]string{
		"a later version":  {`"version": 2`, `"version": 3`},
		"another name":     {`"mail.example.org"`, `"mail.example.com"`},
		"an unknown field": {`"version": 2`, `"version": 2, "more": 1`},
		"no key":           {"BEGIN PRIVATE KEY", "BEGIN KEY"},
		"no attempt":       {`"failed": 2`, `"failed": 0`},
		"attempts of old":  {`"version": 2`, `"version": 1`},
	} {
		if _, err := Decode([]byte(strings.Replace(string(text), change[0], change[1], 1))); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := Decode(append(text, '{')); err == nil {
		t.Error("something behind it is taken")
	}
	first := strings.Replace(string(text), `"version": 2`, `"version": 1`, 1)
	first = first[:strings.Index(first, ",\n  \"attempts\"")] + "\n}"
	if got, err := Decode([]byte(first)); err != nil || got.Account == nil || len(got.Names) != 1 || got.Attempts != nil {
		t.Errorf("of the first version: %+v, %v", got, err)
	}
}

func encoded(t testing.TB) []byte {
	t.Helper()
	key, err := drawKey()
	if err != nil {
		t.Fatal(err)
	}
	k := (&Kept{Account: key}).with("mail.example.org", Certified{"https://a.example/dir", made(t, "mail.example.org", time.Hour)})
	k.Attempts = map[string]Attempt{"mta-sts.example.org": {Directory: "https://a.example/dir", Failed: 2, Next: day, Why: "no"}}
	text, err := k.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// FuzzDecode: whatever is taken is written as what is taken again.
func FuzzDecode(f *testing.F) {
	f.Add(encoded(f))
	f.Add([]byte(`{"version":1,"names":{}}`))
	f.Add([]byte(`{"version":2,"names":{},"attempts":{"a":{"directory":"","failed":1,"next":"2026-01-02T00:00:00Z","asked":true,"why":""}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := Decode(text)
		if err != nil {
			return
		}
		again, err := k.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again); err != nil {
			t.Error(err)
		}
	})
}

// TestMatching: a certificate of another key or name, or that is past its time, is none.
func TestMatching(t *testing.T) {
	cert, other := made(t, "mail.example.org", time.Hour), made(t, "mail.example.org", time.Hour)
	key := cert.PrivateKey.(crypto.Signer)
	for name, err := range map[string]error{
		"nothing":     second(matching(nil, key, "mail.example.org", day)),
		"no DER":      second(matching([][]byte{{1}}, key, "mail.example.org", day)),
		"another key": second(matching(other.Certificate, key, "mail.example.org", day)),
		"another":     second(matching(cert.Certificate, key, "mail.example.com", day)),
		"too old":     second(matching(cert.Certificate, key, "mail.example.org", day.Add(2*time.Hour))),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func second[A any](_ A, err error) error { return err }

// TestTokens: a token that is none never becomes the name of a file.
func TestTokens(t *testing.T) {
	key, err := drawKey()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	c := challenges{webroot: root, tokens: map[string]string{}, names: map[string]*tls.Certificate{}}
	client := &acme.Client{Key: key}
	for _, token := range []string{"", "../../x", "a/b", ".", "a.b", strings.Repeat("a", 129)} {
		if _, err := c.meet(t.Context(), client, &acme.Challenge{Type: HTTP01, Token: token}, "mail.example.org"); err == nil {
			t.Errorf("%q is taken", token)
		}
	}
	over, err := c.meet(t.Context(), client, &acme.Challenge{Type: HTTP01, Token: "a-B_9"}, "mail.example.org")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, ".well-known", "acme-challenge", "a-B_9")
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "a-B_9.") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.meet(t.Context(), client, &acme.Challenge{Type: HTTP01, Token: "a-B_9"}, "mail.example.org"); err == nil {
		t.Error("a file was written over")
	}
	for _, r := range []struct {
		method, path string
		want         int
	}{
		{"GET", wellKnown + "a-B_9", 200}, {"HEAD", wellKnown + "a-B_9", 200}, {"POST", wellKnown + "a-B_9", 404},
		{"GET", wellKnown, 404}, {"GET", wellKnown + "other", 404}, {"GET", "/", 404}, {"GET", "/a-B_9", 404},
	} {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(r.method, "http://mail.example.org"+r.path, http.NoBody))
		if w.Code != r.want {
			t.Errorf("%s %s: %d", r.method, r.path, w.Code)
		}
	}
	over()
	if _, err := os.Stat(path); err == nil || len(c.tokens) > 0 {
		t.Error("it is there still")
	}
}

// TestChallengeAlone: what is shown to an authority is shown to nobody else, and the other way
// round.
func TestChallengeAlone(t *testing.T) {
	k := New(Config{}, new(Kept))
	k.challenges.names["mail.example.org"] = made(t, "mail.example.org", time.Hour)
	for _, c := range []struct {
		name   string
		protos []string
		asked  bool
		ok     bool
	}{
		{"mail.example.org", []string{ALPN}, true, true}, {"MAIL.example.org", []string{ALPN}, true, true},
		{"other.example.org", []string{ALPN}, true, false},
		{"mail.example.org", nil, false, false}, {"mail.example.org", []string{"http/1.1", ALPN}, false, false},
	} {
		cert, asked, err := k.Challenge(&tls.ClientHelloInfo{ServerName: c.name, SupportedProtos: c.protos})
		if asked != c.asked || (cert != nil) != c.ok || (err != nil) != (c.asked && !c.ok) {
			t.Errorf("%s %v: %v, %v", c.name, c.protos, asked, err)
		}
	}
}

func TestShort(t *testing.T) {
	if got := short(errors.New("a\r\nb\x00\tc\xff" + strings.Repeat("ä", maxFault))); !strings.HasPrefix(got, "a b c") || len(got) > maxFault+8 {
		t.Errorf("%q", got)
	}
}
