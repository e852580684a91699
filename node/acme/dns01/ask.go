package dns01

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnssec"
)

// Why a server says nothing of a name.
var (
	errSilent   = errors.New("no answer comes")
	errNoAnswer = errors.New("it refuses, or fails to find out")
	errNobody   = errors.New("no resolver is known")
)

// ask asks one server, host:port, for records.
func ask(ctx context.Context, server, name string, kind dnsmessage.Type) (dnssec.Answer, error) {
	one, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	a, err := dnssec.NewClient(server).Ask(one, name+".", kind)
	switch {
	case err == nil:
		return a, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return a, ctx.Err()
	case errors.Is(err, dnssec.ErrSilent):
		return a, errSilent
	case errors.Is(err, dnssec.ErrFails):
		return a, errNoAnswer
	}
	return a, err
}

// askAny asks servers one after another, until one answers.
func askAny(ctx context.Context, servers []string, name string, kind dnsmessage.Type) (a dnssec.Answer, err error) {
	err = errNobody
	for _, server := range servers {
		if a, err = ask(ctx, server, name, kind); err == nil {
			return a, nil
		}
		err = fmt.Errorf("%s: %w", server, err)
	}
	return a, err
}

// hostPort is an address of a record, with a port.
func hostPort(addr []byte, port string) string {
	a, _ := netip.AddrFromSlice(addr)
	return net.JoinHostPort(a.String(), port)
}
