// Package dnsbl asks lists of addresses in the DNS about a client (RFC 5782). A list that does not
// answer, or that lists everybody, says nothing, and is left alone for a time.
package dnsbl

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Resolver asks the DNS for addresses. net.Resolver is one. Names are absolute: they end in a dot.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// List is a list to ask.
type List struct {
	Zone   string // canonical, without a final dot
	Refuse bool   // mail of whom it lists is refused; else it is evidence
}

// Bounds.
const (
	patience    = 3 * time.Second // for all lists to answer about one address
	maxFailures = 3               // in a row, before a list is left alone
	firstRest   = time.Minute     // for so long, and twice as long each time,
	maxRest     = time.Hour       // at most
	soundFor    = time.Hour       // how long it counts that a list lists not everybody
	remembered  = 5 * time.Minute // an answer
	maxAnswers  = 4096            // of one list that are remembered
)

// nobody is an address that no list may have (RFC 5782, section 5).
var nobody = netip.MustParseAddr("127.0.0.1")

// Lists asks lists. Its methods may be called from many goroutines; those of a nil one know no
// list.
type Lists struct {
	resolver Resolver
	now      func() time.Time
	lists    []*asked
}

// New returns what asks these lists, in this order.
func New(lists []List, resolver Resolver, now func() time.Time) *Lists {
	l := &Lists{resolver: resolver, now: now}
	for _, of := range lists {
		l.lists = append(l.lists, &asked{List: of, answers: make(map[netip.Addr]answer)})
	}
	return l
}

// asked is a list with what is known of it.
type asked struct {
	List

	mu       sync.Mutex
	answers  map[netip.Addr]answer
	failures int // in a row
	rest     time.Duration
	until    time.Time // for how long it is left alone
	sound    time.Time // when it was seen last that it does not list everybody
}

type answer struct {
	listed bool
	until  time.Time
}

// Ask returns the lists that have an address, in their order. It takes three seconds at most: what
// does not answer by then does not count.
func (l *Lists) Ask(ctx context.Context, a netip.Addr) (listing []List) {
	if l == nil || len(l.lists) == 0 {
		return nil
	}
	a = a.Unmap().WithZone("")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	said := make([]bool, len(l.lists))
	var all sync.WaitGroup
	for i, list := range l.lists {
		all.Go(func() { said[i] = l.ask(ctx, list, a) })
	}
	all.Wait()
	for i, list := range l.lists {
		if said[i] {
			listing = append(listing, list.List)
		}
	}
	return listing
}

// ask reports whether a list has an address, as far as that is known now.
func (l *Lists) ask(ctx context.Context, list *asked, a netip.Addr) bool {
	now := l.now()
	known, listed := list.known(a, now)
	if known {
		return listed
	}
	listed, err := l.lookup(ctx, list.Zone, a)
	if err == nil && listed {
		listed, err = l.isSound(ctx, list, now)
	}
	list.note(a, listed, err, now)
	return err == nil && listed
}

// errEverybody is of a list that has an address which no list may have: its operators have given it
// up, or somebody else has its domain.
var errEverybody = errors.New("dnsbl: the list has everybody")

// isSound is true of a list that does not have everybody.
func (l *Lists) isSound(ctx context.Context, list *asked, now time.Time) (bool, error) {
	list.mu.Lock()
	lately := !list.sound.IsZero() && now.Sub(list.sound) < soundFor
	list.mu.Unlock()
	if lately {
		return true, nil
	}
	everybody, err := l.lookup(ctx, list.Zone, nobody)
	if err == nil && everybody {
		err = errEverybody
	}
	if err != nil {
		return false, err
	}
	list.mu.Lock()
	list.sound = now
	list.mu.Unlock()
	return true, nil
}

// lookup asks the DNS. That there is no such name is an answer.
func (l *Lists) lookup(ctx context.Context, zone string, a netip.Addr) (listed bool, err error) {
	codes, err := l.resolver.LookupNetIP(ctx, "ip4", Name(a, zone)+".")
	if missing, is := errors.AsType[*net.DNSError](err); is && missing.IsNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, c := range codes {
		if Counts(c) {
			return true, nil
		}
	}
	return false, nil
}

// known is what is remembered of an address. Of a list that is left alone nothing is asked.
func (q *asked) known(a netip.Addr, now time.Time) (known, listed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if was, ok := q.answers[a]; ok && now.Before(was.until) {
		return true, was.listed
	}
	return now.Before(q.until), false
}

// note remembers an answer, or that there was none.
func (q *asked) note(a netip.Addr, listed bool, err error, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.failures, q.rest = 0, 0
		if len(q.answers) >= maxAnswers {
			clear(q.answers)
		}
		q.answers[a] = answer{listed, now.Add(remembered)}
		return
	}
	q.failures++
	if q.failures < maxFailures && !errors.Is(err, errEverybody) {
		return
	}
	if !now.Before(q.until) { // others that waited with this one fail too
		q.rest = min(max(2*q.rest, firstRest), maxRest)
		q.until = now.Add(q.rest)
	}
}

// Name is the name of an address in the zone of a list, without a final dot: its octets in reverse
// order, of IPv6 its nibbles (RFC 5782, sections 2.1 and 2.4).
func Name(a netip.Addr, zone string) string {
	a = a.Unmap()
	var b strings.Builder
	octets := a.AsSlice()
	for i := len(octets) - 1; i >= 0; i-- {
		if a.Is4() {
			b.WriteString(strconv.Itoa(int(octets[i])) + ".")
			continue
		}
		digits := hex.EncodeToString(octets[i : i+1])
		b.WriteString(digits[1:] + "." + digits[:1] + ".")
	}
	return b.String() + zone
}

// Counts reports whether an answer says that an address is listed: it is within 127.0.0.0/8 (RFC
// 5782, section 2.1). 127.255.255.0/24 is how lists say that they do not answer whoever asks.
func Counts(code netip.Addr) bool {
	if code = code.Unmap(); !code.Is4() {
		return false
	}
	o := code.As4()
	return o[0] == 127 && !(o[1] == 255 && o[2] == 255)
}
