package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/mailstore/message/maildomain"
	"cairn/node/api"
	"cairn/node/doctor"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/spf"
	"cairn/smtpgw/client"
	"cairn/smtpgw/dane"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/tlsa"
)

const (
	// examinePatience is how long all may take that is asked for a diagnosis; what has not answered
	// then is not known.
	examinePatience = 30 * time.Second
	// lookupPatience is how long one thing has, attemptPatience one that takes several answers.
	lookupPatience, attemptPatience = 5 * time.Second, 12 * time.Second
	examineAtOnce                   = 8
	// examineMost bounds the addresses, and the mail exchangers of a domain, that are looked at.
	examineMost = 8
)

// certificateRoots are who may sign certificates; nil: whom this machine trusts. Tests have one of
// their own.
var certificateRoots *x509.CertPool

// examination is what a diagnosis is made from.
type examination struct {
	cfg     *Config
	now     time.Time
	domains []string
	outside *outsideRouter
	to      string // the domain whose mail server is tried
	keys    func(context.Context) []api.DKIMKey
	noKeys  string
	sends   []netip.Addr        // the addresses that mail leaves from
	shown   []*x509.Certificate // by the listeners; none: not known
	// nextTLSA and formerTLSA are records of keys other than that in use; empty: none.
	nextTLSA, formerTLSA string
	facts                doctor.Facts
}

// Doctor looks for what is wrong with the node.
func (n *Node) Doctor(ctx context.Context, r api.DoctorRequest) (*api.Diagnosis, error) {
	to, err := domainToTry(r.To)
	if err != nil {
		return nil, err
	}
	s, err := n.Status(ctx)
	if err != nil {
		return nil, err
	}
	accounts, err := n.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	e := &examination{cfg: n.cfg, now: n.now(), domains: n.homeFirst(), outside: n.outside, to: to}
	if to == "" {
		e.to = n.peerDomain()
	} else if slices.Contains(e.domains, to) || n.goesToNode(to) {
		e.to = "" // no way outside leads there
	}
	e.keys = func(ctx context.Context) []api.DKIMKey {
		if err := n.lookAtDKIM(ctx); err != nil {
			n.log.Warn("keys for DKIM signatures cannot be made or kept", "err", err)
		}
		return n.viewDKIM("").Keys
	}
	e.facts = doctor.Facts{Inbound: s.Listen.Inbound, Submission: s.Listen.Submission, SubmissionTLS: s.Listen.SubmissionTLS, Relays: len(n.cfg.Submission.RelayNetworks) > 0, State: stateOf(s, accounts)}
	e.facts.State.Accounts = e.facts.State.Accounts || n.cfg.LDAP.URL != ""
	e.facts.Certificate, e.facts.Unissued = n.judgeShown(e.now)
	e.shown = chainOf(n.certificate.shown(nil))
	kept := n.tlsKeys.ring.Load().Of(strings.ToLower(n.cfg.Hostname))
	if kept.Next != nil {
		e.nextTLSA = kept.Next.Record()
	}
	if kept.Former != nil {
		e.formerTLSA = kept.Former.Record
	}
	return e.diagnosis(ctx, n.dir), nil
}

// Examine says of a node that does not run what its configuration and the DNS tell. to is an
// address whose mail server is tried, or empty.
func Examine(ctx context.Context, dir, to string, now time.Time) (*api.Diagnosis, error) {
	domain, err := domainToTry(to)
	if err != nil {
		return nil, err
	}
	c, err := LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	e := &examination{cfg: c, now: now, to: domain, noKeys: "the node makes keys when it runs"}
	for _, d := range c.Organisation.Domains {
		e.domains = append(e.domains, maildomain.Canonical(d))
	}
	if e.outside, err = newOutside(c); err != nil {
		return nil, err
	}
	if slices.Contains(e.domains, domain) || !e.outside.takes(domain) {
		e.to = ""
	}
	kept, err := openDKIM(dir)
	if err != nil {
		return nil, err
	}
	e.keys = func(ctx context.Context) []api.DKIMKey {
		ring := kept.ring.Load()
		_, faults := askDKIM(ctx, ring.Keys())
		return viewDKIMKeys(ring, faults, "", now)
	}
	e.facts = doctor.Facts{Inbound: c.Inbound.Listen, Submission: c.Submission.Listen, SubmissionTLS: c.Submission.TLSListen, Relays: len(c.Submission.RelayNetworks) > 0}
	e.facts.Certificate, e.facts.Unissued = judgeKept(dir, c, now)
	return e.diagnosis(ctx, dir), nil
}

