package record

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"

	"cairn/mailstore/message"
	"cairn/mailstore/message/grammar"
)

const maxFileName = 512 // octets of a name of which other ways to write it are tried

// explainName tells an attachment's name that is written in another way from another name: encoded
// words in a parameter, which many programs decode although RFC 2047 has none there, and RFC 2231.
func explainName(r *recorded, a *arrival) (kind, detail string) {
	if name, ok := writtenName(&a.Component); ok && r.version > recordV1 && hasHigh([]byte(name)) && len(name) <= maxFileName { // of ASCII no relay makes words
		if r.isContent([]byte(name), nil) || r.isWordName(name) {
			return SameName, shorten([]byte(name))
		}
	}
	for i := range a.OtherFolds {
		if other := &a.OtherFolds[i]; r.version > recordV1 && r.budget.spend(tryWork+other.Size()) && r.is(other.Digest()) {
			return NameFolded, shorten(a.OtherFolds[0].Content())
		}
	}
	return explainValue(r, a)
}

// writtenName is the one name that an attachment-name says, its encoded words strictly decoded.
func writtenName(c *message.Component) (name string, ok bool) {
	if c.Reading == message.Canonical {
		name = string(c.Content())
		return name, !strings.Contains(name, "\n") && !strings.Contains(name, "=?")
	}
	filename, typ, ok := strings.Cut(strings.TrimPrefix(string(c.Content()), "filename: "), "\nname: ")
	if !ok {
		return "", false
	}
	for _, written := range []string{filename, typ} {
		if written == "" {
			continue
		}
		_, value, _ := strings.Cut(written, "=") // what is no parameter alone is the name decoded
		other := written
		if strings.HasPrefix(value, "=?") {
			if other, ok = grammar.Words(value); !ok || strings.ContainsAny(other, "%/\\") {
				return "", false
			}
		}
		if name != "" && name != other {
			return "", false
		}
		name = other
	}
	return name, name != ""
}

// isWordName reports whether the recorded name is that one in encoded words.
func (r *recorded) isWordName(name string) bool {
	for _, word := range wordNames(name) {
		for _, content := range []string{
			fmt.Sprintf("filename: filename=%s\nname: name=%s", word, word),
			fmt.Sprintf("filename: filename=%s\nname: ", word),
			fmt.Sprintf("filename: filename=%s\nname: %s", word, name),
			fmt.Sprintf("filename: \nname: name=%s", word),
			fmt.Sprintf("filename: %s\nname: name=%s", name, word),
		} {
			if !r.budget.spend(tryWork + len(content)) {
				return false
			}
			if r.is(message.DigestOf(message.AsOctets, []byte(content), "")) {
				return true
			}
		}
	}
	return false
}

// wordNames lists how programs write a name in encoded words: in one, or in some of at most 75
// octets.
func wordNames(name string) (list []string) {
	for _, label := range append([]string{"utf-8"}, grammar.Labels()...) {
		octets, ok := []byte(name), label == "utf-8"
		if !ok {
			if octets, ok = grammar.Encode(label, []byte(name)); !ok {
				continue
			}
		}
		packed := base64.StdEncoding.EncodeToString(octets)
		quoted := quotedWord(octets, "-.")
		for _, charset := range []string{label, strings.ToUpper(label)} {
			begin := "=?" + charset + "?"
			list = append(list, begin+"B?"+packed+"?=", begin+"b?"+packed+"?=", begin+"Q?"+quoted+"?=", begin+"q?"+quoted+"?=",
				begin+"q?"+quotedWord(octets, "-!*+/")+"?=")
		}
	}
	for _, charset := range []string{"utf-8", "UTF-8"} {
		packed, quoted := mime.BEncoding.Encode(charset, name), mime.QEncoding.Encode(charset, name)
		list = append(list, packed, strings.ReplaceAll(packed, "?b?", "?B?"), quoted, strings.ReplaceAll(quoted, "?q?", "?Q?"))
	}
	return list
}

// quotedWord is the Q encoding of octets (RFC 2047, section 4.2) by a program that leaves letters,
// digits and those of plain as they are.
func quotedWord(octets []byte, plain string) string {
	var b strings.Builder
	for _, c := range octets {
		switch letter := c | 0x20; {
		case c == ' ':
			b.WriteByte('_')
		case letter >= 'a' && letter <= 'z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}
