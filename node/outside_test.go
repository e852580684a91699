package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/client"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/refuse"
)

// worldDNS knows the domains of the world outside: by name, the mail exchangers or an error.
type worldDNS struct {
	mx     map[string][]*net.MX
	fails  error
	policy *mtasts.Policy // of all domains
}

func (w worldDNS) Policy(context.Context, string, time.Time) (*mtasts.Policy, error) {
	return w.policy, nil
}

func (w worldDNS) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	if w.fails != nil {
		return nil, w.fails
	}
	return w.mx[name], nil
}

func (w worldDNS) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if !strings.HasPrefix(host, "mx") {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// toWorld lets the node ask dns for mail servers, and reach what listens on loopback at addr.
func toWorld(t *testing.T, dns worldDNS, addr string) {
	t.Helper()
	was := exchange
	t.Cleanup(func() { exchange = was })
	_, exchange.port, _ = net.SplitHostPort(addr)
	exchange.Resolver, exchange.policies, exchange.allowed = dns, dns, func(netip.Addr) bool { return true }
	exchange.resolvConf = ""
}

// TestOutside: where mail goes for domains of no organisation of the network.
func TestOutside(t *testing.T) {
	n, founder := invited(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	exchanger := func(hosts ...string) (records []*net.MX) {
		for i, h := range hosts {
			records = append(records, &net.MX{Host: h, Pref: uint16(i)})
		}
		return records
	}
	dns := worldDNS{mx: map[string][]*net.MX{
		"far.org.": exchanger("mx1.far.org.", "mx2.far.org."), "none.org.": exchanger("."), "home.org.": exchanger(n.cfg.Hostname + "."),
		"dead.org.": exchanger("gone.dead.org."),
	}}
	if _, err := n.trust.Unpin(t.Context(), founder.Domains[0], time.Now()); err != nil {
		t.Fatal(err)
	}
	silent := worldDNS{fails: errors.New("i/o timeout")}
	asking := func(mode mtasts.Mode, hosts ...string) worldDNS {
		return worldDNS{mx: dns.mx, policy: &mtasts.Policy{Mode: mode, MX: hosts}}
	}
	for _, tt := range []struct {
		name, via, domain string
		dns               worldDNS
		to                string // of the route
		err               string // in the error
		back              bool   // the mail is returned
	}{
		{"mail exchangers", "direct", "far.org", dns, "mail servers mx1.far.org mx2.far.org", "", false},
		{"a policy", "direct", "far.org", asking(mtasts.Enforce, "*.far.org"), "mail servers, with TLS, mx1.far.org mx2.far.org", "", false},
		{"a policy for one", "direct", "far.org", asking(mtasts.Enforce, "mx2.far.org"), "mail servers, with TLS, mx2.far.org", "", false},
		{"a policy for others", "direct", "far.org", asking(mtasts.Enforce, "mx.org"), "", "none of the mail exchangers of far.org is one that its MTA-STS policy names", false},
		{"a policy that is tested", "direct", "far.org", asking(mtasts.Testing, "mx.org"), "mail servers mx1.far.org mx2.far.org", "", false},
		{"takes no mail", "direct", "none.org", dns, "", "550 5.1.10", true},
		{"no such domain", "direct", "nowhere.org", dns, "", "550 5.1.2", true},
		{"no address", "direct", "dead.org", dns, "", "550 5.4.4", true},
		{"this node itself", "direct", "home.org", dns, "", "550 5.4.6", true},
		{"a machine", "direct", "[192.0.2.1]", dns, "", "550 5.1.2", true},
		{"reserved", "direct", "far.example", dns, "", "no node of the network serves this domain", true},
		{"the DNS is silent", "direct", "far.org", silent, "", "the DNS does not answer which mail servers far.org has", false},
		{"switched off", "none", "far.org", dns, "", "no node of the network serves this domain", true},
		{"claimed, and nowhere else", "direct", founder.Domains[0], worldDNS{}, "", "that is trusted here: 1 member claims this domain", true},
		{"a smarthost", "127.0.0.1:2500", "far.org", silent, "smarthost", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			toWorld(t, tt.dns, l.Addr().String())
			cfg := *n.cfg
			cfg.Outbound.Via = tt.via
			if n.outside, err = newOutside(&cfg); err != nil {
				t.Fatal(err)
			}
			route, err := router{n}.Route(t.Context(), tt.domain)
			refusal, refused := errors.AsType[*refuse.Refusal](err)
			if back := refused && refusal.Code >= 500 || errors.Is(err, client.ErrNoRoute); route.To != tt.to || back != tt.back || !strings.Contains(fmt.Sprint(err), tt.err) {
				t.Errorf("to %q, %v", route.To, err)
			}
			for _, h := range route.Hosts {
				if want := strings.Contains(tt.to, "TLS"); (h.TLS == client.TLSRequired) != want {
					t.Errorf("TLS to %s: %d", h.Name, h.TLS)
				}
			}
			if tt.name != "mail exchangers" {
				return
			}
			conn, err := route.Hosts[0].Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		})
	}
}

// TestOutboundConfig: what [outbound] may say.
func TestOutboundConfig(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const entry = "outbound.smarthosts, entry 1, "
	smart := func(list ...SmarthostConfig) OutboundConfig { return OutboundConfig{Via: viaDirect, Smarthosts: list} }
	for _, tt := range []struct {
		outbound OutboundConfig
		key      string // that is refused
		host     string // of the smarthost
		tls      client.TLSUse
	}{
		{OutboundConfig{Via: "direct"}, "", "", 0},
		{OutboundConfig{Via: "none"}, "", "", 0},
		{OutboundConfig{Via: "direct", ValidatingResolver: "none"}, "", "", 0},
		{OutboundConfig{Via: "direct", ValidatingResolver: "[2001:db8::53]:53"}, "", "", 0},
		{OutboundConfig{Via: "direct", ValidatingResolver: "192.0.2.53"}, "outbound.validating_resolver", "", 0},
		{OutboundConfig{Via: "direct", ValidatingResolver: "dns.example.org:53"}, "outbound.validating_resolver", "", 0},
		{OutboundConfig{Via: "direct", ValidatingResolver: "0.0.0.0:53"}, "outbound.validating_resolver", "", 0},
		{OutboundConfig{Via: "smart.example:25"}, "", "smart.example", client.TLSIfOffered},
		{OutboundConfig{Via: "[::1]:2500"}, "", "::1", client.TLSIfOffered},
		{OutboundConfig{Via: "smart.example:587", User: "me", PasswordFile: secret}, "", "smart.example", client.TLSRequired},
		{OutboundConfig{Via: "smart.example:465", User: "me", PasswordFile: secret}, "", "smart.example", client.TLSFromStart},
		{OutboundConfig{Via: "smart.example:465"}, "", "smart.example", client.TLSFromStart},
		{OutboundConfig{Via: ""}, "outbound.via", "", 0},
		{OutboundConfig{Via: "smart.example"}, "outbound.via", "", 0},
		{OutboundConfig{Via: "smart.example:smtp"}, "outbound.via", "", 0},
		{OutboundConfig{Via: "smart.example:0"}, "outbound.via", "", 0},
		{OutboundConfig{Via: ":25"}, "outbound.via", "", 0},
		{OutboundConfig{Via: "direct", User: "me", PasswordFile: secret}, "outbound.user", "", 0},
		{OutboundConfig{Via: "smart.example:587", PasswordFile: secret}, "outbound.user", "", 0},
		{OutboundConfig{Via: "smart.example:587", User: "m\ne", PasswordFile: secret}, "outbound.user", "", 0},
		{OutboundConfig{Via: "smart.example:587", User: "me"}, "outbound.password_file", "", 0},
		{OutboundConfig{Via: "smart.example:587", User: "me", PasswordFile: open}, "outbound.password_file", "", 0},
		{OutboundConfig{Via: "smart.example:587", User: "me", PasswordFile: "password"}, "outbound.password_file", "", 0},
		{OutboundConfig{Via: "smart.example:587", User: "me", PasswordFile: secret + "2"}, "outbound.password_file", "", 0},
		{OutboundConfig{Via: "direct", Helo: "out.alpha.test", Source: []string{"192.0.2.7", "2001:db8::7"}}, "", "", 0},
		{OutboundConfig{Via: "direct", Helo: "out alpha"}, "outbound.helo", "", 0},
		{OutboundConfig{Via: "direct", Helo: "Out.alpha.test"}, "outbound.helo", "", 0},
		{OutboundConfig{Via: "direct", Source: []string{"192.0.2.7", "192.0.2.8"}}, "outbound.source", "", 0},
		{OutboundConfig{Via: "direct", Source: []string{"0.0.0.0"}}, "outbound.source", "", 0},
		{OutboundConfig{Via: "direct", Source: []string{"eth0"}}, "outbound.source", "", 0},
		{OutboundConfig{Via: "direct", Source: []string{"192.0.2.7:25"}}, "outbound.source", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "none"}), "", "", 0},
		{smart(SmarthostConfig{Via: "direct"}), entry + "to", "", 0},
		{smart(SmarthostConfig{To: []string{"Far.org"}, Via: "direct"}), entry + "to", "", 0},
		{smart(SmarthostConfig{To: []string{"*.far.org"}, Via: "direct"}), entry + "to", "", 0},
		{smart(SmarthostConfig{From: []string{"@far.org"}, Via: "direct"}), entry + "from", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}}), entry + "via", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "direct", TLS: "starttls"}), entry + "tls", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", TLS: "always"}), entry + "tls", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", TLS: "if-offered", User: "me", PasswordFile: secret}), entry + "tls", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", User: "me", PasswordFile: open}), entry + "password_file", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", User: "me", PasswordFile: secret, Auth: "cram-md5"}), entry + "auth", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", Auth: "plain"}), entry + "auth", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", CAFile: secret}), entry + "ca_file", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "smart.example:25", CAFile: "ca.pem"}), entry + "ca_file", "", 0},
		{smart(SmarthostConfig{To: []string{"far.org"}, Via: "direct"}, SmarthostConfig{To: []string{"far.org"}, Via: "none"}), smarthostsKey, "", 0},
	} {
		c := DefaultConfig("alpha", []string{"alpha.test"})
		c.Outbound = tt.outbound
		var o *outsideRouter
		err := c.Validate()
		if err == nil {
			o, err = newOutside(c)
		}
		var key string
		if bad, ok := errors.AsType[*ConfigError](err); ok {
			key = bad.Key
		}
		if key != tt.key || (err == nil) != (tt.key == "") {
			t.Errorf("%+v: %v", tt.outbound, err)
			continue
		}
		if o == nil || o.relay == nil {
			if tt.host != "" {
				t.Errorf("%+v: no smarthost", tt.outbound)
			}
			continue
		}
		h := o.relay
		if h.Name != tt.host || h.TLS != tt.tls || (h.Login != nil) != (tt.outbound.User != "") || h.Login != nil && *h.Login != (client.Login{User: "me", Password: "secret"}) {
			t.Errorf("%+v: %+v", tt.outbound, h)
		}
	}
}

