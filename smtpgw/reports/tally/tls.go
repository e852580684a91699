// Package tally counts what a day's reports to other domains are made of: TLS sessions with their
// servers (RFC 8460) and mail in their names (RFC 9990). It does no I/O, and what it keeps is
// bounded.
package tally

import (
	"cmp"
	"slices"
	"time"

	"cairn/smtpgw/reports"
)

// Bounds on what is counted of one domain on one day. Sessions by policies beyond are not counted;
// failures beyond are in the sums alone.
const (
	maxPolicies = 8
	maxFailures = 100
	maxStrings  = 32  // lines of a policy, and hosts that it names
	maxText     = 255 // octets of one of them, and of a reason
	maxCount    = 1 << 40
)

// Policy is what a session with a server was held to.
type Policy struct {
	Kind    string   `json:"kind"`   // of reports: PolicySTS, PolicyTLSA, NoPolicy
	Domain  string   `json:"domain"` // that has it; of TLSA the base domain
	Strings []string `json:"strings,omitempty"`
	MX      []string `json:"mx,omitempty"`
}

// same reports whether two are one. What a policy says may change within a day.
func (p *Policy) same(q *Policy) bool {
	return p.Kind == q.Kind && p.Domain == q.Domain && slices.Equal(p.Strings, q.Strings) && slices.Equal(p.MX, q.MX)
}

// Cause is why a session failed (RFC 8460, section 4.3).
type Cause struct {
	Kind     string `json:"kind"` // the result type; empty: it did not fail
	Host     string `json:"host,omitempty"`
	Sender   string `json:"sender,omitempty"`   // address of this server; empty: it is not known
	Receiver string `json:"receiver,omitempty"` // address of the other one
	Reason   string `json:"reason,omitempty"`
}

// Session is one session with a server of a domain.
type Session struct {
	Domain string // that the mail is for
	Policy Policy
	Cause  Cause
}

// TLS are the sessions with the servers of one domain on one day.
type TLS struct {
	Policies []SessionsBy `json:"policies"`
}

// SessionsBy are those by one policy.
type SessionsBy struct {
	Policy
	Succeeded uint64     `json:"succeeded"`
	Failed    uint64     `json:"failed"`
	Failures  []Failures `json:"failures,omitempty"`
}

// Failures are those for one cause.
type Failures struct {
	Cause
	Sessions uint64 `json:"sessions"`
}

// Count counts a session.
func (t *TLS) Count(s Session) {
	s.Policy.Strings, s.Policy.MX, s.Cause.Reason = bounded(s.Policy.Strings), bounded(s.Policy.MX), clipped(s.Cause.Reason)
	one := SessionsBy{Policy: s.Policy, Succeeded: 1}
	if s.Cause.Kind != "" {
		one.Succeeded, one.Failed, one.Failures = 0, 1, []Failures{{s.Cause, 1}}
	}
	t.add(&one)
}

// Add counts what was counted apart.
func (t *TLS) Add(other *TLS) {
	for i := range other.Policies {
		t.add(&other.Policies[i])
	}
}

func (t *TLS) add(more *SessionsBy) {
	i := slices.IndexFunc(t.Policies, func(p SessionsBy) bool { return p.same(&more.Policy) })
	if i < 0 {
		if i = len(t.Policies); i == maxPolicies {
			return
		}
		t.Policies = append(t.Policies, SessionsBy{Policy: more.Policy})
	}
	p := &t.Policies[i]
	p.Succeeded, p.Failed = sum(p.Succeeded, more.Succeeded), sum(p.Failed, more.Failed)
	for _, f := range more.Failures {
		at := slices.IndexFunc(p.Failures, func(g Failures) bool { return g.Cause == f.Cause })
		if at >= 0 {
			p.Failures[at].Sessions = sum(p.Failures[at].Sessions, f.Sessions)
		} else if t.rows() < maxFailures {
			p.Failures = append(p.Failures, f)
		}
	}
}

func (t *TLS) rows() (n int) {
	for _, p := range t.Policies {
		n += len(p.Failures)
	}
	return n
}

// Sums are how many sessions succeeded and failed.
func (t *TLS) Sums() (succeeded, failed uint64) {
	for _, p := range t.Policies {
		succeeded, failed = succeeded+p.Succeeded, failed+p.Failed
	}
	return succeeded, failed
}

// Report is the report on what was counted, with the failures that are the most first.
func (t *TLS) Report(of About) *reports.Report {
	r := of.report()
	r.TLS = new(reports.TLS)
	for _, p := range t.Policies {
		out := reports.TLSPolicy{Domain: p.Domain, Kind: p.Kind, Strings: p.Strings, MX: p.MX, Succeeded: p.Succeeded, Failed: p.Failed}
		for _, f := range p.Failures {
			out.Failures = append(out.Failures, reports.Failure{Kind: f.Kind, Host: f.Host, Reason: f.Reason, Count: f.Sessions, Sender: f.Sender, Receiver: f.Receiver})
		}
		slices.SortStableFunc(out.Failures, func(a, b reports.Failure) int { return cmp.Compare(b.Count, a.Count) })
		r.TLS.Policies = append(r.TLS.Policies, out)
	}
	return r
}

func sum(a, b uint64) uint64 { return min(a+b, maxCount) }

// bounded are the first ones of a list, each in as much as is kept of it.
func bounded(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, 0, min(len(list), maxStrings))
	for _, s := range list[:min(len(list), maxStrings)] {
		out = append(out, clipped(s))
	}
	return out
}

// About is what a report says besides figures.
type About struct {
	ID, Org, Contact string
	Day              Day
}

func (a About) report() *reports.Report {
	return &reports.Report{ID: a.ID, Org: a.Org, Contact: a.Contact, Begin: a.Day.Begin(), End: a.Day.End()}
}

// Day is one of UTC, since 1970.
type Day uint32

const daySeconds = 24 * 60 * 60

// DayOf is the day of a time.
func DayOf(t time.Time) Day { return Day(max(t.Unix(), 0) / daySeconds) }

// Begin is its first second, and End its last one.
func (d Day) Begin() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// End is its last second.
func (d Day) End() time.Time { return d.Begin().Add((daySeconds - 1) * time.Second) }
