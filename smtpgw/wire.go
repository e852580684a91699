package smtpgw

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"cairn/mailstore/textroom"
	"cairn/smtpgw/dnsbl"
	"cairn/smtpgw/limits"
	"cairn/smtpgw/readahead"
	"cairn/smtpgw/refuse"
)

// maxCommand bounds a command line. RFC 5321 asks for 512 octets, its
// extensions for some hundred more (RFC 6531, RFC 3461).
const maxCommand = 2048

// wire stands between go-smtp and a connection. It hands commands over one
// line at a time, so that it knows what the peer's next bytes are: a command,
// message text after DATA, or a chunk after BDAT. Sessions take message text
// from it directly (message.go); go-smtp sees only the terminating dot.
//
// Replies are held until the peer has to be waited for: pipelined commands
// get theirs in one packet (RFC 2920, section 3.2).
//
// All methods belong to the goroutine that serves the connection, except drain,
// yield and cut.
type wire struct {
	net.Conn          // as it came; stream is what is read and written
	stream   net.Conn // by TLS or not
	limits   Limits
	domain   string         // completes a bare <postmaster>
	texts    *textroom.Room // of the peer
	peer     *peer          // whose it is
	listed   *[]dnsbl.List  // the lists of addresses that have the client; nil: nobody has asked
	relays   bool           // from a network that relays without a password
	r        *readahead.Reader

	out     []byte // what go-smtp reads next
	verb    string // of the command handed over last
	greeted bool   // a greeting was taken since TLS began
	esmtp   bool   // it was EHLO
	dsn     bool   // the extension DSN is offered
	ofNode  bool   // a stream between nodes, which is encrypted and authenticated as it is
	inText  bool   // 354 was said: message text comes next
	chunk   int64  // bytes of a BDAT chunk still to come
	skip    int64  // bytes of a chunk still to come that nobody wants
	gone    bool   // nothing more is read

	instead string      // what the peer gets for go-smtp's next reply
	parting bool        // the next reply is the last one
	early   func() bool // until the banner is sent: whether the peer spoke before it; nil: that is not asked

	// Replies 4xx and 5xx since the last accepted message: of recipients, those
	// of recipients beyond what a message may have, and all others.
	refused, beyond, errs int

	// What is awaited, for its deadline.
	text     bool      // message text or a chunk, else a command
	since    time.Time // when the wait for it began
	begun    time.Time // when the message on its way began; zero when there is none
	received int64     // bytes since then

	held    []byte // replies not sent yet
	closed  bool
	onClose func()

	against func(limits.Event) limits.Decision // counts failures; nil: nobody does
	slowly  time.Duration                      // how much later the next replies go out

	secrecy  secrecy
	signed   atomic.Bool // in: secrecy.user as others see it
	at       activity
	told     atomic.Bool              // the log knows why the next reply is 4xx or 5xx
	tell     func(verb, reply string) // for those of which it does not; nil: nobody wants to know
	draining atomic.Bool
}

// tooSlow is why a connection ends whose text did not come in time.
const tooSlow = "message text came too slowly; nothing was accepted, try again later"

// errDraining ends the wait for a command when the server shuts down.
var errDraining = errors.New("server is shutting down")

func newWire(c net.Conn, limits Limits, domain string, texts *textroom.Room) *wire {
	w := &wire{Conn: c, stream: c, limits: limits, domain: domain, texts: texts}
	w.r = readahead.New(fill{w})
	w.await(false)
	w.at.since = w.since
	return w
}

// await says what the peer has to send next; the clock for it starts now, and
// that for a message with its first text.
func (w *wire) await(text bool) {
	w.text, w.since = text, time.Now()
	if text && w.begun.IsZero() {
		w.begun, w.received = w.since, 0
	}
}

// over notes that no message is on its way any more.
func (w *wire) over() { w.begun = time.Time{} }

// fill reads from the connection for the wire's buffer, after what is held
// back has been sent and within the deadline of what is awaited.
type fill struct{ *wire }

