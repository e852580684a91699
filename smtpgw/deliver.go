package smtpgw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/authres"
)

// Delivery stores mail for local accounts. It serves inbound sessions and the
// courier alike and may be called from many goroutines.
type Delivery struct {
	store    *mailstore.Store
	checker  Checker
	hostname string
	dir      directory
	now      func() time.Time
}

// NewDelivery returns a delivery into the accounts of store.
func NewDelivery(cfg Config, store *mailstore.Store, checker Checker) *Delivery {
	return &Delivery{store: store, checker: checker, hostname: cfg.Hostname, dir: newDirectory(cfg), now: time.Now}
}

// Deliver checks an arrival and stores it for all its recipients in one
// transaction; nil means that it is durable. ref names the arrival in our
// Received field. Recipients that share an account share a copy.
//
// An *smtp.SMTPError says that the message cannot be taken as it is; any other
// error is our own trouble, and the message may be delivered again later.
func (d *Delivery) Deliver(ctx context.Context, a *Arrival, ref string) error {
	put, err := d.ready(ctx, a, ref)
	if err != nil {
		return err
	}
	if err := d.store.Update(ctx, put); err != nil {
		return fmt.Errorf("store an arrival: %w", err)
	}
	return nil
}

// ready is Deliver up to its transaction, which is to run what it returns.
func (d *Delivery) ready(ctx context.Context, a *Arrival, ref string) (put func(*mailstore.Tx) error, err error) {
	header, _ := splitHeader(a.Raw)
	if err := checkLoop(header); err != nil {
		return nil, err
	}
	rcpts, err := canonicalRecipients(a)
	if err != nil {
		return nil, err
	}
	found, err := d.checker.Check(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("check an arrival: %w", err)
	}
	now := d.now().Truncate(time.Millisecond)
	stored := withTrace(a.Raw, d.trace(a, found, ref, now), d.hostname)
	return func(tx *mailstore.Tx) error { return d.put(tx, a, rcpts, found, stored, now) }, nil
}

// canonicalRecipients brings a.Recipients into the form that Arrival promises,
// each once.
func canonicalRecipients(a *Arrival) ([]mailbox, error) {
	given := a.Recipients
	a.Recipients = nil
	var rcpts []mailbox
	for _, r := range given {
		m, err := parseMailbox(r, true)
		if err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(rcpts, func(k mailbox) bool { return k.key() == m.key() })
		if !known {
			a.Recipients = append(a.Recipients, m.String())
			rcpts = append(rcpts, m)
		}
	}
	return rcpts, nil
}

// put stores one copy for each account that the recipients lead to.
func (d *Delivery) put(tx *mailstore.Tx, a *Arrival, rcpts []mailbox, found Assessment, stored []byte, now time.Time) error {
	type share struct {
		labels []string
		store  bool
		rcpts  []string // all of the account
		linked []string // those that Admit wanted stored
	}
	shares := make(map[mailstore.AccountID]*share)
	var order []mailstore.AccountID
	for i, rcpt := range a.Recipients {
		acct, err := d.dir.account(&tx.Reader, rcpts[i])
		if errors.Is(err, mailstore.ErrNotFound) {
			return unknownMailbox(rcpts[i])
		}
		if err != nil {
			return err
		}
		s := shares[acct.ID]
		if s == nil {
			s = &share{}
			shares[acct.ID] = s
			order = append(order, acct.ID)
		}
		labels, store, err := found.Admit(tx, rcpt)
		if err != nil {
			return err
		}
		s.rcpts = append(s.rcpts, rcpt)
		if store {
			s.linked = append(s.linked, rcpt)
			if !s.store {
				s.store, s.labels = true, labels
			}
		}
	}
	for _, id := range order {
		s := shares[id]
		if !s.store {
			continue
		}
		m := mailstore.Message{
			Account: id, Size: int64(len(stored)), Received: now,
			From: a.From, Recipients: slices.Clone(s.rcpts),
		}
		var err error
		if m.Blob, err = tx.PutBlob(stored); err != nil {
			return err
		}
		if m.ID, err = tx.AddMessage(m, s.labels); err != nil {
			return err
		}
		for _, rcpt := range s.linked {
			if err := found.Stored(tx, rcpt, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// trace returns what goes on top of an arrival: Return-Path and Received (RFC
// 5321, section 4.4), Authentication-Results (RFC 8601, section 4.1).
func (d *Delivery) trace(a *Arrival, found Assessment, ref string, now time.Time) []byte {
	from := ""
	if a.From != "" {
		from = pathOf(a.From)
	}
	b := fmt.Appendf(nil, "Return-Path: <%s>\r\n", from)
	b = append(b, authresField(d.hostname, found)...)
	return append(b, receivedField(a.Peer, d.hostname, ref, a.Recipients, now)...)
}

func authresField(hostname string, found Assessment) []byte {
	result, reason := found.AuthResult()
	return authres.Field(hostname, result, reason)
}
