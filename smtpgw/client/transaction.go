package client

import (
	"bytes"
	"context"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/address"
	"cairn/smtpgw/asked"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/reply"
)

// eager is the size up to which a message is sent along with its envelope,
// before it is known whether a recipient is accepted.
const eager = 256 << 10

// send carries one message: token, perhaps under a signature, and raw, as they are, from and to as
// envelope addresses. It returns one reply for each recipient. An error means
// that the session is of no more use, and it is not known what became of the
// message for those whose reply has no code.
//
// Recipients that the other side takes in another transaction only have it at
// once.
func (o *Session) send(ctx context.Context, from string, to []string, token, raw []byte) ([]reply.Reply, error) {
	replies := make([]reply.Reply, len(to))
	left := make([]int, len(to)) // places in to
	for i := range left {
		left[i] = i
	}
	for {
		rcpts := make([]string, len(left))
		for i, at := range left {
			rcpts[i] = to[at]
		}
		answers, err := o.transaction(ctx, from, rcpts, token, raw)
		var again []int
		taken := false
		for i, a := range answers {
			at := left[i]
			replies[at] = a
			taken = taken || a.OK()
			if a.Code == 452 {
				again = append(again, at)
			}
		}
		if err != nil || o.whole || !taken || len(again) == 0 {
			return replies, err
		}
		left = again
	}
}

// transaction is send for those whom the other side takes together. With an
// error it returns the replies that stand.
func (o *Session) transaction(ctx context.Context, from string, to []string, token, raw []byte) ([]reply.Reply, error) {
	defer o.until(ctx)()
	size := len(token) + len(raw)
	if limit, err := strconv.ParseInt(o.ext["SIZE"], 10, 64); err == nil && limit > 0 && int64(size) > limit {
		return all(to, o.unfit(552, fmt.Sprintf("5.3.4 message of %d octets exceeds the other side's limit of %d", size, limit))), nil
	}
	if o.requireTLS && from != "" && !o.Offers(requireTLS) {
		return all(to, o.unfit(550, NoRequireTLS)), nil
	}
	if o.Foreign {
		if why := o.cannotTake(raw); why != "" {
			return all(to, o.unfit(554, why)), nil
		}
	}
	mail, refusal := o.mailCommand(from, to, size, o.Foreign && !asciiHeader(raw), o.Foreign && rawheader.IsASCII(raw))
	if refusal != "" {
		return all(to, o.unfit(553, refusal)), nil
	}
	commands := make([]string, 0, len(to)+2)
	if o.dirty {
		commands = append(commands, "RSET")
	}
	o.dirty = true
	if o.dsn != nil && o.Offers("DSN") {
		mail += asked.MailParameters(o.dsn)
	}
	if o.requireTLS && o.Offers(requireTLS) {
		mail += " " + requireTLS
	}
	commands = append(commands, mail)
	for _, r := range to {
		rcpt := "RCPT TO:<" + address.Path(r) + ">"
		if o.dsn != nil && o.Offers("DSN") {
			rcpt += asked.RcptParameters(o.dsn.Of(r))
		}
		commands = append(commands, rcpt)
	}
	chunking := o.Offers("CHUNKING") && !o.Foreign
	pipelining := o.Offers("PIPELINING")
	together := chunking && pipelining && size <= eager && !o.whole
	answers, err := o.envelope(commands, pipelining, func() error {
		if together {
			return o.writeChunk(token, raw)
		}
		return nil
	})
	first := len(commands) - len(to)
	if err != nil {
		if len(answers) <= first || !answers[first-1].OK() {
			return nil, err
		}
		return refusals(answers[first:]), err
	}
	answers = answers[first-1:]
	if m := answers[0]; !m.OK() {
		if together {
			_, err = o.readFinal()
		}
		return all(to, m), err
	}
	answers = answers[1:]
	return o.finish(answers, together, chunking, token, raw)
}

// finish sends the text, unless that was done, and fills in the reply to it
// for those recipients that were accepted.
func (o *Session) finish(answers []reply.Reply, sent, chunking bool, token, raw []byte) ([]reply.Reply, error) {
	accepted := 0
	for _, a := range answers {
		if a.OK() {
			accepted++
		}
	}
	for i, a := range answers {
		if accepted > 0 && a.TooMany() { // also if no other transaction comes to be
			answers[i].Code = 452
		}
	}
	var last reply.Reply
	var err error
	switch {
	case sent:
		last, err = o.readFinal()
	case accepted == 0, o.whole && accepted < len(answers):
		return answers, nil
	case chunking:
		if err := o.writeChunk(token, raw); err != nil {
			return refusals(answers), err
		}
		last, err = o.readFinal()
	default:
		last, err = o.data(token, raw)
	}
	if err != nil {
		return refusals(answers), fmt.Errorf("wait for the reply to the message: %w", err)
	}
	o.dirty = !last.OK()
	for i, a := range answers {
		if a.OK() {
			answers[i] = last
		}
	}
	return answers, nil
}

