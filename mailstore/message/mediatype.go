package message

import (
	"bytes"
	"strconv"
	"strings"
)

// mediaType is a Content-Type or Content-Disposition value.
type mediaType struct {
	kind    string            // lower case
	params  map[string]string // decoded; names in lower case
	further []string          // "name=value" of what parameters say besides that: mail programs differ in which of several they take
}

// readMediaType reads what is there, well-formed or not (doubled parameters, missing quotes, stray
// semicolons).
func readMediaType(value string) mediaType {
	items := splitOutsideQuotes(value, ';')
	m := mediaType{kind: strings.ToLower(strings.TrimSpace(items[0]))}
	var pieces []paramPiece
	for _, item := range items[1:] {
		name, v, _ := strings.Cut(item, "=")
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			pieces = append(pieces, newPiece(name, unquoteValue(strings.TrimSpace(v))))
		}
	}
	m.params, m.further = joinPieces(pieces)
	return m
}

// paramPiece is a parameter, or one piece of it: name, name*, name*0, name*0* (RFC 2231, sections 3
// and 4).
type paramPiece struct {
	pieceKey
	extended bool // ends in "*": percent-encoded, the first piece with its charset
	value    string
	used     bool
}

type pieceKey struct {
	name   string
	number int // from 0; whole or wholeExtended for one that is not cut into pieces
}

const (
	whole         = -1
	wholeExtended = -2
)

func newPiece(name, value string) paramPiece {
	p := paramPiece{pieceKey: pieceKey{name, whole}, value: value}
	base, number, starred := strings.Cut(name, "*")
	if !starred || base == "" {
		return p
	}
	if number == "" {
		p.pieceKey, p.extended = pieceKey{base, wholeExtended}, true
		return p
	}
	number, extended := strings.CutSuffix(number, "*")
	if n, err := strconv.ParseUint(number, 10, 31); err == nil {
		p.pieceKey, p.extended = pieceKey{base, int(n)}, extended
	}
	return p
}

// joinPieces returns the values of parameters. Of several of one name and number the first counts;
// of several forms of one parameter name*, else name*0 and on, else name.
func joinPieces(pieces []paramPiece) (params map[string]string, further []string) {
	first := make(map[pieceKey]*paramPiece, len(pieces))
	for i := range pieces {
		if p := &pieces[i]; first[p.pieceKey] == nil {
			first[p.pieceKey] = p
		}
	}
	params = make(map[string]string, len(pieces))
	for _, p := range pieces {
		if _, done := params[p.name]; done {
			continue
		}
		if value, ok := joined(p.name, first); ok {
			params[p.name] = value
		}
	}
	phrases := map[string]string{} // of the values that count
	for _, p := range pieces {
		if p.used || first[p.pieceKey].used && first[p.pieceKey].value == p.value {
			continue
		}
		counts, done := phrases[p.name]
		if !done {
			counts = phrase(params[p.name])
			phrases[p.name] = counts
		}
		value := p.value
		if p.extended {
			value = decodeExtended(value)
		}
		if value = phrase(value); value != counts {
			further = append(further, plain(p.name)+"="+value)
		}
	}
	return params, further
}

// joined returns the value of a parameter and marks the pieces that it is made of.
func joined(name string, first map[pieceKey]*paramPiece) (value string, ok bool) {
	if p := first[pieceKey{name, wholeExtended}]; p != nil {
		p.used = true
		return decodeExtended(p.value), true
	}
	start := first[pieceKey{name, 0}]
	if start == nil {
		p := first[pieceKey{name, whole}]
		if p == nil {
			return "", false
		}
		p.used = true
		return p.value, true
	}
	var charset string
	var text bytes.Buffer
	for n := 0; ; n++ {
		p := first[pieceKey{name, n}]
		if p == nil {
			return string(decodeCharset(charset, text.Bytes())), true
		}
		p.used = true
		value := p.value
		if p.extended && n == 0 {
			charset, value = cutCharset(value)
		}
		if p.extended {
			value = unescapePercent(value)
		}
		text.WriteString(value)
	}
}

// decodeExtended decodes charset'language'percent-encoded text.
func decodeExtended(value string) string {
	charset, text := cutCharset(value)
	return string(decodeCharset(charset, []byte(unescapePercent(text))))
}

// cutCharset cuts charset and language off an extended value; without both apostrophes all of it is
// text.
func cutCharset(value string) (charset, text string) {
	if parts := strings.SplitN(value, "'", 3); len(parts) == 3 {
		return parts[0], parts[2]
	}
	return "", value
}

// unescapePercent decodes %XX; a "%" that starts no code stands for itself.
func unescapePercent(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if high, low := hexValue(s[i+1]), hexValue(s[i+2]); high < 16 && low < 16 {
				out.WriteByte(high<<4 | low)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// unquoteValue removes the quotes in a parameter's value. A backslash before anything but a special
// (RFC 2045, section 5.1) stands for itself, since it is one of a path.
func unquoteValue(s string) string {
	if !strings.Contains(s, `"`) {
		return s
	}
	var out strings.Builder
	open := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			open = !open
			continue
		case s[i] == '\\' && open && i+1 < len(s) && strings.IndexByte(`()<>@,;:\"/[]?=`, s[i+1]) >= 0:
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func splitOutsideQuotes(s string, separator byte) []string {
	var items []string
	start := 0
	quotes := balanced(s)
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && quotes:
			i = quotedEnd(s, i) - 1
		case s[i] == separator:
			items = append(items, s[start:i])
			start = i + 1
		}
	}
	return append(items, s[start:])
}

// contentType returns the media type of an entity: fallback if it names none, text/plain if what it
// names is no type (RFC 2045, section 5.2).
func contentType(h header, fallback string) mediaType {
	value := h.get("Content-Type")
	if strings.TrimSpace(value) == "" {
		return mediaType{kind: fallback}
	}
	m := readMediaType(value)
	if major, minor, ok := strings.Cut(m.kind, "/"); !ok || major == "" || minor == "" {
		m.kind = "text/plain"
	}
	return m
}

// partName returns the canonical file name of a part: Content-Disposition's, else Content-Type's.
func partName(disposition, typ mediaType) string {
	name := disposition.params["filename"]
	if name == "" {
		name = typ.params["name"]
	}
	return phrase(name)
}
