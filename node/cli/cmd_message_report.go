package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
	"cairn/smtpgw/reports"
)

// reportsIn is what "cairn message report" prints.
type reportsIn struct {
	api.Document
	File    string       `json:"file"`
	Reports []readReport `json:"reports"`
}

type readReport struct {
	Kind     string      `json:"kind"` // dmarc, tls
	ID       string      `json:"id"`
	By       string      `json:"by"` // the organisation that reports
	Contact  string      `json:"contact,omitempty"`
	Begin    time.Time   `json:"begin,omitzero"`
	End      time.Time   `json:"end,omitzero"`
	Domain   string      `json:"domain,omitempty"` // of dmarc
	Policy   string      `json:"policy,omitempty"` // that it publishes
	Testing  bool        `json:"testing,omitempty"`
	Passed   uint64      `json:"passed"` // messages, or sessions
	Failed   uint64      `json:"failed"`
	Sources  []mailFrom  `json:"sources,omitempty"`  // of dmarc, the most messages first
	Policies []tlsPolicy `json:"policies,omitempty"` // of tls
}

type mailFrom struct {
	Address     string `json:"address"`
	Messages    uint64 `json:"messages"`
	From        string `json:"from"` // domain
	DKIM        string `json:"dkim"`
	SPF         string `json:"spf"`
	Disposition string `json:"disposition"`
}

type tlsPolicy struct {
	Domain   string       `json:"domain,omitempty"`
	Kind     string       `json:"kind"`
	Passed   uint64       `json:"passed"`
	Failed   uint64       `json:"failed"`
	Failures []tlsFailure `json:"failures,omitempty"`
}

type tlsFailure struct {
	Kind     string `json:"kind"`
	Host     string `json:"host,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Sessions uint64 `json:"sessions"`
}

func (a *app) cmdReport() *cobra.Command {
	return &cobra.Command{
		Use:   "report FILE",
		Short: "Read what other servers report of mail in the name of a domain",
		Long: `Read DMARC aggregate reports (RFC 9990) and TLS reports (RFC 8460): a file as it was attached to a mail, packed or not, or
the whole mail. Anybody may send such reports, so look at who did.`,
		Example: "  cairn show --raw postmaster/12 | cairn message report -\n  cairn message report google.com.zip",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := a.read(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("reading the report: %w", err)
			}
			found, err := reports.Find(raw)
			if err != nil {
				return noReport(args[0], err)
			}
			doc := &reportsIn{File: args[0], Reports: []readReport{}}
			for _, r := range found {
				doc.Reports = append(doc.Reports, viewReport(r))
			}
			return a.print(doc, func(b *bytes.Buffer) {
				for i := range doc.Reports {
					doc.Reports[i].show(b)
				}
			})
		},
	}
}

// noReport is why a file is none.
func noReport(file string, err error) error {
	why, next := strings.TrimPrefix(err.Error(), "reports: "), "give a file as it was attached (XML, JSON, gzip, zip), or the whole mail: cairn show --raw ACCOUNT/NUMBER"
	if errors.Is(err, reports.ErrBounds) {
		next = "one of over 16 MB or 20,000 rows is not read"
	}
	return api.Errorf(api.CodeInvalid, next, "reading %s: %s", file, why)
}

func viewReport(r *reports.Report) readReport {
	v := readReport{ID: r.ID, By: r.Org, Contact: r.Contact, Begin: r.Begin, End: r.End}
	if d := r.DMARC; d != nil {
		v.Kind, v.Domain, v.Policy, v.Testing = "dmarc", d.Domain, d.Policy, d.Testing
		v.Passed, v.Failed = d.Sums()
		for _, row := range d.Rows {
			v.Sources = append(v.Sources, mailFrom{row.Source, row.Count, row.HeaderFrom, row.DKIM, row.SPF, row.Disposition})
		}
		slices.SortStableFunc(v.Sources, func(a, b mailFrom) int { return cmp.Compare(b.Messages, a.Messages) })
		return v
	}
	v.Kind = "tls"
	for _, p := range r.TLS.Policies {
		out := tlsPolicy{Domain: p.Domain, Kind: p.Kind, Passed: p.Succeeded, Failed: p.Failed}
		for _, f := range p.Failures {
			out.Failures = append(out.Failures, tlsFailure{f.Kind, f.Host, f.Reason, f.Count})
		}
		v.Policies = append(v.Policies, out)
		v.Passed, v.Failed = v.Passed+p.Succeeded, v.Failed+p.Failed
	}
	return v
}

func (r *readReport) show(b *bytes.Buffer) {
	what := "messages"
	about := r.Domain + ", which publishes p=" + r.Policy
	if r.Kind == "tls" {
		what, about = "sessions with TLS", "sessions with its servers"
	}
	fmt.Fprintf(b, "%s of %s, %s to %s: %s\n", r.Kind, r.By, r.Begin.Format("2006-01-02 15:04"), r.End.Format("2006-01-02 15:04"), about)
	fmt.Fprintf(b, "  %s: %d passed, %d failed\n", what, r.Passed, r.Failed)
	if len(r.Sources) > 0 {
		rows := [][]string{{"FROM ADDRESS", "MESSAGES", "DOMAIN", "DKIM", "SPF", "BECAME OF IT"}}
		for _, s := range r.Sources {
			rows = append(rows, []string{s.Address, fmt.Sprint(s.Messages), s.From, s.DKIM, s.SPF, s.Disposition})
		}
		table(b, rows)
	}
	for _, p := range r.Policies {
		fmt.Fprintf(b, "  %s %s: %d passed, %d failed\n", p.Domain, p.Kind, p.Passed, p.Failed)
		for _, f := range p.Failures {
			fmt.Fprintf(b, "    %d: %s\n", f.Sessions, strings.Join(strings.Fields(f.Kind+" "+f.Host+" "+f.Reason), " "))
		}
	}
}
