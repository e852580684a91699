package draft

import (
	"bytes"
	"encoding/base64"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"

	"cairn/smtpgw/rawheader"
)

// maxMendDepth bounds how deep multiparts are looked into.
const maxMendDepth = 8

// mender puts right the texts of messages.
type mender struct {
	limit    int64 // octets; a message that would grow beyond stays as it is
	sevenBit bool  // what is beyond ASCII is encoded too
}

// message returns a message whose body has no line over maxLine where that can be had without a
// change of content (RFC 6409, section 8.4): parts with such lines are encoded as quoted-printable,
// whatever their type, since its line ends are line ends as they are without an encoding; lines of
// encoded parts are broken anew. With SevenBit it is the same for octets beyond ASCII, which
// servers need not take (RFC 6152, section 3), and for fields (see asciiFields); what is no text
// and has no line ends is encoded as base64 then. rest is the body with the empty line before it.
// What is signed or encrypted, a message within the message, and what programs may take apart
// differently stays as it is.
func (m mender) message(header, rest []byte) []byte {
	body, found := bytes.CutPrefix(rest, crlf)
	if rawheader.Count(header, "dkim-signature") > 0 {
		return append(header, rest...)
	}
	h, b := header, rest
	if m.sevenBit {
		h = asciiFields(h)
	}
	if found {
		h, b = m.entity(h, body, 0)
		if rawheader.Count(h, "mime-version") == 0 && !bytes.Equal(b, body) {
			h = append(bytes.Clone(h), "MIME-Version: 1.0\r\n"...)
		}
		b = append(bytes.Clone(crlf), b...)
	}
	if whole := slices.Concat(h, b); int64(len(whole)) <= m.limit {
		return whole
	}
	return append(header, rest...)
}

// needed reports whether a body has something to be encoded.
func (m mender) needed(body []byte) bool {
	return hasLongLine(body) || m.sevenBit && !rawheader.IsASCII(body)
}

// entity is message for a message or a part. It returns its arguments if nothing is to be done.
func (m mender) entity(header, body []byte, depth int) ([]byte, []byte) {
	if !m.needed(body) {
		return header, body
	}
	kind, params, ok := contentType(header)
	if !ok {
		return header, body
	}
	encoding, ok := transferEncoding(header)
	identity := encoding == "7bit" || encoding == "8bit" || encoding == "binary"
	top, sub, _ := strings.Cut(kind, "/")
	switch {
	case !ok, top == "message":
	case top == "multipart":
		if identity && depth < maxMendDepth && sub != "signed" && sub != "encrypted" && sub != "digest" {
			return m.multipart(header, body, params["boundary"], depth)
		}
	case encoding == "base64":
		return header, rewrapBase64(body)
	case encoding == "quoted-printable":
		return header, rewrapQuoted(body)
	case m.sevenBit && top != "text" && !rawheader.IsASCII(body) && !bytes.Contains(body, crlf):
		return withEncoding(header, "base64"), encodeBase64(body)
	default:
		return withEncoding(header, "quoted-printable"), encodeQuoted(body)
	}
	return header, body
}

// multipart mends each part of a multipart body. A body that is not cut into parts in one way only
// stays as it is. Where all is ASCII in the end, the header says so: a server that goes by it would
// encode what needs it no more.
func (m mender) multipart(header, body []byte, boundary string, depth int) ([]byte, []byte) {
	mended := m.parts(body, boundary, depth)
	if encoding, _ := transferEncoding(header); m.sevenBit && encoding != "7bit" && rawheader.IsASCII(mended) {
		header = withEncoding(header, "7bit")
	}
	return header, mended
}

// parts mends the parts of a body.
func (m mender) parts(body []byte, boundary string, depth int) []byte {
	parts, ok := spansOf(body, boundary)
	if !ok {
		return body
	}
	var out bytes.Buffer
	done := 0
	for _, p := range parts {
		out.Write(body[done:p.from])
		out.Write(m.part(body[p.from:p.to], depth))
		done = p.to
	}
	out.Write(body[done:])
	return out.Bytes()
}

func (m mender) part(part []byte, depth int) []byte {
	header, rest := rawheader.Split(part)
	body, found := bytes.CutPrefix(rest, crlf)
	if !found {
		return part
	}
	for f := range rawheader.Fields(header) {
		if f.Name == nil {
			return part // some programs see the body begin here
		}
	}
	if m.sevenBit {
		header = asciiFields(header)
	}
	h, b := m.entity(header, body, depth+1)
	return bytes.Join([][]byte{h, b}, crlf)
}

// span is a part of a multipart body, without the CRLF that belongs to the boundary behind it.
type span struct{ from, to int }

