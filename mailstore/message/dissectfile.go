package message

import (
	"bytes"

	"cairn/mailstore/message/grammar"
)

// DissectFile is Dissect for a message that was kept in a file: an mbox "From " line in front of it
// belongs to the file.
func DissectFile(raw []byte, recipients []string) *Dissection {
	return Dissect(WithoutMboxLine(raw), recipients)
}

// DissectEmbedded is DissectFile for a message that was embedded in another: of its header nothing
// is stripped.
func DissectEmbedded(raw []byte) *Dissection {
	return dissect(WithoutMboxLine(raw), nil, func(grammar.Flaw, string) bool { return false })
}

// WithoutMboxLine returns raw without a byte order mark and an mbox "From " line in front of it.
func WithoutMboxLine(raw []byte) []byte {
	raw = bytes.TrimPrefix(raw, bom)
	line, rest := grammar.CutLine(raw)
	if bytes.HasPrefix(bytes.TrimPrefix(line, []byte(">")), []byte("From ")) && !isField(line) {
		return rest
	}
	return raw
}
