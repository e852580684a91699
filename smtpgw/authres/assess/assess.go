package assess

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/arc"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/spf"
	"cairn/smtpgw/dkim"
	"cairn/smtpgw/screen"
)

// Bounds of one message, beside those of lookup.
const (
	maxAuthors = 4   // domains in From
	maxReason  = 240 // octets: part of it may be a stranger's
	maxNames   = 10  // of the client, that are looked up
)

// How long the DNS has for each thing that is asked about one message. No two share their time: who
// sends a message picks the names, and one that costs all of it would hide what others say.
const (
	policyPatience = 5 * time.Second // for the policy of one domain in From
	spfPatience    = 10 * time.Second
	dkimPatience   = 10 * time.Second // for the keys of all signatures
	alignPatience  = 5 * time.Second  // for whether who was found is of one domain in From
	arcPatience    = 5 * time.Second
	iprevPatience  = 5 * time.Second

	// Patience is the longest that one message takes.
	Patience = maxAuthors*(policyPatience+alignPatience) + spfPatience + dkimPatience + arcPatience + iprevPatience
)

// Mail is a message with what is known of how it came.
type Mail struct {
	Client netip.Addr // not valid: it is not known which server outside sent the message
	Helo   string     // what the client called itself
	From   string     // envelope sender; empty: the null sender
	Raw    []byte     // with CRLF line ends
}

// Assessor gives evidence. It may be used by many goroutines.
type Assessor struct {
	Resolver lookup.Resolver
	Sealers  []string // domains, canonical, whose word in ARC chains counts
}

// Assess gives evidence about a message, in the order spf, dkim, dmarc, arc, iprev. It takes no
// longer than Patience: what is not known then is temperror. now is what signatures expire by.
func (by *Assessor) Assess(ctx context.Context, m Mail, now time.Time) screen.Evidence {
	found, _ := by.assess(ctx, m, now, false)
	return found
}

// Judged is what was found of one domain in From, for reports (RFC 9990).
type Judged struct {
	Author string
	dmarc.Alignment
	Policy     string // for what does not pass, or PolicyNone for testing; empty: it passes
	Testing    bool
	SPF        Authenticated   // of the envelope sender, or of the client's name
	Helo       bool            // it is that
	Signatures []Authenticated // the first ones
}

// Authenticated is the result of a method.
type Authenticated struct{ Domain, Selector, Result string }

// maxSignatures is how many signatures are reported on.
const maxSignatures = 3

// AssessFor is Assess, and what is to be reported to the domains in From.
func (by *Assessor) AssessFor(ctx context.Context, m Mail, now time.Time) (screen.Evidence, []Judged) {
	return by.assess(ctx, m, now, true)
}

func (by *Assessor) assess(ctx context.Context, m Mail, now time.Time, reports bool) (screen.Evidence, []Judged) {
	a := &assessing{reports: reports, ctx: ctx, dns: lookup.New(by.Resolver), sealers: by.Sealers, mail: m, parts: dkim.Split(m.Raw), now: now}
	a.authors, a.nobody = authors(m.Raw[:len(m.Raw)-len(a.parts.Body)], a.parts)
	a.findPolicies() // before anything that who sent it has us ask for
	a.spf()
	a.dkim()
	a.dmarc()
	a.arc()
	a.iprev()
	for i := range a.found {
		a.found[i].Reason = clipped(a.found[i].Reason)
	}
	return a.found, a.judged
}

func clipped(reason string) string {
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "?")
}

// assessing is one message under way.
type assessing struct {
	ctx     context.Context
	dns     *lookup.Asker
	sealers []string
	mail    Mail
	parts   *dkim.Message
	now     time.Time

	authors  []string        // domains in From
	policies []*dmarc.Author // what the DNS says of each
	nobody   string          // why there are none

	ids   []dmarc.Identifier
	found screen.Evidence

	reports    bool // they are wanted
	judged     []Judged
	sender     Authenticated
	signatures []Authenticated
}

// within is the time that one thing has.
func (a *assessing) within(patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(a.ctx, patience)
}

func (a *assessing) add(r screen.Result) { a.found = append(a.found, r) }

// findPolicies asks for the policies of the domains in From.
func (a *assessing) findPolicies() {
	for _, d := range a.authors {
		ctx, cancel := a.within(policyPatience)
		a.policies = append(a.policies, dmarc.Find(ctx, a.dns, d))
		cancel()
	}
}

