package limits

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is so many at once, each of which may come again after its share of Per: the generic cell
// rate algorithm (ITU-T I.371). The zero value bounds nothing.
type Rate struct {
	Count int64
	Per   time.Duration
}

// Bounds of a Rate.
const (
	maxCount = 1_000_000
	minPer   = time.Second
	maxPer   = 24 * time.Hour
)

// errRate is the error of a text that is no rate.
var errRate = errors.New("not a rate")

// ParseRate reads a rate as in "120/1m"; "off" is the one that bounds nothing.
func ParseRate(s string) (Rate, error) {
	if s == "off" {
		return Rate{}, nil
	}
	count, per, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(count, 10, 64)
	d, bad := time.ParseDuration(per)
	switch {
	case err != nil || bad != nil:
		return Rate{}, fmt.Errorf("%q is %w", s, errRate)
	case n < 1 || n > maxCount:
		return Rate{}, fmt.Errorf("%q is %w: %d is not from 1 to %d", s, errRate, n, maxCount)
	case d < minPer || d > maxPer:
		return Rate{}, fmt.Errorf("%q is %w: %s is not from %s to %s", s, errRate, per, minPer, maxPer)
	}
	return Rate{n, d}, nil
}

// Config is what a Table goes by. A zero Rate or size bounds nothing; other zero values take their
// defaults.
type Config struct {
	Connections Rate // that one host opens
	Messages    Rate // that it begins, over all its connections
	Recipients  Rate // that it names
	Failures    Rate // that it makes, by weight, before it is banned; of unknown recipients as many again

	Delay  time.Duration // the longest before a reply to a failure; default 5 s
	Ban    time.Duration // the first one; each that follows within MaxBan of the last is twice as long; default 10 min
	MaxBan time.Duration // the longest; default 24 h

	Large        int64 // octets from which on a message is large; 0: none is
	LargeRate    Rate  // of large messages of one host: who is faster is judged a likely spammer
	AccountRate  Rate  // of those of one account, which is held then
	NetworkShare int64 // how many times as much a whole network may; default 4

	AccountMessages   Rate // that one account begins before it is held
	AccountRecipients Rate // that it names
	AccountStrangers  Rate // and of those outside, whom it has never written to

	Prefixes int // that are remembered, hosts and networks together; default 100,000
	Accounts int // the same of accounts; default 10,000

	Exempt []netip.Prefix // these are never limited, nor is loopback
}

// Default is what counts where nothing else was decided.
func Default() Config {
	return Config{
		Connections: Rate{240, time.Minute}, Messages: Rate{1200, 10 * time.Minute}, Recipients: Rate{6000, 10 * time.Minute},
		Failures: Rate{120, 10 * time.Minute}, Ban: 10 * time.Minute,
		Large: 2 << 20, LargeRate: Rate{30, time.Minute}, AccountRate: Rate{30, 10 * time.Minute},
		AccountMessages: Rate{600, time.Hour}, AccountRecipients: Rate{3000, time.Hour}, AccountStrangers: Rate{500, 24 * time.Hour},
	}
}

func (c Config) withDefaults() Config {
	orDefault(&c.Delay, 5*time.Second)
	orDefault(&c.Ban, 10*time.Minute)
	orDefault(&c.MaxBan, 24*time.Hour)
	orDefault(&c.NetworkShare, 4)
	orDefault(&c.Prefixes, 100_000)
	orDefault(&c.Accounts, 10_000)
	c.MaxBan = max(c.MaxBan, c.Ban)
	return c
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// exempts reports whether an address is never limited.
func (c *Config) exempts(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(c.Exempt, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ParsePrefix reads a network as in "192.0.2.0/24", or an address, which is a network of its own.
// The bits behind its length have to be zero, so that nobody is let off by a slip.
func ParsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its length; the network is %s", s, p.Masked())
	}
	return p, nil
}
