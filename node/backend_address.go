package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// ownAddress is the canonical form of an address that an account here may have.
func (n *Node) ownAddress(address string) (string, error) {
	canonical, err := mailstore.CanonicalAddress(address)
	if err != nil {
		return "", api.Errorf(api.CodeUsage, "give addresses as local-part@domain", "giving an account an address: %v", err)
	}
	if !n.isOwn(canonical) {
		return "", api.Errorf(api.CodeInvalid, "use one of its domains: "+strings.Join(n.own().Domains, ", "),
			"giving an account an address: %s is at no domain of this organisation", address)
	}
	return canonical, nil
}

// AddAddress gives an account one more address.
func (n *Node) AddAddress(ctx context.Context, r api.AddressRequest) (*api.Account, error) {
	address, err := n.ownAddress(r.Address)
	if err != nil {
		return nil, err
	}
	return n.changeAddresses(ctx, r.Account, func(tx *mailstore.Tx, a mailstore.Account) ([]string, error) {
		if slices.Contains(a.Addresses, address) {
			return nil, api.Errorf(api.CodeUnchanged, "cairn account ls", "giving account %s an address: %s is its own already", a.Name, address)
		}
		if owner, err := tx.AccountByAddress(address); err == nil {
			return nil, api.Errorf(api.CodeExists, "cairn account ls", "giving account %s an address: %s is of account %s", a.Name, address, owner.Name)
		}
		return append(slices.Clone(a.Addresses), address), nil
	})
}

// RemoveAddress takes an address off an account, and off the lists hosted here.
func (n *Node) RemoveAddress(ctx context.Context, r api.AddressRequest) (*api.Account, error) {
	address, err := mailstore.CanonicalAddress(r.Address)
	if err != nil {
		return nil, api.Errorf(api.CodeUsage, "give the address as local-part@domain", "taking an address off account %s: %v", r.Account, err)
	}
	var off []string
	view, err := n.changeAddresses(ctx, r.Account, func(tx *mailstore.Tx, a mailstore.Account) ([]string, error) {
		left := slices.DeleteFunc(slices.Clone(a.Addresses), func(s string) bool { return s == address })
		switch {
		case len(left) == len(a.Addresses):
			return nil, api.Errorf(api.CodeNotFound, "cairn account ls", "taking an address off account %s: %s is not its own", a.Name, address)
		case len(left) == 0:
			return nil, api.Errorf(api.CodeNotAllowed, "give it another one first: cairn account address add "+a.Name+" ADDRESS",
				"taking an address off account %s: %s is the only one it has", a.Name, address)
		case address == n.postmaster():
			return nil, api.Errorf(api.CodeNotAllowed, "cairn search --account "+a.Name,
				"taking an address off account %s: %s takes the mail for the postmasters of all our domains", a.Name, address)
		}
		if err := ownsNoList(&tx.Reader, address); err != nil {
			return nil, err
		}
		off, err = lists.LeaveAll(tx, []string{address})
		return left, err
	})
	if err != nil {
		return nil, err
	}
	view.LeftLists = off
	return view, nil
}

// changeAddresses gives an account the addresses that change returns. Those of mailing lists stay.
func (n *Node) changeAddresses(ctx context.Context, account string, change func(*mailstore.Tx, mailstore.Account) ([]string, error)) (*api.Account, error) {
	var view *api.Account
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(account)
		if err != nil {
			return err
		}
		if _, err := lists.Of(&tx.Reader, a.ID); err == nil {
			return api.Errorf(api.CodeNotAllowed, "make a list with the other address: cairn list host set ADDRESS",
				"changing the addresses of %s: it is a mailing list, which has the one by which it is known", a.Name)
		} else if !errors.Is(err, lists.ErrNone) {
			return err
		}
		if a.Addresses, err = change(tx, a); err != nil {
			return err
		}
		if err := tx.SetAddresses(a.ID, a.Addresses); err != nil {
			return err
		}
		a, err = tx.Account(a.ID)
		if err != nil {
			return err
		}
		view, err = n.viewAccount(&tx.Reader, a)
		return err
	})
	return view, notFound(err, "cairn account ls", "there is no account %q", account)
}

// ownsNoList refuses to take an address away to which the bounces of a mailing list go.
func ownsNoList(rd *mailstore.Reader, address string) error {
	hosted, err := lists.All(rd)
	for _, l := range hosted {
		if l.Owner == address {
			return api.Errorf(api.CodeNotAllowed, "name somebody else first: cairn list host set "+l.Address+" --owner ADDRESS",
				"taking the address %s off: the bounces of the mailing list %s go there", address, l.Address)
		}
	}
	return err
}
