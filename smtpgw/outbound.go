package smtpgw

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// outbound is the client's side of an SMTP session. go-smtp's client knows
// neither BDAT nor pipelining and rewrites what it sends; a message has to
// arrive as the bytes that were recorded, and in few round trips.
type outbound struct {
	conn  net.Conn
	to    string // of the route it was opened for
	text  *textproto.Reader
	limit *io.LimitedReader
	w     *bufio.Writer
	ext   map[string]string // extensions by upper-case keyword
	wait  time.Duration     // for a reply
	dirty bool              // a transaction may be open on the other side
}

const (
	// maxReply bounds what is read of one reply.
	maxReply = 64 << 10
	// eager is the size up to which a message is sent along with its
	// envelope, before it is known whether a recipient is accepted.
	eager = 256 << 10
	// piece is how much of a message has to get on its way within the time
	// for a reply.
	piece = 64 << 10
)

// reply is what the other side answered.
type reply struct {
	code int
	text string // lines joined by spaces
}

func (r reply) ok() bool        { return r.code/100 == 2 }
func (r reply) permanent() bool { return r.code/100 == 5 }
func (r reply) String() string  { return fmt.Sprintf("%d %s", r.code, r.text) }

// greet opens a session on conn, which it closes on failure.
func greet(conn net.Conn, hostname string, wait time.Duration) (*outbound, error) {
	limit := &io.LimitedReader{R: conn}
	o := &outbound{
		conn: conn, limit: limit, wait: wait,
		text: textproto.NewReader(bufio.NewReader(limit)), w: bufio.NewWriter(patient{conn, wait}),
	}
	if err := o.hello(hostname); err != nil {
		conn.Close()
		return nil, err
	}
	return o, nil
}

// patient writes to a connection however long it takes, as long as it goes on.
type patient struct {
	conn net.Conn
	wait time.Duration // for a piece
}

func (p patient) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var written int
		p.conn.SetWriteDeadline(time.Now().Add(p.wait))
		written, err = p.conn.Write(b[n:min(n+piece, len(b))])
		n += written
	}
	return n, err
}

func (o *outbound) hello(hostname string) error {
	banner, err := o.read()
	if err != nil {
		return fmt.Errorf("wait for the banner: %w", err)
	}
	if !banner.ok() {
		return fmt.Errorf("turned away: %s", banner)
	}
	fmt.Fprintf(o.w, "EHLO %s\r\n", hostname)
	code, msg, err := o.readLines()
	if err != nil {
		return fmt.Errorf("wait for the reply to EHLO: %w", err)
	}
	if code != 250 {
		return fmt.Errorf("EHLO refused: %d %s", code, msg)
	}
	o.ext = make(map[string]string)
	for i, line := range strings.Split(msg, "\n") {
		if keyword, param, _ := strings.Cut(line, " "); i > 0 {
			o.ext[strings.ToUpper(keyword)] = param
		}
	}
	return nil
}

// send carries one message: token and raw, as they are, from and to as
// envelope addresses. It returns one reply for each recipient. An error means
// that the session is of no more use, and it is not known what became of the
// message; the replies are those that recipients had got until then.
func (o *outbound) send(ctx context.Context, from string, to []string, token, raw []byte) ([]reply, error) {
	defer context.AfterFunc(ctx, func() { o.conn.Close() })()
	size := len(token) + len(raw)
	if limit, err := strconv.ParseInt(o.ext["SIZE"], 10, 64); err == nil && limit > 0 && int64(size) > limit {
		return all(to, reply{552, fmt.Sprintf("5.3.4 message of %d octets exceeds the other side's limit of %d", size, limit)}), nil
	}
	mail, refusal := o.mailCommand(from, to, size)
	if refusal != "" {
		return all(to, reply{553, refusal}), nil
	}
	commands := make([]string, 0, len(to)+2)
	if o.dirty {
		commands = append(commands, "RSET")
	}
	o.dirty = true
	commands = append(commands, mail)
	for _, r := range to {
		commands = append(commands, "RCPT TO:<"+pathOf(r)+">")
	}
	_, chunking := o.ext["CHUNKING"]
	_, pipelining := o.ext["PIPELINING"]
	together := chunking && pipelining && size <= eager
	answers, err := o.envelope(commands, pipelining, func() error {
		if together {
			return o.writeChunk(token, raw)
		}
		return nil
	})
	first := len(commands) - len(to)
	if err != nil {
		if len(answers) <= first || !answers[first-1].ok() {
			return nil, err
		}
		return answers[first:], err
	}
	answers = answers[first-1:]
	if m := answers[0]; !m.ok() {
		if together {
			_, err = o.read()
		}
		return all(to, m), err
	}
	answers = answers[1:]
	return o.finish(answers, together, chunking, token, raw)
}