// refusals are the replies to recipients that stand though the text was not
// replied to.
func refusals(answers []reply.Reply) []reply.Reply {
	out := make([]reply.Reply, len(answers))
	for i, a := range answers {
		if !a.OK() {
			out[i] = a
		}
	}
	return out
}

// unfit is the reply that stands for one of the other side, to what it cannot take as it is.
func (o *Session) unfit(code int, text string) reply.Reply {
	if o.keeps {
		return reply.With(451, "4"+text[1:])
	}
	return reply.With(code, text)
}

// cannotTake returns why the other side cannot take a message as it is; empty: it can.
func (o *Session) cannotTake(raw []byte) string {
	switch {
	case !asciiHeader(raw) && !o.Offers("SMTPUTF8"):
		return "5.6.7 the message has header fields in UTF-8, which the other side does not take (SMTPUTF8)"
	case !o.Offers("8BITMIME") && !rawheader.IsASCII(raw):
		return "5.6.3 the message has 8-bit text, which the other side does not take (8BITMIME)"
	}
	return ""
}

// asciiHeader reports whether the header section of a message is ASCII.
func asciiHeader(raw []byte) bool {
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return rawheader.IsASCII(header)
}

func (o *Session) Offers(keyword string) bool {
	_, ok := o.ext[keyword]
	return ok
}

// mailCommand returns the MAIL command, or why the other side cannot take these addresses.
// International says that the message cannot do without SMTPUTF8 whatever they are, and SevenBit
// that it is no 8-bit text: a server that takes it for one may encode it for the next, and break
// its signature.
func (o *Session) mailCommand(from string, to []string, size int, international, sevenBit bool) (command, refusal string) {
	ascii := maildomain.IsASCII(from) && !international
	for _, r := range to {
		ascii = ascii && maildomain.IsASCII(r)
	}
	var b strings.Builder
	b.WriteString("MAIL FROM:<")
	if from != "" {
		b.WriteString(address.Path(from))
	}
	b.WriteString(">")
	if o.Offers("SIZE") {
		fmt.Fprintf(&b, " SIZE=%d", size)
	}
	if o.Offers("8BITMIME") && !sevenBit {
		b.WriteString(" BODY=8BITMIME")
	}
	if !ascii {
		if !o.Offers("SMTPUTF8") {
			return "", "5.6.7 the other side does not take non-ASCII addresses (SMTPUTF8)"
		}
		b.WriteString(" SMTPUTF8")
	}
	return b.String(), ""
}

// envelope sends the commands, in one go when pipelining (RFC 2920), and what
// more writes after them; it returns their replies in order, as many as came.
func (o *Session) envelope(commands []string, pipelining bool, more func() error) ([]reply.Reply, error) {
	var answers []reply.Reply
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
			if a.Code == 421 {
				return answers, Reason("session ended by the other side: " + a.String())
			}
			answers = append(answers, a)
		}
	}
	return answers, nil
}

// writeChunk sends the whole message as one chunk (RFC 3030).
func (o *Session) writeChunk(token, raw []byte) error {
	o.Texted = true
	fmt.Fprintf(o.w, "BDAT %d LAST\r\n", len(token)+len(raw))
	o.w.Write(token)
	o.w.Write(raw)
	if err := o.w.Flush(); err != nil {
		return fmt.Errorf("send the message: %w", err)
	}
	return nil
}

// data sends the message after DATA, for servers without CHUNKING.
func (o *Session) data(token, raw []byte) (reply.Reply, error) {
	fmt.Fprint(o.w, "DATA\r\n")
	r, err := o.read()
	if err == nil && r.Code < 400 && r.Code != 354 { // no text was sent, whatever that means
		err = Reason("it answers DATA with " + r.String())
	}
	if err != nil || r.Code != 354 {
		return r, err
	}
	o.Texted = true
	dot := textproto.NewWriter(o.w).DotWriter()
	dot.Write(token)
	dot.Write(raw)
	if err := dot.Close(); err != nil {
		return reply.Reply{}, fmt.Errorf("send the message: %w", err)
	}
	if o.Foreign {
		o.progress.Given.Store(time.Now().UnixNano())
	}
	return o.readFinal()
}
