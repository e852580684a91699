package collect

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cairn/smtpgw/reports"
)

// Bounds on what is kept of one report. What is beyond them is in its sums.
const (
	maxSources  = 100
	maxPolicies = 16
	maxFailures = 20
	// maxSpan is the longest period that one is about, and maxAhead how far it may end after it
	// came.
	maxSpan  = 32 * 24 * time.Hour
	maxAhead = 24 * time.Hour
)

// Kinds of reports.
const (
	KindDMARC = reports.KindDMARC
	KindTLS   = reports.KindTLS
)

// Report is what is kept of one report: its figures, as its sender claims them.
type Report struct {
	Version  int       `json:"version"`
	Number   uint64    `json:"-"` // in order of arrival, never used twice
	Kind     string    `json:"kind"`
	ID       string    `json:"id"`
	Org      string    `json:"org"`
	Sender   string    `json:"sender"` // domain of the author of the mail that brought it; empty: not known
	Received time.Time `json:"received"`
	Begin    time.Time `json:"begin"`
	End      time.Time `json:"end"`
	Domains  []string  `json:"domains"` // of ours that it is about, sorted
	Policy   string    `json:"policy,omitempty"`
	Testing  bool      `json:"testing,omitempty"`
	Passed   uint64    `json:"passed"` // messages, or sessions
	Failed   uint64    `json:"failed"`
	Sources  []Source  `json:"sources,omitempty"`  // of dmarc, the most messages first
	Others   uint64    `json:"others,omitempty"`   // messages from sources beyond those
	Policies []Policy  `json:"policies,omitempty"` // of tls
}

// Source is mail from one network with the same results.
type Source struct {
	Result
	Messages uint64 `json:"messages"`
}

// Result is what a receiver made of mail from a network.
type Result struct {
	Network     string `json:"network"` // a /24 of IPv4, a /48 of IPv6
	From        string `json:"from"`    // domain
	DKIM        string `json:"dkim"`
	SPF         string `json:"spf"`
	Disposition string `json:"disposition"`
}

// Policy is the sessions with servers of one domain by one policy.
type Policy struct {
	Domain   string    `json:"domain"`
	Kind     string    `json:"kind"`
	Passed   uint64    `json:"passed"`
	Failed   uint64    `json:"failed"`
	Failures []Failure `json:"failures,omitempty"` // the most sessions first
}

// Failure is why some sessions failed (RFC 8460, section 4.3).
type Failure struct {
	Kind     string `json:"kind"`
	Host     string `json:"host,omitempty"`
	Sessions uint64 `json:"sessions"`
}

// Errors of reports that are not kept.
var (
	errOthers = errors.New("it is about none of our domains")
	errPeriod = errors.New("its period cannot be")
)

// figures are what is kept of r, which came in a mail of a domain.
func figures(r *reports.Report, domains []string, sender string, received time.Time) (Report, error) {
	f := Report{Version: version, ID: r.ID, Org: r.Org, Sender: sender, Received: received, Begin: r.Begin, End: r.End}
	if r.End.Before(r.Begin) || r.End.Sub(r.Begin) > maxSpan || r.End.Sub(received) > maxAhead || received.Sub(r.End) > KeptFor {
		return f, errPeriod
	}
	if r.DMARC != nil {
		f.dmarc(r.DMARC)
	} else {
		f.tls(r.TLS, domains)
	}
	if len(f.Domains) == 0 || !isOurs(f.Domains[0], domains) {
		return f, errOthers
	}
	return f, nil
}

// isOurs reports whether a name is one of domains or below it.
func isOurs(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return name == d || strings.HasSuffix(name, "."+d) })
}

func (f *Report) dmarc(d *reports.DMARC) {
	f.Kind, f.Domains, f.Policy, f.Testing = KindDMARC, []string{plain(d.Domain)}, d.Policy, d.Testing
	f.Passed, f.Failed = d.Sums()
	sums := map[Result]uint64{}
	for _, r := range d.Rows {
		sums[Result{network(r.Source), plain(r.HeaderFrom), r.DKIM, r.SPF, r.Disposition}] += r.Count
	}
	for _, r := range slices.SortedFunc(maps.Keys(sums), func(a, b Result) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a.Network, b.Network), cmp.Compare(a.From, b.From),
			cmp.Compare(a.DKIM+" "+a.SPF+" "+a.Disposition, b.DKIM+" "+b.SPF+" "+b.Disposition))
	}) {
		if len(f.Sources) < maxSources {
			f.Sources = append(f.Sources, Source{r, sums[r]})
		} else {
			f.Others += sums[r]
		}
	}
}

func (f *Report) tls(t *reports.TLS, domains []string) {
	f.Kind = KindTLS
	for _, p := range t.Policies {
		domain := plain(p.Domain)
		if !isOurs(domain, domains) || len(f.Policies) == maxPolicies {
			continue
		}
		out := Policy{Domain: domain, Kind: p.Kind, Passed: p.Succeeded, Failed: p.Failed}
		for _, why := range p.Failures {
			out.Failures = append(out.Failures, Failure{why.Kind, why.Host, why.Count})
		}
		slices.SortStableFunc(out.Failures, func(a, b Failure) int { return cmp.Compare(b.Sessions, a.Sessions) })
		out.Failures = out.Failures[:min(len(out.Failures), maxFailures)]
		f.Policies = append(f.Policies, out)
		f.Domains = append(f.Domains, domain)
		f.Passed, f.Failed = f.Passed+p.Succeeded, f.Failed+p.Failed
	}
	slices.Sort(f.Domains)
	f.Domains = slices.Compact(f.Domains)
}

// plain is a domain without the final dot that some write.
func plain(domain string) string { return strings.TrimSuffix(domain, ".") }

// network is where an address is: single ones say no more, and would be many.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	a = a.Unmap()
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// identity is what two copies of a report have in common. The domain of the mail's author is in it,
// so that nobody keeps another's report out by taking its id first.
func (f *Report) identity() ([]byte, error) {
	text, err := json.Marshal([]any{f.Kind, f.Sender, f.Org, f.ID, f.Domains})
	sum := sha256.Sum256(text)
	return sum[:16], err
}
