package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cairn/smtpgw/mx"
	"cairn/smtpgw/tlstest"
)

func TestRecord(t *testing.T) {
	for _, tt := range []struct {
		records []string
		id      string // empty: none
	}{
		{nil, ""},
		{[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		{[]string{"v=STSv1;id=a"}, "a"},
		{[]string{"v=STSv1 ; x=1; id=a; id=b"}, "a"},
		{[]string{"v=spf1 -all", "v=STSv1; id=1"}, "1"},
		{[]string{"v=STSv1; id=1", "v=STSv1; id=2"}, ""},
		{[]string{"v=STSv1"}, ""},
		{[]string{"v=STSv1; id="}, ""},
		{[]string{"v=STSv1; id=a-b"}, ""},
		{[]string{"v=STSv1; id=" + strings.Repeat("1", 33)}, ""},
		{[]string{"v=STSv2; id=1"}, ""},
		{[]string{"v=STSv1x; id=1"}, ""},
	} {
		if id, ok := parseRecord(tt.records); ok != (tt.id != "") || ok && id != tt.id {
			t.Errorf("%q: %q, %t", tt.records, id, ok)
		}
	}
}

func TestPolicy(t *testing.T) {
	const good = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.Example.net\nmx: backupmx.example.com\nmax_age: 604800\n"
	for _, tt := range []struct {
		name, old, new string
		err            string
	}{
		{"of section 3.2", "", "", ""},
		{"CRLF", "\n", "\r\n", ""},
		{"blanks", ": ", ":\t  ", ""},
		{"other keys", "mode", "color: blue\nmode", ""},
		{"a key twice", "max_age: 604800", "max_age: 604800\nmode: none\nmax_age: 1", ""},
		{"no version", "version: STSv1\n", "", "version"},
		{"another version", "STSv1", "STSv2", "version"},
		{"another mode", "enforce", "insist", "mode"},
		{"no age", "max_age: 604800\n", "", "max_age"},
		{"no number", "604800", "-1", "max_age"},
		{"a great number", "604800", "99999999999", "max_age"},
		{"no name", "mail.example.com", "-.-", "name"},
		{"wild within", "*.Example", "a.*.example", "name"},
		{"no servers", "mx: ", "x: ", "without"},
		{"no line", "mode", "<html>\nmode", "line"},
		{"long", "mode", strings.Repeat("x: 1\n", 20000) + "mode", "octets"},
		{"many servers", "mode", strings.Repeat("mx: a.example\n", 101) + "mode", "more than"},
	} {
		p, err := parsePolicy([]byte(strings.ReplaceAll(good, tt.old, tt.new)))
		if tt.old == "" {
			p, err = parsePolicy([]byte(good))
		}
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, %v", tt.name, p, err)
			}
			continue
		}
		if err != nil || p.Mode != Enforce || p.MaxAge != 604800*time.Second || !slices.Equal(p.MX, []string{"mail.example.com", "*.example.net", "backupmx.example.com"}) {
			t.Errorf("%s: %+v, %v", tt.name, p, err)
		}
	}
	p, err := parsePolicy([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"mail.example.com": true, "a.example.net": true, "a.b.example.net": false, "example.net": false, "other.example.com": false, "net": false, "": false,
	} {
		if p.Allows(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte("version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 604800\n"), "a.example.net")
	f.Add([]byte("version: STSv1\nmode: none\nmax_age: 9223372037\n"), "x")
	f.Add([]byte("version: STSv1\r\nmode: none\r\nmax_age: 1"), "x")
	f.Fuzz(func(t *testing.T, b []byte, host string) {
		p, err := parsePolicy(b)
		if err != nil {
			return
		}
		if p.MaxAge < 0 || p.MaxAge > maxAge*time.Second || len(p.MX) > maxMX {
			t.Errorf("%+v", p)
		}
		p.Allows(host)
	})
}

func FuzzRecord(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := parseRecord([]string{s}); ok && !isID(id) {
			t.Errorf("%q", id)
		}
	})
}

