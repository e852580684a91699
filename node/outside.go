package node

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"cairn/consensus/verifier"
	"cairn/node/home"
	"cairn/smtpgw/client"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/mx"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reports/tally"
	"cairn/smtpgw/smarthost"
)

// outsideRouter sends mail on for domains of no organisation of the network, by SMTP over TCP.
type outsideRouter struct {
	finder   *mx.Finder
	policies policies
	signed   *signedDNS   // nil: nothing is known to be signed
	relay    *client.Host // what takes all of it; nil: who the DNS names
	returns  bool         // nobody takes it, where table names nobody
	table    *smarthost.Table
	ways     []wayOut // the rules of table
	helo     string
	sources  []netip.Addr        // that sessions come from
	sessions func(tally.Session) // hears what came of TLS; nil: nobody wants to know
}

// wayOut is where some mail goes.
type wayOut struct {
	relay   *client.Host // nil: to who the DNS names
	to      string       // names relay; see client.Route.To
	returns bool         // it is returned
}

// policies knows what domains ask of who sends to them; see mtasts.Finder.
type policies interface {
	Policy(ctx context.Context, domain string, now time.Time) (*mtasts.Policy, error)
}

// exchange is what the node knows of mail servers of others; tests have one of their own.
var exchange = struct {
	mx.Resolver
	port    string
	allowed func(netip.Addr) bool
	// public are addresses of servers that anybody reaches.
	public   func(netip.Addr) bool
	roots    *x509.CertPool // of certificates; nil: those of the machine
	policies policies
	// resolvConf is the file that names the machine's resolver; by probes it is seen whether one
	// validates.
	resolvConf string
	probes     dnssec.Probes
}{net.DefaultResolver, "25", mx.Elsewhere, mx.Public, nil, mtasts.NewFinder(lookupTXT, mtasts.Client(mx.Elsewhere)), "/etc/resolv.conf", dnssec.PublicProbes}

const (
	// exchangersPatience is how long the DNS has to say which servers a domain has.
	exchangersPatience = 20 * time.Second
	// addressPatience is how long a server has at most to answer at one of its addresses.
	addressPatience = 10 * time.Second
)

// newOutside returns nil where mail for others is to be returned.
func newOutside(c *Config) (*outsideRouter, error) {
	if c.Outbound.Via == viaNone && len(c.Outbound.Smarthosts) == 0 {
		return nil, nil
	}
	o := &outsideRouter{policies: exchange.policies, helo: c.Outbound.Helo, signed: newSignedDNS(&c.Outbound)}
	o.finder = mx.NewFinder(either{o.signed, exchange.Resolver}, c.Hostname, exchange.allowed)
	for _, text := range c.Outbound.Source {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err // Validate looked
		}
		o.sources = append(o.sources, a)
	}
	rest, err := o.way(c.Outbound.main(), "outbound.")
	if err != nil {
		return nil, err
	}
	o.relay, o.returns = rest.relay, rest.returns
	for i := range c.Outbound.Smarthosts {
		w, err := o.way(&c.Outbound.Smarthosts[i], fmt.Sprintf("%s, entry %d, ", smarthostsKey, i+1))
		if err != nil {
			return nil, err
		}
		o.ways = append(o.ways, w)
	}
	o.table, err = c.Outbound.table()
	return o, err
}

// way is the one that a configuration, under keys that begin with at, says.
func (o *outsideRouter) way(s *SmarthostConfig, at string) (wayOut, error) {
	if !s.relayed() {
		return wayOut{returns: s.Via == viaNone}, nil
	}
	host, port, err := net.SplitHostPort(s.Via)
	if err != nil {
		return wayOut{}, err
	}
	w := wayOut{to: "smarthost " + s.Via, relay: &client.Host{Name: host, Helo: o.helo, Dial: func(ctx context.Context) (net.Conn, error) {
		return o.dialRelay(ctx, s.Via)
	}}}
	use, said := tlsUses[s.TLS]
	switch {
	case said:
		w.relay.TLS = use
	case port == "465":
		w.relay.TLS = client.TLSFromStart
	case s.User != "":
		w.relay.TLS = client.TLSRequired
	}
	if s.CAFile != "" {
		if w.relay.Roots, err = readRoots(at+"ca_file", s.CAFile); err != nil {
			return wayOut{}, err
		}
	}
	if s.User == "" {
		return w, nil
	}
	password, err := readPassword(at+"password_file", s.PasswordFile)
	if err != nil {
		return wayOut{}, err
	}
	w.to += " as " + s.User
	w.relay.Login = &client.Login{User: s.User, Password: password, Mechanism: strings.ToUpper(s.Auth)}
	return w, nil
}

