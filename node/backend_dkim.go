package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"cairn/node/api"
	"cairn/smtpgw/dkim/keyring"
)

// DKIM lists the keys of a domain, or of all, after a look at the DNS.
func (n *Node) DKIM(ctx context.Context, name string) (*api.DKIMKeys, error) {
	domain := ""
	if name != "" {
		var err error
		if domain, err = mailDomain(name); err != nil {
			return nil, err
		}
	}
	if err := n.lookAtDKIM(ctx); err != nil {
		return nil, err
	}
	list := n.viewDKIM(domain)
	if domain != "" && len(list.Keys) == 0 {
		why := ": it is no domain of this organisation"
		if slices.Contains(list.Without, domain) {
			why = ": " + list.Why
		}
		return nil, api.Errorf(api.CodeNotFound, "cairn dkim ls", "there are no DKIM keys for %s%s", domain, why)
	}
	return list, nil
}

// RotateDKIM makes new keys for a domain.
func (n *Node) RotateDKIM(_ context.Context, name string) (*api.DKIMKeys, error) {
	return n.newDKIM(name, keyring.Ring.Rotate)
}

// ReplaceDKIM makes new keys for a domain whose keys were stolen.
func (n *Node) ReplaceDKIM(_ context.Context, name string) (*api.DKIMKeys, error) {
	return n.newDKIM(name, keyring.Ring.Replace)
}

func (n *Node) newDKIM(name string, another func(keyring.Ring, string, time.Time, keyring.Draw) (keyring.Ring, error)) (*api.DKIMKeys, error) {
	domain, err := mailDomain(name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(n.dkimDomains(), domain) {
		return nil, api.Errorf(api.CodeNotAllowed, "cairn dkim ls", "making DKIM keys for %s: no mail is signed in its name here", domain)
	}
	switch err = n.rotateDKIM(domain, another); {
	case errors.Is(err, keyring.ErrWaiting):
		return nil, api.Errorf(api.CodeExists, "publish its record: cairn dkim show", "making DKIM keys for %s: %v", domain, err)
	case errors.Is(err, keyring.ErrFormer):
		return nil, api.Errorf(api.CodeNotAllowed, "remove those that are past their time: cairn dkim ls", "making DKIM keys for %s: %v", domain, err)
	case err != nil:
		return nil, err
	}
	return n.viewDKIM(domain), nil
}

// viewDKIM shows the keys of a domain, or with "" of all, as they were last seen.
func (n *Node) viewDKIM(domain string) *api.DKIMKeys {
	list := &api.DKIMKeys{Keys: viewDKIMKeys(n.dkim.ring.Load(), *n.dkim.faults.Load(), domain, n.now())}
	n.viewWithout(list)
	return list
}

// viewDKIMKeys shows the keys of a domain in a ring, or with "" all, and what is wrong with their
// records.
func viewDKIMKeys(ring *keyring.Ring, faults map[string]string, domain string, now time.Time) []api.DKIMKey {
	list := []api.DKIMKey{}
	for _, k := range ring.Sorted() {
		if domain != "" && k.Domain != domain {
			continue
		}
		v := api.DKIMKey{
			Domain: k.Domain, Selector: k.Selector, Algorithm: string(k.Algorithm()), State: string(k.State(now)), Signs: signs(ring, &k),
			Name: k.Name(), Record: k.Record(), Strings: keyring.Strings(k.Record()), Fault: faults[k.Name()],
			Made: k.Made, Seen: k.Seen, Retired: k.Retired,
		}
		if !k.Retired.IsZero() {
			v.Until = k.Retired.Add(keyring.Keep)
		}
		list = append(list, v)
	}
	return list
}

// viewWithout says which of our domains have no keys.
func (n *Node) viewWithout(list *api.DKIMKeys) {
	have := n.dkimDomains()
	for _, d := range n.homeFirst() {
		if !slices.Contains(have, d) {
			list.Without = append(list.Without, d)
		}
	}
	switch {
	case len(list.Without) == 0:
	case n.outside == nil:
		list.Why = "no mail leaves for servers that are no nodes, as outbound.via says"
	default:
		list.Why = "such names are kept out of the DNS (RFC 6761)"
	}
}
