// Package dns01 shows texts in the DNS for the challenge dns-01 (RFC 8555, section 8.4): by a
// program of the administrator's, or by dynamic updates (RFC 2136) that are signed (TSIG, RFC
// 8945). A text counts as shown once the servers of its zone have it, and is taken back in the end.
package dns01

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/smtpgw/dnssec"
)

// Time is how long Publish may take: until the record is written, until it is shown, and until it
// is gone where that fails.
const Time = presentTime + showTime + removeTime

const (
	// presentTime is how long writing a record may take, and removeTime taking it back.
	presentTime, removeTime = 2 * time.Minute, 30 * time.Second
	// showTime is how long the servers of a zone may take until they show what was written: some
	// providers hand it on every few minutes.
	showTime = 10 * time.Minute
	// firstPause is how long after one look the next one comes, twice as long each time, and
	// mostPause at most.
	firstPause, mostPause = time.Second, 15 * time.Second
	// lookTime is how long servers have for an answer.
	lookTime = 6 * time.Second
)

// Bounds of what the DNS says about who has a zone.
const (
	maxAliases = 8
	maxServers = 16
)

// way is how a text comes into the DNS. What present returns takes that back; nil: there is nothing
// to take back, and an error.
type way interface {
	present(ctx context.Context, name, value string) (remove func(context.Context) error, err error)
}

// Publisher shows texts in the DNS. It is used for one at a time.
type Publisher struct {
	way       way
	resolvers []string
	port      string // of the servers of zones
	showTime  time.Duration
}

func newPublisher(w way, resolvers []string) *Publisher {
	return &Publisher{way: w, resolvers: resolvers, port: "53", showTime: showTime}
}

// Publish has the DNS show a text under a name, without final dot, and returns once it does. What
// it returns takes the text back, and nothing else that stands there; after an error that is done
// already, as far as it can be.
func (p *Publisher) Publish(ctx context.Context, name, value string) (withdraw func() error, err error) {
	remove, err := p.way.present(ctx, name, value)
	withdraw = func() error {
		if remove == nil {
			return nil
		}
		if err := remove(context.WithoutCancel(ctx)); err != nil { // the end of the node is no reason to leave it
			return fmt.Errorf("the TXT record of %s may still be there: %w", name, err)
		}
		return nil
	}
	if err == nil {
		err = p.await(ctx, name, value)
	}
	if err == nil {
		return withdraw, nil
	}
	if bad := withdraw(); bad != nil {
		err = fmt.Errorf("%w; %w", err, bad)
	}
	return nil, err
}

// await waits until a text is shown.
func (p *Publisher) await(ctx context.Context, name, value string) error {
	whole, cancel := context.WithTimeout(ctx, p.showTime)
	defer cancel()
	var at zone
	var last string
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		why := p.look(whole, &at, name, value)
		if why == "" {
			return nil
		}
		if whole.Err() == nil || last == "" {
			last = why // and not what the end of the time did to the last look
		}
		again := time.NewTimer(pause)
		select {
		case <-whole.Done():
			again.Stop()
			if err := ctx.Err(); err != nil {
				return err
			}
			return fmt.Errorf("the TXT record of %s was written, and the DNS did not show it within %v: %s", name, p.showTime, last)
		case <-again.C:
		}
	}
}

// zone is what is known of where a name leads, and who has that.
type zone struct {
	name    string   // where aliases lead; empty: not known
	servers []string // host:port
}

// look looks whether a text is shown; empty: it is, else why not.
func (p *Publisher) look(ctx context.Context, at *zone, name, value string) (why string) {
	if at.name == "" {
		var err error
		if at.name, err = follow(ctx, p.resolvers, name); err != nil {
			return err.Error()
		}
	}
	if len(at.servers) == 0 {
		at.servers = p.serversOf(ctx, at.name)
	}
	if answered, why := lacking(ctx, at.servers, at.name, value); answered > 0 {
		return why
	}
	// Many networks let nobody out to the DNS but by a resolver of theirs.
	a, err := askAny(ctx, p.resolvers, at.name, dnsmessage.TypeTXT)
	switch {
	case err != nil:
		return err.Error()
	case !has(&a, value):
		return "the servers of the zone do not answer, and the resolver does not know it"
	}
	return ""
}

// lacking asks servers for a text, and returns how many answered, and which of those does not show
// it; empty: none.
func lacking(ctx context.Context, servers []string, name, value string) (answered int, why string) {
	shown := make([]bool, len(servers))
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() {
			a, err := ask(ctx, server, name, dnsmessage.TypeTXT)
			shown[i], errs[i] = has(&a, value), err
		})
	}
	all.Wait()
	for i, server := range servers {
		if errs[i] != nil {
			continue
		}
		if answered++; !shown[i] {
			why = server + " does not show it"
		}
	}
	return answered, why
}

// has reports whether a text is among those of an answer.
func has(a *dnssec.Answer, value string) bool {
	return slices.ContainsFunc(a.Records, func(r dnssec.Record) bool { return r.Text == value })
}

// serversOf are the addresses of those who have the zone of a name, as the resolvers tell them;
// none: that is not known.
func (p *Publisher) serversOf(ctx context.Context, name string) (list []string) {
	for at, more := name, true; more; at, more = parent(at) {
		a, err := askAny(ctx, p.resolvers, at, dnsmessage.TypeNS)
		if err != nil {
			return nil
		}
		if a.Name != at {
			continue // its alias may be in the zone of somebody else
		}
		for _, r := range a.Records {
			for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
				found, err := askAny(ctx, p.resolvers, r.Name, kind)
				for _, addr := range found.Records {
					if err == nil && len(list) < maxServers {
						list = append(list, hostPort(addr.Addr, p.port))
					}
				}
			}
		}
		if len(a.Records) > 0 {
			return list
		}
	}
	return nil
}

// follow is where the aliases of a name lead, by the first of the servers that answers.
func follow(ctx context.Context, servers []string, name string) (string, error) {
	for range maxAliases + 1 {
		a, err := askAny(ctx, servers, name, dnsmessage.TypeCNAME)
		if err != nil {
			return "", fmt.Errorf("whether %s is an alias is not known: %w", name, err)
		}
		if len(a.Records) == 0 {
			return name, nil
		}
		name = a.Records[0].Name
	}
	return "", fmt.Errorf("the aliases (CNAME) of %s have no end", name)
}

// parent is the name above one; more is false for the root.
func parent(name string) (above string, more bool) {
	_, above, more = strings.Cut(name, ".")
	return above, more
}