// web is a web server of far.example, and the DNS that says which policy it has.
type web struct {
	text    string
	records []string
	dns     error
	kind    string
	status  int
	fetched int
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.fetched++
	if r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != "mta-sts.far.example" {
		http.NotFound(rw, r)
		return
	}
	if w.status == http.StatusFound {
		http.Redirect(rw, r, "https://mta-sts.far.example/elsewhere", http.StatusFound)
		return
	}
	rw.Header().Set("Content-Type", w.kind)
	rw.WriteHeader(w.status)
	fmt.Fprint(rw, w.text)
}

// start returns a Finder that has a name's web server there, with a certificate for certified.
func (w *web) start(t *testing.T, certified string) *Finder {
	t.Helper()
	cert, roots := tlstest.Certificate(t, certified)
	server := httptest.NewUnstartedServer(w)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	client := Client(func(netip.Addr) bool { return true })
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	f := NewFinder(func(context.Context, string) ([]string, error) { return w.records, w.dns }, client)
	f.public = func(netip.Addr) bool { return true }
	return f
}

func policyText(mode string) string {
	return "version: STSv1\nmode: " + mode + "\nmx: mx.far.example\nmax_age: 86400\n"
}

// TestFinder: what a domain says, from an HTTPS server, and what counts when that changes or fails.
func TestFinder(t *testing.T) {
	w := &web{text: policyText("enforce"), records: []string{"v=STSv1; id=1"}, kind: "text/plain", status: 200}
	f := w.start(t, "mta-sts.far.example")
	now := time.Unix(1e9, 0)
	for _, tt := range []struct {
		name    string
		change  func()
		passes  time.Duration // before
		mode    Mode          // empty: none
		fetched int           // in all
	}{
		{"the first time", func() {}, 0, Enforce, 1},
		{"a moment later", func() { w.records = nil }, time.Minute, Enforce, 1},
		{"no record any more", func() {}, again, Enforce, 1},
		{"the DNS is silent", func() { w.dns = errors.New("timeout") }, again, Enforce, 1},
		{"another policy, and no server", func() { w.dns, w.records, w.status = nil, []string{"v=STSv1; id=2"}, 500 }, again, Enforce, 2},
		{"a page of HTML", func() { w.kind, w.status = "text/html", 200 }, again, Enforce, 3},
		{"elsewhere", func() { w.kind, w.status = "text/plain", 302 }, again, Enforce, 4},
		{"no policy", func() { w.status, w.text = 200, "hello" }, again, Enforce, 5},
		{"the other policy", func() { w.text = policyText("testing") }, again, Testing, 6},
		{"the same, a day later", func() {}, 24 * time.Hour, Testing, 7},
		{"the same, an hour later", func() {}, time.Hour, Testing, 7},
		{"a day after that", func() {}, 23*time.Hour + 59*time.Minute, Testing, 7},
		{"nothing for a day", func() { w.records = nil }, 24 * time.Hour, "", 7},
		{"taken back", func() { w.records, w.text = []string{"v=STSv1; id=3"}, policyText("none") }, again, None, 8},
	} {
		tt.change()
		now = now.Add(tt.passes)
		var mode Mode
		if p, err := f.Policy(t.Context(), "far.example", now); err != nil {
			t.Fatal(err)
		} else if p != nil {
			mode = p.Mode
		}
		if mode != tt.mode || w.fetched != tt.fetched {
			t.Errorf("%s: %q, fetched %d times", tt.name, mode, w.fetched)
		}
	}
}

// TestFault: why a policy that is announced cannot be had is known until it can.
func TestFault(t *testing.T) {
	w := &web{text: policyText("enforce"), kind: "text/plain", status: 200}
	f := w.start(t, "mta-sts.far.example")
	now := time.Unix(1e9, 0)
	for _, tt := range []struct {
		name   string
		change func()
		want   string
	}{
		{"nothing announced", func() {}, "<nil>"},
		{"no server", func() { w.records, w.status = []string{"v=STSv1; id=1"}, 500 }, "the web server answers 500"},
		{"no policy", func() { w.status, w.text = 200, "hello" }, ErrInvalid.Error()},
		{"the DNS is silent", func() { w.dns = errors.New("timeout") }, "<nil>"},
		{"well", func() { w.dns, w.text = nil, policyText("enforce") }, "<nil>"},
	} {
		tt.change()
		now = now.Add(again)
		if _, err := f.Policy(t.Context(), "far.example", now); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(f.Fault("far.example")); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if f.Fault("other.example") != nil {
		t.Error("of a domain that was never looked at")
	}
}

// TestFaultTellsNothingOfThisMachine: whoever announces a policy is told why it could not be had.
func TestFaultTellsNothingOfThisMachine(t *testing.T) {
	own := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 40123}
	for _, why := range []error{
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "mta-sts.far.example", Server: "10.0.0.1:53", IsNotFound: true}},
		&net.OpError{Op: "read", Net: "tcp", Source: own, Addr: own, Err: errors.New("connection reset by peer")},
	} {
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, why }}}
		f := NewFinder(func(context.Context, string) ([]string, error) { return []string{"v=STSv1; id=1"}, nil }, client)
		if _, err := f.Policy(t.Context(), "far.example", time.Now()); err != nil {
			t.Fatal(err)
		}
		if fault := fmt.Sprint(f.Fault("far.example")); strings.Contains(fault, "10.0.0.") || fault == "<nil>" {
			t.Errorf("%v: %s", why, fault)
		}
	}
}

