package record

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"cairn/mailstore/message"
)

const (
	maxLine = 76 // characters of a header line, RFC 5322, section 2.1.1 recommends at most 78

	// maxField bounds a field's value, folding included: thrice what the largest token takes that
	// is known here, so that a larger one of a later version is still seen to be of that version.
	maxField = 16 << 10

	// maxTokenFields is how many Cairn-Record fields of one mail are looked at.
	maxTokenFields = MaxHops + 2
)

var tokenText = base64.RawURLEncoding.Strict()

// Header returns the token as a header field with CR LF line ends: "Cairn-Record: " and base64url,
// folded.
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

// tokenField is one Cairn-Record field: its token, or what is wrong with it. The error wraps
// ErrToken or ErrTokenVersion.
type tokenField struct {
	Token *Token
	Err   error
}

// findTokens reads the Cairn-Record fields of a mail's header from the top, at most maxTokenFields:
// the record of whoever sent the mail on last stands above that of the original. A field that says
// the same as one above it is left out.
func findTokens(raw []byte) []tokenField {
	var fields []tokenField
	var seen []string
	for _, value := range tokenValues(raw, maxTokenFields) {
		text, err := tokenOf(value)
		var t *Token
		if err == nil {
			if slices.Contains(seen, text) {
				continue
			}
			seen = append(seen, text)
			t, err = decodeText(text)
		}
		fields = append(fields, tokenField{t, err})
	}
	return fields
}

// FindToken looks for the topmost Cairn-Record field in a mail's header. found says whether there
// is one; err says what is wrong with it, as in tokenField. White space that relays put into the
// value or took out of it makes no difference.
func FindToken(raw []byte) (t *Token, found bool, err error) {
	values := tokenValues(raw, 1)
	if len(values) == 0 {
		return nil, false, nil
	}
	text, err := tokenOf(values[0])
	if err != nil {
		return nil, true, err
	}
	t, err = decodeText(text)
	return t, true, err
}

// tokenOf returns a field's value without white space.
func tokenOf(value []byte) (text string, err error) {
	if len(value) > maxField {
		return "", malformed("the field has %d characters, at most %d make sense", len(value), maxField)
	}
	var b strings.Builder
	b.Grow(len(value))
	for len(value) > 0 {
		run := bytes.IndexAny(value, " \t\r\n")
		if run < 0 {
			run = len(value)
		}
		b.Write(value[:run])
		value = bytes.TrimLeft(value[run:], " \t\r\n")
	}
	return b.String(), nil
}

func decodeText(text string) (*Token, error) {
	b, err := tokenText.DecodeString(text)
	if err != nil {
		return nil, malformed("not base64url: %v", err)
	}
	return DecodeToken(b)
}

// tokenValues returns the folded values of the token fields of raw's header from the top, at most
// limit. They share memory with raw.
func tokenValues(raw []byte, limit int) (values [][]byte) {
	for len(raw) > 0 && len(values) < limit {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		if len(bytes.TrimRight(line, "\r")) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 || !bytes.EqualFold(bytes.TrimRight(line[:colon], " \t"), []byte(message.TokenHeader)) {
			raw = rest
			continue
		}
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			_, rest, _ = bytes.Cut(rest, []byte("\n"))
		}
		values = append(values, raw[colon+1:len(raw)-len(rest)])
		raw = rest
	}
	return values
}
