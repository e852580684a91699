package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/node/acme"
	"cairn/node/api"
	"cairn/node/doctor"
	"cairn/node/home"
	"cairn/smtpgw/client"
	"cairn/smtpgw/mtasts"
)

// examinedDNS is the DNS of example.org, whose node is mail.example.org, and of its neighbour
// example.net. Names are absolute.
type examinedDNS struct {
	mu     sync.Mutex
	txt    map[string]string
	mx     map[string]string
	addrs  map[string]netip.Addr
	names  map[string]string // of addresses
	policy *mtasts.Policy
	silent string // a name with whose answer nothing comes
}

func (d *examinedDNS) miss(name string) error {
	if name == d.silent {
		return &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
	}
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (d *examinedDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if text, ok := d.txt[name]; ok {
		return []string{text}, nil
	}
	return nil, d.miss(name)
}

func (d *examinedDNS) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if host, ok := d.mx[name]; ok {
		return []*net.MX{{Host: host, Pref: 10}}, nil
	}
	return nil, d.miss(name)
}

func (d *examinedDNS) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.addrs[host]; ok && (network == "ip" || network == "ip4") {
		return []netip.Addr{a}, nil
	}
	return nil, d.miss(host)
}

func (d *examinedDNS) LookupAddr(_ context.Context, addr string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name, ok := d.names[addr]; ok {
		return []string{name}, nil
	}
	return nil, d.miss(addr)
}

func (d *examinedDNS) Policy(_ context.Context, domain string, _ time.Time) (*mtasts.Policy, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if domain != "example.org" {
		return nil, nil
	}
	return d.policy, nil
}

// change changes what the DNS says.
func (d *examinedDNS) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// examined is a node of example.org with all in order, whose own port 25 and mail server of
// example.net are one listener on loopback.
func examined(t *testing.T) (n *Node, end func(), dns *examinedDNS) {
	t.Helper()
	own := netip.MustParseAddr("127.0.0.1")
	dns = &examinedDNS{
		txt: map[string]string{
			"example.org.": "v=spf1 ip4:127.0.0.1 -all", "_dmarc.example.org.": "v=DMARC1; p=reject",
			"_mta-sts.example.org.": "v=STSv1; id=1", "_smtp._tls.example.org.": "v=TLSRPTv1; rua=mailto:tls@example.org",
		},
		mx:     map[string]string{"example.org.": "mail.example.org.", "example.net.": "mx1.example.net."},
		addrs:  map[string]netip.Addr{"mail.example.org.": own, "mx1.example.net.": own},
		names:  map[string]string{"127.0.0.1": "mail.example.org."},
		policy: &mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mail.example.org"}},
	}
	far := &exchanger{texts: make(chan []byte, 8)}
	toWorld(t, worldDNS{}, far.listen(t))
	exchange.Resolver, exchange.policies = dns, dns
	wasTXT, wasNames, wasRoots := resolver, reverse, certificateRoots
	t.Cleanup(func() { resolver, reverse, certificateRoots = wasTXT, wasNames, wasRoots })
	resolver, reverse = dns, dns

	dir := filepath.Join(shortDir(t), "alpha")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"example.org"}), Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cert.pem")
	text := must(makeCertificate("mail.example.org", time.Now().AddDate(-9, 0, 0)))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	certificateRoots = x509.NewCertPool()
	certificateRoots.AddCert(must(tls.X509KeyPair(text, text)).Leaf)
	validates := validating(t, dns)
	quiet(t, dir, func(c *Config) {
		c.Outbound.ValidatingResolver = validates
		c.Mine, c.TLS.CertificateFile, c.TLS.KeyFile = "10%", file, file
		c.Inbound.Listen, c.Organisation.Records = "127.0.0.1:0", "all"
	})
	n, end = begun(t, dir)
	await(t, n, "the enrolment", func() bool { return must(n.Status(t.Context())).Org.Enrolled })
	for _, k := range must(n.DKIM(t.Context(), "")).Keys {
		dns.change(func() { dns.txt[k.Name+"."] = k.Record })
	}
	return n, end, dns
}

// unwell lists what is not well in a diagnosis, as "level id".
func unwell(d *api.Diagnosis) (list []string) {
	for _, f := range d.Findings {
		if f.Level != "ok" {
			list = append(list, f.Level+" "+f.ID)
		}
	}
	return list
}