// spansOf finds the parts of a multipart body (RFC 2046, section 5.1.1). ok is false unless every
// line that begins with the delimiter is one, the last of them the closing one.
func spansOf(body []byte, boundary string) (parts []span, ok bool) {
	if boundary == "" || len(boundary) > 70 {
		return nil, false
	}
	delimiter := []byte("--" + boundary)
	from, closed := -1, false // of the part that is open
	for at := 0; at < len(body); {
		line := body[at : at+rawheader.LineEnd(body[at:])]
		next := at + len(line)
		if tail, found := bytes.CutPrefix(line, delimiter); found {
			tail, last := bytes.CutPrefix(tail, []byte("--"))
			if closed || !isBlankLine(tail) {
				return nil, false
			}
			if from >= 0 {
				parts = append(parts, span{from, max(from, at-len(crlf))})
			}
			from, closed = next, last
		}
		at = next
	}
	return parts, closed
}

// contentType reads the one Content-Type of a header; text/plain without one (RFC 2045, section
// 5.2).
func contentType(header []byte) (kind string, params map[string]string, ok bool) {
	values := valuesOf(header, "content-type")
	if len(values) == 0 {
		return "text/plain", nil, true
	}
	kind, params, err := mime.ParseMediaType(values[0])
	return kind, params, err == nil && len(values) == 1 && strings.Contains(kind, "/")
}

// transferEncoding reads the one Content-Transfer-Encoding of a header; 7bit without one (RFC 2045,
// section 6.1). ok is false for one that RFC does not have.
func transferEncoding(header []byte) (name string, ok bool) {
	values := valuesOf(header, "content-transfer-encoding")
	if len(values) == 0 {
		return "7bit", true
	}
	switch name = strings.ToLower(values[0]); name {
	case "7bit", "8bit", "binary", "base64", "quoted-printable":
		return name, len(values) == 1
	}
	return name, false
}

func valuesOf(header []byte, name string) (values []string) {
	for f := range rawheader.Fields(header) {
		if f.Is(name) {
			values = append(values, f.Unfolded())
		}
	}
	return values
}

// withEncoding returns a header that names a transfer encoding, at its place if one was there.
func withEncoding(header []byte, name string) []byte {
	line := "Content-Transfer-Encoding: " + name + "\r\n"
	var out bytes.Buffer
	found := false
	for f := range rawheader.Fields(header) {
		if f.Is("content-transfer-encoding") {
			found = true
			out.WriteString(line)
		} else {
			out.Write(f.Raw)
		}
	}
	if !found {
		out.WriteString(line)
	}
	return out.Bytes()
}

// encodeQuoted encodes lines of text; their CRLFs stay (RFC 2045, section 6.7).
func encodeQuoted(body []byte) []byte {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	w.Write(body) // into memory: no errors
	w.Close()
	return out.Bytes()
}

// encodedLine is the length of lines of encoded text (RFC 2045, sections 6.7 and 6.8).
const encodedLine = 76

// rewrapQuoted breaks long lines of quoted-printable text softly. Text with an "=" that begins
// neither a code nor a break stays as it is: programs differ in what they make of it.
func rewrapQuoted(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(body)/32)
	for rest := body; len(rest) > 0; {
		line := rest[:rawheader.LineEnd(rest)]
		rest = rest[len(line):]
		text := bytes.TrimRight(line, "\r\n")
		end := line[len(text):]
		column := 0
		for i := 0; i < len(text); {
			n := 1
			switch {
			case text[i] != '=':
			case i == len(text)-1 && len(end) > 0:
			case i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
				n = 3
			default:
				return body
			}
			if column+n > encodedLine-1 && i+n < len(text) {
				out = append(out, "=\r\n"...)
				column = 0
			}
			out = append(out, text[i:i+n]...)
			i, column = i+n, column+n
		}
		out = append(out, end...)
	}
	return out
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}

// rewrapBase64 breaks base64 into lines of legal length. What is not base64 from end to end stays
// as it is.
func rewrapBase64(body []byte) []byte {
	text := strings.NewReplacer("\r\n", "").Replace(string(body))
	if _, err := base64.StdEncoding.Strict().DecodeString(text); err != nil {
		return body
	}
	out := make([]byte, 0, len(text)+len(text)/32+len(crlf))
	for len(text) > 0 {
		n := min(len(text), encodedLine)
		out = append(append(out, text[:n]...), crlf...)
		text = text[n:]
	}
	if !bytes.HasSuffix(body, crlf) {
		out = bytes.TrimSuffix(out, crlf)
	}
	return out
}
