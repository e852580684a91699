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

// Check holds the identifiers of a message to author, the one domain of its From field, canonical.
func Check(ctx context.Context, dns *lookup.Asker, author string, ids []Identifier) Outcome {
	c := checking{ctx: ctx, dns: dns, author: author}
	records, err := walk(ctx, dns, author)
	if err != nil {
		return failed(err)
	}
	c.org = organisational(author, records)
	policy := c.governing(records)
	if policy == nil {
		return Outcome{Result: None, Reason: author + " has no DMARC policy"}
	}
	o := Outcome{Result: Fail, Testing: policy.record.Testing, Reason: "neither a signature nor the sending server is of " + author}
	for _, id := range ids {
		aligned, err := c.aligned(id, policy.record)
		switch {
		case err != nil && !errors.Is(err, lookup.ErrTemporary):
		case err != nil || aligned && id.Unknown:
			o.Result, o.Reason = TempError, "whether "+string(id.Method)+" passes for "+id.Domain+" is not known: the DNS does not answer"
		case aligned:
			return Outcome{Result: Pass, Policy: policy.record.Policy, Testing: o.Testing, By: id}
		}
	}
	if o.Policy, err = c.policy(policy); err != nil {
		return failed(err)
	}
	return o
}

func failed(err error) Outcome {
	if errors.Is(err, lookup.ErrTemporary) {
		return Outcome{Result: TempError, Reason: err.Error()}
	}
	return Outcome{Result: PermError, Reason: err.Error()}
}

// checking is one check under way.
type checking struct {
	ctx         context.Context
	dns         *lookup.Asker
	author, org string
}

// governing is the record whose policy counts: of the author's domain, else of the organisational
// one, else of the suffix above (RFC 9989, section 4.10.1).
func (c *checking) governing(records []found) *found {
	var suffix *found
	for i, f := range records {
		switch {
		case !f.ok:
		case f.domain == c.author || f.domain == c.org:
			return &records[i]
		case f.record.Suffix == "y":
			suffix = &records[i]
		}
	}
	return suffix
}

// policy is what a record wants for messages of the author's domain.
func (c *checking) policy(f *found) (Policy, error) {
	r := f.record
	if f.domain == c.author {
		return r.Policy, nil
	}
	if r.NonExistent == r.Subdomains {
		return r.Subdomains, nil
	}
	exists, err := c.exists(c.author)
	if err != nil || exists {
		return r.Subdomains, err
	}
	return r.NonExistent, nil
}

// exists reports whether a name has mail exchangers or addresses (RFC 9989, section 3.2.13).
func (c *checking) exists(name string) (bool, error) {
	hosts, err := c.dns.MX(c.ctx, name)
	if err != nil || len(hosts) > 0 {
		return true, err
	}
	for _, like := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		addrs, err := c.dns.Addrs(c.ctx, name, like)
		if err != nil || len(addrs) > 0 {
			return true, err
		}
	}
	return false, nil
}

// aligned reports whether an identifier is of the author's domain, or in relaxed mode of the same
// organisation (RFC 9989, section 4.4).
func (c *checking) aligned(id Identifier, r Record) (bool, error) {
	strict := id.Method == SPF && r.StrictSPF || id.Method == DKIM && r.StrictDKIM
	if id.Domain == c.author || strict {
		return id.Domain == c.author, nil
	}
	if id.Domain != c.org && !strings.HasSuffix(id.Domain, "."+c.org) {
		return false, nil
	}
	records, err := walk(c.ctx, c.dns, id.Domain)
	if err != nil {
		return false, err
	}
	return organisational(id.Domain, records) == c.org, nil
}
