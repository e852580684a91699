package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"cairn/smtpgw/mx"
	"cairn/smtpgw/neterr"
)

const (
	// again is how long after a failure, or a look at the DNS, the next one waits (section 3.3: at
	// least five minutes after a failure).
	again = 5 * time.Minute
	// lookTime is how long a look takes at most, DNS and web server together.
	lookTime = 10 * time.Second
	// What is kept, in domains and octets. What then counts makes no place for more: else whoever
	// has many domains could have others' policies forgotten.
	keptMost   = 4096
	keptOctets = 16 << 20
)

// Finder finds policies, and keeps each for as long as it says. Its methods may be called from many
// goroutines.
type Finder struct {
	lookup func(ctx context.Context, name string) ([]string, error)
	fetch  func(ctx context.Context, domain string) ([]byte, error)
	public func(netip.Addr) bool // whether others may be told what came of it

	mu     sync.Mutex
	known  map[string]known
	octets int
	asking map[string]*look
}

// look is one at a domain, for all who want to know of it meanwhile.
type look struct {
	over  chan struct{} // closed when it is over
	done  bool          // else whoever asked went away, which says nothing about the domain
	found known
}

// known is what is kept about a domain.
type known struct {
	policy *Policy // nil: none was found
	id     string
	until  time.Time // the policy counts
	next   time.Time // look again
	fault  error     // why what the DNS promised could not be had at the last look; nil: it could, or was not promised
}

// NewFinder returns a Finder that asks the DNS by lookup for TXT records, and fetches policies by
// client.
func NewFinder(lookup func(context.Context, string) ([]string, error), client *http.Client) *Finder {
	f := &Finder{lookup: lookup, public: mx.Public, known: make(map[string]known), asking: make(map[string]*look)}
	f.fetch = func(ctx context.Context, domain string) ([]byte, error) { return f.fetchBy(ctx, client, domain) }
	return f
}

// Policy returns the policy of a domain; nil: it has none, or none can be found now. What was found
// before counts until it is too old, whatever fails since: who can silence the DNS or a web server
// must not switch encryption off (section 3.3). The error is that of ctx.
func (f *Finder) Policy(ctx context.Context, domain string, now time.Time) (*Policy, error) {
	for {
		f.mu.Lock()
		k, ok := f.known[domain]
		other, asking := f.asking[domain]
		if ok && now.Before(k.next) {
			f.mu.Unlock()
			return k.counts(now), nil
		}
		if !asking {
			own := &look{over: make(chan struct{})}
			f.asking[domain] = own
			f.mu.Unlock()
			own.found = f.look(ctx, domain, k, now)
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.asking, domain)
			if own.done = ctx.Err() == nil; own.done {
				f.keep(domain, own.found, now)
			}
			close(own.over)
			return own.found.counts(now), ctx.Err()
		}
		f.mu.Unlock()
		select {
		case <-other.over:
			if other.done {
				return other.found.counts(now), nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look asks what is to be known of a domain now, of which k is known.
func (f *Finder) look(ctx context.Context, domain string, k known, now time.Time) known {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	records, err := f.lookup(ctx, "_mta-sts."+domain)
	k.next, k.fault = now.Add(again), nil
	id, said := parseRecord(records)
	if err != nil || !said {
		return k
	}
	if id == k.id && k.counts(now) != nil {
		k.until = now.Add(k.policy.MaxAge)
	} else if p, err := f.get(ctx, domain); err == nil {
		k.policy, k.id, k.until = p, id, now.Add(p.MaxAge)
	} else {
		k.fault = shortened(err)
	}
	return k
}

// Fault is why the policy that a domain announces could not be had when it was last looked for;
// nil: it could, it announces none, or that is not known.
func (f *Finder) Fault(domain string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[domain].fault
}

// Errors of policies that are announced and cannot be had; any other is of how they are fetched.
var (
	// ErrInvalid is that what is fetched is no policy.
	ErrInvalid = errors.New("it is no policy")
	// ErrCertificate is that the web server has no certificate for its name.
	ErrCertificate = errors.New("the web server's certificate is not accepted")
	// errPrivate stands for whatever comes of a server that not everybody reaches: who announces a
	// policy is told why it could not be had, and could else find out what there is in a private
	// network.
	errPrivate = errors.New("the name of the web server leads to no public address")
)

// shortened is an error of which little is kept: what it says of a stranger's words may be long. He
// may be told of it.
func shortened(err error) error {
	const most = 200
	if errors.Is(err, ErrInvalid) {
		return ErrInvalid
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ErrCertificate
	}
	text := neterr.Words(err)
	return errors.New(strings.ToValidUTF8(text[:min(len(text), most)], ""))
}

// counts is the policy, if it still does.
func (k known) counts(now time.Time) *Policy {
	if now.Before(k.until) {
		return k.policy
	}
	return nil
}

func (k known) size() int {
	n := 512
	if k.policy != nil {
		for _, name := range k.policy.MX {
			n += 16 + len(name)
		}
	}
	return n
}

// keep notes what is known of a domain, if there is room beside what counts. Where there is none, a
// policy that it had and that counts stays: whoever cannot be kept must not switch encryption off.
// It is looked for again at once, so the next one who asks goes by the new one all the same.
// f.mu is held.
func (f *Finder) keep(domain string, k known, now time.Time) {
	old := f.known[domain]
	f.forget(domain)
	if !f.fits(k) {
		for other, o := range f.known {
			if o.counts(now) == nil {
				f.forget(other)
			}
		}
	}
	switch {
	case f.fits(k):
		f.put(domain, k)
	case old.counts(now) != nil:
		f.put(domain, old)
	}
}

func (f *Finder) fits(k known) bool {
	return len(f.known) < keptMost && f.octets+k.size() <= keptOctets
}

func (f *Finder) put(domain string, k known) {
	f.known[domain] = k
	f.octets += k.size()
}

// forget forgets a domain, if it is known.
func (f *Finder) forget(domain string) {
	if k, had := f.known[domain]; had {
		f.octets -= k.size()
		delete(f.known, domain)
	}
}

func (f *Finder) get(ctx context.Context, domain string) (*Policy, error) {
	b, err := f.fetch(ctx, domain)
	if err != nil {
		return nil, err
	}
	p, err := parsePolicy(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p, nil
}

// fetchBy gets the text of a domain's policy.
func (f *Finder) fetchBy(ctx context.Context, client *http.Client, domain string) ([]byte, error) {
	var private atomic.Bool
	b, err := fetchText(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectStart: func(_, address string) {
		if a, err := netip.ParseAddrPort(address); err != nil || !f.public(a.Addr()) {
			private.Store(true)
		}
	}}), client, domain)
	if err != nil && private.Load() {
		return nil, errPrivate
	}
	return b, err
}

// fetchText gets the text of a domain's policy over HTTPS (section 3.3).
func fetchText(ctx context.Context, client *http.Client, domain string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+Host(domain)+Path, nil)
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
	dialer := &net.Dialer{Timeout: lookTime, Control: func(_, address string, _ syscall.RawConn) error {
		if a, err := netip.ParseAddrPort(address); err != nil || !allowed(a.Addr()) {
			return fmt.Errorf("%s is no address of a web server of others", address)
		}
		return nil
	}}
	return &http.Client{
		Timeout:       lookTime,
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the web server sends elsewhere") },
	}
}
