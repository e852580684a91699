package draft

import (
	"bytes"

	"cairn/mailstore/message"
	"cairn/smtpgw/rawheader"
)

// maxLine is the length of a line without its CRLF in octets. 998 are legal (RFC 5322, section
// 2.1.1), but Sendmail cuts what is over 990 unless it is told not to (L= of its mailers), and what
// it cuts would arrive changed.
const maxLine = 990

// repairedFields returns the fields of a message, each in its proper form, and what follows them
// from the empty line on:
//
//   - a byte order mark and a "From " line of an mbox in front are dropped: they belong to the file
//     that the message was in;
//   - white space before a colon is dropped, for some programs see the body begin there;
//   - so are folds of white space alone (RFC 5322, section 4.2), for the same reason;
//   - a line that is no field ends the header: an empty line is put before it;
//   - lines over maxLine are folded where there is white space.
//
// Joined, fields and rest of a message that needs none of it are that message.
func repairedFields(raw []byte) (fields []rawheader.Field, rest []byte) {
	header, rest := rawheader.Split(message.WithoutMboxLine(raw))
	for len(header) > 0 {
		line := header[:rawheader.LineEnd(header)]
		name := rawheader.FieldName(line)
		if name == nil {
			return fields, bytes.Join([][]byte{crlf, header, rest}, nil)
		}
		n, blank := len(line), false
		for n < len(header) && isBlank(header[n]) {
			fold := header[n : n+rawheader.LineEnd(header[n:])]
			n += len(fold)
			blank = blank || isBlankLine(fold)
		}
		f := rawheader.Field{Name: name, Raw: header[:n]}
		if blank {
			f.Raw = withoutBlankFolds(f.Raw)
		}
		if f.Raw[len(name)] != ':' {
			_, value, _ := bytes.Cut(f.Raw, []byte(":"))
			f.Raw = bytes.Join([][]byte{name, []byte(":"), value}, nil)
		}
		f.Raw = refold(f.Raw)
		fields = append(fields, f)
		header = header[n:]
	}
	return fields, rest
}

var crlf = []byte("\r\n")

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isBlankLine(line []byte) bool { return len(bytes.TrimRight(line, " \t\r\n")) == 0 }

// withoutBlankFolds drops the folds of a field that hold nothing.
func withoutBlankFolds(raw []byte) []byte {
	var out []byte
	for first := true; len(raw) > 0; first = false {
		line := raw[:rawheader.LineEnd(raw)]
		if first || !isBlankLine(line) {
			out = append(out, line...)
		}
		raw = raw[len(line):]
	}
	return out
}

// refold breaks the lines of a field that are longer than maxLine at white space, which stays:
// unfolded the field is what it was (RFC 5322, section 2.2.3). What has no white space stays too
// long.
func refold(raw []byte) []byte {
	if !hasLongLine(raw) {
		return raw
	}
	out := make([]byte, 0, len(raw)+len(raw)/256)
	for len(raw) > 0 {
		line := raw[:rawheader.LineEnd(raw)]
		raw = raw[len(line):]
		for {
			at := foldAt(line)
			if at == 0 {
				break
			}
			out = append(append(out, line[:at]...), crlf...)
			line = line[at:]
		}
		out = append(out, line...)
	}
	return out
}

// foldAt returns where to break a line that is too long: before the last white space that leaves
// no more than maxLine, else before the first one; 0 where it cannot be broken or need not be.
// Neither side may be white space alone.
func foldAt(line []byte) int {
	text := bytes.TrimRight(line, " \t\r\n")
	if len(bytes.TrimRight(line, "\r\n")) <= maxLine {
		return 0
	}
	at, begun := 0, false
	for i := range text {
		switch {
		case !isBlank(text[i]):
			begun = true
		case begun && !isBlank(text[i-1]):
			if i > maxLine && at > 0 {
				return at
			}
			at = i
		}
	}
	return at
}

// hasLongLine reports whether b has a line over maxLine.
func hasLongLine(b []byte) bool {
	for len(b) > maxLine {
		n := rawheader.LineEnd(b)
		if len(bytes.TrimRight(b[:n], "\r\n")) > maxLine {
			return true
		}
		b = b[n:]
	}
	return false
}
