package client

import (
	"context"
	"errors"
	"net"
	"time"

	"cairn/consensus/record"
)

// ErrNoRoute says that nobody serves a domain, now or later: its mail is
// returned to the sender at once. The sender reads the text of an error that
// wraps it.
var ErrNoRoute = errors.New("no node of the network serves this domain")

// ErrStays says that mail goes on waiting for the node that it is for.
var ErrStays = errors.New("it waits for a node")

// Reason is an error in words for a sender and an administrator: they may stand in replies, reports
// and the queue. Of what any other error says only the log tells.
type Reason string

func (r Reason) Error() string { return string(r) }

// Dialer opens a connection to an SMTP server of domain.
type Dialer func(ctx context.Context, domain string) (net.Conn, error)

// Route is where the mail for a domain goes: to local accounts, over the connection to a node that
// Dial opens, or to the first of Hosts that a session can be had with.
type Route struct {
	Local bool
	// To names who is connected to: what goes to another one never goes over a
	// session that was opened for this one.
	To   string
	Dial Dialer
	// Peer names whose node that is, for as long as it may be asked with Had what became of a
	// record there, for each recipient; nil: it cannot be asked.
	Peer  string
	Had   func(ctx context.Context, d record.Delivery) []record.Had
	Hosts []Host
	// Lacking is why servers are not among Hosts that may be another time; nil: none is lacking.
	Lacking error
	// Smarthost says that Hosts are no servers of the domain, and take its mail to hand it on.
	Smarthost bool
	// Beside says that Dial leads to a mail server of the organisation that is no node: what
	// arrives for it is judged here.
	Beside bool
	// Outside is the way that mail takes which has been tried for so long while nobody could be
	// connected to; ErrStays: none yet, or never. nil: never.
	Outside func(ctx context.Context, tried time.Duration) (Route, error)

	keeps    bool // what the servers cannot take as it is waits for another way
	unproved bool // for mail with REQUIRETLS: none of the servers there are has to prove who it is
}

// Whom is who takes the mail, for people.
func (r *Route) Whom(domain string) string {
	switch {
	case len(r.Hosts) > 0 && r.Smarthost:
		return "the smarthost for " + domain
	case len(r.Hosts) > 0:
		return "a mail server of " + domain
	case r.Beside:
		return ByMailServer
	}
	return "a node of " + domain
}

// Who of the organisation has replied, for people.
const (
	ByAnotherNode = "another node of the organisation"
	ByMailServer  = "the mail server beside this node"
)

// Holder is who has the mailboxes that a route leads to which a Siblings gave, for people.
func (r *Route) Holder() string {
	if r.Beside {
		return ByMailServer
	}
	return ByAnotherNode
}

// Keeping is the route on which what the servers cannot take as it is waits for another way.
func (r Route) Keeping() Route {
	r.keeps = true
	return r
}
