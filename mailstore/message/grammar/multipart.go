package grammar

import (
	"bytes"
	"slices"
	"strings"
)

// Span is a stretch of a body. Those that Split cuts know the body's lines that begin with two
// hyphens, so that nobody looks for them again in each multipart of a nest.
type Span struct {
	Octets []byte
	start  int // in the body
	body   *hyphened
}

// NewSpan is a whole body, which begins with a line.
func NewSpan(body []byte) Span {
	return Span{Octets: body, body: &hyphened{octets: body, searches: len(body)/4 + 4096}}
}

// From is what is left of a span from that octet on, at which a line begins.
func (s Span) From(at int) Span {
	return Span{Octets: s.Octets[at:], start: s.start + at, body: s.body}
}

// Cut is a span between two octets at which lines begin, without the line end before the second.
func (s Span) Cut(from, to int) Span {
	cut := s.From(from)
	cut.Octets = s.Octets[from:max(from, beforeLine(s.Octets, to))]
	return cut
}

// hyphens calls f with where lines of the span begin with two hyphens, ascending, until it returns
// false. A bare CR ends lines too, since it does for some programs.
func (s Span) hyphens(f func(at int) bool) {
	all := s.body.lines()
	first, _ := slices.BinarySearch(all, uint32(s.start))
	for _, at := range all[first:] {
		if at := int(at) - s.start; at+2 > len(s.Octets) || !f(at) {
			return
		}
	}
}

// behindCR reports whether a line begins behind a bare CR.
func (s Span) behindCR(at int) bool { return at > 0 && s.Octets[at-1] == '\r' }

// hyphened is a body and where its lines begin with two hyphens, once that was asked for.
type hyphened struct {
	octets []byte
	at     []uint32
	known  bool

	searches int // how often more a delimiter may be looked for where one could stand

	single  []uint32 // all hyphens, if they are few
	counted bool
}

var hyphens = []byte("--")

func (h *hyphened) lines() []uint32 {
	if !h.known {
		n := 0
		h.each(func(int) { n++ })
		h.at, h.known = make([]uint32, 0, n), true
		h.each(func(at int) { h.at = append(h.at, uint32(at)) })
	}
	return h.at
}

// maxSingle is how many hyphens of a body are remembered.
const maxSingle = 1 << 16

// fewHyphens are where hyphens stand in the body; not ok: too many to remember.
func (h *hyphened) fewHyphens() (at []uint32, ok bool) {
	if !h.counted {
		h.counted = true
		if n := bytes.Count(h.octets, hyphens[:1]); n <= maxSingle {
			h.single = make([]uint32, 0, n)
			for i := 0; len(h.single) < n; i++ {
				i += bytes.IndexByte(h.octets[i:], '-')
				h.single = append(h.single, uint32(i))
			}
		}
	}
	return h.single, h.single != nil
}

func (h *hyphened) each(f func(at int)) {
	for start := 0; start < len(h.octets); {
		end := bytes.IndexByte(h.octets[start:], '\n')
		if end < 0 {
			end = len(h.octets) - start
		}
		line := h.octets[start : start+end]
		for {
			if bytes.HasPrefix(line, hyphens) {
				f(start)
			}
			cr := bytes.IndexByte(line, '\r')
			if cr < 0 {
				break
			}
			line, start = line[cr+1:], start+cr+1
		}
		start += len(line) + 1
	}
}

// Pieces is a multipart body cut at its boundary lines (RFC 2046, section 5.1.1).
type Pieces struct {
	Preamble, Epilogue Span
	Parts              []Span // without the line end that belongs to the boundary
	Open               bool   // the last boundary line is not there: the last part ends with the body
	Padded             []int  // the boundary lines, from 0, with white space behind the boundary
}

// Boundary reports whether s is a boundary of RFC 2046 without a space or an apostrophe, and not of
// hyphens alone: its last line would have it twice.
func Boundary(s string) bool {
	if strings.Trim(s, "-") == "" || len(s) > 70 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && bytes.IndexByte([]byte(`()+_,-./:=?`), c) < 0 {
			return false
		}
	}
	return true
}

