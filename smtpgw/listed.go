package smtpgw

import (
	"context"

	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/dnsbl"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/screen"
)

// blocklists are the lists of addresses that have the client of a wire. They are asked once in a
// session, by its first recipient: who names none is no bother. Members and whoever is never
// limited are on none.
func (s *session) blocklists() []dnsbl.List {
	w, cfg := s.wire, &s.srv.cfg
	if w.listed != nil {
		return *w.listed
	}
	var list []dnsbl.List
	p := w.peer
	if cfg.Blocklists != nil && s.srv.mode == Inbound && !p.member && p.addr.IsValid() && !cfg.Throttle.exempts(p.addr) {
		list = cfg.Blocklists(s.srv.ctx, p.addr.Unmap().WithZone(""))
	}
	w.listed = &list
	return list
}

// refusedByList is the refusal of who is on a list whose word is taken for that. The postmaster and
// who deals with abuse can be written to all the same: a list may be wrong.
func (s *session) refusedByList(m address.Mailbox) error {
	if m.IsPostmaster() || m.IsAbuse() {
		return nil
	}
	for _, l := range s.blocklists() {
		if l.Refuse {
			return refuse.With(554, 5, 7, 1, "%s is on the list %s, whose operators say why and how it comes off; or write to postmaster", s.wire.peer.addr.Unmap().WithZone(""), l.Zone)
		}
	}
	return nil
}

// zones are the lists that have the client, for what is known of an arrival.
func (s *session) zones() (zones []string) {
	if s.wire.listed != nil {
		for _, l := range *s.wire.listed {
			zones = append(zones, l.Zone)
		}
	}
	return zones
}

// Listings gives the evidence of the lists of addresses that a client is on.
type Listings struct{}

// Gather implements Source.
func (Listings) Gather(_ context.Context, a *arrival.Arrival) (out []screen.Result, err error) {
	at := addressIn(&a.Peer)
	if !at.IsValid() || len(a.Peer.Listed) == 0 {
		return nil, nil
	}
	for _, zone := range a.Peer.Listed {
		out = append(out, screen.Result{
			Method: screen.MethodListed, Result: screen.Fail, About: at.Unmap().WithZone("").String(), Property: "policy.iprev", Reason: "it is on the list " + zone,
		})
	}
	return out, nil
}
