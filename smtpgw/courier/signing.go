package courier

import (
	"errors"
	"slices"
	"strings"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/client"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/rawheader"
	"cairn/smtpgw/trace"
)

// Sign makes DKIM-Signature fields (RFC 6376), each with its CRLF, in the name of a domain for a
// message that comes in pieces; none where no key of that domain may sign. It may be called from
// many goroutines.
type Sign func(domain string, message ...[]byte) []byte

// top is what goes on top of the stored octets in a session: the token, and for servers that are no
// nodes a signature over it and the message. Nodes go by the record, which a signature is no part
// of.
func (c *Courier) top(o *client.Session, e *outbox.Entry, raw []byte) []byte {
	if !o.Foreign || c.cfg.Sign == nil {
		return e.Token
	}
	header, _ := rawheader.Split(raw)
	domain := authorDomain(header)
	if domain == "" || trace.IsSentOn(raw) || !c.wroteIt(e) {
		return e.Token
	}
	return slices.Concat(c.cfg.Sign(domain, e.Token, raw), e.Token)
}

// wroteIt reports whether the author of an entry's message was held to who submitted it. What a
// mailing list sends on has the author that somebody outside put there, and the list's own marks
// already (lists.Marks).
func (c *Courier) wroteIt(e *outbox.Entry) bool {
	err := c.queue.Store().View(func(r *mailstore.Reader) error {
		_, err := lists.Of(r, e.Account)
		return err
	})
	if err != nil && !errors.Is(err, lists.ErrNone) {
		c.log.Warn("mail leaves without a DKIM signature: whether a mailing list sends it cannot be read", "mail", e.Ref, "err", err)
	}
	return errors.Is(err, lists.ErrNone)
}

// authorDomain is the one domain that all authors of a message are of, canonical; empty: there is
// none.
func authorDomain(header []byte) string {
	domain := ""
	for i, a := range message.ParseHeader(header).From {
		d := maildomain.Canonical(maildomain.OfAddress(a.Addr))
		if i > 0 && d != domain || !maildomain.Valid(d) || !strings.Contains(a.Addr, "@") {
			return ""
		}
		domain = d
	}
	return domain
}
