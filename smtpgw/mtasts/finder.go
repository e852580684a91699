package mtasts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	// again is how long after a failure, or a look at the DNS, the next one waits (section 3.3: at
	// least five minutes after a failure).
	again     = 5 * time.Minute
	fetchTime = 20 * time.Second
	keptMost  = 4096
)

// Finder finds policies, and keeps each for as long as it says. Its methods may be called from many
// goroutines.
type Finder struct {
	lookup func(ctx context.Context, name string) ([]string, error)
	fetch  func(ctx context.Context, domain string) ([]byte, error)

	mu    sync.Mutex
	known map[string]known
}

// known is what is kept about a domain.
type known struct {
	policy *Policy // nil: none was found
	id     string
	until  time.Time // the policy counts
	next   time.Time // look again
}

// NewFinder returns a Finder that asks the DNS by lookup for TXT records, and fetches by Fetch with
// client.
func NewFinder(lookup func(context.Context, string) ([]string, error), client *http.Client) *Finder {
	return &Finder{
		lookup: lookup, known: make(map[string]known),
		fetch: func(ctx context.Context, domain string) ([]byte, error) { return Fetch(ctx, client, domain) },
	}
}

// Policy returns the policy of a domain; nil: it has none, or none can be found now. What was found
// before counts until it is too old, whatever fails since: who can silence the DNS or a web server
// must not switch encryption off (section 3.3).
func (f *Finder) Policy(ctx context.Context, domain string, now time.Time) *Policy {
	f.mu.Lock()
	k, ok := f.known[domain]
	f.mu.Unlock()
	if ok && now.Before(k.next) {
		return k.counts(now)
	}
	records, err := f.lookup(ctx, "_mta-sts."+domain)
	k.next = now.Add(again)
	if id, said := ParseRecord(records); err == nil && said && (id != k.id || k.counts(now) == nil) {
		if p, err := f.get(ctx, domain); err == nil {
			k.policy, k.id, k.until = p, id, now.Add(p.MaxAge)
		}
	} else if err == nil && said {
		k.until = now.Add(k.policy.MaxAge)
	}
	if ctx.Err() != nil {
		return k.counts(now) // whoever asked went away: that says nothing about the domain
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= keptMost {
		f.drop(now)
	}
	f.known[domain] = k
	return k.counts(now)
}

// counts is the policy, if it still does.
func (k known) counts(now time.Time) *Policy {
	if now.Before(k.until) {
		return k.policy
	}
	return nil
}

// drop makes place: domains without a policy first.
func (f *Finder) drop(now time.Time) {
	for domain, k := range f.known {
		if k.counts(now) == nil {
			delete(f.known, domain)
		}
	}
	if len(f.known) >= keptMost {
		clear(f.known)
	}
}

func (f *Finder) get(ctx context.Context, domain string) (*Policy, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	b, err := f.fetch(ctx, domain)
	if err != nil {
		return nil, err
	}
	return ParsePolicy(b)
}

// Fetch gets the text of a domain's policy over HTTPS (section 3.3).
func Fetch(ctx context.Context, client *http.Client, domain string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the web server answers %d", resp.StatusCode)
	case err != nil || kind != "text/plain":
		return nil, errors.New("what the web server sends is no plain text")
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxPolicy+1))
}

// Client returns what fetches policies: it follows nobody elsewhere, and connects only to addresses
// that allowed allows.
func Client(allowed func(netip.Addr) bool) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTime, Control: func(_, address string, _ syscall.RawConn) error {
		if a, err := netip.ParseAddrPort(address); err != nil || !allowed(a.Addr()) {
			return fmt.Errorf("%s is no address of a web server of others", address)
		}
		return nil
	}}
	return &http.Client{
		Timeout:       fetchTime,
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the web server sends elsewhere") },
	}
}
