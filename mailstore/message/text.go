package message

import "bytes"

// canonicalText returns UTF-8 text with LF line ends, without white space at line ends and without
// blank lines at its end. It returns b itself, cut short, if no line inside has to change.
func canonicalText(b []byte) []byte {
	b = bytes.TrimRight(unixLines(b), blanks+"\n")
	if !trailingBlanks(b) {
		return b
	}
	out := make([]byte, 0, len(b))
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return append(out, b...)
		}
		out = append(append(out, bytes.TrimRight(b[:i], blanks)...), '\n')
		b = b[i+1:]
	}
}

const blanks = " \t\r\f\v"

func trailingBlanks(b []byte) bool {
	for i := 0; ; i++ {
		next := bytes.IndexByte(b[i:], '\n')
		if next < 0 {
			return false
		}
		i += next
		if i > 0 {
			switch b[i-1] {
			case ' ', '\t', '\r', '\f', '\v':
				return true
			}
		}
	}
}

// signatureBlock returns what follows the last line "--" (after canonicalText; "-- " in the mail,
// RFC 3676, section 4.3), nil if there is none.
func signatureBlock(text []byte) []byte {
	if i := bytes.LastIndex(text, []byte("\n--\n")); i >= 0 {
		return text[i+4:]
	}
	if bytes.HasPrefix(text, []byte("--\n")) {
		return text[3:]
	}
	return nil
}
