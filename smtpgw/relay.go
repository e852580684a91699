package smtpgw

import (
	"fmt"
	"slices"
	"strings"
)

// AnyAddress in Config.RelayFrom allows all addresses.
const AnyAddress = "*"

// CanonicalRelay returns an entry of Config.RelayFrom in the form in which it is compared: an
// address, "@domain" for all addresses of a domain, or AnyAddress.
func CanonicalRelay(s string) (string, error) {
	if s == AnyAddress {
		return s, nil
	}
	if strings.Contains(s, "*") {
		return "", fmt.Errorf("%q has a *: write @domain for all addresses of a domain", s)
	}
	given, local := s, strings.HasPrefix(s, "@")
	if local {
		s = "any" + s
	}
	m, err := parseMailbox(s, true)
	if err != nil {
		return "", fmt.Errorf("%q is neither a mail address nor @domain", given)
	}
	if local {
		return "@" + m.domain, nil
	}
	return m.key(), nil
}

// relay is the list of Config.RelayFrom in canonical form.
type relay []string

func newRelay(list []string) relay {
	var r relay
	for _, s := range list {
		if c, err := CanonicalRelay(s); err == nil {
			r = append(r, c)
		}
	}
	return r
}

// allows reports whether the administrator lets programs send as m.
func (r relay) allows(m mailbox) bool {
	return slices.Contains(r, AnyAddress) || slices.Contains(r, m.key()) || slices.Contains(r, "@"+m.domain)
}
