package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/node/acme/acmetest"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/smtpgw/mtasts"
)

// watched is a log whose lines a test waits for.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan string
}

func newWatched() *watched { return &watched{lines: make(chan string, 10_000)} }

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.lines <- string(b):
	default:
	}
	return w.text.Write(b)
}

// wait waits for a line with all of these in it.
func (w *watched) wait(t *testing.T, want ...string) {
	t.Helper()
	for late := time.After(2 * time.Minute); ; {
		select {
		case line := <-w.lines:
			found := 0
			for _, s := range want {
				if strings.Contains(line, s) {
					found++
				}
			}
			if found == len(want) {
				return
			}
		case <-late:
			t.Fatalf("no line of the log has all of %q:\n%s", want, w.text.String())
		}
	}
}

// certified is a node of example.org that runs and asks an authority for certificates.
type certified struct {
	*Node
	authority *acmetest.Authority
	log       *watched
	port      string // of submission
	https     string
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return must(strconv.Atoi(port))
}

// newCertified starts an authority and a node; change may change what that goes by.
func newCertified(t *testing.T, o acmetest.Options, change func(*Config)) *certified {
	t.Helper()
	at := testenv.FreeAddrs(t, 2)
	o.HTTPPort, o.TLSPort = portOf(t, at[0]), portOf(t, at[1])
	c := &certified{authority: acmetest.Start(t, o), log: newWatched(), https: at[1]}
	dir := filepath.Join(shortDir(t), "alpha")
	init := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"example.org"}), Network: LocalNetwork("test"), Now: time.Now()}
	init.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), init); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, func(cfg *Config) {
		cfg.TLS.ACME, cfg.TLS.ACMEDirectory, cfg.TLS.ACMECAFile = true, c.authority.Directory, c.authority.CAFile
		cfg.TLS.HTTPListen, cfg.TLS.HTTPSListen = at[0], at[1]
		if change != nil {
			change(cfg)
		}
	})
	var err error
	if c.Node, err = Open(t.Context(), dir, slog.New(slog.NewTextHandler(c.log, nil))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over, ready := make(chan error, 1), make(chan struct{})
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
		c.Close()
	})
	// What a node shows before it has asked anybody, is what its listeners show.
	if own := c.certificate.shown(nil); own == nil || own.Leaf.Issuer.CommonName != own.Leaf.Subject.CommonName {
		t.Error("no certificate of its own making is shown")
	}
	go func() { over <- c.Serve(ctx, sync.OnceFunc(func() { close(ready) })) }()
	<-ready
	c.port = c.listen.submission.Addr().String()
	return c
}

// viewed is what status says of a name.
func (c *certified) viewed(t *testing.T, name string) api.Certificate {
	t.Helper()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Certificates {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("status does not show %s: %+v", name, s.Certificates)
	return api.Certificate{}
}

// TestIssued: a node gets a certificate by either challenge and shows it at its submission listener
// without a restart; OpenSSL sees it there. It is kept, and so is its key by a backup.
func TestIssued(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"tls-alpn-01": func(c *Config) { c.TLS.HTTPListen = "" },
		"http-01":     func(c *Config) { c.TLS.HTTPSListen = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const host = "mail.example.org"
			c := newCertified(t, acmetest.Options{}, change)
			c.log.wait(t, "a certificate was issued", "name="+host)
			if v := c.viewed(t, host); v.Source != "acme" || v.Fault != "" || time.Until(v.Until) < 24*time.Hour {
				t.Errorf("%+v", v)
			}
			roots := filepath.Join(t.TempDir(), "roots.pem")
			if err := os.WriteFile(roots, c.authority.RootsPEM(t), 0o600); err != nil {
				t.Fatal(err)
			}
			if testenv.Runs(t, "openssl", "version") {
				cmd := exec.Command("openssl", "s_client", "-connect", c.port, "-starttls", "smtp", "-servername", host, "-verify_hostname", host, "-verify_return_error", "-CAfile", roots)
				cmd.Stdin = strings.NewReader("QUIT\r\n")
				if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Verify return code: 0 (ok)")) {
					t.Errorf("openssl: %v\n%s", err, out)
				}
			}
			path := filepath.Join(c.dir, home.ACMEFile)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			kept, err := openACME(c.dir)
			if err != nil || !kept.Names[host].Certificate.Leaf.Equal(c.certificate.shown(nil).Leaf) {
				t.Errorf("what is kept: %v", err)
			}
			restored := filepath.Join(shortDir(t), "restored")
			var backup bytes.Buffer
			if err := c.Backup(t.Context(), api.BackupRequest{}, &backup); err != nil {
				t.Fatal(err)
			}
			work := must(home.Begin(restored))
			defer work.Abandon()
			if _, _, err := work.Restore(&backup, BackupFacts, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			again, err := openACME(restored)
			if err != nil || !again.Names[host].Certificate.PrivateKey.(*ecdsa.PrivateKey).Equal(kept.Names[host].Certificate.PrivateKey) {
				t.Errorf("of a backup: %v", err)
			}
		})
	}
}