func (f fill) Read(p []byte) (int, error) {
	w := f.wire
	w.flush()
	if w.gone {
		return 0, io.EOF
	}
	for {
		by := w.deadline(time.Now())
		if !w.text && w.draining.Load() {
			return 0, errDraining
		}
		// drain sets its flag before it cuts the wait short, so either it is
		// seen once the deadline is set or the read returns at once.
		n, err := w.read(p, func() {
			w.Conn.SetReadDeadline(by)
			if !w.text && w.draining.Load() {
				w.Conn.SetReadDeadline(time.Unix(1, 0))
			}
		})
		w.received += int64(n)
		if w.text && n == len(p) { // whoever sends as fast as it is read gives way to others: the scheduler would see to that after 10 ms only
			runtime.Gosched()
		}
		early := errors.Is(err, os.ErrDeadlineExceeded) && w.draining.Load() && time.Now().Before(by)
		if n > 0 || !early {
			return n, err
		}
	}
}

// deadline is when the next bytes must have come. A command has its time as a
// whole, text has a time for each read. A message has a least rate over all of
// its text and the waits between its chunks, and a time as a whole, so that
// nobody makes us hold much of it for long.
func (w *wire) deadline(now time.Time) time.Time {
	next := w.since.Add(w.limits.CommandTimeout)
	if w.text {
		next = now.Add(w.limits.DataTimeout)
	}
	if w.begun.IsZero() {
		return next
	}
	if whole := w.begun.Add(min(w.limits.DataTimeout+w.earned(), w.limits.MessageTimeout)); whole.Before(next) {
		return whole
	}
	return next
}

// earned is the time that the text which has come may have taken at the least rate.
func (w *wire) earned() time.Duration {
	return time.Duration(float64(w.received) / float64(w.limits.BytesPerSecond) * float64(time.Second))
}

// Read gives go-smtp its next bytes: one command line, the dot after message
// text, or a piece of a chunk.
func (w *wire) Read(p []byte) (int, error) {
	for {
		switch {
		case len(w.out) > 0:
			n := copy(p, w.out)
			w.out = w.out[n:]
			return n, nil
		case w.gone && w.chunk > 0:
			return 0, forLibrary(w.broken(io.ErrUnexpectedEOF))
		case w.gone:
			return 0, io.EOF
		case w.inText:
			w.message(&room{of: textroom.Unbounded()}) // the session did not want it: nothing is kept
		case w.chunk > 0:
			return w.readChunk(p)
		case w.skip > 0:
			w.skipChunk()
		default:
			w.command()
		}
	}
}

// readChunk hands over a piece of a BDAT chunk. A connection that ends within
// a chunk is an error: go-smtp takes a plain end for the end of the message.
func (w *wire) readChunk(p []byte) (int, error) {
	n, err := w.r.Read(p[:min(int64(len(p)), w.chunk)])
	w.chunk -= int64(n)
	if err != nil {
		w.gone = true
		return n, forLibrary(w.broken(err))
	}
	return n, nil
}

// skipChunk reads what is left of a chunk whose command was refused (RFC 3030,
// section 2) and forgets it.
func (w *wire) skipChunk() {
	w.await(true)
	for w.skip > 0 {
		n, err := w.r.Discard(int(min(w.skip, readahead.Size)))
		w.skip -= int64(n)
		switch {
		case errors.Is(err, errYield):
			w.dismiss("421 4.3.2 " + yieldWords)
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errSlow):
			w.dismiss("421 4.4.2 " + tooSlow)
		case err != nil:
			w.gone = true
		}
		if err != nil {
			w.skip = 0
		}
	}
	w.over()
}

// broken is the reply for message text that cannot be read to its end.
func (w *wire) broken(err error) *refuse.Refusal {
	if errors.Is(err, errYield) {
		return refuse.With(421, 4, 3, 2, yieldWords)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errSlow) {
		return refuse.With(421, 4, 4, 2, tooSlow)
	}
	return refuse.With(451, 4, 4, 2, "connection broke within the message; nothing was accepted")
}

