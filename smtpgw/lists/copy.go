package lists

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
	"time"

	"cairn/smtpgw/draft"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/trace"
)

// rule sets a list's footer off from the author's words.
const rule = "_______________________________________________"

// copyFor makes of a post, as it is stored, what goes to the members: the
// list's fields on top, tag and footer if the list has them, the author's
// fields and words else as they came, and so the records they came with. The
// error is that of draft.Read.
func copyFor(l *List, post, received []byte, hostname, ref string, now time.Time) ([]byte, error) {
	header, rest := rawheader.Split(post)
	var out bytes.Buffer
	out.Grow(len(post) + 1024)
	// A list behind this one takes List-Id out, and Delivered-To stays (RFC 9228).
	fmt.Fprintf(&out, trace.DeliveredTo+"%s\r\nList-Id: <%s>\r\nList-Post: <mailto:%s>\r\nPrecedence: list\r\n", l.Address, l.ID(), l.Address)
	tagged := l.Tag == ""
	for f := range rawheader.Fields(header) {
		switch {
		case f.Is("return-path"), f.Is("precedence"), len(f.Name) > 5 && strings.EqualFold(string(f.Name[:5]), "list-"):
			// They speak of the way to us, and of a list above us.
		case f.Is("subject") && !tagged:
			out.Write(withTag(f, l.Tag))
			tagged = true
		default:
			out.Write(f.Raw)
		}
	}
	if l.Footer != "" {
		rest = withFooter(header, rest, l.Footer)
	}
	out.Write(rest)
	d, err := draft.Read(out.Bytes())
	if err != nil {
		return nil, err
	}
	return d.Finish(draft.Stamp{Received: received, Hostname: hostname, Ref: ref, Now: now, SentOn: true}), nil
}

// withTag puts "[tag]" before a subject that does not bear it yet.
func withTag(f rawheader.Field, tag string) []byte {
	mark := "[" + tag + "]"
	value := f.Value()
	if strings.Contains(strings.ToLower(value), strings.ToLower(mark)) {
		return f.Raw
	}
	first, _, _ := strings.Cut(value, "\r\n")
	switch {
	case strings.TrimSpace(value) == "":
		return f.Raw
	case len(first)+len(mark) > 68:
		value = "\r\n" + value
		if value[2] != ' ' && value[2] != '\t' {
			value = "\r\n " + value[2:]
		}
	case value[0] != ' ' && value[0] != '\t' && value[0] != '\r':
		value = " " + value
	}
	return append([]byte("Subject: "+mark), value...)
}

// withFooter puts a list's footer, which is ASCII, behind the text of a
// message: into a plain text that is not base64, else as a part of its own at
// the end of a multipart/mixed. Mail of any other form, such as signed mail, has
// none.
func withFooter(header, rest []byte, footer string) []byte {
	kind, encoding := "", ""
	for f := range rawheader.Fields(header) {
		switch {
		case f.Is("content-type"):
			kind = strings.TrimSpace(f.Value())
		case f.Is("content-transfer-encoding"):
			encoding = strings.ToLower(strings.TrimSpace(f.Value()))
		}
	}
	media, params, err := mime.ParseMediaType(strings.ReplaceAll(kind, "\r\n", ""))
	text := rule + "\r\n" + strings.ReplaceAll(footer, "\n", "\r\n") + "\r\n"
	switch {
	case kind != "" && err != nil:
		return rest
	case kind == "" || media == "text/plain":
		return withPlainFooter(rest, encoding, text)
	case media == "multipart/mixed" && params["boundary"] != "":
		return withFooterPart(rest, params["boundary"], text)
	}
	return rest
}

func withPlainFooter(rest []byte, encoding, text string) []byte {
	switch encoding {
	case "", "7bit", "8bit":
	case "quoted-printable":
		if bytes.HasSuffix(bytes.TrimRight(rest, "\r\n"), []byte("=")) {
			return rest // a line that goes on
		}
		text = strings.ReplaceAll(text, "=", "=3D")
		for line := range strings.SplitSeq(text, "\r\n") {
			if len(line) > 76 {
				return rest
			}
		}
	default:
		return rest
	}
	out := bytes.Clone(rest)
	if len(out) == 0 {
		out = append(out, "\r\n"...)
	}
	if !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, "\r\n"...)
	}
	return append(out, text...)
}

func withFooterPart(rest []byte, boundary, text string) []byte {
	end := []byte("\r\n--" + boundary + "--")
	at := bytes.LastIndex(rest, end)
	if at < 0 || bytes.Count(rest, end) > 1 || strings.Contains(text, "--"+boundary) {
		return rest
	}
	part := "\r\n--" + boundary + "\r\nContent-Type: text/plain; charset=us-ascii\r\n" +
		"Content-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n\r\n" + strings.TrimSuffix(text, "\r\n")
	out := make([]byte, 0, len(rest)+len(part))
	out = append(append(out, rest[:at]...), part...)
	return append(out, rest[at:]...)
}