// wayOf is where mail goes from the domain of an envelope sender to a domain.
func (o *outsideRouter) wayOf(from, domain string) wayOut {
	if i, ok := o.table.Pick(from, domain); ok {
		return o.ways[i]
	}
	return o.rest()
}

// rest is where mail goes that no entry is for.
func (o *outsideRouter) rest() wayOut {
	return wayOut{relay: o.relay, to: "smarthost", returns: o.returns}
}

// possible are where somebody's mail to a domain goes.
func (o *outsideRouter) possible(domain string) (all []wayOut) {
	rules, others := o.table.Possible(domain)
	for _, i := range rules {
		all = append(all, o.ways[i])
	}
	if others {
		all = append(all, o.rest())
	}
	return all
}

// readRoots reads the certificates that a key of the configuration names.
func readRoots(key, path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	roots := x509.NewCertPool()
	if err == nil && !roots.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s has no certificate", path)
	}
	if err != nil {
		return nil, badValue(key, "name a file with certificates in PEM", "%v", err)
	}
	return roots, nil
}

// readPassword reads the file that a key of the configuration names, which nobody else may use.
func readPassword(key, path string) (string, error) { return readSecret(key, path, "the password") }

// readSecret reads a file that has one secret, what, and that nobody else may read.
func readSecret(key, path, what string) (string, error) {
	secret, err := os.ReadFile(path)
	if at, bad := os.Stat(path); err == nil && bad == nil && at.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		err = fmt.Errorf("%s may be used by others (%v)", path, at.Mode().Perm())
	}
	if err != nil {
		return "", &ConfigError{Key: key, Cause: err.Error(), Next: nextOfSecret(path, what, err)}
	}
	return strings.TrimRight(string(secret), "\r\n"), nil
}

// nextOfSecret is what to do where a file with a secret could not be read. Who wrote it may be
// another user than the one that the node runs as, as root is.
func nextOfSecret(path, what string, err error) string {
	me := home.UserName(os.Getuid())
	_, hidden := os.Stat(path)
	switch {
	case !errors.Is(err, fs.ErrPermission):
		return "write " + what + " alone into that file, and keep it from others: chmod 600 " + path
	case errors.Is(hidden, fs.ErrPermission):
		return "put it into a folder that this user, " + me + ", may enter"
	}
	return "give it to this user: chown " + me + " " + path
}

// takes reports whether mail for a domain is sent on at all, whoever sends it.
func (o *outsideRouter) takes(domain string) bool {
	return o != nil && slices.ContainsFunc(o.possible(domain), func(w wayOut) bool { return w.takes(domain) })
}

func (w wayOut) takes(domain string) bool { return w.relay != nil || !w.returns && !isReserved(domain) }

// goesToNode is smtpgw.Config.ToNode.
func (n *Node) goesToNode(domain string) bool {
	if !n.outside.takes(domain) {
		return true // else it comes back
	}
	_, a := n.trust.SpeakerKnown(n.chain.State(), domain)
	return a == verifier.Names
}

// nowhere is smtpgw.Config.Nowhere. Who claims the domain, or is trusted for it, is left to the
// queue to find out about; and all of it while nothing can leave, since somebody may serve the
// domain by then.
func (n *Node) nowhere(ctx context.Context, domain string) error {
	s := n.chain.State()
	if _, a := n.trust.SpeakerKnown(s, domain); a == verifier.Names || len(s.OrgsByDomain(domain)) > 0 {
		return nil
	}
	if why, err := n.whyUnrecorded(); why != "" || err != nil {
		return nil // the queue tells what is wrong
	}
	goes, err := router{n}.whereTo(s, domain, verifier.NamesNot)
	switch goes {
	case returned:
		return err
	case outside:
		if n.outside.mayRelay(domain) {
			return nil
		}
		_, err := n.outside.hosts(ctx, domain)
		return err
	}
	return nil
}

// mayRelay reports whether a smarthost takes mail for a domain, of some senders at least.
func (o *outsideRouter) mayRelay(domain string) bool {
	return slices.ContainsFunc(o.possible(domain), func(w wayOut) bool { return w.relay != nil })
}