// command reads one command line and sets out to what go-smtp shall see of
// it. A line that no server should act on is answered here.
func (w *wire) command() {
	if w.secrecy.now || w.secrecy.next {
		w.beginTLS()
		if w.gone {
			return
		}
	}
	w.await(false)
	var line []byte
	err := w.r.Wait()
	if err == nil {
		line, err = w.r.ReadSlice('\n')
	}
	tooLong := len(line) > maxCommand
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		line, err = w.r.ReadSlice('\n')
	}
	switch {
	case errors.Is(err, errYield):
		w.dismiss("421 4.3.2 " + yieldWords)
	case errors.Is(err, errDraining):
		w.dismiss("421 4.3.2 " + drainWords)
	case errors.Is(err, os.ErrDeadlineExceeded) && !w.begun.IsZero(), errors.Is(err, errSlow):
		w.dismiss("421 4.4.2 " + tooSlow)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.dismiss(w.noCommand())
	case err != nil:
		w.gone = true
	case tooLong:
		w.refuse(fmt.Sprintf("500 5.5.2 line longer than %d octets", maxCommand))
	case len(line) < 2 || bytes.IndexByte(line, '\r') != len(line)-2:
		w.dismiss(bareWords)
	case bytes.IndexByte(line, 0) >= 0:
		w.dismiss("500 5.5.2 NUL is not allowed (RFC 5321, section 2.3.1); closing")
	default:
		w.accept(line)
	}
}

const (
	drainWords = "this server is shutting down; try again later"
	bareWords  = "500 5.5.2 lines end in CRLF; bare CR and LF are not allowed (RFC 5321, section 2.3.8); closing"
)

// noCommand is the last word to who has said nothing for too long.
func (w *wire) noCommand() string {
	return fmt.Sprintf("421 4.4.2 no command within %s; closing", w.limits.CommandTimeout)
}

// refuse answers a line that is no command.
func (w *wire) refuse(reply string) {
	w.verb = ""
	w.answer(reply)
}

// answer answers a command that go-smtp does not get to see.
func (w *wire) answer(reply string) { w.Write([]byte(reply + "\r\n")) }

// dismiss says a last word and reads no more.
func (w *wire) dismiss(reply string) {
	w.held = append(w.held, reply+"\r\n"...)
	if reply[0] == '5' { // else somebody was slow, or too much was said already
		w.note(reply)
		w.holdAgainst(failureOf("", reply))
	}
	w.flush()
	w.gone = true
}

// Write takes a reply line of go-smtp.
func (w *wire) Write(p []byte) (int, error) {
	start := len(w.held)
	w.held = append(w.held, p...)
	line := w.held[start:]
	if len(line) < 4 || line[3] != ' ' {
		return len(p), nil // more lines of this reply follow
	}
	if len(line) > 10 && line[0] == '5' && bytes.HasPrefix(line[10:], overLimit) {
		w.instead = messageTooLarge(w.limits.MessageBytes).Error()
	}
	if w.instead != "" {
		w.held = append(w.held[:start], w.instead+"\r\n"...)
		line, w.instead = w.held[start:], ""
	}
	switch {
	case w.verb == "HELO" || w.verb == "EHLO":
		line = withoutStatus(line)
		w.held = w.held[:start+len(line)]
		if line[0] != '2' {
			w.mistake(line)
			break
		}
		w.greeted = true
		if w.verb == "EHLO" {
			last := string(line)
			w.held = w.held[:start]
			if !w.dsn {
				w.held = withoutDSN(w.held)
			}
			if w.takesRequireTLS() {
				w.held = append(w.held, "250-REQUIRETLS\r\n"...)
			}
			for _, offer := range w.secrecy.offers() {
				w.held = append(w.held, "250-"+offer+"\r\n"...)
			}
			w.held = append(w.held, last...)
		}
	case w.verb == "DATA" && bytes.HasPrefix(line, []byte("354")):
		w.inText = true
	case bytes.HasPrefix(line, []byte("502 5.5.1")) && isTransactionVerb(w.verb):
		line[2] = '3' // a bad sequence of commands, RFC 5321, section 4.2.2
		if w.verb == "BDAT" {
			w.over() // the chunk is no part of a message
		}
		fallthrough
	case line[0] == '4' || line[0] == '5':
		w.mistake(line)
	}
	if w.parting || bytes.HasPrefix(line, []byte("421")) {
		w.gone = true // the last word (RFC 5321, section 3.8)
	}
	return len(p), nil
}

