package smtpgw

import (
	"errors"
	"slices"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/quota"
	"cairn/smtpgw/address"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/refuse"
)

// directory knows which addresses are ours.
type directory struct {
	domains    func() []string
	postmaster string
	catchAll   string              // as Config.CatchAll
	unsure     func() (why string) // as Config.Unsure
	silent     func() (why string) // as Config.Silent
}

func newDirectory(cfg Config) directory {
	d := directory{domains: cfg.Domains, postmaster: cfg.Postmaster, catchAll: cfg.CatchAll, unsure: cfg.Unsure, silent: cfg.Silent}
	if d.unsure == nil {
		d.unsure = func() string { return "" }
	}
	if d.silent == nil {
		d.silent = func() string { return "" }
	}
	return d
}

// home is the domain of a bare <postmaster>.
func (d directory) home() string {
	if domains := d.domains(); len(domains) > 0 {
		return domains[0]
	}
	return "localhost"
}

func (d directory) isLocal(domain string) bool { return slices.Contains(d.domains(), domain) }

// account returns the account that gets the mail of a local address;
// mailstore.ErrNotFound when there is none. Every local domain has a
// postmaster (RFC 5321, section 4.5.1).
func (d directory) account(r *mailstore.Reader, m address.Mailbox) (mailstore.Account, error) {
	if _, err := mailstore.CanonicalAddress(m.Key()); err != nil || !d.isLocal(m.Domain) {
		return mailstore.Account{}, mailstore.ErrNotFound // no account can have it
	}
	a, err := lists.AccountFor(r, m.Key())
	if errors.Is(err, mailstore.ErrNotFound) && m.IsPostmaster() {
		return d.postmasterAccount(r)
	}
	return a, err
}

// recipient is account for mail that arrives. What no account of the organisation has goes to who
// stands in: the postmaster for abuse@ (RFC 2142, section 4), and the catch-all for all else.
func (d directory) recipient(r *mailstore.Reader, m address.Mailbox) (mailstore.Account, error) {
	a, err := d.account(r, m)
	if !errors.Is(err, mailstore.ErrNotFound) || !d.isLocal(m.Domain) {
		return a, err
	}
	if m.IsAbuse() {
		return d.postmasterAccount(r)
	}
	if d.catchAll == "" {
		return a, err
	}
	return r.AccountByAddress(d.catchAll)
}

// hasRoom is the refusal of mail of so many octets for a local address whose account's quota does
// not have room for it. What is for the postmaster, or tells of abuse, is taken all the same.
func (d directory) hasRoom(store *mailstore.Store, m address.Mailbox, octets int64) error {
	full := false
	err := store.View(func(r *mailstore.Reader) (err error) {
		full, err = d.isFull(r, m, octets)
		return err
	})
	if err == nil && full {
		err = refuse.With(452, 4, 2, 2, "mailbox <%s> is full; try again later", address.Path(m.String()))
	}
	return err
}

