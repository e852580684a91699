package record

import "cairn/mailstore/message"

// contradictions are the recorded components that no message has: of a type that is not known here
// or is version 1's, two of what there is one of, a number that skips others, the name of an
// attachment that is not there. Nothing with one of them is as recorded, whatever arrives: no
// program of ours makes such a record.
func (o *origin) contradictions() []Part {
	var parts []Part
	next := map[message.Type]uint16{} // the number that the next component of a type has
	attachments := uint16(len(o.of(message.Attachment)))
	for i := range o.parts {
		r := &o.parts[i]
		row, known := r.kind.Info()
		fine := r.kind.Derived() || known && r.kind != message.FromName && r.kind != message.Structure
		switch {
		case !fine || r.kind.Derived():
		case r.kind == message.Names:
			fine = message.From <= message.Type(r.index) && message.Type(r.index) <= message.ReplyTo
		case r.kind == message.AttachmentName || r.kind == message.AttachmentOctets:
			fine = r.index < attachments
		case r.kind == message.Text || r.kind == message.HTML: // those that are empty have a number, but no component
			fine = r.index >= next[r.kind] && int(r.index) < row.Max
			next[r.kind] = r.index + 1
		default:
			fine = r.index == next[r.kind] && int(r.index) < row.Max
			next[r.kind] = r.index + 1
		}
		if !fine {
			parts = append(parts, Part{Type: r.kind, Index: r.index, Outcome: Absent, Kind: Contradicting, Decides: true})
		}
	}
	return parts
}
