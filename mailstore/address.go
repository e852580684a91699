package mailstore

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// CanonicalAddress returns addr in the form under which accounts are looked up: the domain as lower-case A-labels, the
// local part in lower case. RFC 5321, section 2.4, lets the receiving host decide about the case of its local parts; here
// it never tells mailboxes apart.
func CanonicalAddress(addr string) (string, error) {
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 {
		return "", fmt.Errorf("%q is not a mail address: write it as local@domain", addr)
	}
	local, domain := addr[:at], addr[at+1:]
	for _, r := range local {
		if r < 0x20 || r == 0x7f {
			return "", fmt.Errorf("mail address %q has a control character in its local part", addr)
		}
	}
	if len(local) > 64 { // RFC 5321, section 4.5.3.1.1
		return "", fmt.Errorf("mail address %q has a local part of %d bytes; the limit is 64", addr, len(local))
	}
	ascii, err := CanonicalDomain(domain)
	if err != nil {
		return "", fmt.Errorf("mail address %q: %w", addr, err)
	}
	return strings.ToLower(local) + "@" + ascii, nil
}

// CanonicalDomain returns a domain name in lower-case A-labels (RFC 5890) without a final dot.
func CanonicalDomain(domain string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name", domain)
	}
	ascii = strings.ToLower(strings.TrimSuffix(ascii, ".")) // only now: other full stops become dots in an A-label
	if len(ascii) > 253 {                                   // RFC 1035, section 2.3.4, without the final dot
		return "", fmt.Errorf("%q is not a domain name: %d bytes as A-labels; the limit is 253", domain, len(ascii))
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%q is not a domain name: labels have 1 to 63 bytes", domain)
		}
	}
	return ascii, nil
}
