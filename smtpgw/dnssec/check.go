package dnssec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Probes are names by which it is seen whether a resolver validates.
type Probes struct {
	Signed string // absolute: it is signed, and has an SOA record
	Broken string // absolute: its signatures are no good
}

// PublicProbes are those of the DNS of the world: the root, and a name that is kept broken for
// tests.
var PublicProbes = Probes{Signed: ".", Broken: "dnssec-failed.org."}

// typeSOA is the record that each zone has.
const typeSOA = dnsmessage.TypeSOA

// Unknown reports whether an error of Check or Validates says that it could not be found out
// whether the resolver validates: it does not answer, or has no answer about the name that is
// signed, as when somebody on its way to the world forges that.
func Unknown(err error) bool { return errors.Is(err, ErrSilent) || errors.Is(err, ErrFails) }

// Check asks the resolver for both names; nil: it validates. Errors that are not Unknown say that
// it does not.
func (c *Client) Check(ctx context.Context, p Probes) error {
	signed, err := c.Ask(ctx, p.Signed, typeSOA)
	switch {
	case errors.Is(err, ErrSilent):
		return err
	case err != nil:
		return fmt.Errorf("it has no answer for %s, which is signed: %w", p.Signed, err)
	case !signed.Secure:
		return fmt.Errorf("its answer for %s, which is signed, is not marked as validated", p.Signed)
	}
	switch _, err := c.Ask(ctx, p.Broken, typeSOA); {
	case errors.Is(err, ErrFails):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("it answers for %s, whose signatures are no good", p.Broken)
}

const (
	// checkTime is how long a check takes at most; checkAgain how long after one another comes
	// where the resolver does not validate, and checkLater where it does.
	checkTime  = 10 * time.Second
	checkAgain = 10 * time.Minute
	checkLater = 6 * time.Hour
)

// Resolver is a resolver of which it is looked at whether it validates.
type Resolver struct {
	*Client
	probes Probes

	mu    sync.Mutex
	err   error // of the last check
	on    bool
	again time.Time
}

// NewResolver returns the resolver at server, host:port.
func NewResolver(server string, p Probes) *Resolver {
	return &Resolver{Client: NewClient(server), probes: p}
}

// Validates reports whether the resolver validates, as of now or a check a while ago; if not, err
// says why. One that did, and of which that is not known now, still does: who can silence it, or
// forge what it hears, switches nothing off.
func (r *Resolver) Validates(ctx context.Context, now time.Time) (on bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.again) {
		return r.on, r.err
	}
	one, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	err = r.Check(one, r.probes)
	if ctx.Err() != nil && err != nil {
		return r.on, err // whoever asked went away
	}
	r.err = err
	switch {
	case err == nil:
		r.on, r.again = true, now.Add(checkLater)
	case Unknown(err):
		r.again = now.Add(checkAgain / 10)
	default:
		r.on, r.again = false, now.Add(checkAgain)
	}
	return r.on, r.err
}

// maxResolvConf bounds what is read of the file.
const maxResolvConf = 64 << 10

// Local is the first resolver that a file as /etc/resolv.conf names, as host:port, if it is on this
// machine; else empty. What others on the network say was validated may be anybody's word.
func Local(path string) string {
	list := Named(path)
	if len(list) == 0 {
		return ""
	}
	if at, err := netip.ParseAddrPort(list[0]); err != nil || !at.Addr().IsLoopback() {
		return ""
	}
	return list[0]
}

// maxNamed is how many resolvers of a file are heeded (resolv.conf(5)).
const maxNamed = 3

// Named are the resolvers that a file as /etc/resolv.conf names, as host:port.
func Named(path string) (list []string) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text := make([]byte, maxResolvConf)
	n, _ := f.Read(text)
	for line := range strings.Lines(string(text[:n])) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" || len(list) == maxNamed {
			continue
		}
		a, err := netip.ParseAddr(words[1])
		if err != nil {
			return list
		}
		list = append(list, net.JoinHostPort(a.String(), "53"))
	}
	return list
}
