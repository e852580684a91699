package grammar

import "bytes"

// Unflow joins the flowed lines of text in format=flowed (RFC 3676, section 4), whose line ends are
// LF; delsp, with which no space is where a line was broken, is for the few programs that know it.
// Each paragraph keeps the quotes and the space-stuffing of its first line, which programs that do
// not know the format show; a line that is stuffed otherwise is none of it.
func Unflow(text []byte) []byte {
	out := make([]byte, 0, len(text))
	open, depth, stuffed := false, 0, false // the last line goes on, at that depth, stuffed so
	for rest := text; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		quotes := 0
		for quotes < len(line) && line[quotes] == '>' {
			quotes++
		}
		line = line[quotes:]
		stuffs := len(line) > 0 && line[0] == ' ' && (len(line) == 1 || line[1] != '>') // " >" is no quote
		if stuffs {
			line = line[1:]
		}
		signature := bytes.Equal(line, []byte("-- "))
		if open && (quotes != depth || stuffs != stuffed || signature) {
			out, open = append(out, '\n'), false
		}
		if !open {
			out = append(out, bytes.Repeat([]byte(">"), quotes)...)
			if stuffs {
				out = append(out, ' ')
			}
		}
		depth, stuffed = quotes, stuffs
		open = len(line) > 0 && line[len(line)-1] == ' ' && !signature
		out = append(out, line...)
		if !open {
			out = append(out, '\n')
		}
	}
	return out
}

// JoinDelSp joins the lines of text in format=flowed with DelSp=yes (RFC 3676, section 4.1), whose
// line ends are LF, to what its author wrote: the blank at the end of a line that flows on, and the
// quote marks and the stuffing of the next, go with the line end.
func JoinDelSp(text []byte) []byte {
	out := make([]byte, 0, len(text))
	open, depth := false, 0 // the last line goes on, at that depth
	for line := range bytes.Lines(text) {
		bare := bytes.TrimSuffix(line, []byte("\n"))
		rest := bytes.TrimLeft(bare, ">")
		quotes := len(bare) - len(rest)
		signature := bytes.Equal(rest, []byte("-- "))
		if open && quotes == depth && !signature {
			out = bytes.TrimSuffix(out, []byte(" \n"))
			out = append(out, bytes.TrimPrefix(rest, []byte(" "))...)
			out = append(out, line[len(bare):]...)
		} else {
			out = append(out, line...)
		}
		open, depth = bytes.HasSuffix(rest, []byte(" ")) && !signature, quotes
	}
	return out
}
