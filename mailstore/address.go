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
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil || ascii == "" {
		return "", fmt.Errorf("mail address %q has no valid domain name", addr)
	}
	if len(ascii) > 255 { // RFC 5321, section 4.5.3.1.2
		return "", fmt.Errorf("mail address %q has a domain of %d bytes; the limit is 255", addr, len(ascii))
	}
	return strings.ToLower(local) + "@" + strings.ToLower(ascii), nil
}
