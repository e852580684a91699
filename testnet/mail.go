package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore"
)

// dialTimeout bounds the connection to a gateway on this machine.
const dialTimeout = 10 * time.Second

// Client speaks SMTP to a gateway as any mail program would: with the
// standard library's client.
type Client struct{ *smtp.Client }

// DialSMTP connects to a gateway.
func DialSMTP(addr string) (*Client, error) { return DialSMTPAs(addr, "client.test") }

// DialSMTPAs is DialSMTP as a host of that name.
func DialSMTPAs(addr, name string) (*Client, error) {
	conn, err := net.DialTimeout("tcp", addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := c.Hello(name); err != nil {
		c.Close()
		return nil, err
	}
	return &Client{c}, nil
}

// Send hands one message over; nil after its 250. A refusal is a
// *textproto.Error, and the session can go on.
func (c *Client) Send(from string, to []string, raw []byte) error {
	err := c.transaction(from, to, raw)
	var refusal *textproto.Error
	if errors.As(err, &refusal) {
		if rerr := c.Reset(); rerr != nil {
			return errors.Join(err, rerr)
		}
	}
	return err
}

func (c *Client) transaction(from string, to []string, raw []byte) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}

// SendOne is a session for one message.
func SendOne(addr, from, to string, raw []byte) error {
	return SendOneAs(addr, "client.test", from, to, raw)
}

// SendOneAs is SendOne as a host of that name.
func SendOneAs(addr, name, from, to string, raw []byte) error {
	c, err := DialSMTPAs(addr, name)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Send(from, []string{to}, raw); err != nil {
		return err
	}
	return c.Quit()
}

// Mail is a message as a member's store has it, with what is known of it.
type Mail struct {
	mailstore.Message
	Raw     []byte
	Labels  []string
	Finding *verifier.Finding // nil for a sent copy
}

// Verdict is the living verdict; "" for a sent copy.
func (m *Mail) Verdict() record.Verdict {
	if m.Finding == nil {
		return ""
	}
	return m.Finding.Verdict
}

// AsSent is the message as the sender's node handed it over: token first.
func (m *Mail) AsSent() []byte {
	at := bytes.Index(m.Raw, []byte("\r\nCairn-Record:"))
	return m.Raw[at+len("\r\n"):]
}

// Mailbox reads all messages of an account, oldest first.
func (m *Member) Mailbox(account string) ([]Mail, error) {
	var list []Mail
	err := m.Store().View(func(rd *mailstore.Reader) error {
		list = nil
		a, err := rd.AccountByName(account)
		if err != nil {
			return err
		}
		stored, err := rd.Messages(a.ID, 0, 1<<30)
		if err != nil {
			return err
		}
		for _, s := range stored {
			mail, err := read(rd, s)
			if err != nil {
				return err
			}
			list = append(list, *mail)
		}
		return nil
	})
	return list, err
}

func read(rd *mailstore.Reader, s mailstore.Message) (*Mail, error) {
	mail := &Mail{Message: s}
	var err error
	if mail.Raw, err = rd.Raw(s.Blob); err != nil {
		return nil, err
	}
	if mail.Labels, err = rd.Labels(s.Account, s.ID); err != nil {
		return nil, err
	}
	mail.Finding, err = verifier.Of(rd, s.Ref())
	if errors.Is(err, mailstore.ErrNotFound) {
		err = nil
	}
	return mail, err
}

// AwaitMail waits until an account has a message that satisfies ok.
func (m *Member) AwaitMail(ctx context.Context, account string, ok func(*Mail) bool) (found *Mail, err error) {
	err = m.await(ctx, func() (bool, error) {
		box, err := m.Mailbox(account)
		if i := slices.IndexFunc(box, func(mail Mail) bool { return ok(&mail) }); i >= 0 {
			found = &box[i]
		}
		return found != nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for a mail of %s@%s: %w", account, m.Domain, err)
	}
	return found, nil
}

// TakeOutgoing waits until a mail that satisfies ok stands in the member's
// queue with its token, takes it out and returns it with the token on top: the
// bytes that a node hands to the next server. The way to its domain has to be
// closed, or the courier takes it first.
func (m *Member) TakeOutgoing(ctx context.Context, ok func(raw []byte) bool) (raw []byte, err error) {
	var id uint64
	err = m.await(ctx, func() (bool, error) {
		waiting, err := m.Queue().List(0, 1000)
		if err != nil {
			return false, err
		}
		for _, e := range waiting {
			sealed, err := m.Queue().Raw(e)
			if err != nil {
				return false, err
			}
			if e.Token != nil && ok(sealed) {
				id, raw = e.ID, slices.Concat(e.Token, sealed)
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for a mail that leaves %s: %w", m.Domain, err)
	}
	return raw, m.Queue().Drop(ctx, id)
}

// await looks again after each change of the member's mail and chain, until
// ok is true.
func (m *Member) await(ctx context.Context, ok func() (bool, error)) error {
	wake, cancel := m.Store().Subscribe()
	defer cancel()
	block, cancel := m.Chain().Subscribe()
	defer cancel()
	for {
		if done, err := ok(); done || err != nil {
			return err
		}
		select {
		case <-wake:
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Subject is a condition for AwaitMail.
func Subject(s string) func(*Mail) bool {
	return func(m *Mail) bool { return bytes.Contains(m.Raw, []byte("\r\nSubject: "+s+"\r\n")) }
}

// Both is the conjunction of conditions.
func Both(a, b func(*Mail) bool) func(*Mail) bool {
	return func(m *Mail) bool { return a(m) && b(m) }
}

// Judged is a condition for AwaitMail.
func Judged(v record.Verdict) func(*Mail) bool {
	return func(m *Mail) bool { return m.Verdict() == v }
}

// Compose writes a plain message with CRLF line ends.
func Compose(from, to, subject, text string) []byte {
	return []byte(strings.ReplaceAll(fmt.Sprintf("From: %s\nTo: %s\nSubject: %s\n\n%s", from, to, subject, text), "\n", "\r\n"))
}
