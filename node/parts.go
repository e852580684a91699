package node

import (
	"cairn/consensus/chain"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/node/p2p"
)

// A node's parts, for those who run several in one process and look on.

// Chain is the node's view of the chain.
func (n *Node) Chain() *chain.Manager { return n.chain }

// Store is the mail.
func (n *Node) Store() *mailstore.Store { return n.store }

// Queue is the outbound mail.
func (n *Node) Queue() *outbox.Queue { return n.queue }

// Host is the connection to the other nodes.
func (n *Node) Host() *p2p.Host { return n.host }

// Verifier judges arrivals.
func (n *Node) Verifier() *verifier.Verifier { return n.verifier }

// Identity holds the node's keys.
func (n *Node) Identity() *Identity { return n.id }

// Config is what the node was configured with.
func (n *Node) Config() *Config { return n.cfg }

// SubmissionAddr is where the submission listener is bound; "" without one.
func (n *Node) SubmissionAddr() string { return n.listening().Submission }

// SubmissionTLSAddr is where the one is bound that begins with TLS; "" without one.
func (n *Node) SubmissionTLSAddr() string { return n.listening().SubmissionTLS }

// InboundAddr is where the inbound listener is bound; "" without one.
func (n *Node) InboundAddr() string { return n.listening().Inbound }
