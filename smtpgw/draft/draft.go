// Package draft makes of a message that is submitted the one that is recorded, as RFC 6409, section
// 8, lets a submission server do: what programs read in different ways is put right, in header
// lines (repair.go) and in lines of bodies that are too long (mend.go), and what may leave for
// servers that are no nodes is brought into ASCII (sevenbit.go). What is signed, was recorded
// before, or cannot be taken apart in one way only, stays as it came.
package draft

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
	"cairn/smtpgw/address"
	"cairn/smtpgw/authres"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// Draft is a submitted message on its way to the one that is recorded: its header put right, as
// RFC 6409, section 8, lets a submission server do.
type Draft struct {
	fields []rawheader.Field
	rest   []byte           // from the empty line on
	Parsed *message.Message // of fields alone
	Wish   []string         // values of Cairn-Components fields
	Hold   []string         // and of Cairn-Hold fields
	hops   int              // earlier records, of a message that is sent on
}

// Read reads a submitted message, puts its header lines right (see repairedFields) and takes
// out the fields that do not leave with it:
//
//   - Bcc, and with it who was not to be named;
//   - Cairn-Record but those that the record, which will be ours, can refer to: of a message that is
//     sent on, the topmost record.MaxHops that are tokens; and Cairn-Components and Cairn-Hold, words to us;
//   - what mail programs note for themselves in files, and act upon (see message.LocalNote).
//
// All other bytes stay as they are. An error is the reply for the submitter: a field that there
// must be one of is missing or there twice.
func Read(raw []byte) (*Draft, error) {
	d := new(Draft)
	var all []rawheader.Field
	all, d.rest = repairedFields(raw)
	received := 0
	for _, f := range all {
		switch {
		case f.Is("cairn-components"):
			d.Wish = append(d.Wish, f.Unfolded())
		case f.Is("cairn-hold"):
			d.Hold = append(d.Hold, f.Unfolded())
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
		if n := d.Count(string(f.Name)); n > 1 {
			return nil, refuse.With(554, 5, 6, 0, "message has %d %s fields; one is allowed (RFC 5322, section 3.6)", n, f.Name)
		}
	}
	if d.Count("From") == 0 {
		return nil, refuse.With(554, 5, 6, 0, "message has no From field; exactly one is needed (RFC 5322, section 3.6)")
	}
	if received >= trace.MaxReceived {
		return nil, trace.Circles()
	}
	d.Parsed = message.ParseHeader(rawheader.Join(d.fields))
	return d, nil
}

func (d *Draft) Count(name string) int {
	n := 0
	for _, f := range d.fields {
		if f.Is(name) {
			n++
		}
	}
	return n
}

// value returns the unfolded value of the topmost field of that name.
func (d *Draft) value(name string) string {
	if i := slices.IndexFunc(d.fields, func(f rawheader.Field) bool { return f.Is(name) }); i >= 0 {
		return d.fields[i].Unfolded()
	}
	return ""
}

// Stamp is what a submission server writes into a message.
type Stamp struct {
	Received []byte // our Received field, with CRLF
	Sender   string // for a Sender field, if one is needed; else empty
	Hostname string
	Ref      string
	Now      time.Time
	Limit    int64 // octets; a body that would grow beyond stays as it is
	SentOn   bool  // the body stays as it is in any case
	SevenBit bool  // it is to be ASCII, as far as that can be
}

// Finish returns the message that is stored, recorded and sent. Received goes on top, then Sender,
// Date and Message-ID where they are missing (RFC 6409, sections 8.1 to 8.3). A Date or Message-ID
// that nobody can read gives way to a new one at its place. Authentication-Results that claim to be
// ours are removed, and what servers on its way may not take is encoded (see mender). A header that
// nothing follows gets its empty line: some servers find no body else that a signature covers.
func (d *Draft) Finish(s Stamp) []byte {
	date := fmt.Sprintf("Date: %s\r\n", s.Now.Format(trace.DateFormat))
	id := fmt.Sprintf("Message-ID: <%s@%s>\r\n", s.Ref, s.Hostname)
	var header bytes.Buffer
	header.Write(s.Received)
	if s.Sender != "" {
		fmt.Fprintf(&header, "Sender: <%s>\r\n", address.Path(s.Sender))
	}
	if d.Count("Date") == 0 {
		header.WriteString(date)
	}
	if d.Count("Message-ID") == 0 {
		header.WriteString(id)
	}
	for _, f := range d.fields {
		switch {
		case d.hops > 0 && !f.Is("authentication-results"): // what was recorded before stays as it was
			header.Write(f.Raw)
		case f.Is("date") && d.Parsed.Date.IsZero():
			header.WriteString(date)
		case f.Is("message-id") && !isMessageID(f.Unfolded()):
			header.WriteString(id)
		case f.Is("authentication-results") && authres.Bears(f.Value(), s.Hostname):
		default:
			header.Write(f.Raw)
		}
	}
	if s.SentOn || d.hops > 0 { // what was recorded before has to stay as it was
		return append(header.Bytes(), d.rest...)
	}
	rest := d.rest
	if len(rest) == 0 { // it ends within its header
		if !bytes.HasSuffix(header.Bytes(), crlf) {
			header.Write(crlf)
		}
		rest = crlf
	}
	return mender{s.Limit, s.SevenBit}.message(header.Bytes(), rest)
}

// CanArrive refuses a message, ready to leave, that would not arrive as it was recorded.
func CanArrive(msg []byte) error {
	if header, _ := rawheader.Split(msg); len(header) > MaxHeader {
		return refuse.With(552, 5, 3, 4, "header exceeds the limit of %d octets with its %d; name fewer recipients in To and Cc: use Bcc or a mailing list",
			MaxHeader, len(header))
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

// What a node puts on top of a message that it takes is at most that.
const (
	OwnHeaderBytes = 16 << 10
	OwnHeaderLines = 256
)

// MaxHeader is the largest header section that is taken from a submitter, with our own fields
// but the record's. What hops put on top comes to it, and of a header beyond grammar.MaxHeader
// nothing arrives as it was recorded.
const MaxHeader = grammar.MaxHeader - OwnHeaderBytes

// Mailboxes reads a field of a draft that names who sends.
func (d *Draft) Mailboxes(name string, list []message.Address) ([]address.Mailbox, error) {
	found, err := address.Mailboxes(d.value(name), list)
	if err != nil {
		return nil, refuse.With(554, 5, 6, 0, "%s field %v (RFC 5322, section 3.6.2)", name, err)
	}
	return found, nil
}
