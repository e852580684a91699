// Package directory knows which addresses are the organisation's, and which accounts of this node
// get their mail.
package directory

import (
	"errors"
	"slices"

	"cairn/mailstore"
	"cairn/mailstore/forwards"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/quota"
	"cairn/smtpgw/address"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/srs"
)

// Config is what a directory goes by.
type Config struct {
	// Domains returns the mail domains of the organisation as they are now, A-label, lower case.
	// The first is the home of a bare <postmaster>.
	Domains func() []string
	// Postmaster is the address of the account that stands in for postmasters without one of their
	// own.
	Postmaster string
	// CatchAll is the address of the account that gets the mail for addresses that no account has;
	// empty: none does.
	CatchAll string
	// Unsure says why the domains may be others than Domains has; empty: they are these. nil: they
	// always are.
	Unsure func() (why string)
	// Silent says why it may not be said now that an address is not known here; empty: it may. nil:
	// always.
	Silent func() (why string)
}

// Directory knows which addresses are ours.
type Directory struct{ Config }

func New(o Config) Directory {
	if o.Unsure == nil {
		o.Unsure = func() string { return "" }
	}
	if o.Silent == nil {
		o.Silent = func() string { return "" }
	}
	return Directory{o}
}

// Home is the domain of a bare <postmaster>.
func (d Directory) Home() string {
	if domains := d.Domains(); len(domains) > 0 {
		return domains[0]
	}
	return "localhost"
}

func (d Directory) IsLocal(domain string) bool { return slices.Contains(d.Domains(), domain) }

// Account returns the account that gets the mail of a local address;
// mailstore.ErrNotFound when there is none. Every local domain has a
// postmaster (RFC 5321, section 4.5.1).
func (d Directory) Account(r *mailstore.Reader, m address.Mailbox) (mailstore.Account, error) {
	if _, err := mailstore.CanonicalAddress(m.Key()); err != nil || !d.IsLocal(m.Domain) {
		return mailstore.Account{}, mailstore.ErrNotFound // no account can have it
	}
	a, err := lists.AccountFor(r, m.Key())
	if errors.Is(err, mailstore.ErrNotFound) && m.IsPostmaster() {
		return d.PostmasterAccount(r)
	}
	return a, err
}

// Recipient is account for mail that arrives. What no account of the organisation has goes to who
// stands in: the postmaster for abuse@ (RFC 2142, section 4), and the catch-all for all else.
func (d Directory) Recipient(r *mailstore.Reader, m address.Mailbox) (mailstore.Account, error) {
	a, err := d.Account(r, m)
	if !errors.Is(err, mailstore.ErrNotFound) || !d.IsLocal(m.Domain) {
		return a, err
	}
	if m.IsAbuse() {
		return d.PostmasterAccount(r)
	}
	if d.CatchAll == "" {
		return a, err
	}
	return r.AccountByAddress(d.CatchAll)
}

// HasRoom is the refusal of mail of so many octets for a local address whose account's quota does
// not have room for it. What is for the postmaster, or tells of abuse, is taken all the same.
func (d Directory) HasRoom(store *mailstore.Store, m address.Mailbox, octets int64) error {
	full := false
	err := store.View(func(r *mailstore.Reader) (err error) {
		full, err = d.IsFull(r, m, octets)
		return err
	})
	if err == nil && full {
		err = refuse.With(452, 4, 2, 2, "mailbox <%s> is full; try again later", address.Path(m.String()))
	}
	return err
}

