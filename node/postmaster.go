package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/mailstore"
)

// postmaster is the address whose account takes the mail for the postmasters of
// all our domains, unless one has an account of its own. It stays with the account,
// whichever domains the organisation has later.
func (n *Node) postmaster() string { return "postmaster@" + n.enrol.Enrol().Domains[0] }

func (n *Node) isPostmaster(a mailstore.Account) bool {
	return slices.Contains(a.Addresses, n.postmaster())
}

// ensurePostmaster makes the account that RFC 5321, section 4.5.1 asks for, with
// the addresses that nobody has. An account of that name that was made for
// something else does not get its mail: the postmaster's has another name then.
func (n *Node) ensurePostmaster(ctx context.Context) error {
	return n.store.Update(ctx, func(tx *mailstore.Tx) error {
		var addresses []string
		for _, d := range n.enrol.Enrol().Domains {
			a := "postmaster@" + d
			_, err := tx.AccountByAddress(a)
			if errors.Is(err, mailstore.ErrNotFound) {
				addresses = append(addresses, a)
			} else if err != nil {
				return err
			}
		}
		if !slices.Contains(addresses, n.postmaster()) {
			return nil
		}
		name := "postmaster"
		for i := 2; ; i++ {
			_, err := tx.AddAccount(name, addresses)
			if !errors.Is(err, mailstore.ErrExists) { // the addresses are free, so it would be the name
				return err
			}
			name = fmt.Sprintf("postmaster-%d", i)
		}
	})
}

// reportCatchAll tells of an inbound.catch_all that is nobody's: mail for addresses that nobody has
// is refused then.
func (n *Node) reportCatchAll() error {
	address := n.cfg.Inbound.CatchAll
	if address == "" {
		return nil
	}
	return n.store.View(func(rd *mailstore.Reader) error {
		_, err := rd.AccountByAddress(address)
		if errors.Is(err, mailstore.ErrNotFound) {
			n.log.Warn("no account here has the address of inbound.catch_all: mail for addresses that nobody has is refused", "address", address)
			return nil
		}
		return err
	})
}

// reportTwins tells of accounts whose names differ in the case of letters only.
// They come from versions that took them for different; both are kept, and each
// is found by its exact name.
func (n *Node) reportTwins() error {
	return n.store.View(func(rd *mailstore.Reader) error {
		all, err := rd.Accounts()
		for _, pair := range twins(all) {
			n.log.Warn("two accounts have one name but for its case, and are found by it as it is written here", "one", pair[0], "other", pair[1])
		}
		return err
	})
}

// twins returns the names that differ from an earlier one in case only, each
// after that one.
func twins(accounts []mailstore.Account) (pairs [][2]string) {
	for i, a := range accounts {
		for _, b := range accounts[:i] {
			if strings.EqualFold(a.Name, b.Name) {
				pairs = append(pairs, [2]string{b.Name, a.Name})
				break
			}
		}
	}
	return pairs
}
