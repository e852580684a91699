package client

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strings"

	"cairn/smtpgw/reply"
)

// namelessWords are how servers say without a status of its own that an address has no name.
var namelessWords = regexp.MustCompile(`(?i)\b(ptr|rdns|reverse[ -](dns|hostname|lookup|name|mapping))\b`)

// nameless reports whether a reply refuses the address that the session comes from, since that has
// no name in the DNS that leads back (RFC 7372, section 3: 5.7.25), now or for good. Addresses of
// IPv6 lack one more often than those of IPv4, and are held to it more often.
func nameless(r reply.Reply) bool {
	if r.Code/100 != 4 && r.Code/100 != 5 {
		return false
	}
	switch status := reply.StatusOf(r, r.Code/100); strings.TrimLeft(status, "45") {
	case ".7.25":
		return true
	case ".7.1":
		return namelessWords.MatchString(r.Text)
	}
	return false
}

// overIPv6 reports whether a connection is one of IPv6.
func overIPv6(conn net.Conn) bool {
	a, ok := conn.RemoteAddr().(*net.TCPAddr)
	return ok && a.IP.To4() == nil
}

// Deliver sends a mail over a session: top and raw, octet for octet. It returns one reply for each
// recipient; with an error, those that stand, and where a reply has no code it is not known what
// became of the mail. Recipients who are refused since the address of IPv6 that it comes from has
// no name are tried once more over IPv4, before that counts. It returns the session that is to go
// on with: another one where that was done, in the place of this one.
func (o *Session) Deliver(ctx context.Context, from string, to []string, top, raw []byte) ([]reply.Reply, *Session, error) {
	replies, err := o.send(ctx, from, to, top, raw)
	if err != nil || o.byIPv4 == nil || !slices.ContainsFunc(replies, nameless) {
		return replies, o, err
	}
	again, err := o.byIPv4(ctx)
	if err != nil {
		return replies, o, nil
	}
	again.takePlace(o)
	var at []int
	var rest []string
	for i, r := range replies {
		if nameless(r) {
			at, rest = append(at, i), append(rest, to[i])
			replies[i] = reply.Reply{}
		}
	}
	more, err := again.send(ctx, from, rest, top, raw)
	for i, r := range more {
		replies[at[i]] = r
	}
	return replies, again, err
}

// takePlace has a session stand where another one did, which ends.
func (o *Session) takePlace(old *Session) {
	o.To, o.Name, o.progress, o.dsn, o.hosts, o.opened, o.keeps, o.requireTLS = old.To, old.Name, old.progress, old.dsn, old.hosts, old.opened, old.keeps, old.requireTLS
	if counted, ok := old.conn.(*countedConn); ok {
		o.conn, old.conn = &countedConn{Conn: o.conn, over: counted.over}, counted.Conn
	}
	old.Quit()
}
