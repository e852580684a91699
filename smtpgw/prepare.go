package smtpgw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/smtpgw/address"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
)

// maxReceived is the number of Received fields at which a message is taken to
// go in circles (RFC 5321, section 6.3).
const maxReceived = 100

// draft is a submitted message on its way to the one that is recorded: its header put right, as
// RFC 6409, section 8, lets a submission server do.
type draft struct {
	fields []rawheader.Field
	rest   []byte           // from the empty line on
	parsed *message.Message // of fields alone
	wish   []string         // values of Cairn-Components fields
	hold   []string         // and of Cairn-Hold fields
	hops   int              // earlier records, of a message that is sent on
}

// readDraft reads a submitted message, puts its header lines right (see repairedFields) and takes
// out the fields that do not leave with it:
//
//   - Bcc, and with it who was not to be named;
//   - Cairn-Record but those that the record, which will be ours, can refer to: of a message that is
//     sent on, the topmost record.MaxHops that are tokens; and Cairn-Components and Cairn-Hold, words to us;
//   - what mail programs note for themselves in files, and act upon (see message.LocalNote).
//
// All other bytes stay as they are. An error is the reply for the submitter: a field that there
// must be one of is missing or there twice.
func readDraft(raw []byte) (*draft, error) {
	d := new(draft)
	var all []rawheader.Field
	all, d.rest = repairedFields(raw)
	received := 0
	for _, f := range all {
		switch {
		case f.Is("cairn-components"):
			d.wish = append(d.wish, f.Unfolded())
		case f.Is("cairn-hold"):
			d.hold = append(d.hold, f.Unfolded())
		case f.Is(message.TokenHeader):
			if d.hops < record.MaxHops && isToken(f) {
				d.fields = append(d.fields, f)
				d.hops++
			}
		case f.Is("bcc"), f.Is("resent-bcc"), message.LocalNote(f.Lower()):
		default:
			d.fields = append(d.fields, f)
		}
		if f.Is("received") {
			received++
		}
	}
	for _, f := range d.fields {
		if !message.OwnField(f.Lower()) {
			continue
		}
		if n := d.count(string(f.Name)); n > 1 {
			return nil, refuse.With(554, 5, 6, 0, "message has %d %s fields; one is allowed (RFC 5322, section 3.6)", n, f.Name)
		}
	}
	if d.count("From") == 0 {
		return nil, refuse.With(554, 5, 6, 0, "message has no From field; exactly one is needed (RFC 5322, section 3.6)")
	}
	if received >= maxReceived {
		return nil, circles()
	}
	d.parsed = message.ParseHeader(rawheader.Join(d.fields))
	return d, nil
}

func (d *draft) count(name string) int {
	n := 0
	for _, f := range d.fields {
		if f.Is(name) {
			n++
		}
	}
	return n
}

// value returns the unfolded value of the topmost field of that name.
func (d *draft) value(name string) string {
	if i := slices.IndexFunc(d.fields, func(f rawheader.Field) bool { return f.Is(name) }); i >= 0 {
		return d.fields[i].Unfolded()
	}
	return ""
}

// stamp is what a submission server writes into a message.
type stamp struct {
	received []byte // our Received field, with CRLF
	sender   string // for a Sender field, if one is needed; else empty
	hostname string
	ref      string
	now      time.Time
	limit    int64 // octets; a body that would grow beyond stays as it is
	sentOn   bool  // the body stays as it is in any case
	sevenBit bool  // it is to be ASCII, as far as that can be
}