// spf checks the envelope sender, of the null sender the client's name (RFC 7208, section 2.4).
func (a *assessing) spf() {
	r := screen.Result{Method: "spf", Result: screen.None, About: a.mail.From, Property: "smtp.mailfrom"}
	domain := maildomain.Canonical(maildomain.OfAddress(a.mail.From))
	local := strings.TrimSuffix(a.mail.From, "@"+maildomain.OfAddress(a.mail.From))
	if a.mail.From == "" {
		domain, local = maildomain.Canonical(a.mail.Helo), ""
		r.About, r.Property = domain, "smtp.helo"
	}
	if !a.mail.Client.IsValid() {
		r.Reason = "which server outside sent it is not known"
		a.add(r)
		return
	}
	ctx, cancel := a.within(spfPatience)
	defer cancel()
	o := spf.Check(ctx, a.dns, spf.Identity{IP: a.mail.Client, Domain: domain, Local: local, Helo: a.mail.Helo})
	r.Result, r.Reason = string(o.Result), o.Reason
	a.sender = Authenticated{Domain: domain, Result: r.Result}
	a.add(r)
	if o.Result == spf.Pass || o.Result == spf.TempError {
		a.ids = append(a.ids, dmarc.Identifier{Method: dmarc.SPF, Domain: domain, Unknown: o.Result == spf.TempError})
	}
}

// dkim verifies the signatures. A key that is being tried out counts: many are for ever.
func (a *assessing) dkim() {
	ctx, cancel := a.within(dkimPatience)
	defer cancel()
	found, left := dkim.Verify(ctx, a.dns, a.parts, a.now)
	for _, v := range found {
		r := screen.Result{Method: "dkim", Result: string(v.Result), About: v.Domain, Property: "header.d", Reason: v.Reason}
		if v.Testing {
			r.Reason = strings.TrimPrefix(r.Reason+"; the domain is trying its key out (t=y)", "; ")
		}
		a.add(r)
		if v.Domain != "" && v.Selector != "" && len(a.signatures) < maxSignatures {
			a.signatures = append(a.signatures, Authenticated{v.Domain, v.Selector, string(v.Result)})
		}
		if v.Result == dkim.Pass || v.Result == dkim.TempError {
			a.ids = append(a.ids, dmarc.Identifier{Method: dmarc.DKIM, Domain: v.Domain, Unknown: v.Result == dkim.TempError})
		}
	}
	switch {
	case left > 0:
		a.add(screen.Result{Method: "dkim", Result: screen.Neutral, Reason: fmt.Sprintf("%d more signatures are not looked at", left)})
	case len(found) == 0:
		a.add(screen.Result{Method: "dkim", Result: screen.None})
	}
}

// dmarc checks each domain of the From field.
func (a *assessing) dmarc() {
	if a.nobody != "" {
		// Programs may show somebody whom no policy was asked about.
		a.add(screen.Result{Method: screen.MethodDMARC, Result: string(dmarc.PermError), Reason: a.nobody, Policy: string(dmarc.Quarantine)})
		return
	}
	for i, d := range a.authors {
		o := a.outcome(a.policies[i])
		r := screen.Result{Method: screen.MethodDMARC, Result: string(o.Result), About: d, Property: "header.from", Reason: o.Reason}
		switch {
		case o.Result == dmarc.Pass || o.Result == dmarc.None:
		case !a.mail.Client.IsValid() && o.Result == dmarc.Fail:
			// The server that sent it might be the domain's own.
			r.Result, r.Reason = screen.None, "which server outside sent it is not known"
		case o.Testing:
			r.Policy, r.Reason = string(dmarc.PolicyNone), r.Reason+"; its policy is not to be applied yet (t=y)"
		default:
			r.Policy = string(o.Policy)
			if o.Policy != "" {
				r.Reason += "; its policy is " + r.Policy
			}
		}
		a.add(r)
		if a.reports && a.mail.Client.IsValid() && (r.Result == screen.Pass || r.Result == screen.Fail) {
			a.judge(a.policies[i], d, r.Policy, o.Testing)
		}
	}
}

// judge notes what is to be reported to the domain of an author.
func (a *assessing) judge(of *dmarc.Author, author, policy string, testing bool) {
	ctx, cancel := a.within(alignPatience)
	defer cancel()
	if aligned, ok := of.Align(ctx, a.dns, a.ids); ok {
		a.judged = append(a.judged, Judged{
			Author: author, Alignment: aligned, Policy: policy, Testing: testing, SPF: a.sender, Helo: a.mail.From == "", Signatures: a.signatures,
		})
	}
}