// TestDoctor: a node with which all is well, each fault of its DNS alone, and what is told of it
// when it does not run.
func TestDoctor(t *testing.T) {
	n, end, dns := examined(t)
	look := func() *api.Diagnosis {
		t.Helper()
		d, err := n.Doctor(t.Context(), api.DoctorRequest{To: "bob@example.net"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := look(); len(unwell(d)) > 0 || d.Worst != "ok" || !d.Running {
		t.Fatalf("all is well, and it says %q: %+v", unwell(d), d)
	}
	if d := must(n.Doctor(t.Context(), api.DoctorRequest{})); !slices.Equal(unwell(d), []string{"unknown outward"}) {
		t.Errorf("with nobody to try: %q", unwell(d))
	}
	if d := must(n.Doctor(t.Context(), api.DoctorRequest{To: "bob@example.com"})); !slices.Equal(unwell(d), []string{"unknown outward"}) {
		t.Errorf("with a server that is nowhere: %q", unwell(d))
	}
	for _, to := range []string{"example.net", "bob@no domain", "@example.net"} {
		if _, err := n.Doctor(t.Context(), api.DoctorRequest{To: to}); api.AsError(err).Code != api.CodeInvalid {
			t.Errorf("to %q: %v", to, err)
		}
	}
	smart := func(password string) {
		t.Helper()
		addr := must(n.Status(t.Context())).Listen.Submission
		n.outside.ways = []wayOut{{to: "smarthost " + addr + " as ann", relay: &client.Host{
			Name: "mail.example.org", TLS: client.TLSRequired, Roots: certificateRoots, Login: &client.Login{User: "postmaster@example.org", Password: password},
			Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) },
		}}}
	}
	app, err := n.AddApp(t.Context(), api.AppRequest{Account: "postmaster", Name: "relay"})
	if err != nil {
		t.Fatal(err)
	}
	smart(app.Secret)
	if d := look(); len(unwell(d)) > 0 || !slices.ContainsFunc(d.Findings, func(f api.Finding) bool { return f.ID == "smarthost" && f.Level == "ok" }) {
		t.Errorf("with a smarthost: %q", unwell(d))
	}
	smart("wrong")
	if d := look(); !slices.Equal(unwell(d), []string{"fail smarthost"}) {
		t.Errorf("with a smarthost and a wrong password: %q", unwell(d))
	}
	n.outside.ways[0].relay.Roots = x509.NewCertPool()
	if d := look(); !slices.ContainsFunc(d.Findings, func(f api.Finding) bool { return f.ID == "smarthost" && strings.Contains(f.Next, "ca_file") }) {
		t.Errorf("with a smarthost that nobody vouches for: %+v", d.Findings)
	}
	n.outside.ways = nil
	text := func(name, text string) func() {
		return func() {
			if dns.txt[name] = text; text == "" {
				delete(dns.txt, name)
			}
		}
	}
	key := must(n.DKIM(t.Context(), "")).Keys[0]
	for _, tt := range []struct {
		name         string
		change, back func()
		want         string
	}{
		{"no address", func() { delete(dns.addrs, "mail.example.org.") }, func() { dns.addrs["mail.example.org."] = netip.MustParseAddr("127.0.0.1") },
			"fail host-address, unknown spf, warn records-all, fail inbound"},
		{"no name", func() { delete(dns.names, "127.0.0.1") }, func() { dns.names["127.0.0.1"] = "mail.example.org." }, "fail reverse-name"},
		{"a name that leads elsewhere", func() { dns.names["127.0.0.1"] = "host.example.com." }, func() { dns.names["127.0.0.1"] = "mail.example.org." }, "fail reverse-name"},
		{"no MX", func() { delete(dns.mx, "example.org.") }, func() { dns.mx["example.org."] = "mail.example.org." }, "fail mx"},
		{"SPF for others", text("example.org.", "v=spf1 ip4:192.0.2.1 -all"), text("example.org.", "v=spf1 ip4:127.0.0.1 -all"), "fail spf, warn records-all"},
		{"no key", text(key.Name+".", ""), text(key.Name+".", key.Record), "warn dkim"},
		{"no DMARC", text("_dmarc.example.org.", ""), text("_dmarc.example.org.", "v=DMARC1; p=reject"), "warn dmarc"},
		{"a DMARC record with an error", text("_dmarc.example.org.", "v=DMARC1 p=reject"), text("_dmarc.example.org.", "v=DMARC1; p=reject"), "fail dmarc"},
		{"a policy for others", func() { dns.policy = &mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mx.example.com"}} },
			func() { dns.policy = &mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mail.example.org"}} }, "fail mta-sts"},
		{"no TLS reports", text("_smtp._tls.example.org.", ""), text("_smtp._tls.example.org.", "v=TLSRPTv1; rua=mailto:tls@example.org"), "warn tls-rpt"},
	} {
		dns.change(tt.change)
		if got := strings.Join(unwell(look()), ", "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		dns.change(tt.back)
	}
	dns.change(func() { delete(dns.txt, "_dmarc.example.org."); dns.silent = "_dmarc.example.org." })
	if got := unwell(look()); !slices.Equal(got, []string{"unknown dmarc"}) {
		t.Errorf("silent: %q", got)
	}

	end()
	d, err := Examine(t.Context(), n.dir, "bob@example.net", time.Now())
	if err != nil || d.Running || d.Worst != "warn" || !slices.Equal(unwell(d), []string{"unknown dmarc", "warn running"}) {
		t.Errorf("%v: %q, %+v", err, unwell(d), d)
	}
	if _, err := Examine(t.Context(), t.TempDir(), "", time.Now()); !errors.Is(err, ErrNotInitialised) {
		t.Errorf("of no node: %v", err)
	}
}

// TestJudgeIssued: judged is what an authority issued, as it is shown, and what fails there is
// told; so it is of a node that does not run.
func TestJudgeIssued(t *testing.T) {
	const host = "mail.alpha.test"
	wasRoots := certificateRoots
	t.Cleanup(func() { certificateRoots = wasRoots })
	text := must(makeCertificate(host, time.Now().AddDate(-9, 0, 0)))
	pair := must(tls.X509KeyPair(text, text))
	certificateRoots = x509.NewCertPool()
	certificateRoots.AddCert(pair.Leaf)

	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, func(c *Config) { c.TLS.ACME, c.TLS.HTTPSListen, c.TLS.MTASTS = true, "127.0.0.1:0", "enforce" })
	keep := func(k *acme.Kept) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(home.ACMEFile)), must(k.Encode()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	refused := map[string]acme.Attempt{host: {Directory: letsEncrypt, Failed: 3, Next: again, Why: "the name leads nowhere"}}
	for name, k := range map[string]*acme.Kept{
		"issued":      {Names: map[string]acme.Certified{host: {Directory: letsEncrypt, Certificate: &pair}}},
		"not renewed": {Names: map[string]acme.Certified{host: {Directory: letsEncrypt, Certificate: &pair}}, Attempts: refused},
		"refused":     {Attempts: refused},
		"not tried":   {},

		"refused elsewhere": {Attempts: map[string]acme.Attempt{host: {Directory: "https://other.example/directory", Failed: 3, Next: again, Why: "of that"}}},
	} {
		keep(k)
		want := doctor.Certificate{ACME: true, Own: k.Names == nil, NotAfter: pair.Leaf.NotAfter}
		n := open(t, dir)
		shown, fails := n.judgeShown(time.Now())
		if shown.NotAfter.IsZero() || shown.Own != want.Own || !want.Own && shown != want {
			t.Errorf("%s: %+v", name, shown)
		}
		n.Close()
		kept, failed := judgeKept(dir, n.cfg, time.Now())
		if kept.Own != want.Own || !want.Own && kept != want {
			t.Errorf("%s, of a node that does not run: %+v", name, kept)
		}
		told := 0
		if k.Attempts[host].Directory == letsEncrypt {
			told = 1
		}
		for _, list := range [][]doctor.Unissued{fails, failed} {
			if len(list) != told || len(list) > 0 && list[0] != (doctor.Unissued{Name: host, Why: "the name leads nowhere", Again: again}) {
				t.Errorf("%s: what fails: %+v", name, list)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(home.ACMEFile)), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if kept, failed := judgeKept(dir, must(LoadConfig(dir)), time.Now()); !kept.Own || len(failed) != 1 || !strings.Contains(failed[0].Why, "is damaged") {
		t.Errorf("damaged: %+v, %+v", kept, failed)
	}
}

// TestJudgeCertificate: what others find wrong with a certificate.
func TestJudgeCertificate(t *testing.T) {
	now := time.Now()
	text := must(makeCertificate("mail.example.org", now))
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM")
	}
	cert := must(tls.X509KeyPair(text, text))
	c := DefaultConfig("Alpha", []string{"example.org"})
	c.TLS.CertificateFile = "x"
	if found := judgeCertificate(&cert, c, now); found.Own || found.Host != "" || found.Chain == "" {
		t.Errorf("signed by itself: %+v", found)
	}
	c.Hostname = "other.example.org"
	if found := judgeCertificate(&cert, c, now); found.Host == "" {
		t.Errorf("of another name: %+v", found)
	}
}
