package consensus

import "strings"

func checkDomains(domains []string) error {
	if len(domains) == 0 || len(domains) > MaxDomains {
		return broken(RuleDomains, "%d domains, 1 to %d expected", len(domains), MaxDomains)
	}
	for i, d := range domains {
		if !ValidDomain(d) {
			return broken(RuleDomains, "domain %q: a host name in lower case (A-labels) expected", d)
		}
		if i > 0 && domains[i-1] >= d {
			return broken(RuleDomains, "domain %q after %q: ascending order without repetition expected", d, domains[i-1])
		}
	}
	return nil
}

// ValidDomain reports whether an enrol event may claim d: a host name of
// RFC 1123, section 2.1, in lower case and without a final dot, whose last
// label is not a number. Internationalised names come as A-labels (RFC 5890);
// whether an A-label decodes is no consensus rule.
func ValidDomain(d string) bool {
	if d == "" || len(d) > MaxDomainName {
		return false
	}
	letter := false // in the current label, at the end in the last
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		letter = false
		for _, c := range []byte(label) {
			switch {
			case c >= 'a' && c <= 'z' || c == '-':
				letter = true
			case c < '0' || c > '9':
				return false
			}
		}
	}
	return letter
}

// appendDomains appends a number u8 and so many domains.
func appendDomains(b []byte, domains []string) []byte {
	b = append(b, byte(len(domains)))
	for _, d := range domains {
		b = appendText(b, d)
	}
	return b
}

func (r *reader) domains() []string {
	n := r.count8(MaxDomains)
	if n == 0 {
		return nil
	}
	domains := make([]string, n)
	for i := range domains {
		domains[i] = r.text()
	}
	return domains
}

func domainsSize(domains []string) int {
	size := 1
	for _, d := range domains {
		size += 1 + len(d)
	}
	return size
}
