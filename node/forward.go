package node

import (
	"context"
	"errors"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/forwards"
	"cairn/node/api"
	"cairn/smtpgw"
	"cairn/smtpgw/arc"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/dkim"
	"cairn/smtpgw/dkim/keyring"
	"cairn/smtpgw/lists"
)

// sealPatience is how long the DNS has to say whether seals hold that mail has which is sent on.
const sealPatience = 10 * time.Second

// sealARC is smtpgw.Forwarding.Seal.
func (n *Node) sealARC(ctx context.Context, domain, results string, raw []byte) []byte {
	return n.sealChangedARC(ctx, domain, results, raw, raw)
}

// sealChangedARC is lists.Marks.Seal. Mail goes without another seal where there is no RSA key
// whose record is seen, and where it is not known whether those before hold. These are held to the
// mail as it came: on its way here nobody knew what becomes of it.
func (n *Node) sealChangedARC(ctx context.Context, domain, results string, came, goes []byte) []byte {
	for _, k := range n.dkim.ring.Load().Signing(domain) {
		if k.Algorithm() != keyring.RSA {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, sealPatience)
		defer cancel()
		m := dkim.Split(came)
		found := arc.Validate(ctx, lookup.New(evidenceDNS{}), m)
		fields, err := arc.Seal(m, dkim.Split(goes), found.Result, results, dkim.SigningKey{Domain: domain, Selector: k.Selector, Signer: k.Signer}, n.now())
		if err != nil {
			n.part("smtp").Info("mail is sent on without an ARC seal", "domain", domain, "err", err)
		}
		return fields
	}
	return nil
}

// forwarding is what mail is sent on by.
func (n *Node) forwarding() smtpgw.Forwarding {
	return smtpgw.Forwarding{Queue: n.queue, Seal: n.sealARC}
}

// Forwards tells where mail of an account is sent on to.
func (n *Node) Forwards(_ context.Context, account string) (*api.Forwards, error) {
	var view *api.Forwards
	err := n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.AccountByName(account)
		if err != nil {
			return err
		}
		rule, err := forwards.Of(rd, a.ID)
		view = viewForwards(a, rule)
		return err
	})
	return view, notFound(err, "cairn account ls", "there is no account %q", account)
}

// AddForward has mail of an account sent on to one more address.
func (n *Node) AddForward(ctx context.Context, r api.ForwardRequest) (*api.Forwards, error) {
	return n.changeForwards(ctx, r, func(tx *mailstore.Tx, a mailstore.Account) (forwards.Rule, error) {
		if _, err := lists.Of(&tx.Reader, a.ID); err == nil {
			return forwards.Rule{}, api.Errorf(api.CodeNotAllowed, "name members: cairn list host join "+a.Name+" "+r.Address,
				"sending mail of %s on: it is a mailing list", a.Name)
		} else if !errors.Is(err, lists.ErrNone) {
			return forwards.Rule{}, err
		}
		rule, err := forwards.Add(tx, a.ID, r.Address, n.now())
		if err == nil && r.NoCopy != nil {
			rule, err = forwards.Change(tx, a.ID, func(rule *forwards.Rule) error { rule.NoCopy = *r.NoCopy; return nil })
		}
		return rule, err
	})
}

// RemoveForward has it not sent on to an address any more.
func (n *Node) RemoveForward(ctx context.Context, r api.ForwardRequest) (*api.Forwards, error) {
	return n.changeForwards(ctx, r, func(tx *mailstore.Tx, a mailstore.Account) (forwards.Rule, error) {
		return forwards.Remove(tx, a.ID, r.Address)
	})
}

func (n *Node) changeForwards(ctx context.Context, r api.ForwardRequest, change func(*mailstore.Tx, mailstore.Account) (forwards.Rule, error)) (*api.Forwards, error) {
	if _, err := mailstore.CanonicalAddress(r.Address); err != nil {
		return nil, api.Errorf(api.CodeUsage, "give the address as local-part@domain", "sending mail of %s on: %v", r.Account, err)
	}
	ls := "cairn account forward ls " + r.Account
	var view *api.Forwards
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(r.Account)
		if errors.Is(err, mailstore.ErrNotFound) {
			return api.Errorf(api.CodeNotFound, "cairn account ls", "there is no account %q", r.Account)
		}
		if err != nil {
			return err
		}
		rule, err := change(tx, a)
		view = viewForwards(a, rule)
		return err
	})
	switch {
	case errors.Is(err, forwards.ErrOwn):
		return nil, api.Errorf(api.CodeInvalid, "name an address that is not its own", "sending mail of %s on: mail reaches it at %s already", r.Account, r.Address)
	case errors.Is(err, forwards.ErrFull):
		return nil, api.Errorf(api.CodeTooLarge, ls, "sending mail of %s on: it goes to %d addresses, which is the most", r.Account, forwards.MaxTargets)
	case errors.Is(err, mailstore.ErrNotFound):
		return nil, api.Errorf(api.CodeNotFound, ls, "sending mail of %s on: it does not go to %s", r.Account, r.Address)
	case err != nil:
		return nil, err
	}
	return view, nil
}

func viewForwards(a mailstore.Account, rule forwards.Rule) *api.Forwards {
	view := &api.Forwards{Account: a.Name, Copy: !rule.NoCopy, To: []api.Forward{}}
	for _, t := range rule.To {
		view.To = append(view.To, api.Forward{Address: t.Address, Since: t.Since})
	}
	return view
}
