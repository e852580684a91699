package smtpgw

import (
	"strings"

	"cairn/smtpgw/rawheader"
)

// maxPeerID is the longest id of another host that is repeated.
const maxPeerID = 64

// MailIDs returns the id that a stored message has in this node's log, and the one that whoever
// sent it here gave it, by his word; each is empty if it is not known. Of a message of this node's
// own there is no other.
func MailIDs(raw []byte) (id, sentAs string) {
	header, _ := rawheader.Split(raw)
	n := 0
	for f := range rawheader.Fields(header) {
		if !f.Is("received") {
			continue
		}
		// What is stored has our own field above all others.
		if n++; n == 1 && strings.Contains(f.Unfolded(), " (Cairn) with ") {
			id = idOf(f)
		} else if n == 2 && id != "" {
			sentAs = idOf(f)
		}
		if n == 2 || id == "" {
			break
		}
	}
	if sentAs == id {
		sentAs = ""
	}
	return id, sentAs
}

// receivedID returns the id in the topmost Received field of a message (RFC 5321, section 4.4): the
// one by which whoever sent it knows it. It is the peer's word. Empty if there is none, or one that
// is no plain word.
func receivedID(raw []byte) string {
	header, _ := rawheader.Split(raw)
	for f := range rawheader.Fields(header) {
		if f.Is("received") {
			return idOf(f)
		}
	}
	return ""
}

// idOf returns the id of a Received field, which is foreign text.
func idOf(f rawheader.Field) string {
	clauses, _, _ := strings.Cut(f.Unfolded(), ";")
	depth, next := 0, false
	for word := range strings.FieldsSeq(clauses) {
		if next {
			return plainID(word)
		}
		depth += strings.Count(word, "(") - strings.Count(word, ")")
		next = depth == 0 && word == "id"
	}
	return ""
}

// plainID is a word of letters, digits, full stops and dashes, or empty.
func plainID(word string) string {
	strange := func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-", r))
	}
	if len(word) > maxPeerID || strings.ContainsFunc(word, strange) {
		return ""
	}
	return word
}