// TestFaultTellsNothingOfPrivateNetworks: whoever has a name lead there is not told what there is.
func TestFaultTellsNothingOfPrivateNetworks(t *testing.T) {
	for _, certified := range []string{"mta-sts.far.example", "other.example"} {
		w := &web{records: []string{"v=STSv1; id=1"}, status: 500}
		f := w.start(t, certified)
		f.public = mx.Public
		if _, err := f.Policy(t.Context(), "far.example", time.Now()); err != nil {
			t.Fatal(err)
		}
		if fault := fmt.Sprint(f.Fault("far.example")); !strings.Contains(fault, "no public address") {
			t.Errorf("certified for %s: %s", certified, fault)
		}
	}
}

// TestWrongCertificate: a policy from whoever has no certificate for the name is none.
func TestWrongCertificate(t *testing.T) {
	w := &web{text: policyText("enforce"), records: []string{"v=STSv1; id=1"}, kind: "text/plain", status: 200}
	f := w.start(t, "far.example")
	if p, err := f.Policy(t.Context(), "far.example", time.Now()); p != nil || err != nil || w.fetched != 0 {
		t.Errorf("%+v, fetched %d times", p, w.fetched)
	}
	if err := f.Fault("far.example"); !errors.Is(err, ErrCertificate) {
		t.Error(err)
	}
}

// TestOnlyOthers: a name that leads to this machine is not asked.
func TestOnlyOthers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := Client(mx.Elsewhere).Transport.(*http.Transport).DialContext
	if c, err := dial(t.Context(), "tcp", l.Addr().String()); err == nil || !strings.Contains(err.Error(), "no address of a web server") {
		t.Errorf("%v, %v", c, err)
	}
}

// TestMostIsAYear: no age is so great that it is none.
func TestMostIsAYear(t *testing.T) {
	for _, age := range []string{"31557601", "9223372037", "9999999999"} {
		p, err := parsePolicy([]byte(strings.Replace(policyText("enforce"), "86400", age, 1)))
		if err != nil || p.MaxAge != maxAge*time.Second {
			t.Errorf("%s: %+v, %v", age, p, err)
		}
	}
}

// TestOthersPolicies: many domains with policies have none forgotten.
func TestOthersPolicies(t *testing.T) {
	silent := false
	f := NewFinder(func(context.Context, string) ([]string, error) {
		if silent {
			return nil, errors.New("timeout")
		}
		return []string{"v=STSv1; id=1"}, nil
	}, nil)
	f.fetch = func(_ context.Context, domain string) ([]byte, error) {
		return []byte(policyText("enforce") + strings.Repeat("mx: "+strings.Repeat("a", 50)+".example\n", 90)), nil
	}
	now := time.Unix(1e9, 0)
	for i := range keptMost + 10 {
		if p, err := f.Policy(t.Context(), fmt.Sprintf("d%d.example", i), now); p == nil || err != nil {
			t.Fatalf("domain %d: %+v, %v", i, p, err)
		}
	}
	fetch := f.fetch
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f.fetch = func(ctx context.Context, domain string) ([]byte, error) {
			asked++
			<-time.After(time.Millisecond)
			return fetch(ctx, domain)
		}
		var all sync.WaitGroup
		for range 8 { // there is no room for what they find, and they find it together
			all.Go(func() {
				if p, err := f.Policy(t.Context(), "late.example", now); p == nil || err != nil {
					t.Errorf("%+v, %v", p, err)
				}
			})
		}
		if all.Wait(); asked != 1 {
			t.Errorf("eight looked %d times", asked)
		}
	})
	f.fetch = fetch
	if f.octets > keptOctets || len(f.known) < 1000 {
		t.Errorf("%d domains of %d octets are kept", len(f.known), f.octets)
	}
	silent = true
	if p, err := f.Policy(t.Context(), "d0.example", now.Add(time.Hour)); p == nil || err != nil {
		t.Errorf("the first one: %+v, %v", p, err)
	}
	silent = false
	for i := range 10 { // the others are too old by now
		if p, _ := f.Policy(t.Context(), fmt.Sprintf("e%d.example", i), now.Add(48*time.Hour)); p == nil {
			t.Error("no policy")
		}
	}
	if len(f.known) != 10 {
		t.Errorf("%d domains are kept", len(f.known))
	}
}

