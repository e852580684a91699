package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw"
)

// siblings are the other nodes of this node's organisation as the gateway sees them. Which accounts a
// node has is on no chain: the node is asked.
type siblings struct{ *Node }

// siblingPatience is how long a peer that names a recipient waits for the answers of other nodes.
const siblingPatience = 5 * time.Second

func (s siblings) keys() []consensus.Key { return s.chain.State().NodesBeside(s.id.NodeKey()) }

func (s siblings) Sibling(node consensus.Key) bool { return slices.Contains(s.keys(), node) }

// Holder asks all of them at once. Only when each has said that it has no such account nobody has it.
func (s siblings) Holder(ctx context.Context, address string) (smtpgw.Route, error) {
	keys := s.keys()
	if len(keys) == 0 {
		return smtpgw.Route{}, smtpgw.ErrNoRoute
	}
	ctx, cancel := context.WithTimeout(ctx, siblingPatience)
	defer cancel()
	type answer struct {
		node consensus.Key
		has  bool
		err  error
	}
	answers := make(chan answer, len(keys))
	for _, key := range keys {
		go func() {
			has, err := s.host.HasAccount(ctx, key, address)
			answers <- answer{key, has, err}
		}()
	}
	var errs []error
	for range keys {
		switch a := <-answers; {
		case a.has:
			return s.routeToNode(a.node), nil
		case a.err != nil:
			errs = append(errs, a.err)
		}
	}
	if len(errs) > 0 {
		return smtpgw.Route{}, fmt.Errorf("ask the other nodes of the organisation for %s: %w", address, errors.Join(errs...))
	}
	return smtpgw.Route{}, smtpgw.ErrNoRoute
}

func (s siblings) routeToNode(node consensus.Key) smtpgw.Route {
	return smtpgw.Route{To: node.String(), Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		return s.host.DialSMTP(ctx, node)
	}}
}

// hasAccount answers that question of another node. Postmasters are each node's own.
func (n *Node) hasAccount(address string) (has bool, err error) {
	if _, err := mailstore.CanonicalAddress(address); err != nil {
		return false, nil // no account can have it
	}
	err = n.store.View(func(r *mailstore.Reader) error {
		_, err := r.AccountByAddress(address)
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil
		}
		has = err == nil
		return err
	})
	return has, err
}
