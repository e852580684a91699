package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdReports() *cobra.Command {
	var domain string
	ls := &cobra.Command{
		Use:   "ls",
		Short: "List what other servers have reported, the newest first",
		Long: `List the reports that came to the postmaster of a domain of this node, where the records that doctor prints lead them: DMARC aggregate reports
(RFC 9990) and TLS reports (RFC 8460). Each counts once, for 400 days. Anybody may send such reports: nothing else follows from them than what is shown.`,
		Example: "  cairn reports ls\n  cairn reports ls --domain alpha.example",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, about((*api.Client).ListReports, domain), func(b *bytes.Buffer, l *api.ReportList) { showReports(b, l, domain) })
		},
	}
	ls.Flags().StringVar(&domain, "domain", "", "only what is about this domain, or one below it")
	show := &cobra.Command{
		Use:     "show NUMBER",
		Short:   "Show a report with its sources, or its policies",
		Example: "  cairn reports show 12",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			number, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || number == 0 {
				return usage(c, "%q is no number of a report, as reports ls shows them", args[0])
			}
			return ask(a, c, about((*api.Client).Report, api.ReportRequest{Number: number}), showReport)
		},
	}
	return group("reports", "What other servers report of mail in the name of our domains, and what is reported to them", ls, show, a.cmdReportsSent())
}

func (a *app) cmdReportsSent() *cobra.Command {
	var domain string
	sent := &cobra.Command{
		Use:   "sent",
		Short: "List the reports that this node has sent to other domains, the newest first",
		Long: `List the reports that were sent in the last 90 days, one line for each destination. A day's report leaves within four hours after the end of the
day (UTC), where the DNS of the domain asks for it: TLS reports (RFC 8460, outbound.tls_reports), on the sessions with its mail servers, and DMARC aggregate
reports (RFC 9990, inbound.dmarc_reports), on mail in its name. "queued": a mail is in the queue, or has left; "posted": a web server took it; "given-up": it
could not be sent within a day, or is too large.`,
		Example: "  cairn reports sent\n  cairn reports sent --domain example.net",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c, about((*api.Client).ListSentReports, domain), func(b *bytes.Buffer, l *api.SentReportList) { showSentReports(b, l, domain) })
		},
	}
	sent.Flags().StringVar(&domain, "domain", "", "only what is about this domain, or one below it")
	return sent
}

func showSentReports(b *bytes.Buffer, l *api.SentReportList, domain string) {
	if l.Total == 0 {
		if domain != "" {
			domain = " about " + line(domain, 0)
		}
		fmt.Fprintf(b, "no report was sent%s\n", domain)
		return
	}
	rows := [][]string{{"NUMBER", "KIND", "DAY", "ABOUT", "PASSED", "FAILED", "OUTCOME", "TO"}}
	for _, r := range l.Reports {
		to := line(r.To, 80)
		if r.Why != "" {
			to = strings.TrimPrefix(to+": "+line(r.Why, 200), ": ")
		}
		rows = append(rows, []string{fmt.Sprint(r.Number), r.Kind, r.Begin.UTC().Format("2006-01-02"), line(r.Domain, 60), fmt.Sprint(r.Passed), fmt.Sprint(r.Failed), r.Outcome, to})
	}
	table(b, rows)
	if more := l.Total - len(l.Reports); more > 0 {
		fmt.Fprintf(b, "and %d older ones\n", more)
	}
}

func showReports(b *bytes.Buffer, l *api.ReportList, domain string) {
	if l.Total == 0 {
		if domain != "" {
			domain = " about " + line(domain, 0)
		}
		fmt.Fprintf(b, "no server has reported anything%s\n", domain)
		return
	}
	rows := [][]string{{"NUMBER", "KIND", "ENDS", "BY", "ABOUT", "PASSED", "FAILED"}}
	for _, r := range l.Reports {
		rows = append(rows, []string{
			fmt.Sprint(r.Number), r.Kind, r.End.Format("2006-01-02"), line(r.By, 40), line(strings.Join(r.Domains, ", "), 60), fmt.Sprint(r.Passed), fmt.Sprint(r.Failed),
		})
	}
	table(b, rows)
	if more := l.Total - len(l.Reports); more > 0 {
		fmt.Fprintf(b, "and %d older ones\n", more)
	}
}

func showReport(b *bytes.Buffer, r *api.Report) {
	v := readReport{Kind: r.Kind, By: line(r.By, 0), Begin: r.Begin, End: r.End, Domain: line(strings.Join(r.Domains, ", "), 0), Policy: line(r.Policy, 0), Passed: r.Passed, Failed: r.Failed}
	for _, s := range r.Sources {
		v.Sources = append(v.Sources, mailFrom{line(s.Network, 0), s.Messages, line(s.From, 0), line(s.DKIM, 0), line(s.SPF, 0), line(s.Disposition, 0)})
	}
	for _, p := range r.Policies {
		out := tlsPolicy{Domain: line(p.Domain, 0), Kind: line(p.Kind, 0), Passed: p.Passed, Failed: p.Failed}
		for _, f := range p.Failures {
			out.Failures = append(out.Failures, tlsFailure{Kind: line(f.Kind, 0), Host: line(f.Host, 0), Sessions: f.Sessions})
		}
		v.Policies = append(v.Policies, out)
	}
	v.show(b)
	if r.Others > 0 {
		fmt.Fprintf(b, "  and %d messages from other networks\n", r.Others)
	}
	from := "a domain that is not known"
	if r.Sender != "" {
		from = line(r.Sender, 0)
	}
	fmt.Fprintf(b, "  its id is %s; it came from %s on %s, which may claim anything\n", line(r.ID, 0), from, moment(r.Received))
}
