package node

import (
	"context"
	"errors"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/node/api"
	"cairn/smtpgw/reports/collect"
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
	if domain != "" {
		c := maildomain.Canonical(domain)
		if !maildomain.Valid(c) {
			return nil, api.Errorf(api.CodeInvalid, "cairn reports ls", "%q is no mail domain", domain)
		}
		domain = c
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
