package message

import (
	"bytes"
	"math"
	"strings"
	"time"
)

// Message is what listing, search and screening need of a mail. All strings are valid UTF-8 with
// encoded words decoded.
type Message struct {
	header header

	Subject    string
	From       []Address
	Sender     []Address
	To         []Address
	Cc         []Address
	ReplyTo    []Address
	Date       time.Time // zero if missing or unreadable; UTC
	MessageID  string    // with its angle brackets
	InReplyTo  []string
	References []string
	ListID     string // what stands between the angle brackets of List-Id, lower case

	Text        string // the parts shown as plain text, an empty line between them
	HTML        string // source of the parts shown as HTML
	Attachments []PartInfo
}

// PartInfo is an attachment: any part that is not shown as the message's text.
type PartInfo struct {
	Name      string // decoded file name, may be empty
	Type      string // media type, lower case
	ContentID string // without angle brackets, may be empty
	Inline    bool   // not marked as an attachment, e.g. an image that the HTML shows

	part *part
}

// Content decodes the attachment; text types become UTF-8. It may share memory with the raw message
// and must not be changed.
func (i *PartInfo) Content() []byte {
	if i.isText() {
		return i.part.shownText(math.MaxInt)
	}
	return i.part.decoded()
}

// Octets are those of the attachment without their transfer encoding, also of a text; those without
// any have LF line ends.
func (i *PartInfo) Octets() []byte { return i.part.decoded() }

// TextUpTo is Content of a text, of a longer one than most octets its beginning; nil of what is
// none.
func (i *PartInfo) TextUpTo(most int) []byte {
	if !i.isText() {
		return nil
	}
	return i.part.shownText(most)
}

// OctetsUpTo is Content of what is no text, of a longer one its beginning; nil of a text.
func (i *PartInfo) OctetsUpTo(most int) []byte {
	if i.isText() {
		return nil
	}
	octets := i.part.beginning(most)
	return octets[:min(len(octets), most)]
}

// Size is the length of Content in bytes; of what is no text it costs no memory to ask.
func (i *PartInfo) Size() int {
	if i.isText() {
		return len(i.part.shownText(math.MaxInt))
	}
	return i.part.size()
}

func (i *PartInfo) isText() bool { return strings.HasPrefix(i.part.kind, "text/") }

// Parse reads a mail. It never fails: malformed mail yields what can be read of it. Attachments are
// left as they are in raw until somebody asks for them.
func Parse(raw []byte) *Message { return ParseUpTo(raw, math.MaxInt) }

// ParseUpTo is Parse of which each text is cut to most octets: less is decoded of what is longer.
func ParseUpTo(raw []byte, most int) *Message {
	e := readMessage(raw)
	m := ofHeader(e.header)
	var text, html []string
	leaves := readTree(e, 0).leaves
	for i := range leaves {
		switch p := &leaves[i]; p.role {
		case Text:
			text = append(text, string(p.shownText(most)))
		case HTML:
			html = append(html, string(p.shownText(most)))
		default:
			m.Attachments = append(m.Attachments, p.info())
		}
	}
	m.Text, m.HTML = strings.Join(text, "\n\n"), strings.Join(html, "\n")
	return m
}

// ParseHeader is Parse without what the body has: Text, HTML and Attachments stay empty. A body
// costs nothing and need not be there.
func ParseHeader(raw []byte) *Message { return ofHeader(readMessage(cutBody(raw)).header) }

// cutBody leaves out most of a body: what follows the first empty line is never header.
func cutBody(raw []byte) []byte {
	for end := 0; ; {
		i := bytes.IndexByte(raw[end:], '\n')
		if i < 0 {
			return raw
		}
		end += i + 1
		for _, empty := range []string{"\n", "\r\n"} {
			if len(raw)-end >= len(empty) && string(raw[end:end+len(empty)]) == empty {
				return raw[:end+len(empty)]
			}
		}
	}
}

func ofHeader(header header) *Message {
	room := maxAddresses
	m := &Message{
		header:     header,
		Subject:    phrase(knownWords(header.get("Subject"))),
		From:       room.parse(knownValues(header.values("From"))),
		Sender:     room.parse(knownValues(header.values("Sender"))),
		To:         room.parse(knownValues(header.values("To"))),
		Cc:         room.parse(knownValues(header.values("Cc"))),
		ReplyTo:    room.parse(knownValues(header.values("Reply-To"))),
		InReplyTo:  messageIDs(header.values("In-Reply-To")),
		References: messageIDs(header.values("References")),
		ListID:     listID(header.get("List-Id")),
	}
	m.Date, _ = parseDate(header.get("Date"))
	if ids := messageIDs(header.values("Message-Id")); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	return m
}

func (p *part) info() PartInfo {
	return PartInfo{Name: p.name, Type: plain(p.kind), ContentID: strings.Trim(plain(p.header.get("Content-Id")), "<>"), Inline: !p.marked, part: p}
}

// Headers returns the decoded values of all fields of that name, from the top.
func (m *Message) Headers(name string) []string {
	all := m.header.values(name)
	for i := range all {
		all[i] = phrase(knownWords(all[i]))
	}
	return all
}

func listID(value string) string {
	value = phrase(value)
	if _, after, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(after, ">")
	}
	return strings.ToLower(value)
}