// finish sends the text, unless that was done, and fills in the reply to it
// for those recipients that were accepted.
func (o *outbound) finish(answers []reply, sent, chunking bool, token, raw []byte) ([]reply, error) {
	accepted := false
	for _, a := range answers {
		accepted = accepted || a.ok()
	}
	var last reply
	var err error
	switch {
	case sent:
		last, err = o.read()
	case !accepted:
		return answers, nil
	case chunking:
		if err := o.writeChunk(token, raw); err != nil {
			return answers, err
		}
		last, err = o.read()
	default:
		last, err = o.data(token, raw)
	}
	if err != nil {
		return answers, fmt.Errorf("wait for the reply to the message: %w", err)
	}
	o.dirty = !last.ok()
	for i, a := range answers {
		if a.ok() {
			answers[i] = last
		}
	}
	return answers, nil
}

// mailCommand returns the MAIL command, or why the other side cannot take
// these addresses.
func (o *outbound) mailCommand(from string, to []string, size int) (command, refusal string) {
	ascii := isASCII(from)
	for _, r := range to {
		ascii = ascii && isASCII(r)
	}
	var b strings.Builder
	b.WriteString("MAIL FROM:<")
	if from != "" {
		b.WriteString(pathOf(from))
	}
	b.WriteString(">")
	if _, ok := o.ext["SIZE"]; ok {
		fmt.Fprintf(&b, " SIZE=%d", size)
	}
	if _, ok := o.ext["8BITMIME"]; ok {
		b.WriteString(" BODY=8BITMIME")
	}
	if !ascii {
		if _, ok := o.ext["SMTPUTF8"]; !ok {
			return "", "5.6.7 the other side does not take non-ASCII addresses (SMTPUTF8)"
		}
		b.WriteString(" SMTPUTF8")
	}
	return b.String(), ""
}

// envelope sends the commands, in one go when pipelining (RFC 2920), and what
// more writes after them; it returns their replies in order, as many as came.
func (o *outbound) envelope(commands []string, pipelining bool, more func() error) ([]reply, error) {
	var answers []reply
	for i, c := range commands {
		o.w.WriteString(c + "\r\n")
		if pipelining && i < len(commands)-1 {
			continue
		}
		if i == len(commands)-1 {
			if err := more(); err != nil {
				return answers, err
			}
		}
		for len(answers) <= i {
			a, err := o.read()
			if err != nil {
				return answers, fmt.Errorf("wait for the reply to %.4s: %w", commands[len(answers)], err)
			}
			if a.code == 421 {
				return answers, fmt.Errorf("session ended by the other side: %s", a)
			}
			answers = append(answers, a)
		}
	}
	return answers, nil
}

// writeChunk sends the whole message as one chunk (RFC 3030).
func (o *outbound) writeChunk(token, raw []byte) error {
	fmt.Fprintf(o.w, "BDAT %d LAST\r\n", len(token)+len(raw))
	o.w.Write(token)
	o.w.Write(raw)
	if err := o.w.Flush(); err != nil {
		return fmt.Errorf("send the message: %w", err)
	}
	return nil
}

// data sends the message after DATA, for servers without CHUNKING.
func (o *outbound) data(token, raw []byte) (reply, error) {
	fmt.Fprint(o.w, "DATA\r\n")
	r, err := o.read()
	if err != nil || r.code != 354 {
		return r, err
	}
	dot := textproto.NewWriter(o.w).DotWriter()
	dot.Write(token)
	dot.Write(raw)
	if err := dot.Close(); err != nil {
		return reply{}, fmt.Errorf("send the message: %w", err)
	}
	return o.read()
}

// quit ends the session. The reply is not waited for.
func (o *outbound) quit() {
	o.conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(o.conn, "QUIT\r\n")
	o.conn.Close()
}

// read sends what is buffered and reads one reply.
func (o *outbound) read() (reply, error) {
	code, msg, err := o.readLines()
	return reply{code, strings.ReplaceAll(msg, "\n", " ")}, err
}

func (o *outbound) readLines() (int, string, error) {
	if err := o.w.Flush(); err != nil {
		return 0, "", err
	}
	o.conn.SetReadDeadline(time.Now().Add(o.wait))
	o.limit.N = maxReply
	code, msg, err := o.text.ReadResponse(0)
	if o.limit.N == 0 {
		err = errors.New("reply is too long")
	}
	return code, msg, err
}

// all gives every recipient the same reply.
func all(to []string, r reply) []reply {
	out := make([]reply, len(to))
	for i := range out {
		out[i] = r
	}
	return out
}
