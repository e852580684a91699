package smtpgw

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"

	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/readahead"
	"cairn/smtpgw/refuse"
)

// message takes the text after DATA: up to CRLF "." CRLF and nothing less, dots
// unstuffed (RFC 5321, section 4.5.2), else as it came. Text that another
// server could read in another way is read to the same end and refused. The
// wire then hands go-smtp the terminating dot.
//
// The error is always a *Refusal.
func (w *wire) message(room *room) ([]byte, error) {
	w.inText = false
	w.await(true)
	t := text{limits: &w.limits, room: room}
	afterCRLF := true
	for {
		line, err := w.line(&t)
		if err != nil {
			w.gone = true
			if errors.Is(err, errEndless) {
				return nil, t.refusal
			}
			return nil, w.broken(err)
		}
		if afterCRLF && string(line) == ".\r\n" {
			break
		}
		if afterCRLF && line[0] == '.' {
			line = line[1:]
		}
		afterCRLF = bytes.HasSuffix(line, []byte("\r\n"))
		t.add(line)
	}
	w.out = []byte(".\r\n")
	if t.refusal != nil {
		return nil, t.refusal
	}
	return t.b, nil
}

// line returns the next line with its LF. Of a line that is longer than the
// limit, which is noted in t, it returns only the end. The line is valid until
// the next call.
func (w *wire) line(t *text) ([]byte, error) {
	if w.endless(t) {
		return nil, errEndless
	}
	line, err := w.r.ReadSlice('\n')
	if err == nil {
		return line, nil
	}
	var whole []byte
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(whole)+len(line) > w.limits.LineBytes {
			t.refuse(lineTooLong(w.limits.LineBytes))
			whole = whole[:0]
		}
		if w.endless(t) {
			return nil, errEndless
		}
		whole = append(whole, line...)
		line, err = w.r.ReadSlice('\n')
	}
	return append(whole, line...), err
}

// errEndless says that enough of a refused message was thrown away.
var errEndless = errors.New("message has no end")

// endless reports whether a message that was refused goes on and on.
func (w *wire) endless(t *text) bool {
	return t.refusal != nil && w.received > 4*w.limits.MessageBytes+readahead.Size
}

// chunkPiece is how much of a text is read at once.
const chunkPiece = 32 << 10

// pieces are kept for the next text.
var pieces = sync.Pool{New: func() any { return new([chunkPiece]byte) }}

// chunks takes the text of BDAT commands from r and holds it to the same
// rules; there is no stuffing (RFC 3030). The error is a *Refusal, or what r
// gives when the peer gave the message up.
func chunks(r io.Reader, limits *Limits, room *room) ([]byte, error) {
	t := text{limits: limits, room: room}
	buf := pieces.Get().(*[chunkPiece]byte)
	defer pieces.Put(buf)
	checked := 0
	for {
		n, err := r.Read(buf[:])
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		t.take(buf[:n])
		last := err != nil
		for t.refusal == nil && checked < len(t.b) {
			line := t.b[checked:]
			line = line[:rawheader.LineEnd(line)]
			if !last && line[len(line)-1] != '\n' && len(line) <= limits.LineBytes {
				break // the rest of the line is to come
			}
			t.check(line)
			checked += len(line)
		}
		switch {
		case last && t.refusal != nil:
			return nil, t.refusal
		case last:
			return t.b, nil
		}
	}
}

// text gathers message text, and the first reason to refuse it.
type text struct {
	limits  *Limits
	room    *room // nil: the text is in memory already
	b       []byte
	refusal *refuse.Refusal

	// What check has seen of the header section.
	headerBytes, headerLines int
	inBody                   bool
}

// refuse drops the text and gives its room to others: what is refused may take
// long to come in.
func (t *text) refuse(reason *refuse.Refusal) {
	if t.refusal == nil {
		t.refusal, t.b = reason, nil
		t.room.leave()
	}
}

// add appends a line.
func (t *text) add(line []byte) {
	t.check(line)
	t.take(line)
}

// take appends bytes while there is room for them.
func (t *text) take(b []byte) {
	switch {
	case t.refusal != nil:
	case int64(len(t.b)+len(b)) > t.limits.MessageBytes:
		t.refuse(messageTooLarge(t.limits.MessageBytes))
	default:
		grown, ok := t.room.grow(t.b, len(b), t.limits.MessageBytes)
		if !ok {
			t.refuse(refuse.With(452, 4, 3, 1, "too much mail is coming in at this moment; try again later"))
			return
		}
		t.b = append(grown, b...)
	}
}

// check refuses what RFC 5321 does not allow in message text: bare CR and LF
// (section 2.3.8), through which text can be made to end early at other
// servers, and NUL (RFC 5322, section 4). Lines may be longer than the 998
// octets of RFC 5322, but not without end; nor may the header section, of
// which every line costs more to work on than its bytes.
func (t *text) check(line []byte) {
	body, crlf := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case t.refusal != nil:
	case !crlf && bytes.HasSuffix(line, []byte("\n")):
		t.refuse(errBareLF)
	case bytes.IndexByte(body, '\r') >= 0:
		t.refuse(errBareCR)
	case bytes.IndexByte(body, 0) >= 0:
		t.refuse(errNUL)
	case len(line) > t.limits.LineBytes:
		t.refuse(lineTooLong(t.limits.LineBytes))
	case t.inBody:
	case len(line) == len("\r\n") && crlf:
		t.inBody = true
	default:
		t.headerBytes += len(line)
		t.headerLines++
		if t.headerBytes > t.limits.HeaderBytes || t.headerLines > t.limits.HeaderLines {
			t.refuse(refuse.With(552, 5, 3, 4, "header exceeds the limit of %d octets or %d lines", t.limits.HeaderBytes, t.limits.HeaderLines))
		}
	}
}

// checkText checks a whole message as text does that comes in line by line.
func checkText(raw []byte, limits *Limits) error {
	t := text{limits: limits}
	for line := range bytes.Lines(raw) {
		t.check(line)
	}
	if t.refusal != nil {
		return t.refusal
	}
	return nil
}

// Refusals of octets that another server could take for the end of a message.
var (
	errBareLF = refuse.With(554, 5, 6, 0, "message contains a bare LF; lines must end in CRLF (RFC 5321, section 2.3.8)")
	errBareCR = refuse.With(554, 5, 6, 0, "message contains a bare CR; lines must end in CRLF (RFC 5321, section 2.3.8)")
	errNUL    = refuse.With(554, 5, 6, 0, "message contains a NUL octet; encode it as base64 (RFC 5322, section 4)")
)

// isSmuggling reports whether a message was refused for such octets. What its
// sender takes for the rest of the session may be something else, so it ends.
func isSmuggling(err error) bool {
	return errors.Is(err, errBareLF) || errors.Is(err, errBareCR) || errors.Is(err, errNUL)
}

func messageTooLarge(limit int64) *refuse.Refusal {
	return refuse.With(552, 5, 3, 4, "message exceeds the limit of %d octets", limit)
}

func lineTooLong(limit int) *refuse.Refusal {
	return refuse.With(554, 5, 6, 0, "message contains a line of more than %d octets; 998 are legal (RFC 5322, section 2.1.1)", limit)
}
