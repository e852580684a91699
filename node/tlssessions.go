package node

import (
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"cairn/smtpgw/client"
	"cairn/smtpgw/dnssec"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/mx"
	"cairn/smtpgw/neterr"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/tally"
)

// What came of TLS with the servers of others is counted for the reports to their domains (RFC
// 8460), by what each session was held to.

// notNamed is why a host may not have the mail, in a report.
const notNamed = "the host is none that the policy names"

// policyIn is a policy of MTA-STS as a report has it.
func policyIn(domain string, p *mtasts.Policy) tally.Policy {
	lines := []string{"version: STSv1", "mode: " + string(p.Mode)}
	for _, name := range p.MX {
		lines = append(lines, "mx: "+name)
	}
	lines = append(lines, "max_age: "+strconv.Itoa(int(p.MaxAge/time.Second)))
	return tally.Policy{Kind: reports.PolicySTS, Domain: domain, Strings: lines, MX: p.MX}
}

// keysIn are the TLSA records of a host as a report has them.
func keysIn(k *publishedKey) tally.Policy {
	p := tally.Policy{Kind: reports.PolicyTLSA, Domain: k.server.Base}
	for _, r := range k.server.Records {
		p.Strings = append(p.Strings, r.String())
	}
	return p
}

// counting counts sessions with a host of a domain that are held to what is known of its key, or to
// a policy; nil: nobody wants to know.
func (o *outsideRouter) counting(domain, host string, k *publishedKey, policy *mtasts.Policy) func(client.TLSOutcome) {
	if o.sessions == nil {
		return nil
	}
	held, trying := tally.Policy{Kind: reports.NoPolicy, Domain: domain}, false
	var fault error
	switch {
	case k.server != nil && (policy == nil || policy.Mode != mtasts.Enforce || k.authenticates()):
		held = keysIn(k)
	case policy != nil:
		held, trying = policyIn(domain, policy), policy.Mode == mtasts.Testing
	default:
		if by, ok := o.policies.(interface{ Fault(domain string) error }); ok {
			fault = by.Fault(domain)
		}
	}
	return func(out client.TLSOutcome) {
		if far, err := netip.ParseAddr(addressIn(out.Remote)); err != nil || !exchange.public(far) {
			return // whoever has a name lead into a private network is not told what there is
		}
		s := tally.Session{Domain: domain, Policy: held}
		switch {
		case out.Err != nil:
			s.Cause.Kind, s.Cause.Reason = tally.CauseOf(out.Err, neterr.Words(out.Err))
		case out.State == nil:
			s.Cause.Kind = tally.NotOffered
		case trying && !policy.Allows(host):
			s.Cause.Kind, s.Cause.Reason = tally.General, notNamed
		case trying:
			if err := mayProve(out.State.PeerCertificates, host, time.Now()); err != nil {
				s.Cause.Kind, s.Cause.Reason = tally.CauseOf(err, neterr.Words(err))
			}
		case fault != nil:
			s.Policy.Kind, s.Cause.Kind, s.Cause.Reason = reports.PolicySTS, faultIn(fault), fault.Error()
		}
		if s.Cause.Kind != "" {
			s.Cause.Host, s.Cause.Receiver = host, addressIn(out.Remote)
			if own, err := netip.ParseAddr(addressIn(out.Local)); err == nil && exchange.public(own) {
				s.Cause.Sender = own.String() // else it is that of a network behind a router
			}
		}
		o.sessions(s)
	}
}

// countUnmade counts that there is no session with any host of a domain for what it publishes.
func (o *outsideRouter) countUnmade(domain string, found []mx.Host, keys []publishedKey, enforced *mtasts.Policy) {
	if o.sessions == nil {
		return
	}
	for i, h := range found {
		s := tally.Session{Domain: domain, Cause: tally.Cause{Host: h.Name}}
		switch err := keys[i].err; {
		case errors.Is(err, dnssec.ErrFails):
			s.Policy, s.Cause.Kind = tally.Policy{Kind: reports.PolicyTLSA, Domain: h.Name}, tally.DNSInvalid
		case err != nil: // nobody answers, which says nothing about the domain
			continue
		case enforced != nil:
			s.Policy, s.Cause.Kind, s.Cause.Reason = policyIn(domain, enforced), tally.General, notNamed
		default:
			continue
		}
		o.sessions(s)
	}
}

// faultIn is the result type of a policy that could not be had.
func faultIn(err error) string {
	switch {
	case errors.Is(err, mtasts.ErrInvalid):
		return tally.PolicyInvalid
	case errors.Is(err, mtasts.ErrCertificate):
		return tally.WebPKI
	}
	return tally.PolicyFetch
}

// mayProve holds what a host shows to what MTA-STS wants (RFC 8461, section 4.1).
func mayProve(chain []*x509.Certificate, host string, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("it shows no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: between, CurrentTime: now, Roots: exchange.roots})
	return err
}

// addressIn is the address of a socket.
func addressIn(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return ""
	}
	return at.Addr().Unmap().WithZone("").String()
}
