package smtpgw

import (
	"errors"
	"strings"

	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/returnpath"
)

// returnPathOf is what an address that the null sender writes to names; nil for one that is no
// return path. The error may be the refusal.
func (d *Delivery) returnPathOf(r *mailstore.Reader, m address.Mailbox) (*returnpath.Path, error) {
	_, detail := returnpath.Detail(m.Local)
	if len(detail) < len(returnpath.Mark) || !strings.EqualFold(detail[:len(returnpath.Mark)], returnpath.Mark) {
		return nil, nil
	}
	if _, err := r.AccountByAddress(m.Key()); err == nil {
		return nil, nil // an account has this very address
	}
	a, err := d.dir.Account(r, m)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil // others say so
	}
	if err != nil {
		return nil, err
	}
	key, err := returnpath.Key(r)
	if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
		return nil, err
	}
	p, ok := returnpath.Parse(detail[len(returnpath.Mark):], a.ID, key)
	if err != nil || !ok || !d.distrust() && !p.Taken(d.now()) {
		return nil, refuse.With(550, 5, 7, 1, "<%s> is no return path of mail that was sent from here in the last ten days", address.Path(m.String()))
	}
	return &p, nil
}

// mayReport is the refusal of a recipient of the null sender whose address is a return path that
// does not count.
func (d *Delivery) mayReport(m address.Mailbox) error {
	return d.store.View(func(r *mailstore.Reader) error {
		_, err := d.returnPathOf(r, m)
		return err
	})
}
