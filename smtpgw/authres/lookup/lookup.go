package lookup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Resolver asks the DNS. net.Resolver is one. Names are absolute: they end in a dot.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Why there is no answer. A name without records is no error.
var (
	ErrTemporary = errors.New("the DNS does not answer") // it may later
	ErrTooMuch   = errors.New("the DNS says more than is heeded")
	errTooMany   = errors.New("the message has too many names looked up")
)

// Bounds of one message.
const (
	maxLookups = 240      // that reach the resolver
	maxRecords = 100      // of one answer
	maxText    = 16 << 10 // octets of the texts of one answer
	maxName    = 253      // octets of a name, without the final dot (RFC 1035, section 2.3.4)
	maxLabel   = 63
)

// Asker asks for one message, and for nothing twice that was answered. It is used by one goroutine
// at a time.
type Asker struct {
	resolver Resolver
	left     int
	txt      map[string]answer[string]
	mx       map[string]answer[string]
	addrs    map[string]answer[netip.Addr]
	names    map[string]answer[string]
}

type answer[T any] struct {
	records []T
	err     error
}

// New returns an asker for one message. The time is bounded by the contexts that it is given.
func New(r Resolver) *Asker {
	return &Asker{
		resolver: r, left: maxLookups,
		txt: make(map[string]answer[string]), mx: make(map[string]answer[string]),
		addrs: make(map[string]answer[netip.Addr]), names: make(map[string]answer[string]),
	}
}

// TXT returns the texts of name, the strings of each record joined.
func (a *Asker) TXT(ctx context.Context, name string) ([]string, error) {
	return asked(ctx, a, a.txt, "TXT", name, func(name string) ([]string, error) {
		texts, err := a.resolver.LookupTXT(ctx, name)
		size := 0
		for _, t := range texts {
			size += len(t)
		}
		if size > maxText {
			return nil, ErrTooMuch
		}
		return texts, err
	})
}

// MX returns the mail exchangers of name, without the final dot.
func (a *Asker) MX(ctx context.Context, name string) ([]string, error) {
	return asked(ctx, a, a.mx, "MX", name, func(name string) (hosts []string, err error) {
		records, err := a.resolver.LookupMX(ctx, name)
		for _, r := range records {
			hosts = append(hosts, strings.TrimSuffix(r.Host, "."))
		}
		if len(hosts) > 0 {
			err = nil // a resolver may give an error beside records that are sound
		}
		return hosts, err
	})
}

// Addrs returns the addresses of name of the family that like is of: A or AAAA records.
func (a *Asker) Addrs(ctx context.Context, name string, like netip.Addr) ([]netip.Addr, error) {
	network := "ip6"
	if like.Unmap().Is4() {
		network = "ip4"
	}
	return asked(ctx, a, a.addrs, network, name, func(name string) ([]netip.Addr, error) {
		return a.resolver.LookupNetIP(ctx, network, name)
	})
}

// Names returns the names that addr has in the DNS (PTR records), without the final dot.
func (a *Asker) Names(ctx context.Context, addr netip.Addr) ([]string, error) {
	return asked(ctx, a, a.names, "PTR", addr.Unmap().WithZone("").String(), func(name string) (names []string, err error) {
		found, err := a.resolver.LookupAddr(ctx, strings.TrimSuffix(name, "."))
		for _, n := range found {
			names = append(names, strings.TrimSuffix(n, "."))
		}
		if len(names) > 0 {
			err = nil
		}
		return names, err
	})
}

// asked is an answer that there is already, or that of ask. That the time of who asked was over
// says nothing about a name: it is asked for again by who has time.
func asked[T any](ctx context.Context, a *Asker, known map[string]answer[T], kind, name string, ask func(string) ([]T, error)) ([]T, error) {
	name = lower(strings.TrimSuffix(name, "."))
	if kind != "PTR" && !Askable(name) {
		return nil, nil
	}
	key := kind + " " + name
	if was, ok := known[key]; ok {
		return was.records, was.err
	}
	if a.left == 0 {
		return nil, errTooMany
	}
	a.left--
	records, err := ask(name + ".")
	switch missing, is := errors.AsType[*net.DNSError](err); {
	case is && missing.IsNotFound:
		records, err = nil, nil
	case errors.Is(err, ErrTooMuch) || len(records) > maxRecords:
		records, err = nil, fmt.Errorf("%s of %s: %w", kind, name, ErrTooMuch)
	case err != nil:
		records, err = nil, fmt.Errorf("%s of %s: %w", kind, name, ErrTemporary)
	}
	if err == nil || ctx.Err() == nil {
		known[key] = answer[T]{records, err}
	}
	return records, err
}

// Askable reports whether a name can be in the DNS: labels of 1 to 63 octets, 253 in all. What a
// resolver would read in another way is not: an address, a backslash.
func Askable(name string) bool {
	if len(name) > maxName {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c >= 0x7f || c == '\\' })
}

// lower is s with the letters of ASCII in lower case, as the DNS compares them (RFC 4343).
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
