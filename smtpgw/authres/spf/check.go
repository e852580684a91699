package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"cairn/smtpgw/authres/lookup"
)

// Result is what a check says (RFC 7208, section 2.6).
type Result string

// The results.
const (
	None      Result = "none"
	Neutral   Result = "neutral"
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// Bounds of one check (RFC 7208, section 4.6.4).
const (
	maxTerms = 10 // that have the DNS asked
	maxVoid  = 2  // lookups that find nothing
	maxHosts = 10 // mail exchangers of one mx, names of one ptr
)

// Identity is what is checked.
type Identity struct {
	IP     netip.Addr // of the client
	Domain string     // that is asked for its record, A-label
	Local  string     // of the sender; empty: postmaster
	Sender string     // the sender's domain; empty: Domain
	Helo   string     // what the client called itself
}

// Outcome is the result of a check and why, in a few words of ours and of the record.
type Outcome struct {
	Result Result
	Reason string
}

// Check is check_host of RFC 7208, section 4. The time that it may take is that of ctx; when it
// ends, or the DNS does not answer, the result is temperror.
func Check(ctx context.Context, dns *lookup.Asker, id Identity) Outcome {
	e := &evaluation{ctx: ctx, dns: dns, ip: id.IP.Unmap().WithZone(""), local: id.Local, senderDomain: id.Sender, helo: id.Helo}
	if e.local == "" {
		e.local = "postmaster"
	}
	if e.senderDomain == "" {
		e.senderDomain = id.Domain
	}
	result, err := e.check(id.Domain)
	switch {
	case errors.Is(err, lookup.ErrTemporary):
		return Outcome{TempError, err.Error()}
	case err != nil:
		return Outcome{PermError, err.Error()}
	}
	return Outcome{result, e.why}
}

// evaluation is one check under way.
type evaluation struct {
	ctx          context.Context
	dns          *lookup.Asker
	ip           netip.Addr
	local        string
	senderDomain string
	helo         string

	terms, void int
	why         string // the directive that decided
}

// check evaluates the record of domain.
func (e *evaluation) check(domain string) (Result, error) {
	domain = strings.TrimSuffix(domain, ".")
	if !strings.Contains(domain, ".") || !lookup.Askable(domain) {
		return None, nil
	}
	r, err := e.record(domain)
	if r == nil || err != nil {
		return None, err
	}
	for _, d := range r.directives {
		matches, err := e.matches(d, domain)
		if err != nil {
			return "", err
		}
		if matches {
			e.why = domain + ": " + d.text
			return d.result, nil
		}
	}
	if r.redirect == nil {
		e.why = domain + ": nothing matches"
		return Neutral, nil
	}
	if err := e.term(); err != nil {
		return "", err
	}
	result, err := e.check(e.expand(r.redirect, domain))
	if err == nil && result == None {
		err = fmt.Errorf("%s sends on to a domain without an SPF record", domain)
	}
	return result, err
}

// record fetches the one record of domain; nil if there is none.
func (e *evaluation) record(domain string) (*record, error) {
	texts, err := e.dns.TXT(e.ctx, domain)
	if err != nil {
		return nil, err
	}
	found := ""
	for _, txt := range texts {
		switch {
		case !isRecord(txt):
		case found != "":
			return nil, fmt.Errorf("%s has several SPF records", domain)
		default:
			found = txt
		}
	}
	if found == "" {
		return nil, nil
	}
	r, err := parse(found)
	if err != nil {
		return nil, fmt.Errorf("the SPF record of %s cannot be read: %w", domain, err)
	}
	return r, nil
}

func (e *evaluation) matches(d directive, domain string) (bool, error) {
	switch d.mechanism {
	case "all":
		return true, nil
	case "ip4", "ip6":
		return d.prefix.Contains(e.ip), nil
	}
	if err := e.term(); err != nil {
		return false, err
	}
	target := domain
	if d.domain != nil {
		target = e.expand(d.domain, domain)
	}
	switch d.mechanism {
	case "include":
		return e.include(target)
	case "a":
		return e.addressed(target, d)
	case "mx":
		return e.exchanged(target, d)
	case "exists":
		found, err := e.dns.Addrs(e.ctx, target, netip.IPv4Unspecified())
		if err != nil {
			return false, err
		}
		return len(found) > 0, e.found(len(found))
	}
	return e.pointed(target)
}

// include matches if the other domain's record passes (RFC 7208, section 5.2).
func (e *evaluation) include(domain string) (bool, error) {
	switch result, err := e.check(domain); {
	case err != nil:
		return false, err
	case result == None:
		return false, fmt.Errorf("it includes %.60s, which has no SPF record", domain)
	default:
		return result == Pass, nil
	}
}

func (e *evaluation) addressed(host string, d directive) (bool, error) {
	addrs, err := e.dns.Addrs(e.ctx, host, e.ip)
	if err != nil {
		return false, err
	}
	return e.within(addrs, d), e.found(len(addrs))
}

func (e *evaluation) exchanged(domain string, d directive) (bool, error) {
	hosts, err := e.dns.MX(e.ctx, domain)
	if err != nil {
		return false, err
	}
	if len(hosts) > maxHosts {
		return false, fmt.Errorf("%.60s has more than %d mail exchangers", domain, maxHosts)
	}
	if err := e.found(len(hosts)); err != nil {
		return false, err
	}
	for _, h := range hosts {
		addrs, err := e.dns.Addrs(e.ctx, h, e.ip)
		if err != nil {
			return false, err
		}
		if e.within(addrs, d) {
			return true, nil
		}
	}
	return false, nil
}

// within reports whether the client is in the network of one of these addresses.
func (e *evaluation) within(addrs []netip.Addr, d directive) bool {
	bits := d.bits6
	if e.ip.Is4() {
		bits = d.bits4
	}
	for _, a := range addrs {
		if p, err := a.Unmap().Prefix(min(bits, a.Unmap().BitLen())); err == nil && p.Contains(e.ip) {
			return true
		}
	}
	return false
}

// pointed reports whether a name of the client that leads back to it is in domain (RFC 7208,
// section 5.5). Errors of the DNS are no match.
func (e *evaluation) pointed(domain string) (bool, error) {
	names, err := e.dns.Names(e.ctx, e.ip)
	if err != nil {
		return false, nil
	}
	if err := e.found(len(names)); err != nil {
		return false, err
	}
	for _, name := range names[:min(len(names), maxHosts)] {
		if under(name, domain) && e.leadsBack(name) {
			return true, nil
		}
	}
	return false, nil
}

// validated is the value of the macro p: a name of the client that leads back to it, the domain
// itself or one below it before others.
func (e *evaluation) validated(domain string) string {
	names, err := e.dns.Names(e.ctx, e.ip)
	if err != nil {
		return unknown
	}
	best, rank := unknown, 0
	for _, name := range names[:min(len(names), maxHosts)] {
		of := 1
		switch {
		case strings.EqualFold(name, domain):
			of = 3
		case under(name, domain):
			of = 2
		}
		if of > rank && e.leadsBack(name) {
			best, rank = name, of
		}
	}
	return best
}

const unknown = "unknown" // RFC 7208, section 7.3

func (e *evaluation) leadsBack(name string) bool {
	addrs, err := e.dns.Addrs(e.ctx, name, e.ip)
	return err == nil && e.within(addrs, directive{bits4: 32, bits6: 128})
}

// term counts one that has the DNS asked.
func (e *evaluation) term() error {
	if e.terms++; e.terms > maxTerms {
		return fmt.Errorf("more than %d terms need the DNS", maxTerms)
	}
	return nil
}

// found counts a lookup that found nothing.
func (e *evaluation) found(n int) error {
	if n > 0 {
		return nil
	}
	if e.void++; e.void > maxVoid {
		return fmt.Errorf("more than %d lookups find nothing", maxVoid)
	}
	return nil
}

// under reports whether name is domain or below it.
func under(name, domain string) bool {
	name, domain = strings.ToLower(name), strings.ToLower(domain)
	return name == domain || strings.HasSuffix(name, "."+domain)
}
