package smtpgw

import (
	"errors"
	"slices"

	"cairn/mailstore"
	"cairn/smtpgw/address"
	"cairn/smtpgw/directory"
	"cairn/smtpgw/refuse"
)

// senderFor returns the account that may send as from, which is nil for the null
// sender. The error may be the reply for the submitter.
func senderFor(d directory.Directory, r *mailstore.Reader, from *address.Mailbox, relayed relay) (mailstore.Account, error) {
	if from == nil {
		return d.PostmasterAccount(r)
	}
	a, err := ownerOf(d, r, *from, relayed)
	if errors.Is(err, errNobodys) {
		err = refuse.With(550, 5, 7, 1, "sender <%s> is not an address of any account here; use one of yours, or let the administrator allow it with relay_from", address.Path(from.String()))
	}
	return a, err
}

// errNobodys is of an address that no account has, and that nobody else may send as.
var errNobodys = errors.New("smtpgw: no account has the address")

// ownerOf returns the account whose mail that from an address is.
func ownerOf(d directory.Directory, r *mailstore.Reader, from address.Mailbox, relayed relay) (mailstore.Account, error) {
	a, err := d.Account(r, from)
	switch {
	case !errors.Is(err, mailstore.ErrNotFound):
		return a, err
	case relayed.allows(from):
		return d.PostmasterAccount(r)
	}
	if former, err := d.IsFormer(r, from); err != nil {
		return a, err
	} else if former {
		return a, d.FormerDomain("sender", from, "one of yours")
	}
	if why := d.Silent(); why != "" {
		return a, directory.UnknownNow(from, why)
	}
	return a, errNobodys
}

// senderOf is senderFor for who has signed in: as an address of its own, or with the null sender;
// and for who relays: as any address of our domains, of which those that no account has are sent
// for the postmaster.
func senderOf(d directory.Directory, r *mailstore.Reader, from *address.Mailbox, by user, relayed relay) (mailstore.Account, error) {
	switch {
	case by.relays && from != nil && !mayRelay(d, *from, relayed):
		return mailstore.Account{}, notRelayed(d, "sender", *from)
	case by.relays && from != nil:
		return senderFor(d, r, from, append(slices.Clip(relayed), from.Key()))
	case by.account == nil:
		return senderFor(d, r, from, relayed)
	}
	now, err := r.Account(by.account.ID)
	if errors.Is(err, mailstore.ErrNotFound) {
		return now, refuse.With(535, 5, 7, 8, "the account that you signed in to is there no more")
	}
	if err != nil || from == nil {
		return now, err
	}
	a, err := ownerOf(d, r, *from, newRelay(nil))
	if err == nil && a.ID != now.ID || errors.Is(err, errNobodys) {
		err = refuse.With(550, 5, 7, 1, "sender <%s> is not an address of the account that you signed in to; use one of yours", address.Path(from.String()))
	}
	return a, err
}
