package node

import (
	"context"
	"errors"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/node/api"
	"cairn/smtpgw"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/collect"
	"cairn/smtpgw/reports/outgoing"
	"cairn/smtpgw/reports/tally"
)

// reportLimit is how many reports are listed.
const reportLimit = 1000

// newCollector keeps the figures of what other servers report to the postmaster.
func (n *Node) newCollector() *collect.Collector {
	return collect.New(collect.Config{
		Domains: func() []string { return n.enrol.Enrol().Domains }, Author: authorOf, Log: n.part("smtp"), Now: n.now,
	}, n.store)
}

// ListReports lists what other servers have reported, the newest first.
func (n *Node) ListReports(_ context.Context, domain string) (*api.ReportList, error) {
	domain, ok := domainOfReports(domain)
	if !ok {
		return nil, api.Errorf(api.CodeInvalid, "cairn reports ls", "%q is no mail domain", domain)
	}
	l := &api.ReportList{Reports: []api.ReportSummary{}}
	err := n.store.View(func(rd *mailstore.Reader) error {
		list, total, err := collect.All(rd, domain, n.now().Add(-collect.KeptFor), reportLimit)
		l.Total = total
		for i := range list {
			l.Reports = append(l.Reports, viewReport(&list[i]))
		}
		return err
	})
	return l, err
}

// domainOfReports is the domain that reports are listed of, canonical; "": of all. ok is false, and
// the name as it was given, if it is none.
func domainOfReports(name string) (domain string, ok bool) {
	c := maildomain.Canonical(name)
	if name != "" && !maildomain.Valid(c) {
		return name, false
	}
	return c, true
}

// ListSentReports lists the reports that were sent to other domains, the newest first.
func (n *Node) ListSentReports(_ context.Context, domain string) (*api.SentReportList, error) {
	domain, ok := domainOfReports(domain)
	if !ok {
		return nil, api.Errorf(api.CodeInvalid, "cairn reports sent", "%q is no mail domain", domain)
	}
	l := &api.SentReportList{Reports: []api.SentReport{}}
	err := n.store.View(func(rd *mailstore.Reader) error {
		list, total, err := outgoing.All(rd, domain, n.now().Add(-outgoing.SentKept), reportLimit)
		l.Total = total
		for _, s := range list {
			l.Reports = append(l.Reports, api.SentReport{
				Number: s.Number, Kind: s.Kind, ID: s.ID, Domain: s.Domain, Begin: s.Begin, End: s.End, To: s.To, Outcome: s.Outcome, Why: s.Why, Time: s.At, Passed: s.Passed, Failed: s.Failed,
			})
		}
		return err
	})
	return l, err
}

// newOutgoing counts what is reported to other domains, and sends that.
func (n *Node) newOutgoing() *outgoing.Sender {
	return outgoing.New(outgoing.Config{
		Hostname: n.cfg.Hostname, Org: n.cfg.Organisation.Name, From: n.reportsFrom, Lookup: lookupTXT, Organisational: organisational, Client: mtasts.Client(exchange.public),
		Queue: func(tx *mailstore.Tx, to string, raw []byte, kind string) error {
			return n.submitter.QueueReport(tx, to, raw, kind == reports.KindTLS)
		},
		Queued: n.submitter.Queued, Count: n.metrics.Reported,
		Pause: func() bool { return n.distrustClock() || n.copies.silent() != "" },
		Now:   n.now, Log: n.part("smtp"),
	}, n.store)
}

// organisational is the organisational domain of a domain, by the DNS.
func organisational(ctx context.Context, domain string) (string, error) {
	return dmarc.Organisational(ctx, lookup.New(evidenceDNS{}), domain)
}

// countJudged counts a mail for the report to the domain of one of its authors. What is put aside
// for another reason than the domain's policy is none of its business.
func (n *Node) countJudged(j smtpgw.Judged) {
	row := tally.MailRow{Row: reports.Row{
		Source: j.Source.String(), Count: 1, Disposition: "none", DKIM: "fail", SPF: "fail", HeaderFrom: j.Author,
		Envelope: j.Envelope, Sender: reports.Authenticated(j.Judged.SPF), Helo: j.Helo,
	}}
	if j.Alignment.DKIM {
		row.DKIM = "pass"
	}
	if j.Alignment.SPF {
		row.SPF = "pass"
	}
	wants := j.Policy != "" && j.Policy != string(dmarc.PolicyNone)
	switch {
	case row.Passes():
	case j.Testing:
		row.Override = reports.OverrideTesting
	case wants && j.Aside && !j.Inbox:
		row.Disposition = "quarantine"
	}
	if !row.Passes() && !j.Testing && wants && row.Disposition != j.Policy { // as what is held that is to be refused
		row.Override = reports.OverrideLocal
	}
	for _, s := range j.Signatures {
		row.Signatures = append(row.Signatures, reports.Authenticated(s))
	}
	n.outgoing.Mail(j.Domain, row, row.Passes() && j.Inbox)
}

// reportsFrom is the postmaster of the first of our domains whose mail is signed.
func (n *Node) reportsFrom() string {
	ring := n.dkim.ring.Load()
	for _, d := range n.dkimDomains() {
		if len(ring.Signing(d)) > 0 {
			return "postmaster@" + d
		}
	}
	return ""
}

// Report shows one.
func (n *Node) Report(_ context.Context, r api.ReportRequest) (*api.Report, error) {
	var f collect.Report
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		f, err = collect.One(rd, r.Number)
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) || err == nil && n.now().Sub(f.Received) > collect.KeptFor {
		return nil, api.Errorf(api.CodeNotFound, "cairn reports ls", "there is no report %d: it has expired, or never was", r.Number)
	}
	if err != nil {
		return nil, err
	}
	v := &api.Report{ReportSummary: viewReport(&f), Others: f.Others}
	for _, s := range f.Sources {
		v.Sources = append(v.Sources, api.ReportSource{Network: s.Network, Messages: s.Messages, From: s.From, DKIM: s.DKIM, SPF: s.SPF, Disposition: s.Disposition})
	}
	for _, p := range f.Policies {
		out := api.ReportPolicy{Domain: p.Domain, Kind: p.Kind, Passed: p.Passed, Failed: p.Failed}
		for _, why := range p.Failures {
			out.Failures = append(out.Failures, api.ReportFailure(why))
		}
		v.Policies = append(v.Policies, out)
	}
	return v, nil
}

func viewReport(f *collect.Report) api.ReportSummary {
	return api.ReportSummary{
		Number: f.Number, Kind: f.Kind, ID: f.ID, By: f.Org, Sender: f.Sender, Received: f.Received, Begin: f.Begin, End: f.End,
		Domains: f.Domains, Policy: f.Policy, Testing: f.Testing, Passed: f.Passed, Failed: f.Failed,
	}
}
