package reports

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"time"
)

// Letter is a mail that brings a report.
type Letter struct {
	Kind      string // KindTLS or KindDMARC
	Report    *Report
	Domain    string // that the report is about
	Submitter string // the name of the server that sends it
	From, To  string // addresses
	Date      time.Time
	Packed    []byte // the report as it is sent
}

// Kinds of reports.
const (
	KindDMARC = "dmarc"
	KindTLS   = "tls"
)

// Media types of reports that are sent.
const (
	TypeTLS   = "application/tlsrpt+gzip" // RFC 8460, section 6.5
	typeDMARC = "application/gzip"
)

const base64Line = 57 // octets in a line of 76

// Raw is the mail (RFC 8460, section 5.3; RFC 9990, section 3.5.2), in ASCII. The null sender is to
// send it, so that nobody is told of its failure by mail.
func (l *Letter) Raw() []byte {
	what, media, mixed, ext := "DMARC aggregate report", typeDMARC, "multipart/mixed", "xml.gz"
	if l.Kind == KindTLS {
		what, media, mixed, ext = "TLS report", TypeTLS, "multipart/report; report-type=\"tlsrpt\"", "json.gz"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\nMessage-ID: <report.%s>\r\n", l.From, l.To, l.Date.Format(time.RFC1123Z), l.Report.ID)
	fmt.Fprintf(&b, "Subject: Report Domain: %s\r\n Submitter: %s\r\n Report-ID: <%s>\r\n", l.Domain, l.Submitter, l.Report.ID)
	if l.Kind == KindTLS {
		fmt.Fprintf(&b, "TLS-Report-Domain: %s\r\nTLS-Report-Submitter: %s\r\n", l.Domain, l.Submitter)
	}
	boundary := "=_report_" + l.Report.Begin.UTC().Format("20060102")
	fmt.Fprintf(&b, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: %s;\r\n boundary=\"%s\"\r\n\r\n", mixed, boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"+
		"This is a %s of the day %s (UTC)\r\nabout %s, made by\r\n%s.\r\nThe record of that domain in the DNS asks for it.\r\n",
		boundary, what, l.Report.Begin.UTC().Format(time.DateOnly), l.Domain, l.Submitter)
	// RFC 8460, section 5.1; RFC 9990, section 3.5.2.
	file := fmt.Sprintf("%s!%s!%d!%d.%s", l.Submitter, l.Domain, l.Report.Begin.Unix(), l.Report.End.Unix(), ext)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n", boundary, media, file)
	for rest := l.Packed; len(rest) > 0; {
		n := min(base64Line, len(rest))
		b.WriteString(base64.StdEncoding.EncodeToString(rest[:n]))
		b.WriteString("\r\n")
		rest = rest[n:]
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}