// TestSmarthosts: which way mail goes, by the domains of its recipient and its sender.
func TestSmarthosts(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	toWorld(t, worldDNS{mx: map[string][]*net.MX{"far.org.": {{Host: "mx1.far.org.", Pref: 1}}, "direct.net.": {{Host: "mx1.direct.net.", Pref: 1}}}}, l.Addr().String())
	c := DefaultConfig("alpha", []string{"alpha.test"})
	c.Outbound.Smarthosts = []SmarthostConfig{
		{To: []string{"net.test", ".net"}, Via: "net.example:587", TLS: "starttls"},
		{To: []string{"direct.net"}, Via: "direct"},
		{To: []string{"none.net"}, Via: "none"},
		{From: []string{"alpha.test"}, Via: "alpha.example:2465", TLS: "implicit", User: "me", PasswordFile: secret, Auth: "login"},
	}
	parsed, err := parseConfig(c.Format())
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed.Outbound.Smarthosts) != 4 || parsed.Outbound.Smarthosts[3].Auth != "login" {
		t.Fatalf("%+v", parsed.Outbound.Smarthosts)
	}
	o, err := newOutside(parsed)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, domain, to string // empty: it is returned
		tls              client.TLSUse
		takes, relays    bool
	}{
		{"alpha.test", "far.org", "smarthost alpha.example:2465 as me", client.TLSFromStart, true, true},
		{"", "far.org", "mail servers mx1.far.org", client.TLSIfOffered, true, true},
		{"alpha.test", "a.net", "smarthost net.example:587", client.TLSRequired, true, true},
		{"", "net.test", "smarthost net.example:587", client.TLSRequired, true, true},
		{"alpha.test", "direct.net", "mail servers mx1.direct.net", client.TLSIfOffered, true, false},
		{"alpha.test", "none.net", "", 0, false, false},
		{"", "far.test", "", 0, true, true}, // of another sender it would be taken
	} {
		route, err := o.Route(t.Context(), tt.from, tt.domain, false)
		if route.To != tt.to || errors.Is(err, client.ErrNoRoute) != (tt.to == "") {
			t.Errorf("from %q to %s: %q, %v", tt.from, tt.domain, route.To, err)
			continue
		}
		for _, h := range route.Hosts {
			if h.TLS != tt.tls || (h.Login != nil) != strings.HasSuffix(tt.to, " as me") || h.Login != nil && *h.Login != (client.Login{User: "me", Password: "secret", Mechanism: "LOGIN"}) {
				t.Errorf("from %q to %s: %+v", tt.from, tt.domain, h)
			}
		}
		if o.takes(tt.domain) != tt.takes || o.mayRelay(tt.domain) != tt.relays {
			t.Errorf("%s is taken: %v, relayed: %v", tt.domain, o.takes(tt.domain), o.mayRelay(tt.domain))
		}
	}
	for text, key := range map[string]string{
		`smarthosts = "x"`:                            "outbound.smarthosts",
		`smarthosts = ["x"]`:                          "outbound.smarthosts",
		`smarthosts = [{to = ["a.org"], vai = "x"}]`:  "outbound.smarthosts, entry 1, vai",
		`smarthosts = [{to = "a.org", via = "none"}]`: "outbound.smarthosts, entry 1, to",
	} {
		_, err := parseConfig([]byte("[organisation]\nname = 'A'\ndomains = ['a.example']\n[outbound]\n" + text))
		if bad, ok := errors.AsType[*ConfigError](err); !ok || bad.Key != key {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestShareOf: addresses that do not answer leave time for the others.
func TestShareOf(t *testing.T) {
	now := time.Unix(1e9, 0)
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(30*time.Second))
	defer cancel()
	for left, want := range map[int]time.Duration{1: addressPatience, 3: addressPatience, 8: 3750 * time.Millisecond} {
		if got := shareOf(ctx, now, left); got != want {
			t.Errorf("of %d: %s, want %s", left, got, want)
		}
	}
	if got := shareOf(t.Context(), now, 8); got != addressPatience {
		t.Errorf("without an end: %s", got)
	}
}

// TestTakes: mail that is for nobody whom the node trusts leaves, or comes back.
func TestTakes(t *testing.T) {
	relay := &outsideRouter{relay: &client.Host{}}
	for _, tt := range []struct {
		o      *outsideRouter
		domain string
		want   bool
	}{
		{nil, "far.org", false}, {&outsideRouter{}, "far.org", true}, {&outsideRouter{}, "far.test", false}, {relay, "far.test", true},
	} {
		if got := tt.o.takes(tt.domain); got != tt.want {
			t.Errorf("%+v, %s: %v", tt.o, tt.domain, got)
		}
	}
}

// TestSource: sessions come from the address that is configured for their family, with mail servers
// of domains and with a smarthost.
func TestSource(t *testing.T) {
	const from = "127.0.0.2"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	toWorld(t, worldDNS{mx: map[string][]*net.MX{"far.org.": {{Host: "mx1.far.org.", Pref: 1}}}}, l.Addr().String())
	for _, via := range []string{viaDirect, l.Addr().String()} {
		c := DefaultConfig("alpha", []string{"alpha.test"})
		c.Outbound.Via, c.Outbound.Helo, c.Outbound.Source = via, "out.alpha.test", []string{"::1", from}
		o, err := newOutside(c)
		if err != nil {
			t.Fatal(err)
		}
		route, err := o.Route(t.Context(), "", "far.org", false)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := route.Hosts[0].Dial(t.Context())
		if err != nil && runtime.GOOS != "linux" {
			testenv.Lacking(t, "this system may have one address on loopback: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
		conn.Close()
		if host != from || route.Hosts[0].Helo != "out.alpha.test" {
			t.Errorf("by %s: from %s, as %q", via, host, route.Hosts[0].Helo)
		}
	}

	// The mail server of this machine is reached from its loopback address, which it relays for.
	c := DefaultConfig("alpha", []string{"alpha.test"})
	c.Outbound.Via, c.Outbound.Source = l.Addr().String(), []string{"192.0.2.7"}
	o, err := newOutside(c)
	if err != nil {
		t.Fatal(err)
	}
	route, err := o.Route(t.Context(), "", "far.org", false)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := route.Hosts[0].Dial(t.Context())
	if err != nil {
		t.Fatal("a smarthost on this machine: ", err)
	}
	defer conn.Close()
	if host, _, _ := net.SplitHostPort(conn.LocalAddr().String()); host != "127.0.0.1" {
		t.Errorf("a smarthost on this machine: from %s", host)
	}
}
