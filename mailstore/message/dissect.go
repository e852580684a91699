package message

import (
	"bytes"
	"slices"
	"strings"

	"cairn/mailstore/message/grammar"
)

// Version is the version of the components that Dissect gives.
const Version = 2

// Dissection is a message taken apart for a record of version 2. The header is looked at when it is
// made, the body when it is asked for: where Octets and MIME are as recorded, nobody has to.
type Dissection struct {
	// Flaws are the ways in which the header section leaves the grammar, but those that are gone
	// with fields that are stripped.
	Flaws []grammar.FoundFlaw

	raw        []byte
	recipients []string

	head      []Component
	mailboxes []Mailbox
	grouped   [ReplyTo + 1]bool // address fields with groups
	fields    []NamedField
	hints     []Hint          // of flaws and fields
	section   grammar.Section // its body with CRLF at line ends
	long      bool            // the body has too many lines to be read
	octets    [32]byte        // digest of the component Octets

	mailboxHints []Hint
	body         *Body
}

// Hint is a label and a value of which the record holds a short tag, so that a recipient can name
// what a commitment alone would hide.
type Hint struct {
	Label string
	Value []byte
}

// NamedField is all that the fields of one name say, in the component Fields.
type NamedField struct {
	Name  string // in lower case
	Lines string // "name: " and a value in its form each, LF behind it
}

// Mailbox is one mailbox of To or Cc.
type Mailbox struct {
	Field               Type // To or Cc
	Addr, Name, Comment string
}

// Labels of hints.
const (
	HintField     = "field/" // and the field's name; value: NamedField.Lines
	HintTo        = "to"     // value: a mailbox of the field, see Mailbox.Hint
	HintCc        = "cc"
	HintCut       = "cut"       // value: what is left of a mailbox of To or Cc whose domain is cut at its first dot, see CutHint
	HintLayout    = "layout"    // value: Leaf.Hint
	HintSignature = "signature" // value: number of a text and of a line of it, see Leaf.Signatures
	HintLeft      = "left-out"  // value: the name of a type of component that the sender did not want recorded
	HintShare     = "threshold" // value: the least share that the sender asks for, in per cent, decimal
	HintFlaw      = "flaw"      // value: the Flaw, or what is in Body.Loose
	HintWords     = "subject"   // value: the words of a subject whose octets count, see grammar.PaddedWords
	HintDate      = "date"      // value: the component of a date that is as it stands but for its comment or the name of its zone
	HintID        = "id"        // value: an id in In-Reply-To or References that has something else beside it
)

// Bounds of the hints of one record; what is beyond cannot be named in a comparison.
const (
	maxFieldHints   = 24
	maxAddressHints = 48
	maxLayoutHints  = 16
	maxLooseHints   = 4
	maxIDHints      = 8
)

// Dissect takes a message apart. recipients are the envelope recipients that the record or delivery
// is for; each is a component of its own, sorted by its canonical address, and only the first
// MaxRecipients count. It never fails: what is outside the grammar counts by its octets.
func Dissect(raw []byte, recipients []string) *Dissection {
	return dissect(raw, recipients, goneWithField)
}

// goneWithField reports whether a flaw is gone once the field that it is in is stripped: of any
// other some programs see a field, or the end of the header, that stripping does not see. Reports
// of filters have lines of white space alone.
func goneWithField(flaw grammar.Flaw, field string) bool {
	switch flaw {
	case grammar.LongLine:
		return classOf(field) == fieldStripped
	case grammar.BlankFold:
		return ForeignFinding(field)
	}
	return false
}

func dissect(raw []byte, recipients []string, disregards func(grammar.Flaw, string) bool) *Dissection {
	d := &Dissection{raw: raw, recipients: recipients, section: grammar.ReadSectionWithout(raw, grammar.MaxHeader, disregards)}
	if len(d.section.Fields) == 0 { // programs look for one further down
		d.section.Flaws = append(d.section.Flaws, grammar.FoundFlaw{Flaw: grammar.NoHeader})
	}
	for _, flaw := range d.section.Flaws {
		if !unfoldedRecord(&d.section, flaw) {
			d.Flaws = append(d.Flaws, flaw)
			d.hints = append(d.hints, Hint{HintFlaw, []byte(flaw.Flaw)})
		}
	}
	d.head = make([]Component, 0, 24) // what an ordinary header gives
	d.readHeader()
	d.readTrace()
	body := d.section.Body
	d.section.Body = WireLines(body)
	d.long = bytes.Count(d.section.Body, []byte("\r")) > maxLines
	octets := Component{Type: Octets, Reading: Canonical, content: bodyOctets(d.section.Body, len(d.section.Body) > len(body), d.long || endShows(&d.section))}
	d.octets = [32]byte(octets.remember())
	d.add(octets)
	d.head = append(d.head, Recipients(recipients)...)
	slices.SortStableFunc(d.head, compareComponents)
	return d
}

// Recipients returns the components of envelope recipients.
func Recipients(recipients []string) []Component {
	var list []Component
	for i, address := range recipientSet(recipients) {
		list = append(list, Component{Type: Recipient, Index: uint16(i), Reading: Canonical, content: []byte(address)})
	}
	return list
}