// Route finds the mail servers of domain, for mail from the domain of an envelope sender, "" for
// the null sender; client.ErrNoRoute or a *refuse.Refusal says that it has none. anyTLS: what the
// domain asks of TLS is tried to keep, and keeps no mail from it.
func (o *outsideRouter) Route(ctx context.Context, from, domain string, anyTLS bool) (client.Route, error) {
	switch w := o.wayOf(from, domain); {
	case w.relay != nil:
		return client.Route{To: w.to, Hosts: []client.Host{*w.relay}, Smarthost: true}, nil
	case w.returns:
		return client.Route{}, client.ErrNoRoute
	}
	found, err := o.hosts(ctx, domain)
	if err != nil {
		return client.Route{}, err
	}
	keys, err := o.signed.of(ctx, domain, found, time.Now())
	if err != nil {
		return client.Route{}, err
	}
	policy, err := o.policy(ctx, domain, keys)
	if err != nil && !anyTLS {
		return client.Route{}, err
	}
	route, err := o.route(domain, found, keys, policy)
	if anyTLS {
		return o.withAnyTLS(route, found), nil
	}
	return route, err
}

// withAnyTLS is a route to hosts of a domain that goes to all of them in the end, whatever they
// show: to those that may not have the mail otherwise behind the others.
func (o *outsideRouter) withAnyTLS(route client.Route, found []mx.Host) client.Route {
	route.To = "mail servers, with any TLS or none,"
	for i := range route.Hosts {
		route.Hosts[i].AnyTLS = true
	}
	for _, h := range found {
		if !slices.ContainsFunc(route.Hosts, func(r client.Host) bool { return r.Name == h.Name }) {
			route.Hosts = append(route.Hosts, o.host(h, client.TLSIfOffered))
		}
	}
	for _, h := range route.Hosts {
		route.To += " " + h.Name
	}
	return route
}

// host is a mail server of a domain as the courier knows it.
func (o *outsideRouter) host(h mx.Host, use client.TLSUse) client.Host {
	dial := func(ctx context.Context) (net.Conn, error) { return o.dialHost(ctx, h) }
	return client.Host{Name: h.Name, Helo: o.helo, TLS: use, Dial: dial, DialIPv4: o.byIPv4(h)}
}

// uncounted is a router of whose sessions nothing is told.
func (o *outsideRouter) uncounted() *outsideRouter {
	other := *o
	other.sessions = nil
	return &other
}

// policy is what a domain asks of TLS (RFC 8461), or nil. Where the DNS says of each host which key
// it has, that comes first, and no policy is asked for (RFC 8461, section 2).
func (o *outsideRouter) policy(ctx context.Context, domain string, keys []publishedKey) (*mtasts.Policy, error) {
	if !slices.ContainsFunc(keys, func(k publishedKey) bool { return !k.authenticates() }) {
		return nil, nil
	}
	policy, err := o.policies.Policy(ctx, domain, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", client.Reason("whether "+domain+" requires encryption is not known"), err)
	}
	if policy == nil || policy.Mode == mtasts.None {
		return nil, nil
	}
	return policy, nil
}

// route leads to those hosts of a domain that may have its mail, each with what it has to show.
func (o *outsideRouter) route(domain string, found []mx.Host, keys []publishedKey, policy *mtasts.Policy) (client.Route, error) {
	route, use, enforced := client.Route{To: "mail servers"}, client.TLSIfOffered, policy
	if policy != nil && policy.Mode != mtasts.Enforce {
		enforced = nil
	}
	if enforced != nil {
		use, route.To = client.TLSRequired, "mail servers, with TLS,"
	}
	var unknown error
	for i, h := range found {
		k := &keys[i]
		switch {
		case k.err != nil:
			unknown = fmt.Errorf("%w: %w", client.Reason("the DNS does not answer, or not as it was signed, which keys the mail servers of "+domain+" have (TLSA)"), k.err)
			continue
		case enforced != nil && !k.authenticates() && !enforced.Allows(h.Name):
			continue
		}
		route.To += " " + h.Name
		host := o.host(h, use)
		if k.server != nil && (enforced == nil || k.authenticates()) {
			k.secure(&host)
			route.To += " (TLSA)"
		}
		host.Told = o.counting(domain, h.Name, k, policy)
		route.Hosts = append(route.Hosts, host)
	}
	route.Lacking = unknown
	if len(route.Hosts) > 0 {
		return route, nil
	}
	o.countUnmade(domain, found, keys, enforced)
	if unknown != nil {
		return client.Route{}, unknown
	}
	return client.Route{}, client.Reason("none of the mail exchangers of " + domain + " is one that its MTA-STS policy names")
}

