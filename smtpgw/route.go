package smtpgw

import (
	"context"
	"errors"
	"net"
)

// ErrNoRoute says that nobody serves a domain, now or later: its mail is
// returned to the sender at once. The sender reads the text of an error that
// wraps it.
var ErrNoRoute = errors.New("no node of the network serves this domain")

// Dialer opens a connection to an SMTP server of domain.
type Dialer func(ctx context.Context, domain string) (net.Conn, error)

// Route is where the mail for a domain goes: to local accounts, or over the
// connection that Dial opens.
type Route struct {
	Local bool
	Dial  Dialer // not nil unless Local
}

// Router finds routes. Route returns ErrNoRoute (possibly wrapped) when nobody
// serves the domain; any other error means "try later". It may be called from
// many goroutines.
type Router interface {
	Route(ctx context.Context, domain string) (Route, error)
}
