// Package acmetest runs Pebble, a certificate authority for tests, on loopback.
package acmetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cairn/mailstore/testenv"
)

// Authority is a running Pebble.
type Authority struct {
	// Directory is the URL for clients.
	Directory string
	// CAFile is a file in PEM with the certificate of the authority's own server; Roots has it.
	CAFile string
	Roots  *x509.CertPool

	// DNS is the server that it asks, host:port.
	DNS string

	management, changes string
}

// Options are where the authority looks, and what it certifies.
type Options struct {
	HTTPPort, TLSPort int           // of http-01 and tls-alpn-01; 0: at none
	Validity          time.Duration // of certificates; 0: 90 days
	Blocked           []string      // domains that are refused
	DNS               string        // a server to ask, host:port; "": one where all names are at 127.0.0.1
}

// Start runs an authority until the test is over. Without its programs the test is skipped; under
// CI=true it fails.
func Start(t testing.TB, o Options) *Authority {
	t.Helper()
	pebble, dns := tool(t, "pebble"), tool(t, "pebble-challtestsrv")
	dir := t.TempDir()
	a := &Authority{CAFile: filepath.Join(dir, "cert.pem")}
	a.makeCertificate(t, a.CAFile, filepath.Join(dir, "key.pem"))
	at := testenv.FreeAddrs(t, 4)
	a.Directory, a.management = "https://"+at[0]+"/dir", at[1]
	if o.Validity == 0 {
		o.Validity = 90 * 24 * time.Hour
	}
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": at[0], "managementListenAddress": at[1], "certificate": a.CAFile, "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": o.HTTPPort, "tlsPort": o.TLSPort, "domainBlocklist": o.Blocked, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "of tests", "validityPeriod": int(o.Validity.Seconds())}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	a.run(t, "http://"+at[3]+"/", dns, "-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "", "-defaultIPv6", "", "-dnsserver", at[2], "-management", at[3])
	a.DNS, a.changes = at[2], "http://"+at[3]+"/"
	if o.DNS != "" {
		a.DNS = o.DNS
	}
	a.run(t, "https://"+at[0]+"/dir", pebble, "-config", config, "-dnsserver", a.DNS)
	return a
}

// changeDNS is what DNSCommand runs, in Python.
const changeDNS = `
import json, sys, urllib.request
url, what, name, value = sys.argv[1:]
path, body = {"present": ("set-txt", {"host": name + ".", "value": value}), "cleanup": ("clear-txt", {"host": name + "."})}[what]
urllib.request.urlopen(urllib.request.Request(url + path, json.dumps(body).encode()))
`

// DNSCommand is a program, with arguments, that changes the DNS of an authority which has its own:
// "present NAME VALUE" and "cleanup NAME VALUE" are to follow.
func (a *Authority) DNSCommand() []string {
	return []string{"/usr/bin/python3", "-c", changeDNS, a.changes}
}

// RootsPEM is what vouches for all that the authority issues: the certificate at its root.
func (a *Authority) RootsPEM(t testing.TB) []byte {
	t.Helper()
	resp, err := a.client().Get("https://" + a.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (a *Authority) client() *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Roots}, DisableKeepAlives: true}}
}

// run runs a program, which answers at a URL, until the test is over.
func (a *Authority) run(t testing.TB, url, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	testenv.Serve(t, cmd, func(context.Context) error {
		resp, err := a.client().Get(url)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// makeCertificate makes that of the authority's own server.
func (a *Authority) makeCertificate(t testing.TB, cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the authority's server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, text := range map[string][]byte{cert: text, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.Roots = x509.NewCertPool()
	a.Roots.AppendCertsFromPEM(text)
}

// tool is the path of a program that .ci/run installs: in $CAIRN_TOOLS, or in cairn-tools in the
// user's cache.
func tool(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("CAIRN_TOOLS")
	if cache, err := os.UserCacheDir(); dir == "" && err == nil {
		dir = filepath.Join(cache, "cairn-tools")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		testenv.Lacking(t, "%s is not there, see .ci/run: %v", name, err)
	}
	return path
}