// hosts finds the mail servers of domain in the DNS; errors are as of Route.
func (o *outsideRouter) hosts(ctx context.Context, domain string) ([]mx.Host, error) {
	switch {
	case strings.HasPrefix(domain, "["):
		return nil, noHost(1, 2, "mail is not sent to addresses of machines")
	case !o.takes(domain) || isReserved(domain):
		return nil, client.ErrNoRoute
	}
	asking, cancel := context.WithTimeout(ctx, exchangersPatience)
	defer cancel()
	found, err := o.finder.Hosts(asking, domain, time.Now())
	switch {
	case errors.Is(err, mx.ErrNoDomain):
		return nil, noHost(1, 2, err.Error())
	case errors.Is(err, mx.ErrNoMail):
		return nil, noHost(1, 10, err.Error())
	case errors.Is(err, mx.ErrLoop):
		return nil, noHost(4, 6, err.Error())
	case mx.Final(err):
		return nil, noHost(4, 4, err.Error())
	case err != nil:
		return nil, fmt.Errorf("%w: %w", client.Reason("the DNS does not answer which mail servers "+domain+" has"), err)
	}
	return found, nil
}

func noHost(subject, detail int, why string) *refuse.Refusal {
	return &refuse.Refusal{Code: 550, Status: refuse.Status{5, subject, detail}, Text: why}
}

// dialHost connects to the first address of a host that answers. Those that do not leave their
// share of the time to the others.
func (o *outsideRouter) dialHost(ctx context.Context, h mx.Host) (net.Conn, error) {
	var errs []error
	for i, a := range h.Addrs {
		one, cancel := context.WithTimeout(ctx, shareOf(ctx, time.Now(), len(h.Addrs)-i))
		conn, err := o.dialer(a.Is4()).DialContext(one, "tcp", net.JoinHostPort(a.String(), exchange.port))
		cancel()
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// byIPv4 connects to a host by its addresses of IPv4; nil: it has none beside others.
func (o *outsideRouter) byIPv4(h mx.Host) func(context.Context) (net.Conn, error) {
	four := mx.Host{Name: h.Name, Addrs: slices.DeleteFunc(slices.Clone(h.Addrs), func(a netip.Addr) bool { return !a.Is4() })}
	if len(four.Addrs) == 0 || len(four.Addrs) == len(h.Addrs) {
		return nil
	}
	return func(ctx context.Context) (net.Conn, error) { return o.dialHost(ctx, four) }
}

// dialRelay connects to the smarthost, from each of the sources in turn until it answers. A mail
// server on this machine is not outside, and knows its own by their loopback addresses.
func (o *outsideRouter) dialRelay(ctx context.Context, address string) (net.Conn, error) {
	sources := o.sources
	if isLoopback(address) {
		sources = slices.DeleteFunc(slices.Clone(sources), func(a netip.Addr) bool { return !a.IsLoopback() })
	}
	if len(sources) == 0 {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	var errs []error
	for i, from := range sources {
		network := "tcp6"
		if from.Is4() {
			network = "tcp4"
		}
		one, cancel := context.WithTimeout(ctx, shareOf(ctx, time.Now(), len(sources)-i))
		conn, err := o.dialer(from.Is4()).DialContext(one, network, address)
		cancel()
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// isLoopback reports whether a host:port is an address of this machine alone.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// dialer connects to addresses of one family, from the source of that family if there is one.
func (o *outsideRouter) dialer(ip4 bool) *net.Dialer {
	for _, a := range o.sources {
		if a.Is4() == ip4 {
			return &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))}
		}
	}
	return new(net.Dialer)
}

// shareOf is how long one of so many may take that are tried one after another until ctx ends.
func shareOf(ctx context.Context, now time.Time, left int) time.Duration {
	by, bounded := ctx.Deadline()
	if !bounded {
		return addressPatience
	}
	return min(addressPatience, by.Sub(now)/time.Duration(left))
}

// isReserved reports whether a name is kept out of the DNS (RFC 6761).
func isReserved(name string) bool {
	return slices.ContainsFunc([]string{"test", "example", "invalid", "localhost"}, func(reserved string) bool {
		return name == reserved || strings.HasSuffix(name, "."+reserved)
	})
}
