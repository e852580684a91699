package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"sync"
	"time"

	"cairn/smtpgw/client"
)

// mailServer is a mail server of the organisation beside this node, which has mailboxes: whoever
// has no account here is asked for there.
type mailServer struct {
	address, hostname string
	asking            chan struct{} // bounds the questions under way

	mu    sync.Mutex
	known map[string]mailboxThere // by address
}

// mailboxThere is what the mail server said of an address.
type mailboxThere struct {
	has   bool
	until time.Time
}

// mailServerPatience is how long it has to say whether it has a mailbox.
const mailServerPatience = 10 * time.Second

// newMailServer returns nil where there is none.
func newMailServer(c *Config) *mailServer {
	if c.Milter.MailServer == "" {
		return nil
	}
	return &mailServer{address: c.Milter.MailServer, hostname: c.Hostname, asking: make(chan struct{}, siblingsAsked), known: make(map[string]mailboxThere)}
}

// route is the way to a mailbox that it has; client.ErrNoRoute if it has none, or there is no such
// server. Any other error: that is not known now.
func (s *mailServer) route(ctx context.Context, address string) (client.Route, error) {
	if s == nil {
		return client.Route{}, client.ErrNoRoute
	}
	has, err := s.has(ctx, address)
	switch {
	case err != nil:
		return client.Route{}, fmt.Errorf("ask the mail server at %s for %s: %w", s.address, address, err)
	case !has:
		return client.Route{}, client.ErrNoRoute
	}
	return client.Route{To: "mail server at " + s.address, Beside: true, Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.address)
	}}, nil
}

// has reports whether it takes mail for an address, as it said lately or says now.
func (s *mailServer) has(ctx context.Context, address string) (bool, error) {
	s.mu.Lock()
	known, ok := s.known[address]
	s.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.has, nil
	}
	ctx, cancel := context.WithTimeout(ctx, mailServerPatience)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return false, errors.New("too many questions are under way")
	}
	has, err := s.ask(ctx, address)
	if err != nil {
		return false, err
	}
	lasting := notHeldFor
	if has {
		lasting = heldFor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= heldMost {
		clear(s.known)
	}
	s.known[address] = mailboxThere{has, time.Now().Add(lasting)}
	return has, nil
}

// ask names the address as a recipient from the null sender, and sends nothing.
func (s *mailServer) ask(ctx context.Context, address string) (bool, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return false, err
	}
	defer nc.Close()
	if until, bounded := ctx.Deadline(); bounded {
		nc.SetDeadline(until)
	}
	c := textproto.NewConn(nc)
	if _, _, err := c.ReadResponse(220); err != nil {
		return false, err
	}
	if _, err := asked(c, "EHLO "+s.hostname); err != nil {
		return false, err
	}
	if _, err := asked(c, "MAIL FROM:<>"); err != nil {
		return false, err
	}
	code, err := asked(c, "RCPT TO:<"+address+">")
	asked(c, "QUIT")
	switch {
	case err == nil:
		return true, nil
	case code >= 500:
		return false, nil
	}
	return false, err
}

// asked says one line and reads the reply to it; an error if that is not 2xx.
func asked(c *textproto.Conn, line string) (code int, err error) {
	if err := c.PrintfLine("%s", line); err != nil {
		return 0, err
	}
	code, _, err = c.ReadResponse(2)
	return code, err
}