// outcome holds what was found to one domain of the From field.
func (a *assessing) outcome(of *dmarc.Author) dmarc.Outcome {
	ctx, cancel := a.within(alignPatience)
	defer cancel()
	return of.Check(ctx, a.dns, a.ids)
}

// authors are the domains of the one From field, canonical, of all authors that any mail program
// shows; why says that there is none to check.
func authors(header []byte, parts *dkim.Message) (domains []string, why string) {
	if n := len(parts.Named("from")); n != 1 {
		return nil, fmt.Sprintf("it has %d From fields; one is needed (RFC 5322, section 3.6)", n)
	}
	switch domains = AuthorDomains(header); {
	case len(domains) == 0:
		return nil, "its From field names no domain, or not to all mail programs"
	case len(domains) > maxAuthors:
		return nil, fmt.Sprintf("its From field names %d domains", len(domains))
	}
	return domains, ""
}

// AuthorDomains are the domains, canonical, of all authors that any mail program shows; none where
// there are none, or not to all mail programs.
func AuthorDomains(header []byte) []string {
	domains := message.ClaimsOf(header).Authors
	for _, addr := range message.ParseHeader(header).From {
		d := maildomain.Canonical(maildomain.OfAddress(addr.Addr))
		if !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	if slices.ContainsFunc(domains, func(d string) bool { return !maildomain.Valid(d) }) {
		return nil
	}
	return domains
}

// arc validates the chain of relays. It passes for an author's domain if all sealers are trusted
// and the first of them says that the message was from there: its word is worth what theirs is.
func (a *assessing) arc() {
	ctx, cancel := a.within(arcPatience)
	defer cancel()
	c := arc.Validate(ctx, a.dns, a.parts)
	r := screen.Result{Method: screen.MethodARC, Result: string(c.Result), Reason: c.Reason}
	if c.Result != arc.Pass {
		a.add(r)
		return
	}
	last := c.Sealers[len(c.Sealers)-1]
	r.Result, r.About, r.Property = screen.ByPolicy, last, "header.d"
	for _, s := range c.Sealers {
		if !slices.Contains(a.sealers, s) {
			r.About, r.Reason = s, "the chain is whole, but who sealed it is not trusted here"
			a.add(r)
			return
		}
	}
	r.Reason = "the chain is whole, but does not say that the message was from the domain in From"
	for _, d := range a.authors {
		if !vouched(c.First, d) {
			a.add(r)
			return
		}
	}
	for _, d := range a.authors {
		a.add(screen.Result{Method: screen.MethodARC, Result: screen.Pass, About: d, Property: "header.from", Reason: "sealed by " + last})
	}
	if len(a.authors) == 0 {
		a.add(r)
	}
}

// vouched reports whether a relay found a message to be from a domain.
func vouched(found []arc.Finding, domain string) bool {
	return slices.ContainsFunc(found, func(f arc.Finding) bool {
		return f.Result == screen.Pass && (f.Method == "dmarc" && f.Properties["header.from"] == domain || f.Method == "dkim" && f.Properties["header.d"] == domain)
	})
}

// iprev checks that a name of the client leads back to it (RFC 8601, section 3).
func (a *assessing) iprev() {
	if !a.mail.Client.IsValid() {
		return
	}
	ctx, cancel := a.within(iprevPatience)
	defer cancel()
	client := a.mail.Client.Unmap().WithZone("")
	r := screen.Result{Method: "iprev", Result: screen.PermError, About: client.String(), Property: "policy.iprev", Reason: "the address has no name"}
	names, err := a.dns.Names(ctx, client)
	if err != nil {
		r.Result, r.Reason = failure(err)
		a.add(r)
		return
	}
	for _, name := range names[:min(len(names), maxNames)] {
		addrs, err := a.dns.Addrs(ctx, name, client)
		if err != nil {
			r.Result, r.Reason = failure(err)
			continue
		}
		if slices.ContainsFunc(addrs, func(b netip.Addr) bool { return b.Unmap() == client }) {
			r.Result, r.Reason = screen.Pass, name
			break
		}
		if r.Result == screen.PermError {
			r.Result, r.Reason = screen.Fail, "the name "+name+" does not lead back to it"
		}
	}
	a.add(r)
}

// failure is what an error of a lookup means.
func failure(err error) (result, reason string) {
	if errors.Is(err, lookup.ErrTemporary) {
		return screen.TempError, err.Error()
	}
	return screen.PermError, err.Error()
}