// finish returns the message that is stored, recorded and sent. Received goes on top, then Sender,
// Date and Message-ID where they are missing (RFC 6409, sections 8.1 to 8.3). A Date or Message-ID
// that nobody can read gives way to a new one at its place. Authentication-Results that claim to be
// ours are removed, and what servers on its way may not take is encoded (see mender).
func (d *draft) finish(s stamp) []byte {
	date := fmt.Sprintf("Date: %s\r\n", s.now.Format(mailDate))
	id := fmt.Sprintf("Message-ID: <%s@%s>\r\n", s.ref, s.hostname)
	var header bytes.Buffer
	header.Write(s.received)
	if s.sender != "" {
		fmt.Fprintf(&header, "Sender: <%s>\r\n", address.Path(s.sender))
	}
	if d.count("Date") == 0 {
		header.WriteString(date)
	}
	if d.count("Message-ID") == 0 {
		header.WriteString(id)
	}
	for _, f := range d.fields {
		switch {
		case d.hops > 0 && !f.Is("authentication-results"): // what was recorded before stays as it was
			header.Write(f.Raw)
		case f.Is("date") && d.parsed.Date.IsZero():
			header.WriteString(date)
		case f.Is("message-id") && !isMessageID(f.Unfolded()):
			header.WriteString(id)
		case f.Is("authentication-results") && authres.Bears(f.Value(), s.hostname):
		default:
			header.Write(f.Raw)
		}
	}
	if s.sentOn || d.hops > 0 { // what was recorded before has to stay as it was
		return append(header.Bytes(), d.rest...)
	}
	return mender{s.limit, s.sevenBit}.message(header.Bytes(), d.rest)
}

// canArrive refuses a message, ready to leave, that would not arrive as it was recorded.
func canArrive(msg []byte) error {
	if header, _ := rawheader.Split(msg); len(header) > maxSentHeader {
		return refuse.With(552, 5, 3, 4, "header exceeds the limit of %d octets with its %d; name fewer recipients in To and Cc: use Bcc or a mailing list",
			maxSentHeader, len(header))
	}
	return nil
}

// isMessageID reports whether value is a msg-id (RFC 5322, section 3.6.4) that all programs find:
// no white space or angle bracket inside. A comment may follow, as relays of old put one there.
func isMessageID(value string) bool {
	value = strings.TrimSpace(value)
	id, comment, found := strings.Cut(value, ">")
	comment = strings.TrimSpace(comment)
	if !found || !strings.HasPrefix(id, "<") || len(id) > 900 || comment != "" && !isComment(comment) {
		return false
	}
	left, right, found := strings.Cut(id[1:], "@")
	return found && left != "" && right != "" && !strings.ContainsFunc(id[1:], func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '<' || r == '\ufffd'
	})
}

// isComment reports whether s is one comment without another inside.
func isComment(s string) bool {
	return len(s) >= 2 && s[0] == '(' && s[len(s)-1] == ')' && !strings.ContainsAny(s[1:len(s)-1], `()\<>`)
}

// isToken reports whether a field has the form of a token. Whether it proves
// anything is for those who get the message to find out.
func isToken(f rawheader.Field) bool {
	_, found, err := record.FindToken(f.Raw)
	return found && err == nil
}

// withTrace turns a message that arrived into the one that is stored: trace on top; removed are
// Authentication-Results that claim to be ours (RFC 8601, section 5), what mail programs note for
// themselves in files, and what other filters found and programs here would act upon (see
// message.ForeignFinding). All other bytes stay as they are.
func withTrace(raw, trace []byte, hostname string) []byte {
	header, rest := rawheader.Split(raw)
	var out bytes.Buffer
	out.Grow(len(trace) + len(raw))
	out.Write(trace)
	for f := range rawheader.Fields(header) {
		name := f.Lower()
		switch {
		case message.LocalNote(name), message.ForeignFinding(name):
		case f.Is("authentication-results") && authres.Bears(f.Value(), hostname):
		default:
			out.Write(f.Raw)
		}
	}
	out.Write(rest)
	return out.Bytes()
}

// checkLoop refuses a message that has been through too many hosts.
func checkLoop(header []byte) error {
	if rawheader.Count(header, "received") >= maxReceived {
		return circles()
	}
	return nil
}

func circles() error {
	return refuse.With(554, 5, 4, 6, "message has %d Received fields or more: it goes in circles", maxReceived)
}
