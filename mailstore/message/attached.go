package message

import "strings"

// Attached is an attachment as a plug-in sees it that derives components.
type Attached struct {
	Index uint16 // of its component
	Kind  string // media type, in lower case
	// Text is the canonical text of a text/ type inside the grammar; nil of any other.
	Text []byte

	octets Component // no content where Octets is nil
}

// Octets are the decoded octets, where transfer encoding and line ends leave no doubt about them;
// nil else, and of a message within the message. They are not to be changed.
func (a *Attached) Octets() []byte { return a.octets.Content() }

// Size is the number of Octets.
func (a *Attached) Size() int { return a.octets.Size() }

// Attached returns the attachments that have a component of their own, in their order: of more than
// Attachment's Max the last ones share one, and are left out.
func (d *Dissection) Attached() []Attached {
	row, _ := Attachment.Info()
	var list []Attached
	for _, leaf := range d.Body().Leaves {
		if leaf.Type == Attachment {
			list = append(list, Attached{Index: leaf.Index, Kind: leaf.Kind})
		}
	}
	if len(list) > row.Max {
		list = list[:row.Max-1]
	}
	contents, exact := map[uint16]Component{}, map[uint16]Component{}
	for _, c := range d.Body().Components {
		switch {
		case c.Reading != Canonical:
		case c.Type == Attachment:
			contents[c.Index] = c
		case c.Type == AttachmentOctets:
			exact[c.Index] = c
		}
	}
	for i := range list {
		a := &list[i]
		content, inside := contents[a.Index]
		octets, apart := exact[a.Index]
		switch {
		case strings.HasPrefix(a.Kind, "message/"):
		case apart:
			a.octets = octets
		case inside && !strings.HasPrefix(a.Kind, "text/"):
			a.octets = content
		}
		if inside && strings.HasPrefix(a.Kind, "text/") {
			a.Text = content.Content()
		}
	}
	return list
}
