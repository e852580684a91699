package node

import (
	"context"
	"errors"
	"strings"

	"cairn/mailstore"
	"cairn/mailstore/passwords"
	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// SetPassword sets the password of an account, or takes it back.
func (n *Node) SetPassword(ctx context.Context, r api.PasswordRequest) (*api.Account, error) {
	const what = "setting the password of account %q: %s"
	a, err := n.person(r.Account)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Remove:
		err = n.store.Update(ctx, func(tx *mailstore.Tx) error { return passwords.Unset(tx, a.ID) })
		if errors.Is(err, mailstore.ErrNotFound) {
			return nil, api.Errorf(api.CodeNotFound, "cairn account ls", "account %q has no password", r.Account)
		}
	case r.Hash != "":
		err = n.passwords.SetHash(ctx, a.ID, r.Hash)
	default:
		err = n.passwords.Set(ctx, a.ID, r.Password)
	}
	if errors.Is(err, passwords.ErrUnfit) && r.Hash != "" {
		return nil, api.Errorf(api.CodeInvalid, "give a hash as crypt(3) writes it, as in $6$salt$..., of a cost that is usual", what, r.Account, strings.TrimPrefix(err.Error(), passwords.ErrUnfit.Error()+": "))
	}
	if errors.Is(err, passwords.ErrUnfit) {
		return nil, api.Errorf(api.CodeInvalid, "choose a longer one, such as four words", what, r.Account, strings.TrimPrefix(err.Error(), passwords.ErrUnfit.Error()+": "))
	}
	if err != nil {
		return nil, err
	}
	return n.accountNow(a.ID)
}

// AddApp makes an app password.
func (n *Node) AddApp(ctx context.Context, r api.AppRequest) (*api.NewAppPassword, error) {
	a, err := n.person(r.Account)
	if err != nil {
		return nil, err
	}
	app, secret, err := n.passwords.AddApp(ctx, a.ID, r.Name)
	switch {
	case errors.Is(err, passwords.ErrExists):
		return nil, api.Errorf(api.CodeExists, "choose another name, or take that one back: cairn account app rm "+api.ShellWord(a.Name)+" "+api.ShellWord(r.Name), "account %q has an app password %q", r.Account, r.Name)
	case errors.Is(err, passwords.ErrFull):
		return nil, api.Errorf(api.CodeExists, "take one back: cairn account app rm "+api.ShellWord(a.Name)+" APP", "account %q has %d app passwords, which is all it can have", r.Account, passwords.MaxApps)
	case errors.Is(err, passwords.ErrUnfit):
		return nil, api.Errorf(api.CodeInvalid, "name the program that it is for, as in printer", "making an app password: %s", strings.TrimPrefix(err.Error(), passwords.ErrUnfit.Error()+": "))
	case err != nil:
		return nil, err
	}
	return &api.NewAppPassword{Account: a.Name, App: viewApp(app), Secret: secret}, nil
}

// RemoveApp takes an app password back.
func (n *Node) RemoveApp(ctx context.Context, r api.AppRequest) (*api.Account, error) {
	a, err := n.person(r.Account)
	if err != nil {
		return nil, err
	}
	err = n.store.Update(ctx, func(tx *mailstore.Tx) error { return passwords.RemoveApp(tx, a.ID, r.Name) })
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, api.Errorf(api.CodeNotFound, "cairn account ls --json", "account %q has no app password %q", r.Account, r.Name)
	}
	if err != nil {
		return nil, err
	}
	return n.accountNow(a.ID)
}

// person is the account of a name, which is no mailing list's.
func (n *Node) person(name string) (a mailstore.Account, err error) {
	err = n.store.View(func(rd *mailstore.Reader) (err error) {
		if a, err = rd.AccountByName(name); err != nil {
			return err
		}
		if l, err := lists.Of(rd, a.ID); err == nil {
			return api.Errorf(api.CodeNotAllowed, "cairn account ls", "account %s is the mailing list %s: nobody signs in to it", a.Name, l.Address)
		} else if !errors.Is(err, lists.ErrNone) {
			return err
		}
		return nil
	})
	return a, notFound(err, "cairn account ls", "there is no account %q", name)
}

func (n *Node) accountNow(id mailstore.AccountID) (v *api.Account, err error) {
	err = n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.Account(id)
		if err == nil {
			v, err = n.viewAccount(rd, a)
		}
		return err
	})
	return v, err
}

func viewApp(a passwords.App) api.AppPassword {
	return api.AppPassword{Name: a.Name, Since: a.Since, LastUsed: a.LastUsed}
}
