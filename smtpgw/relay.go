package smtpgw

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"cairn/smtpgw/address"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/refuse"
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
	m, err := address.Parse(s, true)
	if err != nil {
		return "", fmt.Errorf("%q is neither a mail address nor @domain", given)
	}
	if local {
		return "@" + m.Domain, nil
	}
	return m.Key(), nil
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
func (r relay) allows(m address.Mailbox) bool {
	return slices.Contains(r, AnyAddress) || slices.Contains(r, m.Key()) || slices.Contains(r, "@"+m.Domain)
}

// relays reports whether a connection comes from a network that relays here without a password.
func (c *Config) relays(conn net.Conn) bool {
	a := addressOf(conn).Unmap().WithZone("")
	return slices.ContainsFunc(c.RelayNetworks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// notRelayed is the refusal of who relays as somebody who is not ours.
func notRelayed(d directory.Directory, where string, m address.Mailbox) error {
	if why := d.Unsure(); why != "" {
		return d.NotServed(m)
	}
	return refuse.With(550, 5, 7, 1, "%s <%s> is at no domain of this organisation; who relays here without a password sends as "+
		"those alone, or as the administrator allows with relay_from", where, address.Shown(m.String()))
}

// mayRelay reports whether m may be named as who sends, by a mail server of ours that knows its own
// accounts: any address of our domains, and what the administrator allows.
func mayRelay(d directory.Directory, m address.Mailbox, relayed relay) bool {
	return d.IsLocal(m.Domain) || relayed.allows(m)
}
