package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/consensus/verifier"
	"cairn/node/api"
	"cairn/node/membership"
)

// Claims tells who claims a domain and whom this node trusts for it. The DNS is
// asked now.
func (n *Node) Claims(ctx context.Context, name string) (*api.Claims, error) {
	domain, err := mailDomain(name)
	if err != nil {
		return nil, err
	}
	s := n.chain.State()
	speaker, _ := n.trust.SpeakerNow(ctx, s, domain)
	list := &api.Claims{Domain: domain}
	for _, org := range byAge(s.OrgsByDomain(domain)) {
		list.Claims = append(list.Claims, n.viewClaim(ctx, domain, org, org == speaker))
	}
	if p, ok := n.trust.PinOf(domain); ok {
		v := viewPin(s, p)
		list.Pin = &v
	}
	return list, nil
}

func (n *Node) viewClaim(ctx context.Context, domain string, org *consensus.Org, trusted bool) api.Claim {
	s := n.chain.State()
	key := keyOf(s, org)
	pin, ok := n.trust.PinOf(domain)
	return api.Claim{
		ID: org.ID.String(), Name: org.Name, Key: key.String(), Fingerprint: fingerprint.Of(key),
		Records: org.Records.String(), Height: org.Height, Since: n.blockTime(org.Height),
		Own: org.ID == n.ownID(), Pinned: ok && hasKey(s, org, pin.Key), Trusted: trusted,
		DNS: string(n.trust.DNS(ctx, s, domain, org)),
	}
}

// Pins lists the pins.
func (n *Node) Pins(context.Context) (*api.PinList, error) {
	s, list := n.chain.State(), &api.PinList{}
	for _, p := range n.trust.Pins() {
		list.Pins = append(list.Pins, viewPin(s, p))
	}
	return list, nil
}

func viewPin(s *consensus.State, p verifier.Pin) api.Pin {
	v := api.Pin{
		Domain: p.Domain, Key: p.Key.String(), Fingerprint: fingerprint.Of(p.Key),
		Source: string(p.Source), Since: p.Since, Unclaimed: true,
	}
	if org, member := s.OrgByKey(p.Key); member {
		v.Org, v.Unclaimed, v.Former = org.Name, !slices.Contains(org.Domains, p.Domain), keyOf(s, org) != p.Key
	}
	return v
}

// Trust pins a domain to an org key, looks again at the mail from it and hurries
// what waits for it.
func (n *Node) Trust(ctx context.Context, r api.TrustRequest) (*api.Pin, error) {
	domain, err := mailDomain(r.Domain)
	if err != nil {
		return nil, err
	}
	key, err := consensus.ParseKey(strings.ToLower(r.Key))
	if err != nil {
		return nil, api.Errorf(api.CodeInvalid, "cairn org trust "+domain, "%q is not an org key of 64 hex digits", r.Key)
	}
	s := n.chain.State()
	if own := n.ownAt(s); slices.Contains(own.Domains, domain) && !hasKey(s, own, key) {
		return nil, api.Errorf(api.CodeNotAllowed, "name a domain of another organisation", "trusting %s: %s is our own domain, and its mail comes here", key, domain)
	}
	old, pinned := n.trust.PinOf(domain)
	if !r.EvenSo && !(pinned && old.Key == key) {
		if err := doubt(s, domain, key); err != nil {
			return nil, err
		}
	}
	if org, ok := s.OrgByKey(key); ok && pinned && hasKey(s, org, old.Key) {
		r.Replace = true // by another key of the same organisation
	}
	pin := verifier.Pin{Domain: domain, Key: key, Source: verifier.SourceTrust, Since: n.now().UTC()}
	err = n.trust.Pin(ctx, pin, r.Replace)
	if errors.Is(err, verifier.ErrPinned) {
		return nil, n.pinnedElsewhere(domain, key, r.EvenSo)
	}
	if err != nil {
		return nil, err
	}
	if err := n.verifier.Retrust(ctx, domain); err != nil {
		return nil, err
	}
	if err := n.queue.RetryDomain(ctx, domain); err != nil {
		return nil, err
	}
	pin, _ = n.trust.PinOf(domain)
	v := viewPin(s, pin)
	return &v, nil
}

// doubt is why a domain should not be pinned to a key: it looks like a slip, or
// like the key of somebody else.
func doubt(s *consensus.State, domain string, key consensus.Key) error {
	org, member := s.OrgByKey(key)
	switch {
	case !member:
		return api.Errorf(api.CodeNotAllowed, "cairn org trust "+domain,
			"trusting %s for %s: no member of the network has enrolled this key; --even-so pins it before one does", key, domain)
	case !slices.Contains(org.Domains, domain):
		return api.Errorf(api.CodeNotAllowed, "cairn org trust "+domain,
			"trusting %s for %s: it is the key of %q, which does not claim this domain; --even-so pins it all the same", key, domain, org.Name)
	}
	return nil
}

// pinnedElsewhere is the refusal to pin to key a domain that is pinned to another
// one, with the command that replaces it.
func (n *Node) pinnedElsewhere(domain string, key consensus.Key, evenSo bool) error {
	next := "cairn org trust " + domain + " " + key.String() + " --replace"
	if evenSo {
		next += " --even-so"
	}
	old, _ := n.trust.PinOf(domain)
	v := viewPin(n.chain.State(), old)
	return api.Errorf(api.CodeExists, next, "trusting %q for %s: it is pinned to another key since %s (%s), with the fingerprint %q",
		fingerprint.Of(key), domain, v.Since.Format(time.DateOnly), v.Source, v.Fingerprint)
}

// Untrust takes a pin back, looks again at the mail from its domain and tells
// what trust is left.
func (n *Node) Untrust(ctx context.Context, name string) (*api.Untrusted, error) {
	domain, err := mailDomain(name)
	if err != nil {
		return nil, err
	}
	if slices.Contains(n.own().Domains, domain) {
		return nil, api.Errorf(api.CodeNotAllowed, "name a domain of another organisation", "taking trust back: %s is our own domain, and its mail comes here", domain)
	}
	pin, err := n.trust.Unpin(ctx, domain, n.now().UTC())
	if errors.Is(err, verifier.ErrNotPinned) {
		return nil, api.Errorf(api.CodeNotFound, "cairn org pins", "taking trust back: %s is pinned to no key", domain)
	}
	if err != nil {
		return nil, err
	}
	s := n.chain.State()
	speaker, a := n.trust.SpeakerNow(ctx, s, domain)
	if err := n.verifier.Retrust(ctx, domain); err != nil {
		return nil, err
	}
	v := &api.Untrusted{Pin: viewPin(s, pin), DNS: string(a)}
	if speaker != nil {
		c := n.viewClaim(ctx, domain, speaker, true)
		v.Trusted = &c
	}
	goes, _ := router{n}.whereTo(s, domain, a)
	v.Mail = mailGoes[goes]
	return v, nil
}

// mailGoes has api.Untrusted.Mail.
var mailGoes = map[whereTo]string{toMember: api.MailMember, waits: api.MailWaits, outside: api.MailOutside, returned: api.MailReturned}

// mailDomain is CanonicalDomain of what somebody has typed.
func mailDomain(name string) (string, error) {
	domain, err := membership.CanonicalDomain(name)
	if err != nil {
		return "", api.Errorf(api.CodeInvalid, "write a domain as in a mail address after the @", "%v", err)
	}
	return domain, nil
}
