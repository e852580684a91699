package smtpgw

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/trace"
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

// holder asks the other nodes, and then the mail server beside this one, where there are some. A
// sibling has looked itself, and that server is no other node's.
func (c *Config) holder(ctx context.Context, m address.Mailbox, sibling bool) (client.Route, error) {
	if c.Siblings != nil && !sibling {
		route, err := c.Siblings.Holder(ctx, m.String())
		if !errors.Is(err, client.ErrNoRoute) {
			return route, err
		}
	}
	if c.Beside == nil {
		return client.Route{}, client.ErrNoRoute
	}
	return c.Beside(ctx, m.String())
}

func (c *Config) isSibling(node *consensus.Key) bool {
	return node != nil && c.Siblings != nil && c.Siblings.Sibling(*node)
}

// heldBy finds out who has the mailbox of a local address: this node (the Route is Local), another
// node of the organisation, the mail server beside this one, or nobody (the error is the refusal).
// A sibling that asks has looked itself.
func (c *Config) heldBy(ctx context.Context, store *mailstore.Store, dir directory.Directory, m address.Mailbox, from *consensus.Key) (client.Route, error) {
	refusal := store.View(func(r *mailstore.Reader) error { return dir.CheckLocal(r, m) })
	if !directory.IsUnknown(refusal) {
		return client.Route{Local: true}, refusal
	}
	sibling := c.isSibling(from)
	route, err := c.holder(ctx, m, sibling)
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

// handOver gives an arrival to the node that has the mailboxes of all its recipients. nil means
// that it has stored it for all of them; else it has for none, as far as it could say so.
func (s *Server) handOver(ctx context.Context, a *arrival.Arrival, route client.Route, ref string) error {
	began := time.Now()
	head, raw := append(courierField(a.Peer.Node), trace.Received(a.Peer, s.cfg.Hostname, ref, a.Recipients, a.Received)...), a.Raw
	if route.Beside {
		var err error
		head = nil
		if raw, err = s.delivery.judged(ctx, a, ref); err != nil || raw == nil {
			return err
		}
	}
	replies, err := client.SendOnce(ctx, &s.cfg.Sending.Waits, s.cfg.Hostname, route, client.Mail{
		From: a.From, To: a.Recipients, Head: head, Raw: raw, RequireTLS: a.RequireTLS, Whole: true,
	})
	if err != nil {
		return fmt.Errorf("hand an arrival to %s: %w", route.Holder(), err)
	}
	refused := slices.IndexFunc(replies, func(r reply.Reply) bool { return !r.OK() })
	switch {
	case refused < 0:
		s.handedOver(a, route, ref, began)
		return nil
	case slices.ContainsFunc(replies, func(r reply.Reply) bool { return !r.Permanent() }):
		return fmt.Errorf("hand an arrival to %s: %s", route.Holder(), replies[refused])
	}
	// It is what the peer sends that does not do: it is the first to know.
	return refuse.With(replies[refused].Code, 5, 6, 0, "another machine here does not take this message: %s", printableReply(replies[refused].Text))
}

// printableReply is the text of another node's reply, bounded.
func printableReply(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, text)
	return text[:min(len(text), 300)]
}

// courierName is the field by which a node tells another one of its organisation who brought it an
// arrival: the node key in hexadecimal digits, or none. It stands on top, and is believed of nobody
// else.
const courierName = "Cairn-Courier: "

func courierField(node *consensus.Key) []byte {
	who := "none"
	if node != nil {
		who = hex.EncodeToString(node[:])
	}
	return []byte(courierName + who + "\r\n")
}

// takeCourier takes that field off what a sibling brings. said is false where it is not there, to
// the letter: the sibling brings mail of its own.
func takeCourier(raw []byte) (rest []byte, node *consensus.Key, said bool) {
	const most = len(courierName) + 2*len(consensus.Key{}) + len("\r\n")
	line, _, ok := bytes.Cut(raw[:min(len(raw), most)], []byte("\r\n"))
	who, is := strings.CutPrefix(string(line), courierName)
	var key consensus.Key
	switch {
	case !ok || !is:
		return raw, nil, false
	case who != "none":
		b, err := hex.DecodeString(who)
		if err != nil || len(b) != len(key) || who != strings.ToLower(who) {
			return raw, nil, false
		}
		copy(key[:], b)
		node = &key
	}
	return raw[len(line)+len("\r\n"):], node, true
}
