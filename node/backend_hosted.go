package node

import (
	"context"
	"errors"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// HostedLists lists the mailing lists of this node.
func (n *Node) HostedLists(context.Context) (*api.HostedLists, error) {
	list := new(api.HostedLists)
	err := n.store.View(func(rd *mailstore.Reader) error {
		all, err := lists.All(rd)
		for _, l := range all {
			list.Lists = append(list.Lists, *viewHosted(l))
		}
		return err
	})
	return list, err
}

func viewHosted(l lists.List) *api.HostedList {
	return &api.HostedList{
		Address: l.Address, Owner: l.Owner, Post: string(l.Post), Tag: l.Tag, Footer: l.Footer,
		PerHour: l.PerHour, Members: l.Members, Since: l.Since,
	}
}

// PutHostedList makes or changes a mailing list.
func (n *Node) PutHostedList(ctx context.Context, r api.HostedListRequest) (*api.HostedList, error) {
	address, err := mailstore.CanonicalAddress(r.Address)
	if err != nil || !n.isOwn(address) {
		return nil, api.Errorf(api.CodeInvalid, "use an address at one of our domains, as in list@"+n.own().Domains[0],
			"setting up a mailing list: %q is no address of this organisation", r.Address)
	}
	var view *api.HostedList
	err = n.store.Update(ctx, func(tx *mailstore.Tx) error {
		l, err := lists.Get(&tx.Reader, address)
		if errors.Is(err, lists.ErrNone) {
			l = lists.List{Address: address, Owner: n.postmaster(), Since: n.now().UTC().Truncate(time.Second)}
		} else if err != nil {
			return err
		}
		change(&l.Owner, r.Owner)
		change((*string)(&l.Post), r.Post)
		change(&l.Tag, r.Tag)
		change(&l.Footer, r.Footer)
		change(&l.PerHour, r.PerHour)
		if err := n.checkOwner(&tx.Reader, l.Owner); err != nil {
			return err
		}
		l, err = lists.Put(tx, l)
		view = viewHosted(l)
		return listError(address, err)
	})
	return view, err
}

func change[T any](v *T, to *T) {
	if to != nil {
		*v = *to
	}
}

// checkOwner holds that the bounces of a list get to somebody here.
func (n *Node) checkOwner(rd *mailstore.Reader, owner string) error {
	a, err := rd.AccountByAddress(owner)
	if err == nil {
		if _, err := lists.Of(rd, a.ID); errors.Is(err, lists.ErrNone) {
			return nil
		}
	}
	return api.Errorf(api.CodeInvalid, "name a person's address with --owner; they are shown by: cairn account ls",
		"setting up a mailing list: no person here has the address %q", owner)
}

// RemoveHostedList removes a mailing list with its account, and takes it off the other lists.
func (n *Node) RemoveHostedList(ctx context.Context, address string) (*api.HostedList, error) {
	var view *api.HostedList
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		l, err := lists.Get(&tx.Reader, address)
		if err != nil {
			return listError(address, err)
		}
		view = viewHosted(l)
		if view.LeftLists, err = lists.LeaveAll(tx, []string{l.Address}); err != nil {
			return err
		}
		return errors.Join(lists.Drop(tx, l.Account), tx.RemoveAccount(l.Account))
	})
	return view, err
}

// Members lists the members of a mailing list.
func (n *Node) Members(_ context.Context, address string) (*api.MemberList, error) {
	view := new(api.MemberList)
	err := n.store.View(func(rd *mailstore.Reader) error {
		l, err := lists.Get(rd, address)
		if err != nil {
			return listError(address, err)
		}
		view.Address, view.Total = l.Address, l.Members
		view.Members, err = lists.Members(rd, l, "", lists.MaxMembers)
		return err
	})
	return view, err
}

// Join makes addresses members of a mailing list.
func (n *Node) Join(ctx context.Context, r api.MembersRequest) (*api.MemberList, error) {
	return n.changeMembers(ctx, r, lists.Join)
}

// Leave takes addresses off a mailing list.
func (n *Node) Leave(ctx context.Context, r api.MembersRequest) (*api.MemberList, error) {
	return n.changeMembers(ctx, r, lists.Leave)
}

func (n *Node) changeMembers(ctx context.Context, r api.MembersRequest, change func(*mailstore.Tx, string, []string) (lists.List, int, error)) (*api.MemberList, error) {
	view := new(api.MemberList)
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		l, changed, err := change(tx, r.Address, r.Members)
		view.Address, view.Total, view.Changed = l.Address, l.Members, changed
		return listError(r.Address, err)
	})
	return view, err
}

// listError turns what the gateway says about a hosted list into an answer.
func listError(address string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lists.ErrNone):
		return api.Errorf(api.CodeNotFound, "cairn list host ls", "there is no mailing list %s here", address)
	case errors.Is(err, lists.ErrFull):
		return api.Errorf(api.CodeTooLarge, "cairn list host members "+address, "changing mailing list %s: %v", address, err)
	case errors.Is(err, mailstore.ErrExists):
		return api.Errorf(api.CodeExists, "cairn account ls", "setting up mailing list %s: an account has that address", address)
	case errors.Is(err, mailstore.ErrClosed), errors.Is(err, mailstore.ErrBroken):
		return err
	}
	code := api.CodeInvalid
	if _, bad := errors.AsType[*lists.Error](err); bad {
		code = api.CodeUsage
	}
	return api.Errorf(code, "cairn list host set --help", "changing mailing list %s: %v", address, err)
}
