package index

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/index/analysis"
	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/message/htmltext"
	"cairn/mailstore/message/maildomain"
)

// field is a query field as it stands in keys.
type field byte

// Numbers of fields on disk.
var fieldNumbers = map[query.FieldName]field{
	query.From: 1, query.To: 2, query.Cc: 3, query.Subject: 4, query.Body: 5,
	query.Attachment: 6, query.Filename: 7, query.List: 8, query.ID: 9,
}

// plainFields are where a word without a field is looked for.
var plainFields = []field{
	fieldNumbers[query.Subject], fieldNumbers[query.Body], fieldNumbers[query.From], fieldNumbers[query.To],
	fieldNumbers[query.Cc], fieldNumbers[query.Attachment], fieldNumbers[query.Filename],
}

// maxText is how much of one text is indexed, in bytes; what follows in a longer one cannot be
// found by its words.
const maxText = 4 << 20

// document is a message as the index keeps it.
type document struct {
	size          int64
	received      time.Time
	date          time.Time // of the header, or of arrival without one
	hasAttachment bool
	terms         map[fieldTerm][]uint32 // positions, ascending
}

type fieldTerm struct {
	field field
	term  string
}

// newDocument takes a message apart.
func newDocument(m mailstore.Message, raw []byte) *document {
	p := message.ParseUpTo(raw, maxText)
	d := &document{size: m.Size, received: m.Received, date: p.Date, terms: make(map[fieldTerm][]uint32)}
	if d.date.IsZero() {
		d.date = m.Received
	}
	d.addresses(query.From, append(slices.Clone(p.From), p.Sender...))
	d.addresses(query.To, append(slices.Clone(p.To), unnamed(m, p)...))
	d.addresses(query.Cc, p.Cc)
	d.texts(query.Subject, p.Subject)
	d.texts(query.Body, bodyTexts(p)...)
	d.wholes(query.List, p.ListID)
	d.wholes(query.ID, strings.Trim(p.MessageID, "<>"))
	for _, a := range p.Attachments {
		d.hasAttachment = d.hasAttachment || isAttachment(a)
	}
	e := enclosed{room: maxEnclosed}
	e.take(p.Attachments, 0)
	d.wholes(query.Filename, e.names...)
	d.texts(query.Attachment, e.texts...)
	return d
}

// unnamed are the recipients whom no field of the message names: who is in Bcc, and by which
// address a mail reached us that names others.
func unnamed(m mailstore.Message, p *message.Message) (list []message.Address) {
	named := make(map[string]bool)
	for _, a := range slices.Concat(p.To, p.Cc) {
		named[strings.ToLower(a.Addr)] = true
	}
	for _, addr := range m.Recipients {
		if key := strings.ToLower(addr); !named[key] {
			named[key] = true
			list = append(list, message.Address{Addr: addr})
		}
	}
	return list
}

// Bounds of what is found of attachments.
const (
	maxEnclosed = 16 << 20 // octets of their texts together
	maxNested   = 4        // messages in messages
)

// enclosed are the names and texts of attachments, and of those of messages that are attached.
type enclosed struct {
	names, texts []string
	room         int // octets of text that are still taken
}

func (e *enclosed) take(list []message.PartInfo, depth int) {
	for _, a := range list {
		e.names = append(e.names, a.Name)
		if e.room <= 0 {
			continue
		}
		switch {
		case a.Type == "text/html":
			e.text(htmltext.Of(string(a.TextUpTo(maxText))))
		case strings.HasPrefix(a.Type, "text/"):
			e.text(string(a.TextUpTo(maxText)))
		case a.Type == "message/rfc822", a.Type == "message/global", a.Type == "message/news":
			if depth < maxNested {
				e.message(message.ParseUpTo(a.Content(), maxText), depth)
			}
		case isLines(a.Type):
			e.text(strings.ToValidUTF8(string(a.OctetsUpTo(maxText)), " "))
		}
	}
}

func (e *enclosed) text(text string) {
	e.texts = append(e.texts, text)
	e.room -= len(text)
}

// message takes a message that is attached: what it is about, who wrote it to whom, and what it
// has.
func (e *enclosed) message(m *message.Message, depth int) {
	e.text(m.Subject)
	for _, a := range slices.Concat(m.From, m.To, m.Cc) {
		e.text(a.Name + " " + a.Addr)
	}
	for _, text := range bodyTexts(m) {
		e.text(text)
	}
	e.take(m.Attachments, depth+1)
}

