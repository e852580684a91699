package smtpgw

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"

	"github.com/emersion/go-message"

	mail "cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
)

// bounce writes the report to the sender of e about recipients that will not
// get the message (RFC 3464): for people, for programs, and the header of the
// message.
func bounce(e *outbox.Entry, raw []byte, failed []fate, hostname, domain string, now time.Time) ([]byte, error) {
	var h message.Header
	h.Set("From", "Mail Delivery System <postmaster@"+domain+">")
	h.Set("To", "<"+pathOf(e.From)+">")
	h.Set("Subject", about("Mail not delivered", raw))
	h.Set("Date", now.Format(mailDate))
	h.Set("Message-ID", fmt.Sprintf("<%s@%s>", newRef(), hostname))
	h.Set("Auto-Submitted", "auto-replied") // RFC 3834, section 5
	if id := messageID(raw); id != "" {
		h.Set("References", id)
	}
	h.Set("MIME-Version", "1.0")
	h.SetContentType("multipart/report", map[string]string{
		"report-type": "delivery-status",
		"boundary":    "report-" + newRef(),
	})
	var b bytes.Buffer
	w, err := message.CreateWriter(&b, h)
	if err != nil {
		return nil, err
	}
	header, _ := splitHeader(raw)
	programs := forPrograms(e, failed, hostname)
	status, headers := "message/delivery-status", "text/rfc822-headers"
	if !maildomain.IsASCII(e.From + programs + string(header)) { // RFC 6533
		status, headers = "message/global-delivery-status", "message/global-headers"
	}
	for _, part := range []struct{ kind, body string }{
		{"text/plain; charset=utf-8", forPeople(e, failed, hostname)},
		{status, programs},
		{headers, string(header)},
	} {
		if err := writePart(w, part.kind, part.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writePart(w *message.Writer, kind, body string) error {
	var h message.Header
	h.Set("Content-Type", kind)
	encoding := "8bit"
	if maildomain.IsASCII(body) { // RFC 3464, section 2.1: else a report for programs is none
		encoding = "7bit"
	}
	h.Set("Content-Transfer-Encoding", encoding)
	p, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(p, body); err != nil {
		return err
	}
	return p.Close()
}

// maxSubject is how much of a subject a report repeats, in octets.
const maxSubject = 200

// about is the subject of a report on a message.
func about(what string, raw []byte) string {
	header, _ := splitHeader(raw)
	subject := oneLine(strings.TrimSpace(mail.ParseHeader(header).Subject))
	if subject == "" {
		return what
	}
	if len(subject) > maxSubject {
		subject = strings.ToValidUTF8(subject[:maxSubject], "") + "..."
	}
	return mime.QEncoding.Encode("utf-8", what+": "+subject)
}

func forPeople(e *outbox.Entry, failed []fate, hostname string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is the mail system at %s.\r\n\r\n", hostname)
	b.WriteString("Your message could not be delivered to:\r\n\r\n")
	for _, f := range failed {
		fmt.Fprintf(&b, "  <%s>\r\n    %s\r\n\r\n", pathOf(f.rcpt), oneLine(f.reply.String()))
	}
	fmt.Fprintf(&b, "It was accepted here on %s as %s. Nothing more will be tried.\r\n", e.Created.Format(mailDate), e.Ref)
	return b.String()
}

func forPrograms(e *outbox.Entry, failed []fate, hostname string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Reporting-MTA: dns; %s\r\n", hostname)
	fmt.Fprintf(&b, "X-Cairn-Reference: %s\r\n", e.Ref)
	fmt.Fprintf(&b, "Arrival-Date: %s\r\n", e.Created.Format(mailDate))
	for _, f := range failed {
		kind := "rfc822"
		if !maildomain.IsASCII(f.rcpt) {
			kind = "utf-8" // RFC 6533, section 3
		}
		fmt.Fprintf(&b, "\r\nFinal-Recipient: %s; %s\r\n", kind, pathOf(f.rcpt))
		b.WriteString("Action: failed\r\n")
		fmt.Fprintf(&b, "Status: %s\r\n", statusCode(f.reply))
		fmt.Fprintf(&b, "Diagnostic-Code: smtp; %s\r\n", oneLine(f.reply.String()))
	}
	return b.String()
}

// statusCode returns the enhanced status code (RFC 3463) that a reply begins
// with, or the plainest one.
func statusCode(r reply) string {
	word, _, _ := strings.Cut(r.text, " ")
	var class, subject, detail int
	if n, _ := fmt.Sscanf(word, "%d.%d.%d", &class, &subject, &detail); n == 3 && class == 5 {
		return fmt.Sprintf("%d.%d.%d", class, subject, detail)
	}
	return "5.0.0"
}

// maxReportLine leaves room for the name of a field in a line of legal length.
const maxReportLine = 900

// oneLine makes foreign text fit for a line of a report.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxReportLine {
		s = s[:maxReportLine]
	}
	return strings.ToValidUTF8(s, "")
}

// messageID returns the Message-ID of a message, if it is fit to be repeated.
func messageID(raw []byte) string {
	header, _ := splitHeader(raw)
	for f := range fieldsOf(header) {
		if !f.is("message-id") {
			continue
		}
		id := strings.TrimSpace(f.value())
		if len(id) < 250 && strings.HasPrefix(id, "<") && strings.HasSuffix(id, ">") && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return id
		}
	}
	return ""
}
