package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/outbox"
	"cairn/node/api"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/client"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/mx"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/collect"
	"cairn/smtpgw/reports/tally"
	"cairn/smtpgw/tlsa"
	"cairn/smtpgw/tlstest"
)

// apart is a world of which each domain has a server of its own, at mx1. of it, and a policy.
type apart struct {
	at       map[string]string // addresses of domains
	policies map[string]*mtasts.Policy
}

func (w apart) Policy(_ context.Context, domain string, _ time.Time) (*mtasts.Policy, error) {
	return w.policies[domain], nil
}

func (w apart) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	if domain := strings.TrimSuffix(name, "."); w.at[domain] != "" {
		return []*net.MX{{Host: "mx1." + name, Pref: 1}}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (w apart) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a := w.at[strings.TrimSuffix(strings.TrimPrefix(host, "mx1."), ".")]; a != "" {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// until waits for what a node keeps to be as it should.
func until(t *testing.T, n *Node, what string, is func() bool) {
	t.Helper()
	wake, cancel := n.store.Subscribe()
	defer cancel()
	late := time.After(time.Minute)
	for !is() {
		select {
		case <-wake:
		case <-late:
			t.Fatalf("it never came to that: %s", what)
		}
	}
}

// serves listens as a server outside, at an address and port; with a certificate it has TLS.
func (e *exchanger) serves(t *testing.T, name, at string, cert *tls.Certificate) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(e)
	s.Domain, s.ErrorLog = name, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-served })
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// collected is what a postmaster who gets a mail is told of the reports in it.
func collected(t *testing.T, domain string, raw []byte) (list []collect.Report) {
	t.Helper()
	store, err := mailstore.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := collect.New(collect.Config{
		Domains: func() []string { return []string{domain} }, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Author: func(*mailstore.Reader, mailstore.AccountID, mailstore.MessageID) (string, error) {
			return message.Parse(raw).From[0].Addr, nil
		},
	}, store)
	err = store.Update(t.Context(), func(tx *mailstore.Tx) error {
		account, err := tx.AddAccount("postmaster", []string{"postmaster@" + domain})
		if err != nil {
			return err
		}
		blob, err := tx.PutBlob(raw)
		if err != nil {
			return err
		}
		m := mailstore.Message{Account: account.ID, Blob: blob, Size: int64(len(raw)), Received: time.Now(), Recipients: []string{"postmaster@" + domain}}
		_, err = tx.AddMessage(m, []string{mailstore.LabelInbox})
		return err
	})
	if err := errors.Join(err, c.Follow(t.Context())); err != nil {
		t.Fatal(err)
	}
	err = store.View(func(rd *mailstore.Reader) (err error) {
		list, _, err = collect.All(rd, "", time.Time{}, 9)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestTLSReports: a node tells other domains what came of TLS with their servers: one with which it
// is well, and one whose policy keeps mail from it, which gets the report all the same. Whoever
// collects reports there reads them.
func TestTLSReports(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx1.example.net")
	z, well, bad := &zone{records: make(map[string]string)}, &exchanger{texts: make(chan []byte, 8)}, &exchanger{texts: make(chan []byte, 8)}
	toZone(t, z)
	port := well.serves(t, "mx1.example.net", "127.0.0.2:0", &cert)
	bad.serves(t, "mx1.bad.net", net.JoinHostPort("127.0.0.3", port), nil)
	policy := func(mode mtasts.Mode, host string) *mtasts.Policy {
		return &mtasts.Policy{Mode: mode, MX: []string{host}, MaxAge: time.Hour}
	}
	world := apart{
		at:       map[string]string{"example.net": "127.0.0.2", "bad.net": "127.0.0.3"},
		policies: map[string]*mtasts.Policy{"bad.net": policy(mtasts.Enforce, "mx1.bad.net"), "example.net": policy(mtasts.Testing, "mx1.example.net")},
	}
	was := exchange
	t.Cleanup(func() { exchange = was })
	exchange.port, exchange.Resolver, exchange.policies, exchange.resolvConf, exchange.roots = port, world, world, "", roots
	exchange.allowed = func(netip.Addr) bool { return true }
	exchange.public = exchange.allowed

	n, _ := begunOutward(t)
	keys, err := n.DKIM(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	z.publish(keys.Keys...)
	if _, err := n.DKIM(t.Context(), ""); err != nil || n.reportsFrom() != "postmaster@example.org" {
		t.Fatalf("%q, %v", n.reportsFrom(), err)
	}
	for _, to := range []string{"alice@example.net", "bob@bad.net"} {
		_, err := n.Send(t.Context(), api.SendRequest{From: "alice@example.org", To: []string{to}, Raw: []byte("From: <alice@example.org>\r\nTo: <" + to + ">\r\nSubject: hello\r\n\r\nHello.\r\n")})
		if err != nil {
			t.Fatal(err)
		}
	}
	well.next(t)
	var waiting []outbox.Entry
	until(t, n, "the other one waits", func() bool {
		waiting, err = n.queue.List(0, 9)
		return err == nil && len(waiting) == 1 && waiting[0].Attempts > 0
	})
	if waiting[0].Domain != "bad.net" || !strings.Contains(waiting[0].LastError, "4.7.4") {
		t.Errorf("%+v", waiting)
	}

	z.mu.Lock()
	z.records["_smtp._tls.example.net."] = "v=TLSRPTv1; rua=mailto:postmaster@example.net"
	z.records["_smtp._tls.bad.net."] = "v=TLSRPTv1; rua=mailto:postmaster@bad.net"
	z.mu.Unlock()
	tomorrow := (tally.DayOf(time.Now()) + 1).Begin().Add(4 * time.Hour)
	if err := errors.Join(n.outgoing.Flush(t.Context()), n.outgoing.Send(t.Context(), tomorrow)); err != nil {
		t.Fatal(err)
	}
	for domain, far := range map[string]*exchanger{"example.net": well, "bad.net": bad} {
		raw := far.next(t)
		if by := signedBy(t, z, raw); len(by) != 2 || !bytes.Contains(raw, []byte("TLS-Report-Domain: "+domain+"\r\n")) {
			t.Errorf("signed by %q:\n%s", by, raw)
		}
		list := collected(t, domain, raw)
		if len(list) != 1 || list[0].Kind != "tls" || list[0].Org != "Alpha" || list[0].Sender != "example.org" || fmt.Sprint(list[0].Domains) != "["+domain+"]" || len(list[0].Policies) != 1 || list[0].Policies[0].Kind != "sts" {
			t.Fatalf("%+v\n%s", list, raw)
		}
		r := list[0]
		if domain == "example.net" && (r.Passed != 1 || r.Failed != 0) || domain == "bad.net" && (r.Passed != 0 || r.Failed == 0 || r.Policies[0].Failures[0].Kind != tally.NotOffered || r.Policies[0].Failures[0].Host != "mx1.bad.net") {
			t.Errorf("%+v", r)
		}
	}
	sent, err := n.ListSentReports(t.Context(), "")
	if err != nil || sent.Total != 2 || sent.Reports[0].Outcome != "queued" {
		t.Errorf("%+v, %v", sent, err)
	}
	if _, err := n.ListSentReports(t.Context(), "no domain"); api.AsError(err).Code != api.CodeInvalid {
		t.Errorf("%v", err)
	}
	// What came of the reports themselves is not counted: else there would be no end of them.
	if err := errors.Join(n.outgoing.Flush(t.Context()), n.outgoing.Send(t.Context(), tomorrow.Add(24*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if sent, err = n.ListSentReports(t.Context(), "example.net"); err != nil || sent.Total != 1 {
		t.Errorf("%+v, %v", sent, err)
	}
	if copies := count(t, n, "is:sent"); copies != 2 {
		t.Errorf("%d copies of what was sent", copies)
	}
}

// TestWhatSessionsAreHeldTo: by which policy a session counts, and as what.
func TestWhatSessionsAreHeldTo(t *testing.T) {
	cert, roots := tlstest.Certificate(t, "mx1.far.org")
	was := exchange
	t.Cleanup(func() { exchange = was })
	exchange.roots = roots
	policy := func(mode mtasts.Mode, hosts ...string) *mtasts.Policy {
		return &mtasts.Policy{Mode: mode, MX: hosts, MaxAge: time.Hour}
	}
	named := publishedKey{server: &tlsa.Server{Base: "mx1.far.org", Records: must(tlsa.Records(&dnssec.Answer{Records: []dnssec.Record{{Data: append([]byte{3, 1, 1}, bytes.Repeat([]byte{7}, 32)...)}}}))}}
	for _, tt := range []struct {
		name    string
		host    string
		key     publishedKey
		policy  *mtasts.Policy
		fault   error
		outcome string // encrypted, failed, not offered
		want    string // kind, domain and cause
	}{
		{"nothing asked", "mx1.far.org", publishedKey{}, nil, nil, "encrypted", "no-policy-found far.org "},
		{"nothing asked, not offered", "mx1.far.org", publishedKey{}, nil, nil, "not offered", "no-policy-found far.org starttls-not-supported"},
		{"a policy", "mx1.far.org", publishedKey{}, policy(mtasts.Enforce, "mx1.far.org"), nil, "encrypted", "sts far.org "},
		{"a policy, failed", "mx1.far.org", publishedKey{}, policy(mtasts.Enforce, "mx1.far.org"), nil, "failed", "sts far.org validation-failure"},
		{"a policy that is tried", "mx1.far.org", publishedKey{}, policy(mtasts.Testing, "mx1.far.org"), nil, "encrypted", "sts far.org "},
		{"a policy that is tried, for another host", "mx1.far.org", publishedKey{}, policy(mtasts.Testing, "mx2.far.org"), nil, "encrypted", "sts far.org validation-failure"},
		{"a policy that is tried, another name", "mx2.far.org", publishedKey{}, policy(mtasts.Testing, "mx2.far.org"), nil, "encrypted", "sts far.org certificate-host-mismatch"},
		{"a key", "mx1.far.org", named, nil, nil, "encrypted", "tlsa mx1.far.org "},
		{"a key beside a policy", "mx1.far.org", named, policy(mtasts.Enforce, "mx1.far.org"), nil, "encrypted", "tlsa mx1.far.org "},
		{"a policy that cannot be fetched", "mx1.far.org", publishedKey{}, nil, errors.New("the web server answers 404"), "encrypted", "sts far.org sts-policy-fetch-error"},
		{"a policy that is none", "mx1.far.org", publishedKey{}, nil, mtasts.ErrInvalid, "encrypted", "sts far.org sts-policy-invalid"},
		{"a policy behind a bad certificate", "mx1.far.org", publishedKey{}, nil, mtasts.ErrCertificate, "encrypted", "sts far.org sts-webpki-invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			o := &outsideRouter{policies: faulty{tt.fault}, sessions: func(s tally.Session) {
				if s.Domain != "far.org" || s.Cause.Kind != "" && s.Cause.Host != tt.host {
					t.Errorf("%+v", s)
				}
				if strings.Contains(s.Cause.Reason, "10.0.0.5") {
					t.Errorf("a stranger is told an address of this machine: %s", s.Cause.Reason)
				}
				got = append(got, s.Policy.Kind+" "+s.Policy.Domain+" "+s.Cause.Kind)
			}}
			out := client.TLSOutcome{Local: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Remote: &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7)}}
			switch tt.outcome {
			case "encrypted":
				out.State = shows(t, cert.Certificate[0])
			case "failed":
				out.Err = fmt.Errorf("TLS: %w", &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 40123}, Err: errors.New("connection reset by peer")})
			}
			o.counting("far.org", tt.host, &tt.key, tt.policy)(out)
			if fmt.Sprint(got) != "["+tt.want+"]" {
				t.Errorf("%q, want %q", got, tt.want)
			}
			out.Remote = &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2)}
			if o.counting("far.org", tt.host, &tt.key, tt.policy)(out); len(got) != 1 {
				t.Errorf("a server in a private network counts: %q", got)
			}
		})
	}
	if (&outsideRouter{}).counting("far.org", "mx1.far.org", &publishedKey{}, nil) != nil {
		t.Error("somebody counts what nobody wants to know")
	}
}

