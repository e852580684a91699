package api

import "time"

// ReportRequest names a report that was kept.
type ReportRequest struct {
	Number uint64 `json:"number"`
}

// ReportList lists reports of other servers, the newest first, and at most 1,000.
type ReportList struct {
	Document
	Total   int             `json:"total"` // also those that are not in the list
	Reports []ReportSummary `json:"reports"`
}

// ReportSummary is a report in short. Whoever sent it claims all of it.
type ReportSummary struct {
	Number   uint64    `json:"number"`
	Kind     string    `json:"kind"` // dmarc, tls
	ID       string    `json:"id"`
	By       string    `json:"by"`               // the organisation that reports, as it says
	Sender   string    `json:"sender,omitempty"` // domain of the author of the mail that brought it
	Received time.Time `json:"received"`
	Begin    time.Time `json:"begin"`
	End      time.Time `json:"end"`
	Domains  []string  `json:"domains"` // of ours that it is about
	Policy   string    `json:"policy,omitempty"`
	Testing  bool      `json:"testing,omitempty"`
	Passed   uint64    `json:"passed"` // messages, or sessions
	Failed   uint64    `json:"failed"`
}

// Report is one report.
type Report struct {
	Document
	ReportSummary
	Sources  []ReportSource `json:"sources,omitempty"`  // of dmarc, the most messages first, at most 100
	Others   uint64         `json:"others,omitempty"`   // messages from sources that are not among those
	Policies []ReportPolicy `json:"policies,omitempty"` // of tls
}

// ReportSource is mail from one network with the same results.
type ReportSource struct {
	Network     string `json:"network"`
	Messages    uint64 `json:"messages"`
	From        string `json:"from"` // domain
	DKIM        string `json:"dkim"`
	SPF         string `json:"spf"`
	Disposition string `json:"disposition"`
}

// ReportPolicy is sessions with servers of one domain by one policy.
type ReportPolicy struct {
	Domain   string          `json:"domain"`
	Kind     string          `json:"kind"`
	Passed   uint64          `json:"passed"`
	Failed   uint64          `json:"failed"`
	Failures []ReportFailure `json:"failures,omitempty"` // the most sessions first, at most 20
}

// ReportFailure is why some sessions failed.
type ReportFailure struct {
	Kind     string `json:"kind"`
	Host     string `json:"host,omitempty"`
	Sessions uint64 `json:"sessions"`
}

// SentReportList lists reports that this node has sent to other domains, the newest first, and at
// most 1,000.
type SentReportList struct {
	Document
	Total   int          `json:"total"` // also those that are not in the list
	Reports []SentReport `json:"reports"`
}

// SentReport is a report to one destination.
type SentReport struct {
	Number  uint64    `json:"number"`
	Kind    string    `json:"kind"` // dmarc, tls
	ID      string    `json:"id,omitempty"`
	Domain  string    `json:"domain"` // that it is about, and that asks for it
	Begin   time.Time `json:"begin"`
	End     time.Time `json:"end"`
	To      string    `json:"to,omitempty"` // address or URL; empty: the DNS did not say
	Outcome string    `json:"outcome"`      // queued, posted, given-up
	Why     string    `json:"why,omitempty"`
	Time    time.Time `json:"time"`
	Passed  uint64    `json:"passed"` // messages, or sessions
	Failed  uint64    `json:"failed"`
}