// domainToTry is the domain of an address; empty for none.
func domainToTry(to string) (string, error) {
	if to == "" {
		return "", nil
	}
	at := strings.LastIndexByte(to, '@')
	if at < 1 {
		return "", api.Errorf(api.CodeInvalid, "name an address, as in bob@example.net", "trying the way out: %q is no address", to)
	}
	return mailDomain(to[at+1:])
}

// peerDomain is a domain of a connected organisation whose mail server can be tried.
func (n *Node) peerDomain() string {
	s := n.chain.State()
	for _, p := range n.host.Peers() {
		org, known := s.OrgByNode(p.Node)
		if !known {
			continue
		}
		for _, d := range org.Domains {
			if !isReserved(d) && !slices.Contains(n.homeFirst(), d) {
				return d
			}
		}
	}
	return ""
}

// stateOf is what a status comes to for a diagnosis.
func stateOf(s *api.Status, accounts *api.AccountList) *doctor.State {
	return &doctor.State{
		Clock: s.Clock.Findings, Waiting: s.Clock.Waiting, Peers: s.Peers, Others: s.Chain.Orgs > 1 || len(s.SilentPeers) > 0,
		Ended: s.Org.Ended, EndedNxt: s.Org.EndedNext, Enrolled: s.Org.Enrolled, WaitsFor: s.Org.WaitsFor,
		Copied: s.Copy != nil && !s.Copy.Stays, Full: s.Mail.Full, Damaged: s.Mail.Damaged, Halted: s.Mail.Halted, HaltNext: s.Mail.Next, CutOff: s.Mail.CutOff,
		Accounts: slices.ContainsFunc(accounts.Accounts, func(a api.Account) bool { return a.Password || len(a.Apps) > 0 }),
	}
}

// judgeShown holds what the listeners show for the host name to what others want of it, and says
// for which names an authority issues nothing.
func (n *Node) judgeShown(now time.Time) (found doctor.Certificate, unissued []doctor.Unissued) {
	if shown := n.certificate.shown(nil); n.cfg.TLS.CertificateFile == "" && shown == n.certificate.get() {
		found.Own, found.NotAfter = true, shown.Leaf.NotAfter
	} else {
		found = judgeCertificate(shown, n.cfg, now)
	}
	found.ACME, found.DNS = n.cfg.TLS.ACME, n.cfg.TLS.byDNS()
	for _, c := range n.viewCertificates() {
		if c.Fault != "" {
			unissued = append(unissued, doctor.Unissued{Name: c.Name, Why: c.Fault, Again: c.Again})
		}
	}
	return found, unissued
}

// judgeKept is judgeShown of a node that does not run, by its files.
func judgeKept(dir string, c *Config, now time.Time) (found doctor.Certificate, unissued []doctor.Unissued) {
	if c.TLS.CertificateFile != "" {
		cert, err := tls.LoadX509KeyPair(c.TLS.CertificateFile, c.TLS.KeyFile)
		if err != nil {
			return doctor.Certificate{Fault: err.Error()}, nil
		}
		return judgeCertificate(&cert, c, now), nil
	}
	if !c.TLS.ACME {
		return doctor.Certificate{Own: true}, nil
	}
	kept, err := openACME(dir)
	if err != nil {
		return doctor.Certificate{Own: true, ACME: true, DNS: c.TLS.byDNS()}, []doctor.Unissued{{Name: c.Hostname, Why: err.Error()}}
	}
	for _, name := range slices.Sorted(maps.Keys(kept.Attempts)) {
		if kept.Attempts[name].Directory != c.TLS.ACMEDirectory {
			continue // of this authority it says nothing
		}
		unissued = append(unissued, doctor.Unissued{Name: name, Why: kept.Attempts[name].Why, Again: kept.Attempts[name].Next})
	}
	if issued := kept.Names[strings.ToLower(c.Hostname)].Certificate; issued != nil {
		found = judgeCertificate(issued, c, now)
	} else {
		found.Own = true
	}
	found.ACME, found.DNS = true, c.TLS.byDNS()
	return found, unissued
}

// judgeCertificate holds a certificate to what others want of it.
func judgeCertificate(c *tls.Certificate, cfg *Config, now time.Time) (found doctor.Certificate) {
	found.NotAfter = c.Leaf.NotAfter
	if !now.Before(c.Leaf.NotAfter) {
		return found
	}
	if err := c.Leaf.VerifyHostname(cfg.Hostname); err != nil {
		found.Host = err.Error()
	}
	between := x509.NewCertPool()
	for _, der := range c.Certificate[1:] {
		if one, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(one)
		}
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: certificateRoots, Intermediates: between, CurrentTime: now}); err != nil {
		found.Chain = err.Error()
	}
	return found
}

