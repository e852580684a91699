package dns01

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnssec"
)

// The numbers of updates (RFC 2136, sections 1.3 and 2.4).
const (
	opUpdate  = 5
	notAuth   = dnsmessage.RCode(9)
	classNone = dnsmessage.Class(254)
)

const (
	// recordTTL is how long others may keep what stands there for the authority alone, in seconds.
	recordTTL = 60
	// updateTime is how long a server has for one update.
	updateTime = 15 * time.Second
)

// update is a server that takes signed updates.
type update struct {
	server    string // host:port
	resolvers []string
	key       *Key
	now       func() time.Time
}

// ByUpdate returns a Publisher that sends updates to a server, host:port, signed with a key.
// Resolvers are host:port, the first one first.
func ByUpdate(server string, key *Key, resolvers []string, now func() time.Time) *Publisher {
	return newPublisher(&update{server, resolvers, key, now}, resolvers)
}

func (u *update) present(ctx context.Context, name, value string) (func(context.Context) error, error) {
	target, zone, err := u.find(ctx, name)
	if err != nil {
		return nil, err
	}
	err = u.send(ctx, zone, record(target, value, dnsmessage.ClassINET, recordTTL))
	if _, nothing := errors.AsType[undone](err); nothing {
		return nil, err
	}
	return func(ctx context.Context) error { return u.send(ctx, zone, record(target, value, classNone, 0)) }, err
}

// undone is an error after which it is known that nothing was changed.
type undone struct{ error }

func (u undone) Unwrap() error { return u.error }

// record is a TXT record of an update: to be added, or as classNone to be deleted (RFC 2136,
// sections 2.5.1 and 2.5.4), whatever else stands there.
func record(name dnsmessage.Name, value string, class dnsmessage.Class, ttl uint32) []dnsmessage.Resource {
	return []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: name, Class: class, TTL: ttl}, Body: &dnsmessage.TXTResource{TXT: []string{value}},
	}}
}

// find is where the record of a name is to be written: where its aliases lead, and the zone that
// has this.
func (u *update) find(ctx context.Context, name string) (target, zone dnsmessage.Name, err error) {
	// The server first: a resolver that is asked now would keep for a while that there is nothing.
	at, err := follow(ctx, append([]string{u.server}, u.resolvers...), name)
	if err != nil {
		return target, zone, err
	}
	if target, err = dnsmessage.NewName(at + "."); err != nil {
		return target, zone, fmt.Errorf("%.80q is no name: %w", at, err)
	}
	for above, more := at, true; more; above, more = parent(above) {
		a, bad := ask(ctx, u.server, above, dnsmessage.TypeSOA)
		if bad != nil {
			err = bad // of names above its zone a server may know nothing
			if errors.Is(bad, errSilent) || ctx.Err() != nil {
				break
			}
			continue
		}
		if len(a.Records) > 0 && a.Name == above {
			zone, err = dnsmessage.NewName(above + ".")
			return target, zone, err
		}
	}
	if err != nil {
		return target, zone, fmt.Errorf("%s does not tell which zone %s is in: %w", u.server, at, err)
	}
	return target, zone, fmt.Errorf("%s has no zone that %s is in", u.server, at)
}

// send sends an update of a zone, and returns nil once the server has done it.
func (u *update) send(ctx context.Context, zone dnsmessage.Name, changes []dnsmessage.Resource) error {
	m := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: uint16(rand.Uint32()), OpCode: opUpdate},
		Questions:   []dnsmessage.Question{{Name: zone, Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET}},
		Authorities: changes,
	}
	plain, err := m.Pack()
	if err != nil {
		return fmt.Errorf("%s is in no zone: %w", zone, err)
	}
	signed, mac := u.key.sign(plain, u.now())
	one, cancel := context.WithTimeout(ctx, updateTime)
	defer cancel()
	reply, err := exchange(one, u.server, signed)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case one.Err() != nil:
		if _, nothing := errors.AsType[undone](err); nothing {
			err = undone{errSilent}
		} else {
			err = errSilent
		}
	case err == nil:
		err = u.judge(reply, m.ID, mac)
	}
	if err != nil {
		return fmt.Errorf("the update of %s at %s: %w", zone, u.server, err)
	}
	return nil
}

// codes are what servers say of updates that they do not do (RFC 2136, section 2.2).
var codes = map[dnsmessage.RCode]string{
	1: "it cannot read it", 2: "it fails", 4: "it takes no updates", 5: "it refuses: the key may not change that",
	notAuth: "it is not the server of that zone, or does not know the key", 10: "the name is not in that zone",
}

// judge reads what a server says of an update.
func (u *update) judge(reply []byte, id uint16, mac []byte) error {
	var p dnsmessage.Parser
	h, err := p.Start(reply)
	if err != nil || !h.Response || h.ID != id || h.OpCode != opUpdate {
		return errUnsound
	}
	err = u.key.verify(reply, mac, u.now())
	if errors.Is(err, errSecret) || h.RCode == notAuth && errors.Is(err, errClocks) {
		return undone{err}
	}
	if h.RCode == dnsmessage.RCodeSuccess {
		return err
	}
	said, known := codes[h.RCode]
	if !known {
		said = fmt.Sprintf("it says no (%d)", h.RCode)
	}
	switch {
	case err == nil:
		return undone{errors.New(said)}
	case errors.Is(err, errUnsigned): // a word of anybody, and still no success
		return fmt.Errorf("%s (which is not signed)", said)
	}
	return err
}

// exchange sends a message over TCP, where nobody cuts it, and returns what comes back.
func exchange(ctx context.Context, server string, msg []byte) ([]byte, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, undone{err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return dnssec.OverTCP(conn, msg)
}

// Try tells why the record of a name could not be written, as far as that can be seen without
// writing one: whose zone it is, and whether the key may change that.
func (p *Publisher) Try(ctx context.Context, name string) error {
	u, ok := p.way.(*update)
	if !ok {
		return nil
	}
	_, zone, err := u.find(ctx, name)
	if err != nil {
		return err
	}
	return u.send(ctx, zone, nil)
}
