// Package collect takes reports (see package reports) out of the mail that brings them and keeps
// their figures: bounded, for KeptFor, and once though one comes twice. Anybody may send a report,
// so nothing else is made of them than what is shown.
package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/reports"
)

// Bounds on what is kept.
const (
	// KeptFor is how long after its arrival a report is kept.
	KeptFor = 400 * 24 * time.Hour
	// maxReports is how many are kept: the oldest make room.
	maxReports = 10_000
	// maxPerDay is how many mails with reports are read of one day (UTC).
	maxPerDay = 500
)

const (
	step = 1024 // changes of the journal that are looked at together
	// saveEvery is how far the stored cursor may lag when no report came.
	saveEvery = 10_000
	// mostGone are how many old reports leave in one transaction.
	mostGone = 100
)

// Config is what a collector goes by.
type Config struct {
	Domains func() []string // ours, canonical
	// Author is the address of the author of stored mail; empty: not known.
	Author func(*mailstore.Reader, mailstore.AccountID, mailstore.MessageID) (string, error)
	Log    *slog.Logger
	Now    func() time.Time
}

// Collector follows the mail store's journal for mail to the postmaster of one of our domains,
// where the records that "cairn doctor" prints lead reports to. It begins with the mail that is
// there.
type Collector struct {
	Config
	store  *mailstore.Store
	cursor mailstore.ModSeq // seen; the stored one may be behind it, by what brought no report
}

// New returns the collector of store.
func New(cfg Config, store *mailstore.Store) *Collector { return &Collector{Config: cfg, store: store} }

// Run collects until ctx is done. A fault of the store is logged and tried again.
func (c *Collector) Run(ctx context.Context) error {
	wake, cancel := c.store.Subscribe()
	defer cancel()
	mailstore.Follow(ctx, wake, c.Follow, func(err error) {
		c.Log.Error("reports: following the mail failed, trying again", "err", err)
	})
	return nil
}

// Follow collects what came up to now.
func (c *Collector) Follow(ctx context.Context) error {
	for ctx.Err() == nil {
		next, more, err := c.look(ctx)
		if err != nil || !more {
			return err
		}
		if next == nil {
			continue
		}
		if err := c.take(ctx, next); err != nil {
			return fmt.Errorf("message %d of account %d: %w", next.change.Message, next.change.Account, err)
		}
	}
	return ctx.Err()
}

// seen returns how far the collector would go back in the mail store's journal after a restart.
func (c *Collector) seen(rd *mailstore.Reader) (mailstore.ModSeq, error) {
	at, _, err := rd.Space(space).Number(cursorKey)
	return mailstore.ModSeq(at), err
}

// arrival is mail that may bring reports.
type arrival struct {
	change   mailstore.Change
	raw      []byte
	sender   string // domain of its author
	received time.Time
}

// look goes on in the journal to the next mail that may bring reports.
func (c *Collector) look(ctx context.Context) (next *arrival, more bool, err error) {
	var stored mailstore.ModSeq
	domains := c.Domains()
	err = c.store.View(func(rd *mailstore.Reader) (err error) {
		if stored, err = c.seen(rd); err != nil {
			return err
		}
		c.cursor = max(c.cursor, stored)
		changes, err := rd.ChangesSince(c.cursor, step)
		more = len(changes) > 0
		for _, change := range changes {
			next, err = c.arrived(rd, change, domains)
			if errors.Is(err, mailstore.ErrDamaged) { // it holds up no other
				c.Log.Error("reports: it goes on past mail that is damaged", "message", change.Message, "account", change.Account, "err", err)
				next, err = nil, nil
			}
			if err != nil || next != nil {
				return err
			}
			c.cursor = change.ModSeq
		}
		return err
	})
	if err == nil && !more && c.cursor-stored >= saveEvery {
		at := c.cursor
		err = c.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(space).PutNumber(cursorKey, uint64(at)) })
	}
	return next, more, err
}

// arrived reads mail that has come for a postmaster and is not taken for spam; nil: it is something
// else.
func (c *Collector) arrived(rd *mailstore.Reader, change mailstore.Change, domains []string) (*arrival, error) {
	if change.Kind != mailstore.ChangeAdded {
		return nil, nil
	}
	m, err := rd.Message(change.Account, change.Message)
	if errors.Is(err, mailstore.ErrNotFound) || err == nil && !c.wanted(m, domains) {
		return nil, nil // removed meanwhile, or another's
	}
	if err != nil {
		return nil, err
	}
	labels, err := rd.Labels(m.Account, m.ID)
	if err != nil || slices.Contains(labels, mailstore.LabelSpam) || slices.Contains(labels, mailstore.LabelQuarantine) {
		return nil, err
	}
	author, err := c.Author(rd, m.Account, m.ID)
	if err != nil {
		return nil, err
	}
	raw, err := rd.Raw(m.Blob)
	return &arrival{change, raw, strings.ToLower(maildomain.OfAddress(author)), m.Received}, err
}

func (c *Collector) wanted(m mailstore.Message, domains []string) bool {
	return !m.Outgoing && c.Now().Sub(m.Received) < KeptFor && slices.ContainsFunc(m.Recipients, func(to string) bool {
		at := strings.LastIndexByte(to, '@')
		return at > 0 && strings.EqualFold(to[:at], "postmaster") && slices.Contains(domains, strings.ToLower(to[at+1:]))
	})
}

// take keeps the figures of what a mail brings, and the cursor with them.
func (c *Collector) take(ctx context.Context, a *arrival) error {
	full, err := c.dayIsFull(a.received)
	if err != nil {
		return err
	}
	var list []Report
	brought := false
	if !full {
		list, brought = c.read(a)
	}
	kept := 0
	err = c.store.Update(ctx, func(tx *mailstore.Tx) error {
		sp := tx.Space(space)
		kept = 0
		for i := range list {
			isNew, err := add(sp, &list[i])
			if err != nil {
				return err
			}
			if isNew {
				kept++
			}
		}
		if brought {
			if err := countDay(sp, a.received); err != nil {
				return err
			}
		}
		if err := dropOld(sp, c.Now().Add(-KeptFor)); err != nil {
			return err
		}
		return sp.PutNumber(cursorKey, uint64(a.change.ModSeq))
	})
	if err != nil {
		return err
	}
	c.cursor = a.change.ModSeq
	switch {
	case full:
		c.Log.Warn("reports: too many came on one day, this mail was not read", "message", a.change.Message, "account", a.change.Account, "most", maxPerDay)
	case brought:
		c.Log.Info("reports: a mail brought some", "message", a.change.Message, "account", a.change.Account, "domain", a.sender, "reports", len(list), "new", kept)
	}
	return nil
}

func (c *Collector) dayIsFull(received time.Time) (full bool, err error) {
	err = c.store.View(func(rd *mailstore.Reader) error {
		n, err := ofDay(rd.Space(space), received)
		full = n >= maxPerDay
		return err
	})
	return full, err
}

// read returns what is to be kept of a mail; brought is false if there is no report in it.
func (c *Collector) read(a *arrival) (list []Report, brought bool) {
	found, err := reports.Find(a.raw)
	if errors.Is(err, reports.ErrNone) {
		return nil, false
	}
	domains := c.Domains()
	for _, r := range found {
		f, why := figures(r, domains, a.sender, a.received)
		if why == nil {
			list = append(list, f)
		} else if err == nil {
			err = why
		}
	}
	if err != nil {
		c.Log.Info("reports: one is passed over", "message", a.change.Message, "account", a.change.Account, "err", err)
	}
	return list, true
}