// TestPoliciesThatGrow: what is kept stays within its bound where the policies that are known
// become larger. The new one counts for who asks, and no domain is without one while it counts.
func TestPoliciesThatGrow(t *testing.T) {
	servers, silent := 1, false
	f := NewFinder(func(context.Context, string) ([]string, error) {
		if silent {
			return nil, errors.New("timeout")
		}
		return []string{fmt.Sprintf("v=STSv1; id=%d", servers)}, nil
	}, nil)
	f.fetch = func(context.Context, string) ([]byte, error) {
		return []byte(policyText("enforce") + strings.Repeat("mx: "+strings.Repeat("a", 60)+".example\n", servers-1)), nil
	}
	now := time.Unix(1e9, 0)
	look := func(when string, least, most int) {
		t.Helper()
		for i := range keptMost {
			p, err := f.Policy(t.Context(), fmt.Sprintf("d%d.example", i), now)
			if p == nil || err != nil || len(p.MX) < least || len(p.MX) > most {
				t.Fatalf("%s: domain %d: %+v, %v", when, i, p, err)
			}
		}
		if f.octets > keptOctets || len(f.known) != keptMost {
			t.Fatalf("%s: %d domains of %d octets are kept", when, len(f.known), f.octets)
		}
	}
	look("small", 1, 1)
	servers, now = 100, now.Add(time.Hour)
	look("grown", 100, 100)
	look("grown, a second time", 100, 100)
	silent, now = true, now.Add(time.Hour)
	look("the DNS is silent", 1, 100)
	sum := 0
	for _, k := range f.known {
		sum += k.size()
	}
	if sum != f.octets {
		t.Errorf("%d octets are counted as %d", sum, f.octets)
	}
}

// TestSlowWebServer: who never answers is waited for once, whoever asks meanwhile, and then not
// again for a while.
func TestSlowWebServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f := NewFinder(func(context.Context, string) ([]string, error) { return []string{"v=STSv1; id=1"}, nil }, nil)
		f.fetch = func(ctx context.Context, _ string) ([]byte, error) {
			asked++
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if p, err := f.Policy(t.Context(), "far.example", began); p != nil || err != nil {
					t.Errorf("%+v, %v", p, err)
				}
			})
		}
		all.Wait()
		f.Policy(t.Context(), "far.example", time.Now())
		if asked != 1 || time.Since(began) != lookTime {
			t.Errorf("asked %d times, in %s", asked, time.Since(began))
		}
		kept := func() int {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.known)
		}
		gone, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		asked = 0
		for range 8 { // they go on with one look when the first one has gone away
			all.Go(func() {
				<-time.After(time.Millisecond)
				if p, err := f.Policy(t.Context(), "other.example", time.Now()); p != nil || err != nil {
					t.Errorf("%+v, %v", p, err)
				}
			})
		}
		if p, err := f.Policy(gone, "other.example", time.Now()); p != nil || !errors.Is(err, context.Canceled) || kept() != 1 {
			t.Errorf("%+v, %v, %d kept", p, err, kept())
		}
		if all.Wait(); asked != 2 || kept() != 2 {
			t.Errorf("asked %d times, %d kept", asked, kept())
		}
	})
}
