package smtpgw

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"

	mail "cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
	"cairn/smtpgw/trace"
)

// report is what a report says beside the recipients.
type report struct {
	subject, action string
	first, last     string    // of the part for people
	until           time.Time // for how long a message that waits is tried; zero: it is not
}

// bounce writes the report to the sender of e about recipients that will not
// get the message, and those that have it of whom he wants to be told.
func bounce(e *outbox.Entry, raw []byte, failed []fate, hostname, domain string, now time.Time) ([]byte, error) {
	kind := report{
		subject: "Mail not delivered", action: "failed",
		first: "Your message could not be delivered to:", last: " Nothing more will be tried.",
	}
	if !slices.ContainsFunc(failed, func(f fate) bool { return f.actionIn(&kind) == "failed" }) {
		kind = report{subject: "Mail delivered", action: "delivered"}
	}
	return kind.write(e, raw, failed, hostname, domain, now)
}

// delayNotice writes the report to the sender of e about recipients that do not have the message
// yet, and for whom it is tried until some time.
func delayNotice(e *outbox.Entry, raw []byte, waiting []fate, hostname, domain string, until, now time.Time) ([]byte, error) {
	kind := report{
		subject: "Mail delayed", action: "delayed", until: until,
		first: "Your message has not been delivered yet to:",
		last:  " It is tried until " + until.Format(trace.DateFormat) + ". You need not send it again.",
	}
	return kind.write(e, raw, waiting, hostname, domain, now)
}

// write writes the report (RFC 3464): for people, for programs, and the header of the message.
func (k *report) write(e *outbox.Entry, raw []byte, whom []fate, hostname, domain string, now time.Time) ([]byte, error) {
	var h message.Header
	h.Set("From", "Mail Delivery System <postmaster@"+domain+">")
	h.Set("To", "<"+address.Path(e.From)+">")
	h.Set("Subject", about(k.subject, raw))
	h.Set("Date", now.Format(trace.DateFormat))
	h.Set("Message-ID", fmt.Sprintf("<%s@%s>", trace.NewRef(), hostname))
	h.Set("Auto-Submitted", "auto-replied") // RFC 3834, section 5
	if id := messageID(raw); id != "" {
		h.Set("References", id)
	}
	h.Set("MIME-Version", "1.0")
	h.SetContentType("multipart/report", map[string]string{
		"report-type": "delivery-status",
		"boundary":    "report-" + trace.NewRef(),
	})
	var b bytes.Buffer
	w, err := message.CreateWriter(&b, h)
	if err != nil {
		return nil, err
	}
	header, _ := rawheader.Split(raw)
	original, third := string(header), [2]string{"text/rfc822-headers", "message/global-headers"}
	if k.action == "failed" && e.DSN.Full && len(raw) <= maxWhole { // RET=FULL: RFC 3461, section 4.3
		original, third = string(raw), [2]string{"message/rfc822", "message/global"}
	}
	programs := k.forPrograms(e, whom, hostname)
	status, headers := "message/delivery-status", third[0]
	if !maildomain.IsASCII(e.From + programs + string(header)) { // RFC 6533
		status, headers = "message/global-delivery-status", third[1]
	}
	for _, part := range []struct{ kind, body string }{
		{"text/plain; charset=utf-8", k.forPeople(e, whom, hostname)},
		{status, programs},
		{headers, original},
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
	header, _ := rawheader.Split(raw)
	subject := reply.OneLine(strings.TrimSpace(mail.ParseHeader(header).Subject))
	if subject == "" {
		return what
	}
	if len(subject) > maxSubject {
		subject = strings.ToValidUTF8(subject[:maxSubject], "") + "..."
	}
	return mime.QEncoding.Encode("utf-8", what+": "+subject)
}

func (k *report) forPeople(e *outbox.Entry, whom []fate, hostname string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is the mail system at %s.\r\n\r\n", hostname)
	for _, part := range [][2]string{
		{k.action, k.first}, {"delivered", "Your message was delivered to:"},
		{"relayed", "Your message was handed on to servers that do not tell what becomes of it, for:"},
	} {
		first := part[1] + "\r\n\r\n"
		for _, f := range whom {
			if f.actionIn(k) != part[0] || part[1] == "" {
				continue
			}
			fmt.Fprintf(&b, "%s  <%s>\r\n    %s\r\n\r\n", first, address.Path(f.rcpt), reply.OneLine(f.reply.String()))
			first = ""
		}
	}
	fmt.Fprintf(&b, "It was accepted here on %s as %s.%s\r\n", e.Created.Format(trace.DateFormat), e.Ref, k.last)
	return b.String()
}

func (k *report) forPrograms(e *outbox.Entry, whom []fate, hostname string) string {
	var b strings.Builder
	if id := reply.OneLine(e.DSN.EnvID); id != "" {
		fmt.Fprintf(&b, "Original-Envelope-Id: %s\r\n", id)
	}
	fmt.Fprintf(&b, "Reporting-MTA: dns; %s\r\n", hostname)
	fmt.Fprintf(&b, "X-Cairn-Reference: %s\r\n", e.Ref)
	fmt.Fprintf(&b, "Arrival-Date: %s\r\n", e.Created.Format(trace.DateFormat))
	for _, f := range whom {
		kind := "rfc822"
		if !maildomain.IsASCII(f.rcpt) {
			kind = "utf-8" // RFC 6533, section 3
		}
		b.WriteString("\r\n")
		if as, address, found := strings.Cut(reply.OneLine(f.original), ";"); found {
			fmt.Fprintf(&b, "Original-Recipient: %s; %s\r\n", as, address)
		}
		fmt.Fprintf(&b, "Final-Recipient: %s; %s\r\n", kind, address.Path(f.rcpt))
		action := f.actionIn(k)
		fmt.Fprintf(&b, "Action: %s\r\n", action)
		fmt.Fprintf(&b, "Status: %s\r\n", reply.StatusOf(f.reply, classOf(action)))
		fmt.Fprintf(&b, "Diagnostic-Code: smtp; %s\r\n", reply.OneLine(f.reply.String()))
		if !k.until.IsZero() {
			fmt.Fprintf(&b, "Will-Retry-Until: %s\r\n", k.until.Format(trace.DateFormat))
		}
	}
	return b.String()
}

// maxWhole is the largest message that goes into a report as a whole, in octets.
const maxWhole = 1 << 20

// actionIn is what has happened for a recipient: that of the report where it is for all the same.
func (f *fate) actionIn(k *report) string { return cmp.Or(f.action, k.action) }

// classOf is the class of the status codes that go with an action.
func classOf(action string) int {
	switch action {
	case "failed":
		return 5
	case "delayed":
		return 4
	}
	return 2
}

// messageID returns the Message-ID of a message, if it is fit to be repeated.
func messageID(raw []byte) string {
	header, _ := rawheader.Split(raw)
	for f := range rawheader.Fields(header) {
		if !f.Is("message-id") {
			continue
		}
		id := strings.TrimSpace(f.Value())
		if len(id) < 250 && strings.HasPrefix(id, "<") && strings.HasSuffix(id, ">") && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return id
		}
	}
	return ""
}
