package courier

import (
	"context"
	"errors"
	"fmt"

	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/client"
	"cairn/smtpgw/returnpath"
)

// envelopeSender is from whom an entry's mail leaves in a session: its sender, or for a server that
// is no node the signed return path. A smarthost that knows us by name may take no other sender.
func (c *Courier) envelopeSender(ctx context.Context, o *client.Session, e *outbox.Entry) string {
	if !o.Foreign || o.Known || e.From == "" {
		return e.From
	}
	from, err := c.signedReturn(ctx, e)
	if err != nil {
		c.log.Warn("mail leaves without a signed return path", "mail", e.Ref, "entry", e.ID, "err", err)
		return e.From
	}
	return from
}

// signedReturn is the return path of an entry; its sender where a report could not come to the
// account that sent it by a sub-address: that of a list or of a program elsewhere, or one that is
// too long.
func (c *Courier) signedReturn(ctx context.Context, e *outbox.Entry) (string, error) {
	m, err := address.Parse(e.From, true)
	if err != nil || !c.dir.IsLocal(m.Domain) {
		return e.From, nil
	}
	var key []byte
	err = c.queue.Store().View(func(r *mailstore.Reader) (err error) {
		key, err = returnpath.Key(r)
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) {
		err = c.update(ctx, func(tx *mailstore.Tx) (err error) {
			key, err = returnpath.MakeKey(tx)
			return err
		})
	}
	if err != nil {
		return "", fmt.Errorf("the key of return paths: %w", err)
	}
	path := returnpath.Path{Day: returnpath.Day(c.now()), Account: e.Account, Message: e.Message, Entry: e.ID}
	base, _ := returnpath.Detail(m.Local)
	m.Local = base + "+" + returnpath.Mark + path.Tag(key)
	if len(m.Local) > returnpath.MaxLocalPart {
		return e.From, nil
	}
	out := e.From
	err = c.queue.Store().View(func(r *mailstore.Reader) error {
		a, err := c.dir.Account(r, m)
		if err == nil && a.ID == e.Account {
			out = m.String()
		}
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil
		}
		return err
	})
	return out, err
}
