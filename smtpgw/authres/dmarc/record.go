package dmarc

import (
	"slices"
	"strings"
)

// Policy is what a domain wants done with messages that are not from it (RFC 9989, section 4.7).
type Policy string

// The policies.
const (
	PolicyNone Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

// Record is a DMARC policy record.
type Record struct {
	Policy      Policy // p
	Subdomains  Policy // sp, or else p
	NonExistent Policy // np, or else sp
	Suffix      string // psd: y, n, or u where nothing is said
	Testing     bool   // t=y
	StrictDKIM  bool   // adkim=s
	StrictSPF   bool   // aspf=s
}

// isRecord reports whether a TXT record is one of DMARC (RFC 9989, section 4.8).
func isRecord(txt string) bool {
	first, _, _ := strings.Cut(txt, ";")
	name, value, _ := strings.Cut(first, "=")
	return strings.Trim(name, " \t") == "v" && strings.Trim(value, " \t") == "DMARC1"
}

// Parse reads a policy record. Tags that are unknown or malformed do not count (RFC 9989, section
// 4.7); ok is false where no policy can be told.
func Parse(txt string) (r Record, ok bool) {
	if !isRecord(txt) {
		return Record{}, false
	}
	tags := tagsOf(txt)
	r = Record{
		Suffix: strings.ToLower(tags["psd"]), Testing: strings.EqualFold(tags["t"], "y"),
		StrictDKIM: strings.EqualFold(tags["adkim"], "s"), StrictSPF: strings.EqualFold(tags["aspf"], "s"),
	}
	if r.Suffix != "y" && r.Suffix != "n" {
		r.Suffix = "u"
	}
	return r, r.policies(tags)
}

// tagsOf are the tags of a record, the first one of each name.
func tagsOf(txt string) map[string]string {
	tags := make(map[string]string)
	for part := range strings.SplitSeq(txt, ";") {
		name, value, found := strings.Cut(part, "=")
		name = strings.ToLower(strings.Trim(name, " \t"))
		if _, twice := tags[name]; found && !twice {
			tags[name] = strings.Trim(value, " \t")
		}
	}
	return tags
}

// policies reads p, sp and np. A record that asks for reports alone has the policy none (RFC 9989,
// section 4.10.1).
func (r *Record) policies(tags map[string]string) bool {
	var sound [3]bool
	r.Policy, sound[0] = policyOf(tags, "p", "")
	r.Subdomains, sound[1] = policyOf(tags, "sp", r.Policy)
	r.NonExistent, sound[2] = policyOf(tags, "np", r.Subdomains)
	if !slices.Contains(sound[:], false) {
		return true
	}
	r.Policy, r.Subdomains, r.NonExistent = PolicyNone, PolicyNone, PolicyNone
	return slices.ContainsFunc(strings.Split(tags["rua"], ","), func(uri string) bool {
		scheme, rest, _ := strings.Cut(strings.Trim(uri, " \t"), ":")
		return strings.EqualFold(scheme, "mailto") && strings.Contains(rest, "@")
	})
}

func policyOf(tags map[string]string, name string, fallback Policy) (Policy, bool) {
	value, ok := tags[name]
	if !ok {
		return fallback, fallback != ""
	}
	p := Policy(strings.ToLower(value))
	return p, slices.Contains([]Policy{PolicyNone, Quarantine, Reject}, p)
}
