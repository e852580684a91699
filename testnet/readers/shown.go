package readers

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Field names something that a mail program shows.
type Field string

// What programs show.
const (
	From        Field = "from"
	Sender      Field = "sender"
	To          Field = "to"
	Cc          Field = "cc"
	ReplyTo     Field = "reply-to"
	Subject     Field = "subject"
	Date        Field = "date"        // as seconds since 1970, or as the program writes it in UTC
	Text        Field = "text"        // plain text as shown, with what stands between parts
	HTML        Field = "html"        // the source that would be rendered
	Attachments Field = "attachments" // each: type, name and SHA-256 of the decoded content
	Broken      Field = "broken"      // the program fails at the mail: the kind of error
)

// Shown is what a program shows of a mail. A field that the mail has not got is empty; one that is
// not there is not told by the program, and not compared.
//
// The hash of an attachment is of its decoded content with each CRLF and CR as LF, without those
// at the end: relays may write the lines of text attachments in their own way.
type Shown map[Field][]string

// Difference is a field that a program shows of one mail in another way than of the other, with
// what it shows from a little before the difference on.
type Difference struct {
	Field Field  `json:"field"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// Differences compares what one program shows of two mails, but for the fields left out.
func Differences(a, b Shown, leaveOut func(Field) bool) []Difference {
	fields := []Field{Broken, From, Sender, To, Cc, ReplyTo, Subject, Date, Text, HTML, Attachments}
	var found []Difference
	if len(a[Broken]) > 0 || len(b[Broken]) > 0 {
		fields = fields[:1]
	}
	for _, f := range fields {
		_, told := a[f]
		_, toldToo := b[f]
		if f != Broken && !(told && toldToo) || leaveOut != nil && leaveOut(f) || canonical(f,
			a[f]) == canonical(f, b[f]) {
			continue
		}
		was, is := excerpts(strings.Join(a[f], "\n"), strings.Join(b[f], "\n"))
		found = append(found, Difference{f, was, is})
	}
	return found
}

// Angles around an address without a name, and those behind a name; what stands between two.
var (
	bareAngles  = regexp.MustCompile(`(^|[,:;\n])[ \t]*<([^<>]*)>`)
	commas      = regexp.MustCompile(`[ \t]*,[ \t]*`)
	namedAngles = regexp.MustCompile(`([^\s,<])[ \t]*<`)
)

// domain is the part of an address that has no upper and lower case.
var domain = regexp.MustCompile(`@[^\s>,;()"]+`)

// breaks are line breaks of HTML, before which white space shows nowhere.
var breaks = regexp.MustCompile(`[ \t\r]+(<br ?/?>)`)

// canonical is the form in which values are compared: NFC, white space runs as one space (but wide
// ones outside of texts) and none at the ends (relays wrap lines, flowed text among them), domains
// in lower case, addresses without quotes, in angles behind a name alone and one blank before
// these.
func canonical(f Field, values []string) string {
	s := strings.Join(values, "\n")
	switch f {
	case From, Sender, To, Cc, ReplyTo:
		s = strings.ReplaceAll(domain.ReplaceAllStringFunc(s, strings.ToLower), `"`, "")
		s = commas.ReplaceAllString(s, ", ")
		s = strings.ReplaceAll(s, ": ", ":") // behind the name of a group
		s = namedAngles.ReplaceAllString(bareAngles.ReplaceAllString(s, "$1 $2"), "$1 <")
	case HTML:
		s = breaks.ReplaceAllString(s, "$1")
	case Attachments:
		values = slices.Clone(values)
		slices.Sort(values)
		s = strings.Join(values, "\n")
	}
	if f != Text && f != HTML {
		s = outOfSight.ReplaceAllString(s, " \u2423 ")
	}
	return norm.NFC.String(strings.Join(strings.FieldsFunc(s, blank), " "))
}

// outOfSight is so much white space that what is behind it may not be seen. A fold that counts for
// nothing has less.
var outOfSight = regexp.MustCompile(`[ \t\r\n]{20,}`)

// blank tells the white space that relays exchange for another: neither NBSP nor its like, which
// programs show.
func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// excerpts are values cut to where they begin to differ.
func excerpts(a, b string) (string, string) {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	from := max(0, same-60)
	cut := func(s string) string {
		s = s[min(from, len(s)):]
		return strings.ToValidUTF8(s[:min(len(s), 400)], "\ufffd")
	}
	return cut(a), cut(b)
}
