package node

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/node/acme/acmetest"
	"cairn/node/acme/dns01/knottest"
	"cairn/node/doctor"
)

// TestCertifiedByDNS: a node without a listener for the authority has its name certified by records
// in the DNS, and tells whether it could.
func TestCertifiedByDNS(t *testing.T) {
	host := knottest.Host()
	server := net.JoinHostPort(host, knottest.Free(t, host))
	knottest.Start(t, server, knottest.Zone{Name: "example.org", Records: "@ NS ns\nns A " + host + "\nmail A 127.0.0.1\n"})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(knottest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCertified(t, acmetest.Options{DNS: server}, func(cfg *Config) {
		cfg.TLS.HTTPListen, cfg.TLS.HTTPSListen = "", ""
		cfg.TLS.DNSServer, cfg.TLS.DNSKey, cfg.TLS.DNSSecretFile = server, knottest.KeyName, secret
		cfg.Outbound.ValidatingResolver = server
	})
	c.log.wait(t, "a certificate was issued", "name="+c.cfg.Hostname)
	if v := c.viewed(t, c.cfg.Hostname); v.Source != "acme" || v.Fault != "" {
		t.Errorf("%+v", v)
	}
	if strings.Contains(c.log.text.String(), knottest.Secret) {
		t.Error("the secret is in the log")
	}
	probed := func(change func(*Config)) *doctor.DNS01 {
		cfg := *c.cfg
		if change != nil {
			change(&cfg)
		}
		e := &examination{cfg: &cfg, now: time.Now(), facts: doctor.Facts{Hostname: cfg.Hostname}}
		e.probeDNS01(t.Context())
		return e.facts.DNS01
	}
	if got := probed(nil); *got != (doctor.DNS01{By: server}) {
		t.Errorf("%+v", got)
	}
	for want, change := range map[string]func(*Config){
		"no such key":         func(cfg *Config) { cfg.TLS.DNSKey = "another" },
		"no such file":        func(cfg *Config) { cfg.TLS.DNSSecretFile += "2" },
		"no answer comes":     func(cfg *Config) { cfg.TLS.DNSServer = net.JoinHostPort(knottest.Host(), "53") },
		"no such file or dir": func(cfg *Config) { cfg.TLS.DNSServer, cfg.TLS.DNSCommand = "", []string{"/nonexistent/dns"} },
	} {
		if got := probed(change); !strings.Contains(got.Fault, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}

// TestDNSSecret: a secret that others may read, or that is none, keeps the node from starting, and
// is not told.
func TestDNSSecret(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	c := DefaultConfig("Alpha", []string{"alpha.test"})
	c.TLS.DNSServer, c.TLS.DNSKey, c.TLS.DNSSecretFile = "127.0.0.1:53", "cairn", secret
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{knottest.Secret, 0o600, ""}, {knottest.Secret, 0o640, "may be used by others"}, {"not+in base64", 0o600, "not in base64"}, {"c2hvcnQ=", 0o600, "can be guessed"},
	} {
		if err := errors.Join(os.WriteFile(secret, []byte(tt.text), 0o600), os.Chmod(secret, tt.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := openDNS01(c, time.Now)
		var bad *ConfigError
		if (err == nil) != (tt.want == "") || err != nil && (!errors.As(err, &bad) || bad.Key != "tls.dns_secret_file" || !strings.Contains(bad.Cause, tt.want) || strings.Contains(err.Error(), tt.text)) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
}
