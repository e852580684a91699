package node

import (
	"context"
	"errors"
	"maps"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"cairn/consensus/verifier"
	"cairn/index/namedquery"
	"cairn/mailstore"
	"cairn/mailstore/forwarders"
	"cairn/mailstore/forwards"
	"cairn/mailstore/passwords"
	"cairn/mailstore/quota"
	"cairn/node/api"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/suppressed"
)

// Accounts lists the mailboxes.
func (n *Node) Accounts(context.Context) (*api.AccountList, error) {
	list := &api.AccountList{Accounts: []api.Account{}}
	err := n.store.View(func(rd *mailstore.Reader) error {
		accounts, err := rd.Accounts()
		for _, a := range accounts {
			v, err := n.viewAccount(rd, a)
			if err != nil {
				return err
			}
			list.Accounts = append(list.Accounts, *v)
		}
		return err
	})
	return list, err
}

func (n *Node) viewAccount(rd *mailstore.Reader, a mailstore.Account) (*api.Account, error) {
	counts, err := rd.LabelCounts(a.ID)
	if err != nil {
		return nil, err
	}
	total, err := rd.MessageCount(a.ID)
	if err != nil {
		return nil, err
	}
	v := &api.Account{Name: a.Name, Addresses: a.Addresses, CutOff: n.cutOff(a), Messages: total, Unread: counts[mailstore.LabelUnread]}
	settings, err := rd.Settings(a.ID)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		v.Settings = append(v.Settings, api.AccountSetting{Name: name, Value: settings[name]})
	}
	if err != nil {
		return nil, err
	}
	if v.Used, _, err = rd.Used(a.ID); err != nil {
		return nil, err
	}
	if v.Password, err = passwords.Chosen(rd, a.ID); err != nil {
		return nil, err
	}
	apps, err := passwords.Apps(rd, a.ID)
	for _, app := range apps {
		v.Apps = append(v.Apps, viewApp(app))
	}
	return v, err
}

// checkSetting is the refusal of a setting that there is not, or of a value that it cannot have.
func checkSetting(r api.SettingRequest) error {
	switch r.Name {
	case verifier.SettingThreshold:
		if percent, err := strconv.Atoi(r.Value); r.Value != "" && (err != nil || percent < 1 || percent > 100 || strconv.Itoa(percent) != r.Value) {
			return api.Errorf(api.CodeUsage, "write a percentage from 1 to 100", "setting the threshold of account %q: %q is no percentage", r.Account, r.Value)
		}
	case quota.Setting:
		if _, err := quota.Parse(r.Value); r.Value != "" && err != nil {
			return api.Errorf(api.CodeUsage, "write a size from 1M up, as in 500M or 2G", "setting the quota of account %q: %v", r.Account, err)
		}
	default:
		return api.Errorf(api.CodeUsage, "cairn account set --help", "setting %q of account %q: there are %s and %s", r.Name, r.Account, verifier.SettingThreshold, quota.Setting)
	}
	return nil
}

func setSetting(tx *mailstore.Tx, account mailstore.AccountID, r api.SettingRequest) error {
	if r.Name == quota.Setting {
		return quota.Set(tx, account, r.Value)
	}
	return tx.SetSetting(account, r.Name, r.Value)
}

// SetAccount sets what an account decides for itself.
func (n *Node) SetAccount(ctx context.Context, r api.SettingRequest) (*api.Account, error) {
	if err := checkSetting(r); err != nil {
		return nil, err
	}
	if r.Value != "" && r.Unset {
		return nil, api.Errorf(api.CodeUsage, "cairn account set --help", "setting %s of account %q: a value, and that it is taken back", r.Name, r.Account)
	}
	var view *api.Account
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(r.Account)
		if err != nil {
			return err
		}
		if r.Value != "" || r.Unset {
			if err := setSetting(tx, a.ID, r); err != nil {
				return err
			}
		}
		view, err = n.viewAccount(&tx.Reader, a)
		return err
	})
	return view, notFound(err, "cairn account ls", "there is no account %q", r.Account)
}

// AddAccount makes a mailbox.
func (n *Node) AddAccount(ctx context.Context, r api.AccountRequest) (*api.Account, error) {
	if err := mailstore.CheckAccountName(r.Name); err != nil {
		return nil, api.Errorf(api.CodeUsage, "choose a name such as alice", "making an account: %v", err)
	}
	addresses := r.Addresses
	if len(addresses) == 0 {
		for _, d := range n.own().Domains {
			a := r.Name + "@" + d
			if m, err := mail.ParseAddress(a); err != nil || m.Address != a {
				return nil, nameless(r.Name)
			}
			addresses = append(addresses, a)
		}
	}
	for _, a := range addresses {
		if _, err := n.ownAddress(a); err != nil {
			return nil, err
		}
	}
	var view *api.Account
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := tx.AddAccount(r.Name, addresses)
		view = &api.Account{Name: a.Name, Addresses: a.Addresses}
		return err
	})
	switch {
	case errors.Is(err, mailstore.ErrExists):
		return nil, api.Errorf(api.CodeExists, "cairn account ls", "making account %q: the name or one of its addresses is taken", r.Name)
	case err != nil:
		return nil, err
	}
	return view, nil
}

// nameless is the refusal of a name that makes no address and comes without.
func nameless(name string) error {
	hint := "choose a name such as alice, or give its addresses: cairn account add NAME ADDRESS"
	if local, _, ok := strings.Cut(name, "@"); ok {
		hint = "the name comes first, then the addresses: cairn account add " + local + " " + name
	}
	return api.Errorf(api.CodeUsage, hint, "making an account: %q cannot stand before the @ of a mail address", name)
}

// RemoveAccount removes a mailbox with its mail, and takes its addresses off the lists hosted here.
func (n *Node) RemoveAccount(ctx context.Context, name string) (*api.Account, error) {
	var view *api.Account
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(name)
		if err != nil {
			return err
		}
		if n.isPostmaster(a) {
			return api.Errorf(api.CodeNotAllowed, "cairn search --account "+a.Name,
				"removing account %s: it takes the mail for %s, which a mail domain must have (RFC 5321, section 4.5.1)", a.Name, n.postmaster())
		}
		if l, err := lists.Of(&tx.Reader, a.ID); err == nil {
			return api.Errorf(api.CodeNotAllowed, "remove the list: cairn list host rm "+l.Address+" --yes",
				"removing account %s: it is a mailing list with %s", a.Name, plural(l.Members, "member"))
		} else if !errors.Is(err, lists.ErrNone) {
			return err
		}
		for _, address := range a.Addresses {
			if err := ownsNoList(&tx.Reader, address); err != nil {
				return err
			}
		}
		if view, err = n.viewAccount(&tx.Reader, a); err != nil {
			return err
		}
		if view.LeftLists, err = lists.LeaveAll(tx, a.Addresses); err != nil {
			return err
		}
		return errors.Join(forwarders.RemoveAll(tx, a.ID), forwards.RemoveAll(tx, a.ID), passwords.RemoveAll(tx, a.ID), suppressed.RemoveAll(tx, a.ID), namedquery.RemoveAll(tx, a.ID), tx.RemoveAccount(a.ID))
	})
	return view, notFound(err, "cairn account ls", "there is no account %q", name)
}