// isLines tells of other types that are text.
func isLines(kind string) bool {
	switch kind {
	case "application/json", "application/xml", "application/csv", "application/ics", "application/yaml",
		"message/delivery-status", "message/global-delivery-status", "message/disposition-notification", "message/feedback-report":
		return true
	}
	return strings.HasPrefix(kind, "application/") && (strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml"))
}

// isAttachment leaves out what people do not see as one: pictures that the HTML shows, and
// signatures.
func isAttachment(a message.PartInfo) bool {
	switch {
	case a.Inline && a.ContentID != "" && strings.HasPrefix(a.Type, "image/"):
		return false
	case a.Type == "application/pgp-signature", a.Type == "application/pkcs7-signature", a.Type == "application/x-pkcs7-signature":
		return false
	}
	return true
}

// bodyTexts returns the plain text, and the text of the HTML if that says more than the plain text
// does.
func bodyTexts(p *message.Message) []string {
	if strings.TrimSpace(p.HTML) == "" {
		return []string{p.Text}
	}
	shown := htmltext.Of(clip(p.HTML))
	if saysMore(shown, p.Text) {
		return []string{p.Text, shown}
	}
	return []string{p.Text}
}

// saysMore tells whether more than a tenth of the different words of a are not in b.
func saysMore(a, b string) bool {
	known := make(map[string]bool)
	for _, t := range analysis.Text(clip(b)) {
		known[t.Term] = true
	}
	words, more := 0, 0
	for _, t := range analysis.Text(clip(a)) {
		seen, inB := known[t.Term]
		if seen && !inB {
			continue // counted
		}
		words++
		if !seen {
			more++
			known[t.Term] = false
		}
	}
	return more*10 > words
}

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// placer puts texts into a field, one after another, so far apart that nothing is near across two
// of them.
type placer struct {
	d     *document
	field field
	start int
}

func (p *placer) add(tokens []analysis.Token) {
	next := p.start
	for _, t := range tokens {
		key := fieldTerm{p.field, t.Term}
		position := uint32(p.start + t.Position)
		list := p.d.terms[key]
		if n := len(list); n == 0 || list[n-1] < position {
			p.d.terms[key] = append(list, position)
		}
		next = max(next, p.start+t.Position+1)
	}
	p.start = next + query.MaxDistance
}

func (d *document) texts(f query.FieldName, texts ...string) {
	p := placer{d: d, field: fieldNumbers[f]}
	for _, text := range texts {
		p.add(analysis.Text(clip(text)))
	}
}

func (d *document) addresses(f query.FieldName, list []message.Address) {
	p := placer{d: d, field: fieldNumbers[f]}
	for _, a := range list {
		p.add(analysis.Address(a.Name, a.Addr, otherForm(a.Addr[strings.LastIndexByte(a.Addr, '@')+1:])))
	}
}

// otherForm is a domain with letters in place of A-labels (RFC 5890), or the other way round;
// nothing where both are the same.
func otherForm(domain string) string {
	switch canonical := maildomain.Canonical(domain); {
	case !maildomain.IsASCII(domain):
		return canonical
	case strings.Contains(canonical, "xn--"):
		return maildomain.Unicode(canonical)
	}
	return ""
}

// wholes puts in the words of names and, for exact search, the names as one term each.
func (d *document) wholes(f query.FieldName, names ...string) {
	p := placer{d: d, field: fieldNumbers[f]}
	for _, name := range names {
		tokens := analysis.Text(clip(name))
		if f == query.Filename {
			tokens = analysis.Name(clip(name))
		}
		if whole := analysis.Whole(name); whole != "" {
			tokens = append([]analysis.Token{{Term: whole}}, tokens...)
		}
		p.add(tokens)
	}
}

// encode returns what is kept of a document beside its postings.
func (d *document) encode() []byte {
	b := []byte{0}
	if d.hasAttachment {
		b[0] = 1
	}
	b = binary.AppendVarint(b, d.size)
	b = binary.AppendVarint(b, d.received.UnixMilli())
	return binary.AppendVarint(b, d.date.Unix())
}

func decodeDocument(b []byte) (document, error) {
	var d document
	damaged := fmt.Errorf("index: a document cannot be read: %w", errDamaged)
	if len(b) == 0 {
		return d, damaged
	}
	d.hasAttachment = b[0] == 1
	b = b[1:]
	var numbers [3]int64
	for i := range numbers {
		v, n := binary.Varint(b)
		if n <= 0 {
			return d, damaged
		}
		numbers[i] = v
		b = b[n:]
	}
	d.size, d.received, d.date = numbers[0], time.UnixMilli(numbers[1]), time.Unix(numbers[2], 0)
	return d, nil
}
