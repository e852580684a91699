// Package dnssec asks the DNS by a resolver that validates (RFC 4035), and tells of each answer
// whether that was validated. It validates nothing itself: the way to the resolver has to be one
// that nobody else can write to, as that within one machine is (RFC 7672, section 2.1.1).
package dnssec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// patience is how long the resolver has for one attempt; attempts are how many there are.
const patience, attempts = 5 * time.Second, 3

// Client asks one resolver. Its methods may be called from many goroutines.
type Client struct {
	server string
}

// NewClient returns a client of the resolver at server, host:port.
func NewClient(server string) *Client { return &Client{server: server} }

// Server is the address of the resolver.
func (c *Client) Server() string { return c.server }

// Ask asks for the records of a kind that name, absolute, has. Errors wrap one of those of this
// package, or say that the name cannot be in the DNS; that there is no such name is none.
func (c *Client) Ask(ctx context.Context, name string, kind dnsmessage.Type) (Answer, error) {
	id := uint16(rand.Uint32())
	msg, q, err := query(id, name, kind)
	if err != nil {
		return Answer{}, err
	}
	var got []byte
	for range attempts {
		if got, err = c.exchange(ctx, "udp", msg, id, q); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return Answer{}, fmt.Errorf("%w: ask for %s: %w", ErrSilent, name, err)
	}
	a, err := parse(got, q)
	if err != nil {
		return Answer{}, fmt.Errorf("ask for %s: %w", name, err)
	}
	return a, nil
}

// exchange sends a question, and returns its answer as it came; by TCP if it does not fit
// otherwise.
func (c *Client) exchange(ctx context.Context, network string, msg []byte, id uint16, q dnsmessage.Question) ([]byte, error) {
	one, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(one, network, c.server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(one, func() { conn.Close() })()
	if network == "tcp" {
		return stream(conn, msg, id, q)
	}
	if _, err := conn.Write(msg); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for { // until the connection is closed
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		switch is, cut := answers(buf[:n], id, q); {
		case is && cut:
			return c.exchange(ctx, "tcp", msg, id, q)
		case is:
			return buf[:n], nil
		}
	}
}

// stream is exchange over TCP.
func stream(conn net.Conn, msg []byte, id uint16, q dnsmessage.Question) ([]byte, error) {
	got, err := OverTCP(conn, msg)
	if err != nil {
		return nil, err
	}
	if is, cut := answers(got, id, q); !is || cut {
		return nil, errors.New("what came is no answer")
	}
	return got, nil
}

// OverTCP sends a message over a connection and returns the next one that comes back (RFC 1035,
// section 4.2.2).
func OverTCP(conn net.Conn, msg []byte) ([]byte, error) {
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	got := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, got); err != nil {
		return nil, err
	}
	return got, nil
}

// LookupMX is that of net.Resolver; what is found, validated or not, is the same.
func (c *Client) LookupMX(ctx context.Context, name string) (list []*net.MX, err error) {
	a, err := c.Ask(ctx, name, dnsmessage.TypeMX)
	for _, r := range a.Records {
		list = append(list, &net.MX{Host: r.MX.Host, Pref: r.MX.Pref})
	}
	return list, like(name, len(list), err)
}

// LookupNetIP is that of net.Resolver, for one family: "ip4" or "ip6".
func (c *Client) LookupNetIP(ctx context.Context, network, name string) (list []netip.Addr, err error) {
	kind := dnsmessage.TypeAAAA
	if strings.HasSuffix(network, "4") {
		kind = dnsmessage.TypeA
	}
	a, err := c.Ask(ctx, name, kind)
	for _, r := range a.Records {
		if addr, ok := netip.AddrFromSlice(r.Addr); ok {
			list = append(list, addr)
		}
	}
	return list, like(name, len(list), err)
}

// like is an error as net.Resolver has it: that there is nothing is one.
func like(name string, found int, err error) error {
	switch {
	case err != nil:
		return &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true, IsTimeout: errors.Is(err, ErrSilent)}
	case found == 0:
		return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return nil
}