func (d Directory) IsFull(r *mailstore.Reader, m address.Mailbox, octets int64) (bool, error) {
	if m.IsPostmaster() || m.IsAbuse() {
		return false, nil
	}
	a, err := d.Recipient(r, m)
	if errors.Is(err, mailstore.ErrNotFound) { // that is said elsewhere
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return quota.Full(r, a.ID, octets)
}

// StandsIn reports whether somebody stands in for an address that no account has.
func (d Directory) StandsIn(store *mailstore.Store, m address.Mailbox) (bool, error) {
	err := store.View(func(r *mailstore.Reader) error {
		_, err := d.Recipient(r, m)
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// PostmasterAccount returns the account that stands in for postmasters without
// one of their own. There is no other stand-in: what is for the postmaster is
// nobody else's to read.
func (d Directory) PostmasterAccount(r *mailstore.Reader) (mailstore.Account, error) {
	return r.AccountByAddress(d.Postmaster)
}

// Current are the addresses of a list that are at domains of ours.
func (d Directory) Current(addresses []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return !d.IsLocal(maildomain.OfAddress(a)) })
}

// IsFormer reports whether an account has the address, at a domain that is ours no more.
func (d Directory) IsFormer(r *mailstore.Reader, m address.Mailbox) (bool, error) {
	if _, err := mailstore.CanonicalAddress(m.Key()); err != nil || d.IsLocal(m.Domain) {
		return false, nil
	}
	_, err := lists.AccountFor(r, m.Key())
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// FormerDomain is the refusal of an address in an envelope or a field that IsFormer reports.
func (d Directory) FormerDomain(where string, m address.Mailbox, use string) error {
	if d.Unsure() != "" {
		return d.NotServed(m)
	}
	return refuse.With(550, 5, 7, 1, "%s <%s>: %s is no domain of this organisation any more; use %s", where, address.Shown(m.String()), m.Domain, use)
}

// NotServed is the refusal of an address at no domain of ours.
func (d Directory) NotServed(m address.Mailbox) error {
	if why := d.Unsure(); why != "" {
		return refuse.With(451, 4, 3, 0, "whether %s is served here is not known at present: %s; try again later", m.Domain, why)
	}
	return refuse.With(550, 5, 7, 1, "relaying denied: %s is not served here", m.Domain)
}

// CheckLocal returns the refusal of a local recipient without an account.
func (d Directory) CheckLocal(r *mailstore.Reader, m address.Mailbox) error {
	_, err := d.Account(r, m)
	if errors.Is(err, mailstore.ErrNotFound) {
		if back, err := d.IsRewritten(r, m); err != nil || back {
			return err
		}
		if m.IsPostmaster() {
			return refuse.With(451, 4, 3, 0, "no postmaster has been made here yet; try again later")
		}
		return unknownMailbox(m)
	}
	return err
}

// Has reports whether mail for an address goes to an account of this node.
func (d Directory) Has(r *mailstore.Reader, addr string) (bool, error) {
	m, err := address.Parse(addr, true)
	if err == nil {
		err = d.CheckLocal(r, m)
	}
	if _, refused := errors.AsType[*refuse.Refusal](err); refused {
		return false, nil
	}
	return err == nil, err
}

// Nobody is the refusal of an address that no account has, as far as this node may say so.
func (d Directory) Nobody(m address.Mailbox) error {
	if why := d.Silent(); why != "" {
		return UnknownNow(m, why)
	}
	return unknownMailbox(m)
}

// UnknownNow is the refusal of an address that may have an account where this node's accounts are
// kept.
func UnknownNow(m address.Mailbox, why string) error {
	return refuse.With(451, 4, 3, 0, "whether <%s> has a mailbox here is not known at present: %s; try again later", address.Path(m.String()), why)
}

func unknownMailbox(m address.Mailbox) error {
	return refuse.With(550, 5, 1, 1, "no mailbox <%s> here", address.Path(m.String()))
}

// IsUnknown reports whether err is that of unknownMailbox.
func IsUnknown(err error) bool {
	refusal, ok := errors.AsType[*refuse.Refusal](err)
	return ok && refusal.Status == refuse.Status{5, 1, 1}
}

// IsRewritten reports whether an address stands for a sender elsewhere: it has that form, no
// account has it, and senders have been rewritten here.
func (d Directory) IsRewritten(r *mailstore.Reader, m address.Mailbox) (bool, error) {
	if !srs.Is(m.Local) || !d.IsLocal(m.Domain) {
		return false, nil
	}
	if _, err := lists.AccountFor(r, m.Key()); !errors.Is(err, mailstore.ErrNotFound) {
		return false, err
	}
	_, err := forwards.Key(r)
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