// TestNoHostForWhatIsPublished: that no session is possible counts too, unless nothing is known.
func TestNoHostForWhatIsPublished(t *testing.T) {
	hosts := []mx.Host{{Name: "mx1.far.org"}, {Name: "mx2.far.org"}}
	none := []publishedKey{{}, {}}
	for _, tt := range []struct {
		name   string
		keys   []publishedKey
		policy *mtasts.Policy
		want   string
	}{
		{"a policy for others", none, &mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mx.org"}}, "[sts far.org validation-failure mx1.far.org sts far.org validation-failure mx2.far.org]"},
		{"answers that are forged", []publishedKey{{err: dnssec.ErrFails}, {err: dnssec.ErrFails}}, nil, "[tlsa mx1.far.org dnssec-invalid mx1.far.org tlsa mx2.far.org dnssec-invalid mx2.far.org]"},
		{"no answers", []publishedKey{{err: dnssec.ErrSilent}, {err: dnssec.ErrSilent}}, nil, "[]"},
		{"one of which nothing is known, and one that is well", []publishedKey{{err: dnssec.ErrFails}, {}}, nil, "[]"},
	} {
		var got []string
		o := &outsideRouter{policies: faulty{}, sessions: func(s tally.Session) {
			got = append(got, s.Policy.Kind, s.Policy.Domain, s.Cause.Kind, s.Cause.Host)
		}}
		o.route("far.org", hosts, tt.keys, tt.policy)
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

// faulty knows of no policy, for a reason.
type faulty struct{ why error }

func (f faulty) Policy(context.Context, string, time.Time) (*mtasts.Policy, error) { return nil, nil }
func (f faulty) Fault(string) error                                                { return f.why }

// shows is the state of TLS with who shows a certificate.
func shows(t *testing.T, der []byte) *tls.ConnectionState {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
}

// TestDMARCReports: a node that is told to tells other domains what came in their names, forged or
// not, once some of it was let in as theirs. It tells nobody by itself.
func TestDMARCReports(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			z, far := &zone{records: make(map[string]string)}, &exchanger{texts: make(chan []byte, 8)}
			toZone(t, z)
			port := far.serves(t, "mx1.far.org", "127.0.0.4:0", nil)
			was, wasReverse := exchange, reverse
			t.Cleanup(func() { exchange, reverse = was, wasReverse })
			exchange.port, exchange.Resolver, exchange.policies, exchange.resolvConf = port, apart{at: map[string]string{"far.org": "127.0.0.4"}}, apart{}, ""
			exchange.allowed = func(netip.Addr) bool { return true }
			reverse = &lookuptest.Zone{}
			z.records["far.org."] = "v=spf1 ip4:127.0.0.0/8 -all"
			z.records["_dmarc.far.org."] = "v=DMARC1; p=reject; rua=mailto:d@far.org"
			z.records["_dmarc.forged.org."] = "v=DMARC1; p=none; rua=mailto:d@far.org"
			n, _ := begunOutward(t, func(c *Config) { c.Inbound.Listen, c.Inbound.DMARCReports = "127.0.0.1:0", on })
			keys, err := n.DKIM(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			z.publish(keys.Keys...)
			if _, err := n.DKIM(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			for _, m := range [][2]string{{"jo@far.org", "jo@far.org"}, {"jo@far.org", "jo@far.org"}, {"x@other.org", "boss@far.org"}, {"x@other.org", "boss@forged.org"}} {
				handIn(t, n.InboundAddr(), m[0], "alice@example.org", []byte("From: <"+m[1]+">\r\nTo: <alice@example.org>\r\nSubject: hello\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <"+rand.Text()+"@far.org>\r\n\r\nHello.\r\n"))
			}
			tomorrow := (tally.DayOf(time.Now()) + 1).Begin().Add(4 * time.Hour)
			if err := errors.Join(n.outgoing.Flush(t.Context()), n.outgoing.Send(t.Context(), tomorrow)); err != nil {
				t.Fatal(err)
			}
			sent, err := n.ListSentReports(t.Context(), "")
			if err != nil || sent.Total != map[bool]int{true: 1}[on] {
				t.Fatalf("%+v, %v", sent, err)
			}
			if !on {
				return
			}
			raw := far.next(t)
			if by := signedBy(t, z, raw); len(by) != 2 {
				t.Errorf("signed by %q", by)
			}
			list := collected(t, "far.org", raw)
			if len(list) != 1 || list[0].Kind != "dmarc" || list[0].Policy != "reject" || list[0].Passed != 2 || list[0].Failed != 1 {
				t.Fatalf("%+v\n%s", list, raw)
			}
			found, err := reports.Find(raw)
			if err != nil || len(found) != 1 || len(found[0].DMARC.Rows) != 2 {
				t.Fatal(found, err)
			}
			for i, want := range []reports.Row{
				{Source: "127.0.0.1", Count: 2, Disposition: "none", DKIM: "fail", SPF: "pass", HeaderFrom: "far.org"},
				{Source: "127.0.0.1", Count: 1, Disposition: "quarantine", DKIM: "fail", SPF: "fail", HeaderFrom: "far.org"},
			} {
				if got := found[0].DMARC.Rows[i]; got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
		})
	}
}

// TestReportsOnWhatIsNotAsked: without authentication there is nothing to report.
func TestReportsOnWhatIsNotAsked(t *testing.T) {
	c := DefaultConfig("alpha", []string{"alpha.test"})
	if c.Inbound.DMARCReports || !c.Outbound.TLSReports || c.Validate() != nil {
		t.Errorf("%+v, %v", c, c.Validate())
	}
	c.Inbound.Authenticate, c.Inbound.DMARCReports = false, true
	if bad, ok := errors.AsType[*ConfigError](c.Validate()); !ok || bad.Key != "inbound.dmarc_reports" {
		t.Errorf("%v", c.Validate())
	}
}
