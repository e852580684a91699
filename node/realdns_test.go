package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"

	"cairn/node/api"
	"cairn/node/home"
	"cairn/smtpgw/dane"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/dnstest"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/tlstest"
)

// toServers lets the node ask the DNS by a real resolver alone, and takes loopback for the world
// outside, whose mail servers listen at addr. MTA-STS policies are those of web.
func toServers(t *testing.T, server, addr string, web *httptest.Server) {
	t.Helper()
	was, wasResolver, wasReverse := exchange, resolver, reverse
	t.Cleanup(func() { exchange, resolver, reverse = was, wasResolver, wasReverse })
	asked := dnstest.Resolver(server)
	exchange.Resolver, resolver, reverse = asked, asked, asked
	exchange.allowed = func(netip.Addr) bool { return true }
	exchange.probes = dnssec.Probes{Signed: "example.org.", Broken: "broken.example.com."}
	if addr != "" {
		_, exchange.port, _ = net.SplitHostPort(addr)
	}
	client := new(http.Client)
	if web != nil {
		client = web.Client()
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, web.Listener.Addr().String())
		}
	}
	exchange.policies = mtasts.NewFinder(lookupTXT, client)
}

// server is a mail server outside that has TLS. It says how each mail came, and for whom.
type server chan string

type serverSession struct {
	conn *smtp.Conn
	came server
	to   string
}

func (s server) NewSession(c *smtp.Conn) (smtp.Session, error) { return &serverSession{c, s, ""}, nil }

func (s *serverSession) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *serverSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }
func (s *serverSession) Reset()                                    {}
func (s *serverSession) Logout() error                             { return nil }
func (s *serverSession) Data(r io.Reader) error {
	_, err := new(bytes.Buffer).ReadFrom(r)
	how := "in clear"
	if state, ok := s.conn.TLSConnectionState(); ok {
		how = "encrypted, asked for as " + state.ServerName
	}
	s.came <- s.to + " " + how
	return err
}

func (s server) listen(t *testing.T, cert tls.Certificate) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(s)
	server.Domain, server.TLSConfig = "mx.example.org", &tls.Config{Certificates: []tls.Certificate{cert}}
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	return l.Addr().String()
}

// putOffs is a log that tells of mail that a courier has put off: its domain, and why.
type putOffs struct {
	slog.Handler
	told chan string
}

func (w putOffs) Enabled(context.Context, slog.Level) bool { return true }
func (w putOffs) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w putOffs) WithGroup(string) slog.Handler            { return w }
func (w putOffs) Handle(_ context.Context, r slog.Record) error {
	if !strings.HasPrefix(r.Message, "courier: ") {
		return nil
	}
	said := make(map[string]string)
	r.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value.String(); return true })
	if said["domain"] != "" {
		w.told <- said["domain"] + " waits"
	}
	return nil
}

// realZones are the domains of the world outside: of which the first has the mail server's key.
func realZones(cert tls.Certificate, dkim string) []dnstest.Zone {
	key, other := dane.OfKey(cert.Leaf.RawSubjectPublicKeyInfo), dane.OfKey([]byte("another"))
	unusable := dane.Record{Usage: dane.PKIXEE, Selector: 1, Matching: 1, Data: other.Data}
	var org strings.Builder
	host := func(name string, records ...string) {
		fmt.Fprintf(&org, "%s MX 10 mx.%s\nmx.%s A 127.0.0.1\n", name, name, name)
		for _, r := range records {
			fmt.Fprintf(&org, r+"\n", name)
		}
	}
	host("keyed", "_25._tcp.mx.%s TLSA "+key.String())
	host("rolling", "_25._tcp.mx.%s TLSA "+key.String(), "_25._tcp.mx.%[1]s TLSA "+other.String())
	host("other", "_25._tcp.mx.%s TLSA "+other.String())
	host("unusable", "_25._tcp.mx.%s TLSA "+unusable.String())
	host("plain")
	host("policy", `_mta-sts.%s TXT "v=STSv1; id=1"`, "mta-sts.%s A 127.0.0.1")
	host("both", `_mta-sts.%s TXT "v=STSv1; id=1"`, "mta-sts.%s A 127.0.0.1", "_25._tcp.mx.%s TLSA "+key.String())
	fmt.Fprintf(&org, "good TXT \"v=spf1 mx -all\"\ngood MX 10 mx.good\nmx.good A 127.0.0.9\n_dmarc.good TXT \"v=DMARC1; p=reject\"\ns._domainkey.good TXT %q\n", dkim)
	fmt.Fprint(&org, "strict TXT \"v=spf1 -all\"\n_dmarc.strict TXT \"v=DMARC1; p=reject\"\n")
	return []dnstest.Zone{
		{Name: "example.org", Signed: true, Records: org.String()},
		{Name: "example.com", Records: "@ MX 10 mx\nmx A 127.0.0.1\n_25._tcp.mx TLSA " + other.String()},
		{Name: "example.net", Signed: true, Records: "@ MX 10 mx\nmx A 127.0.0.1\n_25._tcp.mx TLSA " + key.String(), Forge: fmt.Sprintf("%x", key.Data), By: fmt.Sprintf("%x", other.Data)},
		{Name: "broken.example.com", Signed: true, Records: "@ TXT nothing", Forge: "root.broken.", By: "evil.broken."},
		{Name: "org"}, {Name: "com"}, // where the walk up the tree of DMARC comes to
		{Name: "9.0.0.127.in-addr.arpa", Records: "@ PTR mx.good.example.org."},
	}
}

