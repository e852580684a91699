package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/node/home"
)

// makeCertificate makes a certificate with a key of its own, in PEM.
func makeCertificate(host string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return certify(host, key, now)
}

// TestOwnCertificate: a node keeps the one that it has made, and makes another one for another host
// name, in place of what is none, and before it is too old.
func TestOwnCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls.pem")
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	made := func(host string, now time.Time) *tls.Certificate {
		t.Helper()
		c, err := ownCertificate(path, host, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Leaf.VerifyHostname(host); err != nil || now.Before(c.Leaf.NotBefore) || now.After(c.Leaf.NotAfter) {
			t.Errorf("%s, from %s to %s", err, c.Leaf.NotBefore, c.Leaf.NotAfter)
		}
		return c
	}
	first := made("mail.a.example", now)
	if again := made("mail.a.example", now.AddDate(9, 0, 0)); !again.Leaf.Equal(first.Leaf) {
		t.Error("another one was made")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for host, when := range map[string]time.Time{"mail.b.example": now, "mail.a.example": now.AddDate(10, 0, 0)} {
		if next := made(host, when); !bytes.Equal(next.Leaf.RawSubjectPublicKeyInfo, first.Leaf.RawSubjectPublicKeyInfo) {
			t.Errorf("%s has another key", host)
		}
	}
	for name, next := range map[string]func() *tls.Certificate{
		"another host": func() *tls.Certificate { return made("mail.b.example", now) },
		"too old":      func() *tls.Certificate { return made("mail.a.example", now.AddDate(10, 0, 0)) },
		"damaged": func() *tls.Certificate {
			if err := os.WriteFile(path, []byte("no certificate"), 0o600); err != nil {
				t.Fatal(err)
			}
			return made("mail.a.example", now)
		},
	} {
		if next().Leaf.Equal(first.Leaf) {
			t.Errorf("%s: the same", name)
		}
	}
}

// TestCertificateFiles: what is configured is read anew when it changes; what cannot be read then
// leaves it as it was, and keeps a node from starting.
func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	file := filepath.Join(dir, "chain.pem")
	put := func(text []byte, at time.Time) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file, text, 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	made := func(host string) []byte {
		t.Helper()
		text, err := makeCertificate(host, now)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	cfg := DefaultConfig("Alpha", []string{"alpha.test"})
	cfg.TLS = TLSConfig{CertificateFile: file, KeyFile: file}
	clock := func() time.Time { return now }
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	if _, err := openCertificate(cfg, dir, clock, log); err == nil || !strings.Contains(err.Error(), "tls.certificate_file") {
		t.Errorf("no file: %v", err)
	}
	put(made("mail.a.example"), now)
	c, err := openCertificate(cfg, dir, clock, log)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(when, want string) {
		t.Helper()
		got, err := c.config().GetCertificate(nil)
		if err != nil || got.Leaf.DNSNames[0] != want {
			t.Errorf("%s: %v, %v", when, got.Leaf.DNSNames, err)
		}
	}
	shows("at first", "mail.a.example")
	put(made("mail.b.example"), now.Add(time.Hour))
	shows("within the time for a look", "mail.a.example")
	now = now.Add(certLook)
	shows("replaced", "mail.b.example")
	put([]byte("half a"), now.Add(2*time.Hour))
	now = now.Add(certLook)
	shows("damaged", "mail.b.example")
	now = now.Add(certLook)
	shows("damaged still", "mail.b.example")
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
		t.Errorf("told %d times: %s", n, said.String())
	}
	put(made("mail.c.example"), now.Add(3*time.Hour))
	now = now.Add(certLook)
	shows("mended", "mail.c.example")
	if _, err := os.Stat(filepath.Join(dir, home.CertificateFile)); err == nil {
		t.Error("one of its own was made too")
	}
}

// TestEndsAreTold: a certificate that ends soon is told of, once a day, until it was renewed.
func TestEndsAreTold(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	file := filepath.Join(t.TempDir(), "cert.pem")
	now := time.Now()
	write := func(days int) {
		t.Helper()
		if err := os.WriteFile(file, must(makeCertificate("mail.alpha.test", now.AddDate(-ownCertYears, 0, days))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(13)
	quiet(t, dir, func(c *Config) { c.TLS.CertificateFile, c.TLS.KeyFile = file, file })
	log := newWatched()
	n := must(Open(t.Context(), dir, slog.New(slog.NewTextHandler(log, nil))))
	defer n.Close()
	lines := func() int { return strings.Count(log.text.String(), "a certificate ends soon") }
	told := make(map[string]time.Time)
	for i, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Hour, 1}, {endsTold, 2}, {endsTold + time.Hour, 2}, {-time.Hour, 3}, {14 * endsTold, 4}} {
		if n.tellEnds(told, now.Add(tt.after)); lines() != tt.want {
			t.Errorf("%d: told %d times: %s", i, lines(), log.text.String())
		}
	}
	write(30)
	n.certificate.mu.Lock()
	n.certificate.changed, n.certificate.looked = [2]time.Time{}, time.Time{}
	n.certificate.mu.Unlock()
	if n.tellEnds(told, now); lines() != 4 || len(told) != 0 {
		t.Errorf("renewed, and told of: %s", log.text.String())
	}
	for _, tt := range []struct {
		life, left time.Duration
		want       bool
	}{{90, 13, true}, {90, 15, false}, {6, 2, false}, {12, 1, true}, {90, -1, true}} {
		leaf := &x509.Certificate{NotBefore: now.Add((tt.left - tt.life) * 24 * time.Hour), NotAfter: now.Add(tt.left * 24 * time.Hour)}
		if endsSoon(leaf, now) != tt.want {
			t.Errorf("%d of %d days: %v", tt.left, tt.life, !tt.want)
		}
	}
}
