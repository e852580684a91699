package dmarc

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"cairn/smtpgw/authres/lookup"
)

// Result is what a check says (RFC 8601, section 2.7.3, and RFC 9989, section 4.3).
type Result string

// The results.
const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// Method is how an identifier was authenticated.
type Method string

// The methods that DMARC knows.
const (
	SPF  Method = "spf"
	DKIM Method = "dkim"
)

// Identifier is a domain, canonical, that a method may have authenticated.
type Identifier struct {
	Method  Method
	Domain  string
	Unknown bool // the DNS did not say: it may have
}

// Outcome is what was found of a message.
type Outcome struct {
	Result Result
	Policy Policy // that the domain has for what does not pass; empty: it is not known
	// Testing: the domain asks that its policy is not applied yet.
	Testing bool
	By      Identifier // that passed
	Reason  string
}

// Author is the domain of a From field with what the DNS says of it.
type Author struct {
	domain, org string
	governing   *found // nil: it has no policy
	policy      Policy
	unknown     error // why the DNS does not say what governs it
	unsaid      error // why it does not say which policy of the record counts
}

// Find asks the DNS for the policy of a domain, canonical. It asks for nothing that a message says
// beside that domain: what other names cost is no matter here.
func Find(ctx context.Context, dns *lookup.Asker, domain string) *Author {
	a := &Author{domain: domain}
	records, err := walk(ctx, dns, domain)
	if err != nil {
		a.unknown = err
		return a
	}
	a.org = organisational(domain, records)
	if a.governing = a.governs(records); a.governing != nil {
		a.policy, a.unsaid = a.wanted(ctx, dns)
	}
	return a
}

// Check holds the identifiers of a message to its author.
func (a *Author) Check(ctx context.Context, dns *lookup.Asker, ids []Identifier) Outcome {
	switch {
	case a.unknown != nil:
		return failed(a.unknown)
	case a.governing == nil:
		return Outcome{Result: None, Reason: a.domain + " has no DMARC policy"}
	}
	record := a.governing.record
	o := Outcome{Result: Fail, Testing: record.Testing, Reason: "neither a signature nor the sending server is of " + a.domain}
	for _, id := range ids {
		aligned, err := a.aligned(ctx, dns, id)
		switch {
		case err != nil && !errors.Is(err, lookup.ErrTemporary):
		case err != nil || aligned && id.Unknown:
			o.Result, o.Reason = TempError, "whether "+string(id.Method)+" passes for "+id.Domain+" is not known: the DNS does not answer"
		case aligned:
			return Outcome{Result: Pass, Policy: record.Policy, Testing: o.Testing, By: id}
		}
	}
	if a.unsaid != nil {
		return failed(a.unsaid)
	}
	o.Policy = a.policy
	return o
}

func failed(err error) Outcome {
	if errors.Is(err, lookup.ErrTemporary) {
		return Outcome{Result: TempError, Reason: err.Error()}
	}
	return Outcome{Result: PermError, Reason: err.Error()}
}

// governs is the record whose policy counts: of the author's domain, else of the organisational
// one, else of the suffix above (RFC 9989, section 4.10.1).
func (a *Author) governs(records []found) *found {
	var suffix *found
	for i, f := range records {
		switch {
		case !f.ok:
		case f.domain == a.domain || f.domain == a.org:
			return &records[i]
		case f.record.Suffix == "y":
			suffix = &records[i]
		}
	}
	return suffix
}

// wanted is what the record wants for messages of the author's domain.
func (a *Author) wanted(ctx context.Context, dns *lookup.Asker) (Policy, error) {
	r := a.governing.record
	if a.governing.domain == a.domain {
		return r.Policy, nil
	}
	if r.NonExistent == r.Subdomains {
		return r.Subdomains, nil
	}
	there, err := exists(ctx, dns, a.domain)
	if err != nil || there {
		return r.Subdomains, err
	}
	return r.NonExistent, nil
}

// exists reports whether a name has mail exchangers or addresses (RFC 9989, section 3.2.13).
func exists(ctx context.Context, dns *lookup.Asker, name string) (bool, error) {
	hosts, err := dns.MX(ctx, name)
	if err != nil || len(hosts) > 0 {
		return true, err
	}
	for _, like := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		addrs, err := dns.Addrs(ctx, name, like)
		if err != nil || len(addrs) > 0 {
			return true, err
		}
	}
	return false, nil
}

// aligned reports whether an identifier is of the author's domain, or in relaxed mode of the same
// organisation (RFC 9989, section 4.4).
func (a *Author) aligned(ctx context.Context, dns *lookup.Asker, id Identifier) (bool, error) {
	r := a.governing.record
	strict := id.Method == SPF && r.StrictSPF || id.Method == DKIM && r.StrictDKIM
	if id.Domain == a.domain || strict {
		return id.Domain == a.domain, nil
	}
	if id.Domain != a.org && !strings.HasSuffix(id.Domain, "."+a.org) {
		return false, nil
	}
	records, err := walk(ctx, dns, id.Domain)
	if err != nil {
		return false, err
	}
	return organisational(id.Domain, records) == a.org, nil
}