// TestNotIssued: where an authority refuses, the certificate of the node's own making is shown, and
// log and status tell why.
func TestNotIssued(t *testing.T) {
	t.Parallel()
	const host = "mail.example.org"
	c := newCertified(t, acmetest.Options{Blocked: []string{"example.org"}}, nil)
	c.log.wait(t, "level=ERROR", "no certificate was issued", "rejectedIdentifier")
	v := c.viewed(t, host)
	if v.Source != "own" || !strings.Contains(v.Fault, "rejectedIdentifier") || v.Next == "" || !v.Again.After(time.Now()) {
		t.Errorf("%+v", v)
	}
	conn, err := tls.Dial("tcp", c.https, &tls.Config{InsecureSkipVerify: true, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if leaf := conn.ConnectionState().PeerCertificates[0]; leaf.CheckSignatureFrom(leaf) != nil && leaf.Issuer.CommonName != host {
		t.Errorf("shown is one of %s", leaf.Issuer)
	}
	for _, path := range []string{"/", "/.well-known/acme-challenge/x", "/.well-known/mta-sts.txt"} {
		resp, err := (&http.Client{}).Get("http://" + c.listen.http.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil || resp.StatusCode != http.StatusNotFound || len(text) > 64 {
			t.Errorf("%s: %d %q, %v", path, resp.StatusCode, text, err)
		}
	}
}

// TestIssuedIsDamaged: a file that says nothing is told of, left as it is, and keeps no node from
// its start.
func TestIssuedIsDamaged(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	path := filepath.Join(dir, home.ACMEFile)
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, func(c *Config) { c.TLS.ACME, c.TLS.HTTPListen = true, "127.0.0.1:0" })
	n := open(t, dir)
	v := n.viewCertificates()
	if len(v) != 1 || v[0].Source != "own" || !strings.Contains(v[0].Fault, "is damaged") || !strings.Contains(v[0].Next, "move it away") {
		t.Errorf("%+v", v)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestOwnPolicy: our MTA-STS policy is found by who sends to us, with what status says is to be
// published, over HTTPS with a certificate for its name; the web server has nothing else.
func TestOwnPolicy(t *testing.T) {
	t.Parallel()
	const host = "mta-sts.example.org"
	c := newCertified(t, acmetest.Options{}, func(cfg *Config) { cfg.TLS.MTASTS, cfg.TLS.MTASTSHosts = "enforce", nil })
	c.log.wait(t, "a certificate was issued", "name="+host)
	s, err := c.Status(t.Context())
	if err != nil || s.Policy == nil || len(s.Policy.Records) != 2 || s.Policy.Records[0] != (api.ZoneRecord{Name: host + ".", Type: "CNAME", Value: "mail.example.org."}) {
		t.Fatalf("%+v, %v", s.Policy, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.authority.RootsPEM(t))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, c.https)
		},
	}}
	finder := mtasts.NewFinder(func(_ context.Context, name string) ([]string, error) {
		for _, r := range s.Policy.Records {
			if r.Type == "TXT" && r.Name == name+"." {
				return []string{r.Value}, nil
			}
		}
		return nil, nil
	}, client)
	p, err := finder.Policy(t.Context(), "example.org", time.Now())
	if err != nil || p == nil || p.Mode != mtasts.Enforce || !p.Allows("mail.example.org") || p.Allows("other.example.org") || p.MaxAge != policyAge {
		t.Errorf("%+v, %v", p, err)
	}
	for _, r := range []struct {
		method, url string
		want        int
	}{
		{"GET", "https://" + host + mtasts.Path, 200}, {"HEAD", "https://MTA-STS.example.org:443" + mtasts.Path, 200},
		{"POST", "https://" + host + mtasts.Path, 404}, {"GET", "https://" + host + "/", 404},
		{"GET", "https://mail.example.org" + mtasts.Path, 404}, {"GET", "https://mail.example.org/", 404},
	} {
		req := must(http.NewRequestWithContext(t.Context(), r.method, r.url, http.NoBody))
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("%s %s: %v", r.method, r.url, err)
			continue
		}
		if resp.Body.Close(); resp.StatusCode != r.want || resp.ProtoMajor != 1 {
			t.Errorf("%s %s: %s %s", r.method, r.url, resp.Proto, resp.Status)
		}
	}
	web := &http.Client{Timeout: time.Minute}
	resp, err := web.Get("http://" + c.listen.http.Addr().String() + mtasts.Path)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without TLS: %s", resp.Status)
	}
}

// TestOwnPolicyWithoutAnAuthority: the policy is served with whatever certificate there is.
// What a request may hold is bounded.
func TestOwnPolicyWithoutAnAuthority(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, func(c *Config) { c.TLS.HTTPSListen, c.TLS.MTASTS = "127.0.0.1:0", "testing" })
	n := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	n.runWeb(func(part func(context.Context) error) { parts.Go(func() { part(ctx) }) })
	defer parts.Wait()
	defer cancel()
	for _, tt := range []struct {
		request, want string
	}{
		{"GET " + mtasts.Path + " HTTP/1.1\r\nHost: mta-sts.alpha.test\r\n\r\n", "HTTP/1.1 200 "},
		{"GET " + mtasts.Path + " HTTP/1.1\r\nHost: mta-sts.bravo.test\r\n\r\n", "HTTP/1.1 404 "},
		{"GET " + mtasts.Path + " HTTP/1.1\r\nHost: mta-sts.alpha.test\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
	} {
		conn, err := tls.Dial("tcp", n.listen.https.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "mta-sts.alpha.test"})
		if err != nil {
			t.Fatal(err)
		}
		go conn.Write([]byte(tt.request))
		text, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.HasPrefix(string(text), tt.want) || strings.Contains(tt.want, "200") != strings.Contains(string(text), "\r\nmode: testing\r\nmx: mail.alpha.test\r\n") {
			t.Errorf("%.60q: %q", tt.request, text)
		}
	}
}
