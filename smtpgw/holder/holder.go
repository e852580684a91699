// Package holder finds out who of the organisation has the mailbox of a local address: this node,
// another one, or a mail server beside it. Who serves asks, and who carries.
package holder

import (
	"context"
	"errors"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/client"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/refuse"
)

// Siblings are the other nodes of this node's organisation. Each has accounts of its own under the
// organisation's domains; a node that is given mail for another's account hands it on.
type Siblings interface {
	// Holder returns the route to the node that has the account of a local address; ErrNoRoute when
	// none has. Any other error means that it is not known now. It may be called from many
	// goroutines.
	Holder(ctx context.Context, address string) (client.Route, error)
	// Sibling reports whether a node key is another node's of the organisation.
	Sibling(node consensus.Key) bool
}

// Holders are those beside this node that have mailboxes of local addresses. The zero value has
// none.
type Holders struct {
	Siblings Siblings // the other nodes of the organisation; nil: there are none
	// Beside returns the route to a mail server beside this node that has the mailbox of a local
	// address, with errors as of Siblings.Holder; nil: there is no such server.
	Beside func(ctx context.Context, address string) (client.Route, error)
}

// Any reports whether there are some.
func (h *Holders) Any() bool { return h.Siblings != nil || h.Beside != nil }

// elsewhere asks the other nodes, and then the mail server beside this one, where there are some. A
// sibling has looked itself, and that server is no other node's.
func (h *Holders) elsewhere(ctx context.Context, m address.Mailbox, sibling bool) (client.Route, error) {
	if h.Siblings != nil && !sibling {
		route, err := h.Siblings.Holder(ctx, m.String())
		if !errors.Is(err, client.ErrNoRoute) {
			return route, err
		}
	}
	if h.Beside == nil {
		return client.Route{}, client.ErrNoRoute
	}
	return h.Beside(ctx, m.String())
}

// IsSibling reports whether a node key is another node's of the organisation; nil is none.
func (h *Holders) IsSibling(node *consensus.Key) bool {
	return node != nil && h.Siblings != nil && h.Siblings.Sibling(*node)
}

// Of finds out who has the mailbox of a local address: this node (the Route is Local), another
// node of the organisation, the mail server beside this one, or nobody (the error is the refusal).
// from is the node that asks, nil for none: a sibling has looked itself.
func (h *Holders) Of(ctx context.Context, store *mailstore.Store, dir directory.Directory, m address.Mailbox, from *consensus.Key) (client.Route, error) {
	refusal := store.View(func(r *mailstore.Reader) error { return dir.CheckLocal(r, m) })
	if !directory.IsUnknown(refusal) {
		return client.Route{Local: true}, refusal
	}
	sibling := h.IsSibling(from)
	route, err := h.elsewhere(ctx, m, sibling)
	switch {
	case errors.Is(err, client.ErrNoRoute) && sibling:
		return client.Route{}, refuse.With(451, 4, 4, 6, "<%s> has no mailbox here, nor with the node of the organisation that sends it; try again later", address.Path(m.String()))
	case errors.Is(err, client.ErrNoRoute):
		if there, err := dir.StandsIn(store, m); there || err != nil {
			return client.Route{Local: true}, err
		}
		return client.Route{}, dir.Nobody(m)
	case err != nil:
		return client.Route{}, refuse.With(451, 4, 4, 1, "whether another machine here has <%s> is not known at present; try again later", address.Path(m.String()))
	}
	return route, nil
}
