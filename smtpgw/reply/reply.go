// Package reply reads and makes the replies of SMTP servers (RFC 5321, section 4.2, RFC 3463).
package reply

import (
	"fmt"
	"strings"

	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
)

// Reply is what the other side answered.
type Reply struct {
	Code int
	Text string // lines joined by spaces
}

func (r Reply) OK() bool        { return r.Code/100 == 2 }
func (r Reply) Permanent() bool { return r.Code/100 == 5 }

// TooMany reports whether 552, for a recipient beside another one that is taken, stands for 452, as
// in RFC 821 (RFC 5321, section 4.5.3.1.10): unless its status says that it is for another reason.
func (r Reply) TooMany() bool {
	return r.Code == 552 && (Status(r) == "5.0.0" || Status(r) == "5.5.3")
}

func (r Reply) String() string { return strings.TrimRight(fmt.Sprintf("%d %s", r.Code, r.Text), " ") }

// With is a reply of one line.
func With(code int, text string) Reply { return Reply{code, text} }

// ReadLine reads a line of a reply (RFC 5321, section 4.2): the code, whether more lines follow,
// and the text, which may be missing together with the blank in front of it.
func ReadLine(line string) (code int, more bool, text string, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '9' || line[2] < '0' || line[2] > '9' {
		return 0, false, "", false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch {
	case len(line) == 3:
		return code, false, "", true
	case line[3] == ' ' || line[3] == '-':
		return code, line[3] == '-', line[4:], true
	}
	return 0, false, "", false
}

// Parse is the reply that reply.String has written.
func Parse(s string) Reply {
	code, _, text, ok := ReadLine(s)
	if !ok {
		return Reply{550, s}
	}
	return Reply{code, text}
}

// Of is a refusal as another side would have sent it.
func Of(r *refuse.Refusal) Reply { return Reply{r.Code, r.Status.String() + " " + r.Text} }

// Status returns the enhanced status code (RFC 3463) that a reply begins
// with, or the plainest one.
func Status(r Reply) string { return StatusOf(r, 5) }

// StatusOf is Status for codes of one class.
func StatusOf(r Reply, class int) string {
	word, _, _ := strings.Cut(r.Text, " ")
	var given, subject, detail int
	if n, _ := fmt.Sscanf(word, "%d.%d.%d", &given, &subject, &detail); n == 3 && given == class {
		return fmt.Sprintf("%d.%d.%d", class, subject, detail)
	}
	return fmt.Sprintf("%d.0.0", class)
}

// maxReportLine leaves room for the name of a field in a line of legal length.
const maxReportLine = 900

// OneLine makes foreign text fit for a line of a report.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if address.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxReportLine {
		s = s[:maxReportLine]
	}
	return strings.ToValidUTF8(s, "")
}