// Split cuts a multipart body. Every line that begins with two hyphens and the boundary, in
// whatever letter case and behind a bare CR too, has to be a boundary line, with nothing but white
// space behind it, none may have both further on, and no line of preamble or epilogue may begin
// with two hyphens. At most limit parts are cut.
func Split(s Span, boundary string, limit int) (p Pieces, ok bool) {
	if !Boundary(boundary) {
		return p, false
	}
	p.Preamble, p.Epilogue = s.Cut(0, 0), s.From(len(s.Octets))
	body, delimiter := s.Octets, []byte("--"+boundary)
	start, closed, ok := -1, false, true // start: of the part that is open
	lines := 0                           // that begin with the delimiter
	alike := false                       // a line begins like a boundary line but for letter case, or behind a bare CR
	s.hyphens(func(at int) bool {
		if !s.mayBegin(at, delimiter) {
			return true
		}
		if bytes.HasPrefix(body[at:], delimiter) {
			lines++
		}
		switch {
		case s.behindCR(at) || !bytes.HasPrefix(body[at:], delimiter):
			alike = alike || bytes.EqualFold(body[at:min(len(body), at+len(delimiter))], delimiter)
			return true
		case closed: // the epilogue is looked at below
			return true
		case start < 0:
			p.Preamble = s.Cut(0, at)
		case len(p.Parts) == limit:
			ok = false
			return false
		default:
			p.Parts = append(p.Parts, s.Cut(start, at))
		}
		line, rest := CutLine(body[at:])
		line = line[len(delimiter):]
		bare := bytes.TrimRight(line, " \t")
		if len(bare) < len(line) {
			p.Padded = append(p.Padded, len(p.Parts))
		}
		start, closed = len(body)-len(rest), string(bare) == "--"
		ok = closed || len(bare) == 0
		return ok
	})
	switch {
	case !ok:
		return p, false
	case !closed && (start < 0 || isWhite(body[start:])):
		return p, false
	case !closed:
		p.Parts, p.Open = append(p.Parts, s.From(start)), true
	default:
		p.Epilogue = s.From(start)
	}
	gaps := p.Preamble.likeBoundary() || p.Epilogue.likeBoundary()
	inside := s.stands(delimiter, lines) // some programs do not look where the line begins
	return p, !gaps && len(p.Parts) > 0 && !alike && !inside
}

// stands reports whether a delimiter stands more than so many times in a body, in whatever letter
// case; also where the body looks like that so often that it is not searched to its end: no such
// body is one that programs agree on.
func (s Span) stands(delimiter []byte, times int) bool {
	rest := bytes.TrimLeft(delimiter, "-")
	if len(rest) == 0 {
		return true
	}
	body, before := s.Octets, delimiter[:len(delimiter)-len(rest)]
	more := false
	s.behindHyphens(bothCases(rest[0]), func(at int) bool {
		if s.body.searches--; s.body.searches < 0 {
			more = true
			return false
		}
		if !bytes.HasSuffix(body[:at], before) {
			return true
		}
		s.body.searches -= len(delimiter) / 4
		if bytes.EqualFold(body[at:min(len(body), at+len(rest))], rest) {
			times--
		}
		more = times < 0
		return !more
	})
	return more
}

// behindHyphens calls f with where one of these octets stands behind a hyphen, until it returns
// false.
func (s Span) behindHyphens(octets []byte, f func(at int) bool) {
	if few, ok := s.body.fewHyphens(); ok {
		first, _ := slices.BinarySearch(few, uint32(s.start))
		for _, hyphen := range few[first:] {
			at := int(hyphen) + 1 - s.start
			if at >= len(s.Octets) || bytes.IndexByte(octets, s.Octets[at]) >= 0 && !f(at) {
				return
			}
		}
		return
	}
	for _, octet := range octets {
		pair := []byte{'-', octet}
		for at := 0; ; {
			next := bytes.Index(s.Octets[at:], pair)
			if next < 0 {
				break
			}
			if at += next + 1; !f(at) {
				return
			}
		}
	}
}

// bothCases are a letter of ASCII as a small one and a capital, and any other octet alone.
func bothCases(c byte) []byte {
	if lower := c | 0x20; lower >= 'a' && lower <= 'z' {
		return []byte{lower, lower &^ 0x20}
	}
	return []byte{c}
}

// mayBegin reports, by one octet, whether the line at that place may begin with the delimiter in
// whatever letter case: most that begin with two hyphens do not.
func (s Span) mayBegin(at int, delimiter []byte) bool {
	if at+2 >= len(s.Octets) {
		return false
	}
	c := s.Octets[at+2]
	return c >= 0x80 || c|0x20 == delimiter[2]|0x20
}

// isWhite reports whether there is nothing but white space.
func isWhite(b []byte) bool {
	for b = skipSpaces(b); len(b) > 0; b = skipSpaces(b) {
		if b[0] != ' ' && (b[0] < '\t' || b[0] > '\r') {
			return false
		}
		b = b[1:]
	}
	return true
}

// likeBoundary reports whether a line looks like a boundary line: two hyphens and something behind
// them. Two hyphens alone set off a signature.
func (s Span) likeBoundary() (found bool) {
	s.hyphens(func(at int) bool {
		if s.behindCR(at) {
			return true
		}
		line, _ := CutLine(s.Octets[at:])
		found = len(bytes.TrimRight(line[2:], " \t")) > 0
		return !found
	})
	return found
}

// beforeLine is where what stands before the line at i ends, without its line end.
func beforeLine(body []byte, i int) int {
	if i > 0 && body[i-1] == '\n' {
		i--
		if i > 0 && body[i-1] == '\r' {
			i--
		}
	}
	return i
}
