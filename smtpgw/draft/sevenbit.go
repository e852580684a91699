package draft

import (
	"bytes"
	"encoding/base64"
	"mime"
	"strings"
	"unicode/utf8"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/address"
	"cairn/smtpgw/rawheader"
)

// asciiFields returns a header section with its UTF-8 encoded where there is a way that says the
// same: encoded words in texts and names (RFC 2047), parameters (RFC 2231), A-labels in domains
// (RFC 5890). A field for which there is none, such as one with a local part beyond ASCII, stays as
// it is.
func asciiFields(header []byte) []byte {
	if rawheader.IsASCII(header) {
		return header
	}
	var out bytes.Buffer
	for f := range rawheader.Fields(header) {
		out.Write(asciiField(f))
	}
	return out.Bytes()
}

// asciiField is asciiFields of one field.
func asciiField(f rawheader.Field) []byte {
	value := f.Unfolded()
	if rawheader.IsASCII(f.Raw) || !utf8.ValidString(value) || strings.ContainsAny(value, "\r\n\x00") {
		return f.Raw
	}
	encoded, ok := "", false
	switch name := f.Lower(); {
	case addressFields[name]:
		encoded, ok = asciiAddresses(value)
	case name == "content-type", name == "content-disposition":
		encoded, ok = asciiParameters(value)
	case textFields[name], strings.HasPrefix(name, "x-"):
		encoded, ok = encodedText(value), !strings.Contains(value, "=?")
	}
	raw := []byte(string(f.Name) + ": " + encoded + "\r\n")
	if !ok || !rawheader.IsASCII(raw) || hasLongLine(raw) {
		return f.Raw
	}
	return raw
}

var (
	addressFields = setOf("from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to", "resent-cc")
	textFields    = setOf("subject", "comments", "content-description", "organization", "user-agent", "thread-topic")
)

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool)
	for _, name := range names {
		set[name] = true
	}
	return set
}

// encodedText is an unstructured text in encoded words, such that people can read what they see of
// it unless it becomes long so.
func encodedText(text string) string {
	q, b := folded(mime.QEncoding.Encode("utf-8", text)), encodedPhrase(text)
	if len(q) <= len(b)+len(b)/2 {
		return q
	}
	return b
}

// encodedPhrase is a name in encoded words. Of the characters that Q leaves as they are some have a
// meaning in address fields (RFC 2047, section 5), so it is B.
func encodedPhrase(text string) string { return folded(mime.BEncoding.Encode("utf-8", text)) }

// folded breaks the line between encoded words, where the white space is none of the text.
func folded(words string) string { return strings.ReplaceAll(words, "?= =?", "?=\r\n =?") }

// asciiParameters encodes what is beyond ASCII in the parameters of a media type or disposition.
func asciiParameters(value string) (string, bool) {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", false
	}
	encoded := strings.ReplaceAll(mime.FormatMediaType(kind, params), "; ", ";\r\n ")
	again, same, err := mime.ParseMediaType(strings.ReplaceAll(encoded, "\r\n", ""))
	if err != nil || again != kind || len(same) != len(params) {
		return "", false
	}
	for name, v := range params {
		if same[name] != v {
			return "", false
		}
	}
	return encoded, encoded != ""
}

// asciiAddresses encodes the names, comments and domains of an address field.
func asciiAddresses(value string) (string, bool) {
	var out strings.Builder
	rest := value
	for rest != "" {
		n, end := oneAddress(rest)
		if n < 0 {
			return "", false
		}
		one, ok := asciiAddress(rest[:n], end)
		if !ok {
			return "", false
		}
		if out.Len() > 0 {
			out.WriteString("\r\n ")
		}
		out.WriteString(one)
		if end != 0 {
			out.WriteByte(end)
			n++
		}
		rest = strings.TrimLeft(rest[n:], " \t")
	}
	return out.String(), true
}

// closedBy is what closes what opens in an address.
var closedBy = map[byte]byte{'"': '"', '(': ')', '<': '>', '[': ']'}

// oneAddress returns how long the first of several addresses is, or the name of a group, and what
// ends it: a comma, colon, semicolon or 0. -1: something in it is not closed.
func oneAddress(s string) (n int, end byte) {
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ',', ':', ';':
			return i, c
		case '"', '(', '<', '[':
			if i = address.Closing(s, i, c, closedBy[c]); i < 0 {
				return -1, 0
			}
		case '\\', ')', '>', ']':
			return -1, 0
		default:
			i++
		}
	}
	return len(s), 0
}

// asciiAddress encodes one address, or with end a colon the name of a group.
func asciiAddress(s string, end byte) (string, bool) {
	s = strings.Trim(s, " \t")
	if rawheader.IsASCII([]byte(s)) {
		return s, true
	}
	if end == ':' {
		return asciiPhrase(s)
	}
	if name, spec, found := cutAngle(s); found {
		if name, ok := asciiPhrase(name); ok {
			spec, ok = asciiSpec(spec)
			return strings.TrimLeft(name+" ", " ") + "<" + spec + ">", ok
		}
		return "", false
	}
	spec, comment, found := strings.Cut(s, "(")
	spec, ok := asciiSpec(strings.TrimRight(spec, " \t"))
	if !found || !ok {
		return spec, ok
	}
	comment, closed := strings.CutSuffix(comment, ")")
	if !closed || strings.ContainsAny(comment, "()\\") || strings.Contains(comment, "=?") {
		return "", false
	}
	if !maildomain.IsASCII(comment) {
		comment = encodedPhrase(comment)
	}
	return spec + " (" + comment + ")", true
}

// cutAngle cuts an address into the name and what stands in angle brackets, with which it ends.
func cutAngle(s string) (name, spec string, found bool) {
	for i := 0; i < len(s); {
		switch s[i] {
		case '"':
			i = address.Closing(s, i, '"', '"')
		case '(':
			i = address.Closing(s, i, '(', ')')
		case '<':
			return strings.TrimRight(s[:i], " \t"), s[i+1 : len(s)-1], s[len(s)-1] == '>'
		default:
			i++
		}
	}
	return "", "", false
}

// asciiPhrase encodes a name: words and quoted strings. One with a comment, or words that are
// encoded already, cannot be encoded as a whole.
func asciiPhrase(s string) (string, bool) {
	if maildomain.IsASCII(s) {
		return s, true
	}
	if strings.Contains(s, "=?") {
		return "", false
	}
	var text strings.Builder
	for i := 0; i < len(s); {
		switch s[i] {
		case '"':
			end := address.Closing(s, i, '"', '"')
			text.WriteString(maildomain.Unquoted(s[i+1 : end-1]))
			i = end
		case '(', '[', '<', '@', ':', ';', ',', '\\':
			return "", false
		default:
			text.WriteByte(s[i])
			i++
		}
	}
	return encodedPhrase(text.String()), true
}

// asciiSpec is an address with its domain in A-labels.
func asciiSpec(spec string) (string, bool) {
	if maildomain.IsASCII(spec) {
		return spec, true
	}
	local, domain, found := cutLast(spec, "@")
	domain = maildomain.Canonical(domain)
	return local + "@" + domain, found && maildomain.IsASCII(local) && maildomain.IsASCII(domain) && maildomain.Valid(domain)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// encodeBase64 encodes octets in lines of legal length, without a line end behind them.
func encodeBase64(body []byte) []byte {
	return bytes.TrimSuffix(rewrapBase64([]byte(base64.StdEncoding.EncodeToString(body))), crlf)
}
