package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/client"
)

// transport is how mail for an organisation goes: when, and while none of its nodes answers.
type transport struct {
	Version int    `json:"version"`
	Policy  string `json:"policy"`         // api.PreferPeer or api.PeerOnly
	MXAfter int64  `json:"mx_after"`       // seconds
	Hold    string `json:"hold,omitempty"` // api.HoldUntilIncluded; empty: it is not held
}

const transportVersion = 1

// Of the time after which mail for nodes that do not answer goes to mail servers.
const (
	mxAfterDefault = 2 * time.Hour // before its sender is told that it waits
	mxAfterLeast   = time.Second
	mxAfterMost    = 96 * time.Hour // it is kept for five days
)

func transportKey(org consensus.Hash) []byte { return under(transportPrefix, org) }

// transportOf reads how mail for an organisation goes; set is false where nobody has said so. What
// cannot be read keeps mail inside, and here until its record is in a block.
func transportOf(rd *mailstore.Reader, org consensus.Hash) (tr transport, set bool, err error) {
	set, err = rd.Space(orgSpace).JSON(transportKey(org), &tr)
	switch {
	case errors.Is(err, mailstore.ErrDamaged), err == nil && set && tr.Version != transportVersion:
		return transport{Version: transportVersion, Policy: api.PeerOnly, Hold: api.HoldUntilIncluded}, true, nil
	case err == nil && !set:
		tr = transport{Version: transportVersion, Policy: api.PreferPeer, MXAfter: int64(mxAfterDefault / time.Second)}
	}
	return tr, set, err
}

// heldUntilIncluded reports whether all mail to a domain is held until its record is in a block.
func (n *Node) heldUntilIncluded(rd *mailstore.Reader, domain string) (bool, error) {
	for _, org := range n.chain.State().OrgsByDomain(domain) {
		tr, _, err := transportOf(rd, org.ID)
		if err != nil || tr.Hold == api.HoldUntilIncluded {
			return err == nil, err
		}
	}
	return false, nil
}

// staysInside reports whether mail for a domain of an organisation goes to its nodes alone,
// whatever was said of the organisation: what a pin says is not left to the DNS.
func (n *Node) staysInside(domain string) bool {
	_, pinned := n.trust.PinOf(domain)
	return pinned || !n.outside.takes(domain)
}

// fallBack is the way to the mail servers of a domain of org, for mail that was tried for so long
// while none of its nodes answered.
func (n *Node) fallBack(ctx context.Context, org *consensus.Org, from, domain string, anyTLS bool, tried time.Duration) (client.Route, error) {
	if n.staysInside(domain) {
		return client.Route{}, client.ErrStays
	}
	var tr transport
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		tr, _, err = transportOf(rd, org.ID)
		return err
	})
	if err != nil {
		return client.Route{}, fmt.Errorf("look up how mail for %q goes: %w", org.Name, err)
	}
	if tr.Policy != api.PreferPeer || tried < time.Duration(tr.MXAfter)*time.Second {
		return client.Route{}, client.ErrStays
	}
	return n.outside.Route(ctx, from, domain, anyTLS)
}

// Transport says how mail for an organisation goes, and sets it where the request does.
func (n *Node) Transport(ctx context.Context, r api.TransportRequest) (*api.Transport, error) {
	after := time.Duration(r.MXAfter) * time.Second
	switch {
	case r.Policy != "" && r.Policy != api.PreferPeer && r.Policy != api.PeerOnly:
		return nil, api.Errorf(api.CodeInvalid, "cairn org transport --help", "how mail goes: %q is no policy; there are %s and %s", r.Policy, api.PreferPeer, api.PeerOnly)
	case r.MXAfter != 0 && (r.MXAfter < 0 || r.MXAfter > int64(mxAfterMost/time.Second) || after < mxAfterLeast):
		return nil, api.Errorf(api.CodeInvalid, "cairn org transport --help", "how mail goes: it may go to mail servers after %s to %s", mxAfterLeast, mxAfterMost)
	case r.Hold != "" && r.Hold != api.HoldUntilIncluded && r.Hold != api.HoldNone:
		return nil, api.Errorf(api.CodeInvalid, "cairn org transport --help", "how mail goes: %q is no way to hold it; there are %s and %s", r.Hold, api.HoldUntilIncluded, api.HoldNone)
	case r.Org == "":
		return nil, api.Errorf(api.CodeUsage, "cairn org transport --help", "how mail goes: name an organisation")
	}
	org, err := n.oneOrg(n.chain.State(), r.Org)
	if err != nil {
		return nil, err
	}
	v := &api.Transport{Org: org.Name, ID: org.ID.String()}
	show := func(rd *mailstore.Reader) error {
		tr, set, err := transportOf(rd, org.ID)
		v.Policy, v.MXAfter, v.Hold, v.Set = tr.Policy, tr.MXAfter, cmp.Or(tr.Hold, api.HoldNone), set
		return err
	}
	if r.Policy == "" && r.MXAfter == 0 && r.Hold == "" {
		err = n.store.View(show)
	} else {
		err = n.store.Update(ctx, func(tx *mailstore.Tx) error {
			tr, _, err := transportOf(&tx.Reader, org.ID)
			if err != nil {
				return err
			}
			return errors.Join(tx.Space(orgSpace).PutJSON(transportKey(org.ID), tr.with(r)), show(&tx.Reader))
		})
	}
	if err != nil {
		return nil, fmt.Errorf("how mail for %q goes: %w", org.Name, err)
	}
	for _, domain := range org.Domains {
		if v.Policy == api.PreferPeer && n.staysInside(domain) {
			v.Inside = append(v.Inside, domain)
		}
	}
	return v, nil
}

// with is tr as a request changes it. A time alone means that mail servers may have it.
func (tr transport) with(r api.TransportRequest) transport {
	if r.MXAfter != 0 {
		tr.Policy, tr.MXAfter = api.PreferPeer, r.MXAfter
	}
	if r.Policy != "" {
		tr.Policy = r.Policy
	}
	if r.Hold != "" {
		tr.Hold = strings.TrimPrefix(r.Hold, api.HoldNone)
	}
	if tr.Policy == api.PeerOnly {
		tr.MXAfter = 0
	} else if tr.MXAfter == 0 {
		tr.MXAfter = int64(mxAfterDefault / time.Second)
	}
	return tr
}
