package dsn

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
	"cairn/smtpgw/address"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
)

// Notification is what the sender of a message is told of it.
type Notification struct {
	Hostname string // who reports
	Domain   string // whose postmaster writes
	Name     string // no other's: its Message-ID and boundary are made of it
	Written  time.Time

	// Of the message.
	From     string // to whom the notification goes
	Ref      string
	EnvID    string // as its sender called it (RFC 3461, section 4.4); empty: he did not
	Accepted time.Time
	Whole    bool // its sender wants it back as a whole, where it has failed (section 4.3)
}

// Told is what a notification says of one recipient.
type Told struct {
	Address  string
	Original string // ORCPT, with its type; empty: none
	Action   string // RFC 3464, section 2.3.3; empty: what the notification is about
	Reply    reply.Reply
}

// kind is what a notification says beside the recipients.
type kind struct {
	subject, action string
	first, last     string    // of the part for people
	until           time.Time // for how long a message that waits is tried; zero: it is not
}

// Failed writes the notification about recipients that will not get a message, and those that have
// it of whom the sender wants to be told.
func (n *Notification) Failed(raw []byte, whom []Told) ([]byte, error) {
	k := kind{
		subject: "Mail not delivered", action: "failed",
		first: "Your message could not be delivered to:", last: " Nothing more will be tried.",
	}
	if !slices.ContainsFunc(whom, func(t Told) bool { return t.actionIn(&k) == "failed" }) {
		k = kind{subject: "Mail delivered", action: "delivered"}
	}
	return n.write(&k, raw, whom)
}

// Delayed writes the notification about recipients that do not have a message yet, and for whom it
// is tried until some time.
func (n *Notification) Delayed(raw []byte, whom []Told, until time.Time) ([]byte, error) {
	return n.write(&kind{
		subject: "Mail delayed", action: "delayed", until: until,
		first: "Your message has not been delivered yet to:",
		last:  " It is tried until " + until.Format(dateFormat) + ". You need not send it again.",
	}, raw, whom)
}

// dateFormat is the date-time of RFC 5322, section 3.3.
const dateFormat = time.RFC1123Z

// write writes a notification (RFC 3464): for people, for programs, and the header of the message.
func (n *Notification) write(k *kind, raw []byte, whom []Told) ([]byte, error) {
	var h message.Header
	h.Set("From", "Mail Delivery System <postmaster@"+n.Domain+">")
	h.Set("To", "<"+address.Path(n.From)+">")
	h.Set("Subject", about(k.subject, raw))
	h.Set("Date", n.Written.Format(dateFormat))
	// As spelled here: filters count Mime-Version against a mail.
	h.AddRaw(fmt.Appendf(nil, "Message-ID: <%s@%s>\r\n", n.Name, n.Hostname))
	h.Set("Auto-Submitted", "auto-replied") // RFC 3834, section 5
	if id := messageID(raw); id != "" {
		h.Set("References", id)
	}
	h.AddRaw([]byte("MIME-Version: 1.0\r\n"))
	h.SetContentType("multipart/report", map[string]string{
		"report-type": "delivery-status",
		"boundary":    "report-" + n.Name,
	})
	var b bytes.Buffer
	w, err := message.CreateWriter(&b, h)
	if err != nil {
		return nil, err
	}
	header, _ := rawheader.Split(raw)
	original, third := string(header), [2]string{"text/rfc822-headers", "message/global-headers"}
	if k.action == "failed" && n.Whole && len(raw) <= maxWhole { // RET=FULL: RFC 3461, section 4.3
		original, third = string(raw), [2]string{"message/rfc822", "message/global"}
	}
	programs := n.forPrograms(k, whom)
	state, headers := "message/delivery-status", third[0]
	if !maildomain.IsASCII(n.From + programs + string(header)) { // RFC 6533
		state, headers = "message/global-delivery-status", third[1]
	}
	for _, part := range []struct{ typ, body string }{
		{"text/plain; charset=utf-8", n.forPeople(k, whom)},
		{state, programs},
		{headers, original},
	} {
		if err := writePart(w, part.typ, part.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writePart(w *message.Writer, typ, body string) error {
	var h message.Header
	h.Set("Content-Type", typ)
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

func (n *Notification) forPeople(k *kind, whom []Told) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is the mail system at %s.\r\n\r\n", n.Hostname)
	for _, part := range [][2]string{
		{k.action, k.first}, {"delivered", "Your message was delivered to:"},
		{"relayed", "Your message was handed on to servers that do not tell what becomes of it, for:"},
	} {
		first := part[1] + "\r\n\r\n"
		for _, t := range whom {
			if t.actionIn(k) != part[0] || part[1] == "" {
				continue
			}
			fmt.Fprintf(&b, "%s  <%s>\r\n    %s\r\n\r\n", first, address.Path(t.Address), reply.OneLine(t.Reply.String()))
			first = ""
		}
	}
	fmt.Fprintf(&b, "It was accepted here on %s as %s.%s\r\n", n.Accepted.Format(dateFormat), n.Ref, k.last)
	return b.String()
}

func (n *Notification) forPrograms(k *kind, whom []Told) string {
	var b strings.Builder
	if id := reply.OneLine(n.EnvID); id != "" {
		fmt.Fprintf(&b, "Original-Envelope-Id: %s\r\n", id)
	}
	fmt.Fprintf(&b, "Reporting-MTA: dns; %s\r\n", n.Hostname)
	fmt.Fprintf(&b, "X-Cairn-Reference: %s\r\n", n.Ref)
	fmt.Fprintf(&b, "Arrival-Date: %s\r\n", n.Accepted.Format(dateFormat))
	for _, t := range whom {
		typ := "rfc822"
		if !maildomain.IsASCII(t.Address) {
			typ = "utf-8" // RFC 6533, section 3
		}
		b.WriteString("\r\n")
		if as, address, found := strings.Cut(reply.OneLine(t.Original), ";"); found {
			fmt.Fprintf(&b, "Original-Recipient: %s; %s\r\n", as, address)
		}
		fmt.Fprintf(&b, "Final-Recipient: %s; %s\r\n", typ, address.Path(t.Address))
		action := t.actionIn(k)
		fmt.Fprintf(&b, "Action: %s\r\n", action)
		fmt.Fprintf(&b, "Status: %s\r\n", reply.StatusOf(t.Reply, classOf(action)))
		fmt.Fprintf(&b, "Diagnostic-Code: smtp; %s\r\n", reply.OneLine(t.Reply.String()))
		if !k.until.IsZero() {
			fmt.Fprintf(&b, "Will-Retry-Until: %s\r\n", k.until.Format(dateFormat))
		}
	}
	return b.String()
}

// maxWhole is the largest message that goes into a report as a whole, in octets.
const maxWhole = 1 << 20

// actionIn is what has happened for a recipient.
func (t *Told) actionIn(k *kind) string { return cmp.Or(t.Action, k.action) }

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
