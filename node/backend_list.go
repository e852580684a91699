package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cairn/consensus/record"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/mailstore/forwarders"
	"cairn/mailstore/message"
	"cairn/node/api"
	"cairn/smtpgw/lists"
)

// Forwarders lists who sends mail on to an account.
func (n *Node) Forwarders(_ context.Context, account string) (*api.ForwarderList, error) {
	var list *api.ForwarderList
	err := n.store.View(func(rd *mailstore.Reader) error {
		a, err := n.whose(rd, account)
		if err != nil {
			return err
		}
		all, err := forwarders.All(rd, a.ID)
		list = viewForwarders(a, all)
		return err
	})
	return list, err
}

// AddForwarders makes an account know who sends mail on to it.
func (n *Node) AddForwarders(ctx context.Context, r api.ForwarderRequest) (*api.ForwarderList, error) {
	kind := forwarders.Kind(r.Kind)
	if kind == "" {
		kind = forwarders.List
	}
	now := n.now()
	list, err := n.changeForwarders(ctx, r, func(tx *mailstore.Tx, id mailstore.AccountID, address string) (forwarders.Forwarder, error) {
		return forwarders.Add(tx, id, forwarders.Forwarder{Address: address, Domain: r.Domain, Kind: kind, Since: now})
	})
	if err != nil {
		return nil, err
	}
	for _, f := range list.Forwarders {
		if _, a := n.trust.Speaker(ctx, n.chain.State(), f.Domain); a == verifier.NamesNot && !slices.Contains(list.Untrusted, f.Domain) {
			list.Untrusted = append(list.Untrusted, f.Domain)
		}
	}
	return list, nil
}

// RemoveForwarders makes an account forget them.
func (n *Node) RemoveForwarders(ctx context.Context, r api.ForwarderRequest) (*api.ForwarderList, error) {
	return n.changeForwarders(ctx, r, forwarders.Remove)
}

func (n *Node) changeForwarders(ctx context.Context, r api.ForwarderRequest, change func(*mailstore.Tx, mailstore.AccountID, string) (forwarders.Forwarder, error)) (*api.ForwarderList, error) {
	var list *api.ForwarderList
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := n.whose(&tx.Reader, r.Account)
		if err != nil {
			return err
		}
		var changed []forwarders.Forwarder
		for _, address := range r.Addresses {
			f, err := change(tx, a.ID, address)
			if err != nil {
				return forwarderError(a.Name, address, err)
			}
			changed = append(changed, f)
		}
		list = viewForwarders(a, changed)
		return nil
	})
	return list, err
}

// forwarderError turns what the store says into an answer.
func forwarderError(account, address string, err error) error {
	ls := "cairn list ls --account " + account
	switch {
	case errors.Is(err, forwarders.ErrOwn):
		return api.Errorf(api.CodeInvalid, "name the list's posting address, or an old address that leads here",
			"changing the list of %s: mail reaches it at %s already", account, address)
	case errors.Is(err, forwarders.ErrFull):
		return api.Errorf(api.CodeTooLarge, ls, "changing the list of %s: it has %d entries, which is the most", account, forwarders.MaxNamed)
	case errors.Is(err, mailstore.ErrNotFound):
		return api.Errorf(api.CodeNotFound, ls, "changing the list of %s: %s is not on it", account, address)
	case errors.Is(err, mailstore.ErrClosed), errors.Is(err, mailstore.ErrBroken):
		return err
	}
	return api.Errorf(api.CodeInvalid, "give addresses as local-part@domain", "changing the list of %s: %v", account, err)
}

func viewForwarders(a mailstore.Account, all []forwarders.Forwarder) *api.ForwarderList {
	list := &api.ForwarderList{Account: a.Name}
	for _, f := range all {
		list.Forwarders = append(list.Forwarders, api.Forwarder{
			Address: f.Address, Domain: f.Domain, Kind: string(f.Kind), Since: f.Since,
		})
	}
	return list
}

// whose finds the account that is meant: by name, or the only one that is a
// person's.
func (n *Node) whose(rd *mailstore.Reader, name string) (mailstore.Account, error) {
	if name != "" {
		a, err := rd.AccountByName(name)
		return a, notFound(err, "cairn account ls", "there is no account %q", name)
	}
	all, err := rd.Accounts()
	if err != nil {
		return mailstore.Account{}, err
	}
	var found []mailstore.Account
	for _, a := range all {
		_, err := lists.Of(rd, a.ID)
		switch {
		case errors.Is(err, lists.ErrNone) && !n.isPostmaster(a):
			found = append(found, a)
		case err != nil && !errors.Is(err, lists.ErrNone):
			return mailstore.Account{}, err
		}
	}
	if len(found) != 1 {
		return mailstore.Account{}, api.Errorf(api.CodeInvalid, "name one with --account; they are shown by: cairn account ls",
			"finding the account: there are %d", len(found))
	}
	return found[0], nil
}

// knownForwarders are those that an account named, as the verifier takes them.
func knownForwarders(rd *mailstore.Reader, account mailstore.AccountID) ([]record.Forwarder, error) {
	named, err := forwarders.All(rd, account)
	var list []record.Forwarder
	for _, f := range named {
		list = append(list, record.Forwarder{Domain: f.Domain, Posting: f.Address, List: f.Kind == forwarders.List})
	}
	return list, err
}

// notSpam notes, of a message that an account calls no spam, the address that
// its author wrote to, if that is not the account's own and the header says
// what it is. It counts as mail sent there does: for tolerance alone.
func (n *Node) notSpam(tx *mailstore.Tx, account mailstore.AccountID, id mailstore.MessageID) error {
	m, err := tx.Message(account, id)
	if err != nil {
		return err
	}
	labels, err := tx.Labels(account, id)
	if err != nil || !slices.Contains(labels, mailstore.LabelSpam) {
		return err
	}
	raw, err := tx.Raw(m.Blob)
	if err != nil {
		return err
	}
	tokens, _ := record.Tokens(raw)
	if len(tokens) == 0 {
		return nil
	}
	a, err := tx.Account(account)
	if err != nil {
		return err
	}
	author := tokens[len(tokens)-1] // whether it is sound is judged when mail comes
	header := message.ParseHeader(raw)
	const most = 32 // of a message
	candidates := slices.Concat(header.To, header.Cc)
	for _, to := range candidates[:min(len(candidates), most)] {
		if slices.Contains(a.Addresses, strings.ToLower(to.Addr)) || !author.HasRecipient(to.Addr) {
			continue
		}
		if err := n.history.NotSpam(tx, account, to.Addr); err != nil {
			return err
		}
	}
	return nil
}