// TestRealDNSOutbound: what leaves for domains that sign their DNS goes to servers that have the
// key that is published, and waits otherwise, but for mail that says TLS-Required: No; what leaves
// for others goes as before.
func TestRealDNSOutbound(t *testing.T) {
	for _, anyTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("any TLS %v", anyTLS), func(t *testing.T) { realDNSOutbound(t, anyTLS) })
	}
}

func realDNSOutbound(t *testing.T, anyTLS bool) {
	cert, _ := tlstest.Certificate(t, "a.name.of.no.matter.example")
	came := make(server, 8)
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		domain := strings.TrimPrefix(r.Host, "mta-sts.")
		fmt.Fprintf(w, "version: STSv1\r\nmode: enforce\r\nmx: mx.%s\r\nmax_age: 86400\r\n", domain)
	}))
	t.Cleanup(web.Close)
	webCert, roots := tlstest.Certificate(t, "mta-sts.policy.example.org")
	web.TLS.Certificates = []tls.Certificate{webCert}
	dns := dnstest.Start(t, realZones(cert, "v=DKIM1; p=")...)
	toServers(t, dns, came.listen(t, cert), web)
	web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs = roots

	dir := filepath.Join(shortDir(t), "alpha")
	o := InitOptions{Dir: dir, Config: DefaultConfig("Alpha", []string{"alpha.test"}), Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	quiet(t, dir, func(c *Config) { c.Mine, c.Outbound.ValidatingResolver = "10%", dns })
	put := make(chan string, 64)
	n, _ := begunWith(t, dir, slog.New(putOffs{told: put}))
	await(t, n, "the enrolment", func() bool { return must(n.Status(t.Context())).Org.Enrolled })
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	for domain, want := range map[string]string{
		"keyed.example.org":    "encrypted, asked for as mx.keyed.example.org",
		"rolling.example.org":  "encrypted, asked for as mx.rolling.example.org",
		"unusable.example.org": "encrypted, asked for as mx.unusable.example.org",
		"both.example.org":     "encrypted, asked for as mx.both.example.org",
		"plain.example.org":    "encrypted, asked for as mx.plain.example.org",
		"example.com":          "encrypted, asked for as mx.example.com", // not signed: its key counts for nothing
		"other.example.org":    "waits: 451 4.7.5 connect to a mail server of other.example.org: mx.other.example.org: its certificate is not accepted: its key is none of those that its TLSA records name",
		"policy.example.org":   "waits: 451 4.7.5 connect to a mail server of policy.example.org: mx.policy.example.org: its certificate is not accepted: ",
		"example.net":          "waits: 451 4.4.0 find a route to example.net: the DNS does not answer, or not as it was signed, which keys the mail servers of example.net have (TLSA)",
		"broken.example.com":   "waits: 451 4.4.0 find a route to broken.example.com: the DNS does not answer which mail servers broken.example.com has",
	} {
		raw := "From: Alice <alice@alpha.test>\r\nTo: bob@" + domain + "\r\nSubject: hello\r\n\r\nHello.\r\n"
		if anyTLS {
			raw = "TLS-Required: No\r\n" + raw
			if !strings.HasPrefix(domain, "broken.") {
				want = "encrypted, asked for as mx." + domain
			}
		}
		if _, err := n.Send(t.Context(), api.SendRequest{From: "alice@alpha.test", To: []string{"bob@" + domain}, Raw: []byte(raw)}); err != nil {
			t.Fatal(err)
		}
		var got string
		select {
		case got = <-came:
			got = strings.TrimPrefix(got, "bob@"+domain+" ")
		case <-put:
			got = "waits: " + lastError(t, n, domain)
		case <-time.After(time.Minute):
			t.Fatalf("nothing became of mail to %s", domain)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
}

// lastError is why the one mail to a domain waits, as soon as that is noted.
func lastError(t *testing.T, n *Node, domain string) string {
	t.Helper()
	for t.Context().Err() == nil {
		l, err := n.ListQueue(t.Context(), api.QueueSelection{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries {
			if e.Domain == domain && e.LastError != "" {
				return e.LastError
			}
		}
	}
	return ""
}

// TestRealDNSInbound: mail from outside is judged by what real servers say, signed or not; while
// they say nothing that can be trusted it is put off.
func TestRealDNSInbound(t *testing.T) {
	cert, _ := tlstest.Certificate(t, "mx.example.org")
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	dns := dnstest.Start(t, realZones(cert, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)))...)
	toServers(t, dns, "", nil)
	dir, _ := founder(t, "Alpha", "alpha.test")
	quiet(t, dir, func(c *Config) { c.Inbound.Listen = "127.0.0.1:0" })
	n, _ := begun(t, dir)
	if _, err := n.AddAccount(t.Context(), api.AccountRequest{Name: "ann"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		domain string
		signed bool
		reply  string // 250 if empty
		says   []string
		query  string
	}{
		{"good.example.org", true, "", []string{"spf=pass", "dkim=pass header.d=good.example.org", "dmarc=pass header.from=good.example.org", "iprev=pass"}, "label:inbox"},
		{"good.example.org", false, "", []string{"spf=pass", "dkim=none", "dmarc=pass"}, "label:inbox"},
		{"strict.example.org", false, "", []string{"spf=fail", "dmarc=fail"}, "label:quarantine"},
		{"broken.example.com", false, "error 451: whether this message is from broken.example.com is not known at present: the DNS does not answer", nil, ""},
	} {
		raw := []byte("From: jo@" + tt.domain + "\r\nTo: ann@alpha.test\r\nSubject: hello\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@" + tt.domain + ">\r\n\r\nHello.\r\n")
		if tt.signed {
			var b bytes.Buffer
			if err := dkim.Sign(&b, bytes.NewReader(raw), &dkim.SignOptions{Domain: tt.domain, Selector: "s", Signer: key}); err != nil {
				t.Fatal(err)
			}
			raw = b.Bytes()
		}
		was := len(stored(t, n, "ann@alpha.test"))
		if err := bring(n.InboundAddr(), "jo@"+tt.domain, "ann@alpha.test", raw); (err == nil) != (tt.reply == "") || !strings.Contains(fmt.Sprint(err), tt.reply) {
			t.Errorf("%s: %v", tt.domain, err)
			continue
		}
		fresh := stored(t, n, "ann@alpha.test")[was:]
		for _, s := range tt.says {
			if !strings.Contains(fresh, s) {
				t.Errorf("%s: no %s in\n%s", tt.domain, s, fresh)
			}
		}
		if tt.query != "" && count(t, n, tt.query+" from:"+tt.domain) == 0 {
			t.Errorf("%s: not %s", tt.domain, tt.query)
		}
	}
}

// bring brings a mail to a listener, in clear, from an address that the file of hosts does not
// know.
func bring(addr, from, to string, text []byte) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return err
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	return c.SendMail(from, []string{to}, bytes.NewReader(text))
}

// withOwnKey makes a node of example.org with the key of its listeners.
func withOwnKey(t *testing.T) (dir string, own *tls.Certificate) {
	t.Helper()
	dir = filepath.Join(shortDir(t), "alpha")
	c := DefaultConfig("Alpha", []string{"example.org"})
	c.Hostname = "mail.example.org"
	o := InitOptions{Dir: dir, Config: c, Network: LocalNetwork("test"), Now: time.Now()}
	o.Network.IdentityStamp = 4
	if _, err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	own = must(ownCertificate(filepath.Join(dir, home.CertificateFile), c.Hostname, time.Now()))
	return dir, own
}

// TestRealDNSOwnKey: the record of the listeners' key is told to be published, in whose place
// another one is told of, and is well when it is there.
func TestRealDNSOwnKey(t *testing.T) {
	dir, own := withOwnKey(t)
	record := dane.OfKey(own.Leaf.RawSubjectPublicKeyInfo).String()
	zone := "@ MX 10 mail\nmail A 127.0.0.1\n"
	for _, tt := range []struct{ published, want string }{
		{"_25._tcp.mail TLSA " + record, "ok"},
		{"_25._tcp.mail TLSA " + dane.OfKey([]byte("another")).String(), "fail _25._tcp.mail.example.org. TLSA " + record},
		{"", "warn _25._tcp.mail.example.org. TLSA " + record},
	} {
		dns := dnstest.Start(t,
			dnstest.Zone{Name: "example.org", Signed: true, Records: zone + tt.published},
			dnstest.Zone{Name: "broken.example.com", Signed: true, Records: "@ TXT nothing", Forge: "root.broken.", By: "evil.broken."})
		toServers(t, dns, "", nil)
		quiet(t, dir, func(c *Config) { c.Inbound.Listen, c.Outbound.ValidatingResolver = "127.0.0.1:0", dns })
		n, end := begun(t, dir)
		_, exchange.port, _ = net.SplitHostPort(n.InboundAddr())
		d := must(n.Doctor(t.Context(), api.DoctorRequest{}))
		i := slices.IndexFunc(d.Findings, func(f api.Finding) bool { return f.ID == "tlsa" })
		if i < 0 {
			t.Fatalf("nothing is said of the key: %+v", d.Findings)
		}
		got := d.Findings[i].Level
		for _, r := range d.Findings[i].Records {
			got += fmt.Sprintf(" %s %s %s", r.Name, r.Type, r.Value)
		}
		if got != tt.want {
			t.Errorf("%q is published: %s, want %s (%+v)", tt.published, got, tt.want, d.Findings[i])
		}
		end()
	}
}
