package record

import (
	"bytes"
	"encoding/base64"
	"strings"

	"cairn/mailstore/message"
)

const (
	maxLine = 76 // characters of a header line, RFC 5322, section 2.1.1 recommends at most 78

	// maxHeader bounds the field's value with room for folding that relays add.
	maxHeader = 2 * (maxTokenLen*4/3 + 4)
)

var tokenText = base64.RawURLEncoding.Strict()

// Header returns the token as a header field with CR LF line ends: "Cairn-Record: " and base64url, folded.
func (t *Token) Header() []byte {
	text := tokenText.EncodeToString(t.Encode())
	out := make([]byte, 0, len(text)+len(text)/20+64)
	out = append(out, message.TokenHeader+": "...)
	room := maxLine - len(out)
	for len(text) > room {
		out = append(append(out, text[:room]...), "\r\n "...)
		text, room = text[room:], maxLine-1
	}
	return append(append(out, text...), "\r\n"...)
}

// FindToken looks for the topmost Cairn-Record field in a mail's header. found says whether there is one; err says what is wrong with it. White space
// that relays put into the value or took out of it makes no difference.
func FindToken(raw []byte) (t *Token, found bool, err error) {
	value, found := tokenValue(raw)
	if !found {
		return nil, false, nil
	}
	if len(value) > maxHeader {
		return nil, true, malformed("the field has %d characters, at most %d make sense", len(value), maxHeader)
	}
	text := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, string(value))
	b, err := tokenText.DecodeString(text)
	if err != nil {
		return nil, true, malformed("not base64url: %v", err)
	}
	t, err = DecodeToken(b)
	return t, true, err
}

// tokenValue returns the folded value of the topmost token field.
func tokenValue(raw []byte) (value []byte, found bool) {
	for len(raw) > 0 {
		line, rest := cut(raw)
		if len(bytes.TrimRight(line, "\r")) == 0 {
			return nil, false
		}
		name, first, ok := bytes.Cut(line, []byte(":"))
		if !ok || !strings.EqualFold(string(bytes.TrimRight(name, " \t")), message.TokenHeader) {
			raw = rest
			continue
		}
		end := len(rest)
		for tail := rest; len(tail) > 0; {
			if tail[0] != ' ' && tail[0] != '\t' {
				end = len(rest) - len(tail)
				break
			}
			_, tail = cut(tail)
		}
		return append(bytes.Clone(first), rest[:end]...), true
	}
	return nil, false
}

func cut(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return line, rest
}