// diagnosis gathers the facts and says what they come to.
func (e *examination) diagnosis(ctx context.Context, dir string) *api.Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, examinePatience)
	defer cancel()
	e.gather(ctx)
	list := doctor.Examine(&e.facts)
	d := &api.Diagnosis{Directory: dir, Hostname: e.cfg.Hostname, Running: e.facts.State != nil, Worst: string(doctor.Worst(list))}
	for _, f := range list {
		d.Findings = append(d.Findings, ViewFinding(&f))
	}
	return d
}

// ViewFinding shows a finding.
func ViewFinding(f *doctor.Finding) api.Finding {
	v := api.Finding{ID: f.ID, About: f.About, Level: string(f.Level), Found: f.Found, Why: f.Why, Next: f.Next}
	for _, r := range f.Records {
		v.Records = append(v.Records, api.ZoneRecord{Name: r.Name, Type: r.Type, Value: r.Value})
	}
	return v
}

// several runs tasks, so many at a time, each within its time.
type several struct {
	ctx  context.Context
	free chan struct{}
	all  sync.WaitGroup
}

func (s *several) add(patience time.Duration, task func(ctx context.Context, dns *lookup.Asker)) {
	s.all.Go(func() {
		s.free <- struct{}{}
		defer func() { <-s.free }()
		ctx, cancel := context.WithTimeout(s.ctx, patience)
		defer cancel()
		task(ctx, lookup.New(evidenceDNS{}))
	})
}

// gather finds out what e.facts lacks. Each task has facts of its own to write.
func (e *examination) gather(ctx context.Context) {
	f, c := &e.facts, e.cfg
	f.Now, f.Hostname, f.Records = e.now, maildomain.Canonical(c.Hostname), c.Organisation.Records
	f.Nobody, f.Direct = e.outside == nil, e.outside != nil && e.outside.relay == nil
	if e.outside != nil {
		f.Source = e.outside.sources
	}
	asking := &several{ctx: ctx, free: make(chan struct{}, examineAtOnce)}
	asking.add(lookupPatience, e.hostAddresses) // what follows goes by them
	asking.all.Wait()
	e.sends = f.Sender()
	for i := range f.Addresses {
		asking.add(attemptPatience, func(ctx context.Context, dns *lookup.Asker) { lookBack(ctx, dns, &f.Addresses[i]) })
	}
	f.Domains = make([]doctor.Domain, len(e.domains))
	for i, name := range e.domains {
		d := &f.Domains[i]
		d.Name, d.Reserved = name, isReserved(name)
		for _, r := range c.policyRecords(name) {
			d.OwnSTS = append(d.OwnSTS, doctor.Record{Name: r.Name, Type: r.Type, Value: r.Value})
		}
		if !d.Reserved {
			e.askAbout(asking, d)
		}
	}
	asking.add(attemptPatience, func(ctx context.Context, _ *lookup.Asker) { e.askValidation(ctx) })
	var keys []api.DKIMKey
	if c.Milter.Listen != "" {
		asking.add(lookupPatience, func(ctx context.Context, _ *lookup.Asker) { f.Milter = examineMilter(ctx, c) })
	}
	asking.add(dkimPatience, func(ctx context.Context, _ *lookup.Asker) { keys = e.keys(ctx) })
	asking.add(attemptPatience, func(ctx context.Context, _ *lookup.Asker) { e.tryOutward(ctx) })
	e.trySmarthosts(asking)
	if e.cfg.LDAP.URL != "" {
		asking.add(attemptPatience, func(ctx context.Context, _ *lookup.Asker) { e.probeDirectory(ctx) })
	}
	if c.TLS.ACME && c.TLS.byDNS() {
		asking.add(lookupPatience, func(ctx context.Context, _ *lookup.Asker) { e.probeDNS01(ctx) })
	}
	asking.all.Wait()
	for i := range f.Domains {
		f.Domains[i].KeysWhy = e.noKeys
		for _, k := range keys {
			if k.Domain == f.Domains[i].Name {
				f.Domains[i].Keys = append(f.Domains[i].Keys, doctor.DKIM{Selector: k.Selector, Name: k.Name, Record: k.Record, State: k.State, Signs: k.Signs, Fault: k.Fault})
			}
		}
	}
}

// addressesOf asks for the addresses of a name, of both families.
func addressesOf(ctx context.Context, dns *lookup.Asker, name string) (list []netip.Addr, err error) {
	for _, like := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		some, bad := dns.Addrs(ctx, name, like)
		list, err = append(list, some...), errors.Join(err, bad)
	}
	if len(list) > 0 {
		err = nil // one family may not be known; what is known counts
	}
	return list[:min(len(list), examineMost)], err
}

