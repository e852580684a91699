package dmarc

import (
	"context"
	"strings"

	"golang.org/x/net/publicsuffix"

	"cairn/smtpgw/authres/lookup"
)

// maxQueries bounds a tree walk (RFC 9989, section 4.10).
const maxQueries = 8

// found is a record that a walk met.
type found struct {
	domain string
	record Record
	ok     bool // it has a policy
}

// walk collects the records of domain and of those above it, the longest name first.
func walk(ctx context.Context, dns *lookup.Asker, domain string) ([]found, error) {
	var all []found
	for _, name := range targets(domain) {
		f, err := recordAt(ctx, dns, name)
		if err != nil {
			return nil, err
		}
		if f == nil {
			continue
		}
		all = append(all, *f)
		if f.record.Suffix != "u" {
			break
		}
	}
	return all, nil
}

// targets are the names whose records a walk asks for: of a name with many labels itself, and then
// the last seven and fewer.
func targets(domain string) []string {
	names := []string{domain}
	labels := strings.Split(domain, ".")
	for n := min(len(labels)-1, maxQueries-1); n > 0; n-- {
		names = append(names, strings.Join(labels[len(labels)-n:], "."))
	}
	return names
}

// recordAt is the one record of a name; nil if there is none, or several (RFC 9989, section 4.10).
func recordAt(ctx context.Context, dns *lookup.Asker, name string) (*found, error) {
	texts, err := dns.TXT(ctx, "_dmarc."+name)
	if err != nil {
		return nil, err
	}
	var one *found
	for _, txt := range texts {
		if !isRecord(txt) {
			continue
		}
		if one != nil {
			return nil, nil
		}
		one = &found{domain: name}
		one.record, one.ok = Parse(txt)
	}
	return one, nil
}

// organisational picks the organisational domain of domain from the records of its walk (RFC 9989,
// section 4.10.2).
func organisational(domain string, records []found) string {
	org, least := domain, Registered(domain)
	for _, f := range records {
		switch {
		case f.record.Suffix == "n":
			return f.domain
		case f.record.Suffix == "y" && f.domain != domain:
			return below(f.domain, domain)
		case len(f.domain) < len(least):
			return least
		}
		org = f.domain
	}
	return org
}

// Registered is the shortest name that domain is or is below which somebody has for himself, by the
// list of public suffixes.
func Registered(domain string) string {
	name, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain // a suffix
	}
	return name
}

// below is the name one label longer than suffix that domain is or is below.
func below(suffix, domain string) string {
	rest := strings.TrimSuffix(domain, "."+suffix)
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + suffix
}

// MayAlign reports whether somebody could find that two domains, canonical, are of one organisation
// (relaxed alignment, RFC 9989, section 4.4): they are the same, one is below the other, or both
// are below a name that is no suffix of a registry's. It asks no DNS: what others find there, or in
// another list of suffixes, is not known here, so more pairs may align than do.
func MayAlign(a, b string) bool {
	if a == b {
		return true
	}
	common := ""
	for i, j := len(a), len(b); ; {
		x, y := strings.LastIndexByte(a[:i], '.'), strings.LastIndexByte(b[:j], '.')
		if a[x+1:i] != b[y+1:j] {
			break
		}
		if common = a[x+1:]; x < 0 || y < 0 {
			break
		}
		i, j = x, y
	}
	if !strings.Contains(common, ".") {
		return common == a || common == b
	}
	suffix, registry := publicsuffix.PublicSuffix(common)
	return suffix != common || !registry
}