// Add adds a component that is not in the message itself, such as one that refers to an earlier
// record.
func (d *Dissection) Add(c Component) {
	d.head = append(d.head, c)
	slices.SortStableFunc(d.head, compareComponents)
}

// Head returns the components that the header section and the envelope give, and Octets, in the
// order of type and index. The slice is the Dissection's.
func (d *Dissection) Head() []Component { return d.head }

// Body takes the body apart, the first time it is called.
func (d *Dissection) Body() *Body {
	if d.body == nil {
		d.body = readBody(&d.section, d.octets, d.long)
	}
	return d.body
}

// Components returns all components in the order of type and index.
func (d *Dissection) Components() []Component {
	all := slices.Concat(d.head, d.Body().Components)
	slices.SortStableFunc(all, compareComponents)
	return all
}

// Hints returns what a record holds tags of, the weightiest first: a record takes no more than it
// has room for.
func (d *Dissection) Hints() []Hint {
	body := d.Body()
	var hints []Hint
	for _, loose := range body.Loose[:min(len(body.Loose), maxLooseHints)] {
		hints = append(hints, Hint{HintFlaw, []byte(loose)})
	}
	for i, leaf := range body.Leaves[:min(len(body.Leaves), maxLayoutHints)] {
		hints = append(hints, Hint{HintLayout, leaf.Hint(i)})
	}
	for _, leaf := range body.Leaves {
		for _, number := range leaf.Signatures {
			hints = append(hints, SignatureHint(leaf.Index, number))
		}
	}
	return slices.Concat(hints, d.hints, d.mailboxHints)
}

// Mailboxes returns the mailboxes of To and Cc, where these are inside the grammar.
func (d *Dissection) Mailboxes() []Mailbox { return d.mailboxes }

// V1 returns the components of the same message for a record of version 1; none if it is beyond the
// limits of headers inside and of lines, as no mail of its time was.
func (d *Dissection) V1() []Component {
	if d.Body().beyond {
		return nil
	}
	return ComponentsV1(d.raw, d.recipients)
}

// Fields returns the fields of the component Fields by name, ascending.
func (d *Dissection) Fields() []NamedField { return d.fields }

// Folded is Value with grammar.Fold in the place of each fold.
func (d *Dissection) Folded(name string) string {
	for _, f := range d.section.Fields {
		if f.Name == name {
			return f.Folded
		}
	}
	return ""
}

// Value returns the undecoded, unfolded value of the topmost field with that lower-case name.
func (d *Dissection) Value(name string) string {
	for _, f := range d.section.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Has reports whether there is a field with that lower-case name.
func (d *Dissection) Has(name string) bool { return len(d.section.Values(name)) > 0 }

func (d *Dissection) add(c Component) {
	if c.Size() > 0 || c.Reading == AsOctets {
		d.head = append(d.head, c)
	}
}

// FieldsContent is the content of the component Fields for these fields.
func FieldsContent(fields []NamedField) []byte {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Lines)
	}
	return []byte(b.String())
}

func compareComponents(a, b Component) int {
	if a.Type != b.Type {
		return int(a.Type) - int(b.Type)
	}
	return int(a.Index) - int(b.Index)
}

// bodyOctets returns a body whose lines end in CRLF as DKIM's simple canonicalisation has it (RFC
// 6376, section 3.4.3): the empty lines at the end are gone, and what is not empty ends in CRLF.
// Empty lines stay where a program may show them. own says that what follows the body in its memory
// is free.
func bodyOctets(body []byte, own, endShows bool) []byte {
	for !endShows && bytes.HasSuffix(body, []byte("\r\n\r\n")) {
		body = body[:len(body)-2]
	}
	if len(body) == 0 || string(body) == "\r\n" {
		return []byte("\r\n")
	}
	if !bytes.HasSuffix(body, []byte("\r\n")) {
		if !own {
			return slices.Concat(body, []byte("\r\n"))
		}
		body = append(body, "\r\n"...)
	}
	return body
}

// endShows reports whether empty lines at the end of a body may be seen: of a file, of text in
// which they are other characters, and of the last part of a multipart that has no end.
func endShows(s *grammar.Section) bool {
	values := s.Values("content-type")
	if len(values) == 0 {
		return false
	}
	m, ok := grammar.MediaType(values[0])
	switch {
	case !ok || len(values) > 1:
		return true
	case strings.HasPrefix(m.Kind, "text/"):
		return !grammar.Known(m.Get("charset"))
	case strings.HasPrefix(m.Kind, "multipart/"):
		return !hasLine(s.Body, "--"+m.Get("boundary")+"--")
	}
	return true
}

// hasLine reports whether a line but the first begins so. It is looked for at the end first.
func hasLine(body []byte, prefix string) bool {
	line := []byte("\n" + prefix)
	const near = 4 << 10
	return bytes.LastIndex(body[max(0, len(body)-near):], line) >= 0 || bytes.Contains(body, line)
}

// Value returns what the fields say, one after another.
func (f *NamedField) Value() string {
	var values []string
	for line := range strings.SplitSeq(strings.TrimSuffix(f.Lines, "\n"), "\n") {
		if value := strings.TrimPrefix(line, f.Name+": "); value != "" {
			values = append(values, value[1:])
		}
	}
	return strings.Join(values, "; ")
}