func (e *examination) hostAddresses(ctx context.Context, dns *lookup.Asker) {
	list, err := addressesOf(ctx, dns, e.facts.Hostname)
	if err != nil {
		e.facts.Host.Fault = "the DNS does not answer"
	}
	for _, a := range list {
		e.facts.Addresses = append(e.facts.Addresses, doctor.Address{Addr: a.Unmap()})
	}
}

// lookBack looks for the names of an address, which of them lead back, and whether it is reached.
func lookBack(ctx context.Context, dns *lookup.Asker, a *doctor.Address) {
	a.Names = answer(dns.Names(ctx, a.Addr))
	for _, name := range a.Names.Records[:min(len(a.Names.Records), examineMost)] {
		if back, err := dns.Addrs(ctx, name, a.Addr); err == nil && slices.Contains(back, a.Addr) {
			a.Back = append(a.Back, maildomain.Canonical(name))
		}
	}
	if !exchange.allowed(a.Addr) {
		a.Reach = "the address leads to the machine that asks"
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(a.Addr.String(), exchange.port))
	if err != nil {
		a.Reach = err.Error()
		return
	}
	conn.Close()
}

func answer(records []string, err error) doctor.Answer {
	if err != nil {
		return doctor.Answer{Fault: err.Error()}
	}
	return doctor.Answer{Records: records}
}

// askAbout asks all about a domain.
func (e *examination) askAbout(asking *several, d *doctor.Domain) {
	texts := func(name string, to *doctor.Answer) {
		asking.add(lookupPatience, func(ctx context.Context, dns *lookup.Asker) { *to = answer(dns.TXT(ctx, name)) })
	}
	texts(d.Name, &d.TXT)
	texts("_mta-sts."+d.Name, &d.STSTXT)
	texts("_smtp._tls."+d.Name, &d.RPT)
	asking.add(attemptPatience, func(ctx context.Context, dns *lookup.Asker) { e.askDMARC(ctx, dns, d) })
	asking.add(attemptPatience, func(ctx context.Context, dns *lookup.Asker) { e.askExchangers(ctx, dns, d) })
	if e.facts.Direct {
		asking.add(attemptPatience, func(ctx context.Context, dns *lookup.Asker) { e.checkSPF(ctx, dns, d) })
	}
}

// askExchangers finds the mail exchangers of a domain, and holds its policy to them.
func (e *examination) askExchangers(ctx context.Context, dns *lookup.Asker, d *doctor.Domain) {
	hosts, err := dns.MX(ctx, d.Name)
	if err != nil {
		d.MXFault = err.Error()
		return
	}
	for _, h := range hosts[:min(len(hosts), examineMost)] {
		m := doctor.MX{Host: strings.ToLower(h)}
		if m.Host != "" && m.Host != e.facts.Hostname {
			m.Addrs, _ = addressesOf(ctx, dns, m.Host) // without, it is one that does not lead here
		}
		d.MX = append(d.MX, m)
	}
	policy, err := exchange.policies.Policy(ctx, d.Name, e.now)
	switch {
	case err != nil:
		d.STS.Fault = "the policy was not answered in time"
	case policy != nil:
		d.STS.Mode = string(policy.Mode)
		for _, m := range d.MX {
			if m.Host != "" && !policy.Allows(m.Host) {
				d.STS.Refused = append(d.STS.Refused, m.Host)
			}
		}
	}
}

// askDMARC finds the policy that counts for a domain.
func (e *examination) askDMARC(ctx context.Context, dns *lookup.Asker, d *doctor.Domain) {
	d.OwnTXT = answer(dns.TXT(ctx, "_dmarc."+d.Name))
	for _, t := range d.OwnTXT.Records {
		if _, ok := dmarc.Parse(t); ok {
			d.DMARC.Sound = true
		}
	}
	found := dmarc.Find(ctx, dns, d.Name).Check(ctx, dns, nil)
	d.DMARC.Policy, d.DMARC.Testing = string(found.Policy), found.Testing
	if found.Result == dmarc.TempError {
		d.DMARC.Fault = found.Reason
	}
}

// checkSPF asks whether each address of ours may send in the name of a domain.
func (e *examination) checkSPF(ctx context.Context, dns *lookup.Asker, d *doctor.Domain) {
	for _, a := range e.sends {
		found := spf.Check(ctx, dns, spf.Identity{IP: a, Domain: d.Name, Helo: e.cfg.Hostname})
		d.SPF = append(d.SPF, doctor.SPF{Addr: a, Result: string(found.Result), Reason: found.Reason})
	}
}

