package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/smtpgw/client"
	"cairn/smtpgw/lists"
)

// siblings are the other nodes of this node's organisation as the gateway sees them. Which accounts
// a node has is on no chain: the node is asked.
type siblings struct {
	*Node
	asking chan struct{} // bounds the questions under way: fewer than a node answers at once

	mu    sync.Mutex
	known map[string]held // by address
}

// held is where an account is, as the other nodes said.
type held struct {
	node  consensus.Key // zero: with none of them
	until time.Time
}

const (
	// siblingPatience is how long a peer that names a recipient waits for the answers of other
	// nodes.
	siblingPatience = 5 * time.Second
	siblingsAsked   = 32
	// Answers are kept so long, so that whoever names recipients at random does not fill the way to
	// the other nodes; that there is no such account, for a moment.
	heldFor, notHeldFor = time.Minute, 5 * time.Second
	heldMost            = 8192
)

func newSiblings(n *Node) *siblings {
	return &siblings{Node: n, asking: make(chan struct{}, siblingsAsked), known: make(map[string]held)}
}

// recall is what was said lately.
func (s *siblings) recall(address string) (h held, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok = s.known[address]
	return h, ok && time.Now().Before(h.until) && (h.node.IsZero() || slices.Contains(s.keys(), h.node))
}

func (s *siblings) note(address string, node consensus.Key) {
	lasting := heldFor
	if node.IsZero() {
		lasting = notHeldFor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= heldMost {
		clear(s.known)
	}
	s.known[address] = held{node, time.Now().Add(lasting)}
}

func (s *siblings) keys() []consensus.Key { return s.chain.State().NodesBeside(s.id.NodeKey()) }

func (s *siblings) Sibling(node consensus.Key) bool {
	return slices.Contains(s.chain.State().NodesBeside(node), s.id.NodeKey())
}

// Holder asks all of them at once. Only when each has said that it has no such account nobody has
// it.
func (s *siblings) Holder(ctx context.Context, address string) (client.Route, error) {
	keys := s.keys()
	switch why := s.unsureOwn(); {
	case why != "":
		return client.Route{}, fmt.Errorf("ask the other nodes of the organisation for %s: which these are is not known: %s", address, why)
	case len(keys) == 0:
		return client.Route{}, client.ErrNoRoute
	}
	if h, ok := s.recall(address); ok && h.node.IsZero() {
		return client.Route{}, client.ErrNoRoute
	} else if ok {
		return s.routeToNode(h.node), nil
	}
	ctx, cancel := context.WithTimeout(ctx, siblingPatience)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return client.Route{}, fmt.Errorf("ask the other nodes of the organisation for %s: too many questions are under way", address)
	}
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
			s.note(address, a.node)
			return s.routeToNode(a.node), nil
		case a.err != nil:
			errs = append(errs, a.err)
		}
	}
	if len(errs) > 0 {
		return client.Route{}, fmt.Errorf("ask the other nodes of the organisation for %s: %w", address, errors.Join(errs...))
	}
	s.note(address, consensus.Key{})
	return client.Route{}, client.ErrNoRoute
}

func (s *siblings) routeToNode(node consensus.Key) client.Route {
	return client.Route{To: node.String(), Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		return s.host.DialSMTP(ctx, node)
	}}
}

// hasAccount answers that question of another node, also of the mailboxes of a mail server beside
// this one. It is narrower than what the gateway delivers here: a postmaster without an account of
// its own is each node's own.
func (n *Node) hasAccount(address string) (has bool, err error) {
	if why := n.copies.silent(); why != "" {
		return false, errors.New(why)
	}
	if _, err := mailstore.CanonicalAddress(address); err != nil {
		return false, nil // no account can have it
	}
	err = n.store.View(func(r *mailstore.Reader) error {
		_, err := lists.AccountFor(r, address)
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil
		}
		has = err == nil
		return err
	})
	if has || err != nil || n.beside == nil {
		return has, err
	}
	return n.beside.has(context.Background(), address) // it has a time limit of its own
}