func (d directory) isFull(r *mailstore.Reader, m address.Mailbox, octets int64) (bool, error) {
	if m.IsPostmaster() || m.IsAbuse() {
		return false, nil
	}
	a, err := d.recipient(r, m)
	if errors.Is(err, mailstore.ErrNotFound) { // that is said elsewhere
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return quota.Full(r, a.ID, octets)
}

// standsIn reports whether somebody stands in for an address that no account has.
func (d directory) standsIn(store *mailstore.Store, m address.Mailbox) (bool, error) {
	err := store.View(func(r *mailstore.Reader) error {
		_, err := d.recipient(r, m)
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// postmasterAccount returns the account that stands in for postmasters without
// one of their own. There is no other stand-in: what is for the postmaster is
// nobody else's to read.
func (d directory) postmasterAccount(r *mailstore.Reader) (mailstore.Account, error) {
	return r.AccountByAddress(d.postmaster)
}

// sender returns the account that may send as from, which is nil for the null
// sender. The error may be the reply for the submitter.
func (d directory) sender(r *mailstore.Reader, from *address.Mailbox, relayed relay) (mailstore.Account, error) {
	if from == nil {
		return d.postmasterAccount(r)
	}
	a, err := d.account(r, *from)
	switch {
	case !errors.Is(err, mailstore.ErrNotFound):
		return a, err
	case relayed.allows(*from):
		return d.postmasterAccount(r)
	}
	if former, err := d.isFormer(r, *from); err != nil {
		return a, err
	} else if former {
		return a, d.formerDomain("sender", *from, "one of yours")
	}
	if why := d.silent(); why != "" {
		return a, unknownNow(*from, why)
	}
	return a, refuse.With(550, 5, 7, 1, "sender <%s> is not an address of any account here; use one of yours, or let the administrator allow it with relay_from", address.Path(from.String()))
}

// senderOf is sender for who has signed in: as an address of its own, or with the null sender; and
// for who relays: as any address of our domains, of which those that no account has are sent for
// the postmaster.
func (d directory) senderOf(r *mailstore.Reader, from *address.Mailbox, by user, relayed relay) (mailstore.Account, error) {
	switch {
	case by.relays && from != nil && !d.mayRelay(*from, relayed):
		return mailstore.Account{}, d.notRelayed("sender", *from)
	case by.relays && from != nil:
		return d.sender(r, from, append(slices.Clip(relayed), from.Key()))
	case by.account == nil:
		return d.sender(r, from, relayed)
	}
	now, err := r.Account(by.account.ID)
	if errors.Is(err, mailstore.ErrNotFound) {
		return now, refuse.With(535, 5, 7, 8, "the account that you signed in to is there no more")
	}
	if err != nil || from == nil {
		return now, err
	}
	a, err := d.sender(r, from, newRelay(nil))
	if err == nil && a.ID != now.ID {
		err = refuse.With(550, 5, 7, 1, "sender <%s> is not an address of the account that you signed in to; use one of yours", address.Path(from.String()))
	}
	return a, err
}

// current are the addresses of a list that are at domains of ours.
func (d directory) current(addresses []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return !d.isLocal(maildomain.OfAddress(a)) })
}

// isFormer reports whether an account has the address, at a domain that is ours no more.
func (d directory) isFormer(r *mailstore.Reader, m address.Mailbox) (bool, error) {
	if _, err := mailstore.CanonicalAddress(m.Key()); err != nil || d.isLocal(m.Domain) {
		return false, nil
	}
	_, err := lists.AccountFor(r, m.Key())
	if errors.Is(err, mailstore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// formerDomain is the refusal of an address in an envelope or a field that isFormer reports.
func (d directory) formerDomain(where string, m address.Mailbox, use string) error {
	if d.unsure() != "" {
		return d.notServed(m)
	}
	return refuse.With(550, 5, 7, 1, "%s <%s>: %s is no domain of this organisation any more; use %s", where, shown(m.String()), m.Domain, use)
}

// notServed is the refusal of an address at no domain of ours.
func (d directory) notServed(m address.Mailbox) error {
	if why := d.unsure(); why != "" {
		return refuse.With(451, 4, 3, 0, "whether %s is served here is not known at present: %s; try again later", m.Domain, why)
	}
	return refuse.With(550, 5, 7, 1, "relaying denied: %s is not served here", m.Domain)
}

// checkLocal returns the refusal of a local recipient without an account.
func (d directory) checkLocal(r *mailstore.Reader, m address.Mailbox) error {
	_, err := d.account(r, m)
	if errors.Is(err, mailstore.ErrNotFound) {
		if back, err := d.isRewritten(r, m); err != nil || back {
			return err
		}
		if m.IsPostmaster() {
			return refuse.With(451, 4, 3, 0, "no postmaster has been made here yet; try again later")
		}
		return unknownMailbox(m)
	}
	return err
}

// has reports whether mail for an address goes to an account of this node.
func (d directory) has(r *mailstore.Reader, addr string) (bool, error) {
	m, err := address.Parse(addr, true)
	if err == nil {
		err = d.checkLocal(r, m)
	}
	if _, refused := errors.AsType[*refuse.Refusal](err); refused {
		return false, nil
	}
	return err == nil, err
}

// nobody is the refusal of an address that no account has, as far as this node may say so.
func (d directory) nobody(m address.Mailbox) error {
	if why := d.silent(); why != "" {
		return unknownNow(m, why)
	}
	return unknownMailbox(m)
}

// unknownNow is the refusal of an address that may have an account where this node's accounts are
// kept.
func unknownNow(m address.Mailbox, why string) error {
	return refuse.With(451, 4, 3, 0, "whether <%s> has a mailbox here is not known at present: %s; try again later", address.Path(m.String()), why)
}

func unknownMailbox(m address.Mailbox) error {
	return refuse.With(550, 5, 1, 1, "no mailbox <%s> here", address.Path(m.String()))
}

// isUnknown reports whether err is that of unknownMailbox.
func isUnknown(err error) bool {
	refusal, ok := errors.AsType[*refuse.Refusal](err)
	return ok && refusal.Status == refuse.Status{5, 1, 1}
}