// tryOutward connects to a mail server outside, and says nothing to it. Smarthosts are tried apart,
// with all that a session takes.
func (e *examination) tryOutward(ctx context.Context) {
	o := &e.facts.Outward
	if e.outside == nil || e.outside.relay != nil || e.to == "" {
		return
	}
	o.To = e.to
	route, err := e.outside.Route(ctx, "", e.to, false)
	if err != nil {
		o.Untried = err.Error()
		return
	}
	if err := reachOne(ctx, route); err != nil {
		o.Fault = err.Error()
	}
}

// askValidation finds out whether the resolver validates what is signed.
func (e *examination) askValidation(ctx context.Context) {
	v := &e.facts.Validation
	v.Off = e.cfg.Outbound.ValidatingResolver == resolverNone
	if !e.facts.Direct || e.outside.signed == nil {
		return
	}
	v.Server = e.outside.signed.resolver.Server()
	on, why := e.outside.signed.resolver.Validates(ctx, e.now)
	if why != nil && !on {
		v.Fault, v.Silent = why.Error(), errors.Is(why, dnssec.ErrSilent)
	}
	if on && len(e.shown) > 0 && e.facts.Inbound != "" && !isReserved(e.facts.Hostname) {
		e.askOwnKey(ctx, e.outside.signed.resolver)
	}
}

// chainOf is the chain of a certificate, from the leaf up.
func chainOf(c *tls.Certificate) (list []*x509.Certificate) {
	for _, der := range c.Certificate {
		if one, err := x509.ParseCertificate(der); err == nil {
			list = append(list, one)
		}
	}
	return list
}

// askOwnKey asks what senders are told of the key of the listeners.
func (e *examination) askOwnKey(ctx context.Context, dns tlsa.Asker) {
	v := &doctor.TLSA{Name: "_25._tcp." + e.facts.Hostname, Record: dane.OfKey(e.shown[0].RawSubjectPublicKeyInfo).String()}
	v.Next, v.Former = e.nextTLSA, e.formerTLSA
	e.facts.TLSA = v
	a, err := dns.Ask(ctx, v.Name+".", dnssec.TypeTLSA)
	if err != nil {
		v.Fault = err.Error()
		return
	}
	v.Signed = a.Secure
	records, err := tlsa.Records(&a)
	if err != nil {
		v.Fault = err.Error()
		return
	}
	for _, r := range records {
		v.Published = append(v.Published, r.String())
	}
	v.Matches = dane.Authenticates(records) && dane.Verify(records, e.shown, append([]string{e.facts.Hostname}, e.domains...), e.now) == nil
}

// maxSmarthostTries bounds how many smarthosts are tried.
const maxSmarthostTries = 32

// trySmarthosts opens a session with each smarthost, signs in there where need be, and ends it.
func (e *examination) trySmarthosts(asking *several) {
	if e.outside == nil {
		return
	}
	var all []wayOut
	for _, w := range append([]wayOut{e.outside.rest()}, e.outside.ways...) {
		if w.relay != nil && w.to == "smarthost" {
			w.to += " " + e.cfg.Outbound.Via
		}
		if w.relay != nil && !slices.ContainsFunc(all, func(o wayOut) bool { return o.to == w.to }) && len(all) < maxSmarthostTries {
			all = append(all, w)
		}
	}
	e.facts.Smarthosts = make([]doctor.Outward, len(all))
	for i, w := range all {
		found := &e.facts.Smarthosts[i]
		found.To = strings.TrimPrefix(w.to, "smarthost ")
		asking.add(attemptPatience, func(ctx context.Context, _ *lookup.Asker) {
			if err := w.relay.Try(ctx, &client.Waits{Dial: attemptPatience, Reply: attemptPatience}, e.cfg.Hostname); err != nil {
				_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
				found.Fault, found.Untrusted = err.Error(), untrusted
			}
		})
	}
}

// reachOne connects to the first host of a route that answers.
func reachOne(ctx context.Context, route client.Route) error {
	var errs []error
	hosts := route.Hosts[:min(len(route.Hosts), 3)]
	for i, h := range hosts {
		one, cancel := context.WithTimeout(ctx, shareOf(ctx, time.Now(), len(hosts)-i))
		conn, err := h.Dial(one)
		cancel()
		if err == nil {
			return conn.Close()
		}
		errs = append(errs, fmt.Errorf("%s: %w", h.Name, err))
	}
	return errors.Join(errs...)
}