// overLimit is what go-smtp says, behind its codes, of a SIZE or a chunk that is too large. The
// peer hears the limit, as of any other text.
var overLimit = []byte("Max message size exceeded")

// withoutDSN takes the extension DSN out of what EHLO offers, in place: it is never the last line.
func withoutDSN(held []byte) []byte {
	const offer = "250-DSN\r\n"
	if i := bytes.LastIndex(held, []byte(offer)); i >= 0 {
		return append(held[:i], held[i+len(offer):]...)
	}
	return held
}

// withoutStatus takes the enhanced status code out of the last line of a reply, in place: it has
// none after EHLO and HELO (RFC 2034, section 4).
func withoutStatus(line []byte) []byte {
	if len(line) < 10 || line[5] != '.' || line[7] != '.' || line[9] != ' ' {
		return line
	}
	return append(line[:4], line[10:]...)
}

// mistake counts a reply 4xx or 5xx, and tells the peer to go when there were
// too many. Recipients have a count of their own, which bounds guessing: a
// message may have many that are refused and still be for others. Those beyond
// the limit of one message are to be sent again (RFC 5321, section 4.5.3.1.10),
// so that they have the highest.
func (w *wire) mistake(reply []byte) {
	w.note(string(reply))
	banned := w.holdAgainst(failureOf(w.verb, string(reply)))
	switch {
	case w.verb != "RCPT":
		w.errs++
	case bytes.HasPrefix(reply, []byte("452 4.5.3")):
		w.beyond++
	default:
		w.refused++
	}
	if banned && !w.gone {
		w.dismiss("421 4.7.0 " + bannedWords)
	}
	if !w.gone && (w.errs >= w.limits.Errors || w.refused >= w.limits.Refused || w.beyond >= w.limits.Beyond) {
		w.dismiss("421 4.7.0 too many errors; closing")
	}
}

// note tells the log of a reply 4xx or 5xx, once.
func (w *wire) note(reply string) {
	if !w.told.Swap(false) && w.tell != nil {
		w.tell(w.verb, reply)
	}
}

func isTransactionVerb(v string) bool {
	return v == "MAIL" || v == "RCPT" || v == "DATA" || v == "BDAT"
}

func needsGreeting(v string) bool { return isTransactionVerb(v) }

// forgive starts the count of errors anew: the peer sent something of use.
func (w *wire) forgive() {
	w.refused, w.beyond, w.errs = 0, 0, 0
	w.at.useful(time.Now())
}

// part makes the next reply the last one.
func (w *wire) part() { w.parting = true }

// flush sends what is held back.
func (w *wire) flush() {
	if len(w.held) == 0 || w.closed {
		return
	}
	if early := w.early; early != nil {
		w.early = nil
		if early() {
			w.held = append(w.held[:0], "554 5.5.1 you spoke before the greeting (RFC 5321, section 3.1); closing\r\n"...)
			w.gone = true
		}
	}
	w.pause()
	if err := w.write(w.held); err != nil {
		w.gone = true // who takes no replies is not listened to
	}
	w.held = w.held[:0]
}

// drain makes the connection end at the next command. A message that is on
// its way is still taken and answered.
func (w *wire) drain() {
	w.draining.Store(true)
	w.Conn.SetReadDeadline(time.Unix(1, 0))
	w.at.wakes()
}

// cut breaks the connection off.
func (w *wire) cut() { w.Conn.Close() }

// Close sends what is held back and closes the connection. What the peer sent
// after its last command is dropped.
func (w *wire) Close() error {
	if w.closed {
		return nil
	}
	w.flush()
	w.closed, w.gone, w.out = true, true, nil
	w.onClose()
	return w.stream.Close()
}

// SetDeadline and its kin do nothing: deadlines are the wire's own affair.
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
