package mailstore

import (
	"fmt"
	"strings"

	"cairn/mailstore/message/maildomain"
)

// CanonicalAddress returns addr in the form under which accounts are looked up: the domain as
// lower-case A-labels, the local part in lower case. RFC 5321, section 2.4, lets the receiving host
// decide about the case of its local parts; here it never tells mailboxes apart.
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

// CanonicalDomain returns the canonical form of a domain (see [maildomain.Canonical]), if it can be
// one of mail.
func CanonicalDomain(domain string) (string, error) {
	canonical := maildomain.Canonical(domain)
	if !maildomain.Valid(canonical) {
		return "", fmt.Errorf("%q is not a domain name: it has labels of 1 to 63 letters, digits and inner hyphens, at most %d octets in all",
			domain, maildomain.MaxLen)
	}
	return canonical, nil
}
