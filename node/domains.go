package node

import (
	"fmt"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// maxNamed is how many addresses a refusal names.
const maxNamed = 8

// isOwn reports whether a canonical address is at a domain of ours.
func (n *Node) isOwn(address string) bool {
	return slices.Contains(n.own().Domains, maildomain.OfAddress(address))
}

// cutOff are the addresses of an account that are at no domain of ours: no mail comes to them, and
// none is sent from there.
func (n *Node) cutOff(a mailstore.Account) (list []string) {
	if n.unsureOwn() != "" {
		return nil
	}
	for _, address := range a.Addresses {
		if !n.isOwn(address) {
			list = append(list, address)
		}
	}
	return list
}

// addressesThat lists the addresses of accounts and mailing lists here that are. Those at which the
// postmaster's account stands for a domain are nobody's: each domain has one of its own.
func (n *Node) addressesThat(rd *mailstore.Reader, are func(address string) bool) (list []string, err error) {
	accounts, err := rd.Accounts()
	for _, a := range accounts {
		for _, address := range a.Addresses {
			if are(address) && !(n.isPostmaster(a) && strings.HasPrefix(address, "postmaster@")) {
				list = append(list, address)
			}
		}
	}
	return list, err
}

// cutOffAddresses are those of accounts and mailing lists here that are at no domain of ours.
func (n *Node) cutOffAddresses(rd *mailstore.Reader) ([]string, error) {
	if n.unsureOwn() != "" {
		return nil, nil
	}
	domains := n.own().Domains
	return n.addressesThat(rd, func(a string) bool { return !slices.Contains(domains, maildomain.OfAddress(a)) })
}

// checkCutOff refuses an update of what we said of ourselves before that takes a domain from us at
// which there are addresses here.
func (n *Node) checkCutOff(e *consensus.OrgEvent, before *consensus.Update) error {
	u, ok := e.Content.(*consensus.Update)
	if !ok {
		return nil
	}
	var list []string
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		list, err = n.addressesThat(rd, func(a string) bool {
			d := maildomain.OfAddress(a)
			return slices.Contains(before.Domains, d) && !slices.Contains(u.Domains, d)
		})
		return err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	return api.Errorf(api.CodeNotAllowed, "leave the domain in, or say that it is meant: cairn org update"+updateFlags(before, u)+" --cut-off",
		"bringing the update: accounts or mailing lists here have addresses at a domain that goes, and would get no mail there any more: %s", someOf(list))
}

// updateFlags are those of the command that changes what we say of ourselves from before to u.
func updateFlags(before, u *consensus.Update) (flags string) {
	if u.Name != before.Name {
		flags += " --name " + api.ShellWord(u.Name)
	}
	if !slices.Equal(u.Domains, before.Domains) {
		flags += " --domain " + strings.Join(u.Domains, " --domain ")
	}
	if u.Records != before.Records {
		flags += " --records " + u.Records.String()
	}
	if u.ThresholdFloor != before.ThresholdFloor {
		flags += fmt.Sprintf(" --threshold-floor %d", u.ThresholdFloor)
	}
	return flags
}

// someOf lists addresses to people, not without end.
func someOf(list []string) string {
	if more := len(list) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxNamed], ", "), more)
	}
	return strings.Join(list, ", ")
}

// unaddressed counts, for each domain that an event brings us, the accounts here that have no
// address there. Mailing lists have one address each, and the postmaster's account stands for all
// domains.
func (n *Node) unaddressed(e *consensus.OrgEvent, before []string) (list []api.DomainAccounts, err error) {
	u, ok := e.Content.(*consensus.Update)
	if !ok {
		return nil, nil
	}
	err = n.store.View(func(rd *mailstore.Reader) error {
		people, err := n.people(rd)
		for _, d := range u.Domains {
			at := func(a mailstore.Account) bool {
				return slices.ContainsFunc(a.Addresses, func(s string) bool { return maildomain.OfAddress(s) == d })
			}
			if without := len(slices.DeleteFunc(slices.Clone(people), at)); without > 0 && !slices.Contains(before, d) {
				list = append(list, api.DomainAccounts{Domain: d, Accounts: without})
			}
		}
		return err
	})
	return list, err
}

// people are the accounts that are neither mailing lists nor the postmaster's.
func (n *Node) people(rd *mailstore.Reader) ([]mailstore.Account, error) {
	accounts, err := rd.Accounts()
	if err != nil {
		return nil, err
	}
	hosted, err := lists.All(rd)
	return slices.DeleteFunc(accounts, func(a mailstore.Account) bool {
		return n.isPostmaster(a) || slices.ContainsFunc(hosted, func(l lists.List) bool { return l.Account == a.ID })
	}), err
}

// noteCutOff says in the log which addresses are at domains that are ours no more.
func (n *Node) noteCutOff() error {
	return n.store.View(func(rd *mailstore.Reader) error {
		list, err := n.cutOffAddresses(rd)
		if len(list) > 0 {
			n.log.Warn("addresses of accounts or mailing lists here are at domains that are not the organisation's: no mail comes to them",
				"addresses", someOf(list), "try", n.typable("they are marked by: cairn account ls"))
		}
		return err
	})
}
