package derive

import (
	"strconv"

	"cairn/mailstore/message"
)

// attachmentType is the media type of each attachment, in lower case.
func attachmentType(d *message.Dissection) []message.Component {
	var list []message.Component
	for _, a := range d.Attached() {
		list = append(list, derived(a.Index, []byte(a.Kind)))
	}
	return list
}

// attachmentSize is the number of decoded octets of each attachment, in decimal.
func attachmentSize(d *message.Dissection) []message.Component {
	var list []message.Component
	for _, a := range d.Attached() {
		if a.Size() > 0 {
			list = append(list, derived(a.Index, strconv.AppendInt(nil, int64(a.Size()), 10)))
		}
	}
	return list
}
