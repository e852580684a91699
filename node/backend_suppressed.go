package node

import (
	"context"
	"errors"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/suppressed"
)

// defaultSuppress is for how long an address is suppressed by hand where the configuration has no
// time.
const defaultSuppress = 30 * 24 * time.Hour

// ListSuppressed lists the addresses that mail of an account, or with "" of any, is refused to.
func (n *Node) ListSuppressed(_ context.Context, account string) (*api.SuppressedList, error) {
	var id mailstore.AccountID
	var err error
	if account != "" {
		if id, err = n.accountID(account); err != nil {
			return nil, err
		}
	}
	l := &api.SuppressedList{Addresses: []api.SuppressedAddress{}}
	err = n.store.View(func(rd *mailstore.Reader) error {
		all, err := suppressed.List(rd, id, n.now())
		for _, s := range all {
			v, viewErr := viewSuppressed(rd, s)
			if err = errors.Join(err, viewErr); err != nil {
				return err
			}
			l.Addresses = append(l.Addresses, v)
		}
		return err
	})
	return l, err
}

func viewSuppressed(rd *mailstore.Reader, s suppressed.Entry) (api.SuppressedAddress, error) {
	a, err := rd.Account(s.Account)
	if errors.Is(err, mailstore.ErrNotFound) {
		err = nil
	}
	return api.SuppressedAddress{Account: a.Name, Address: s.Address, Since: s.Since, Until: s.Until, Why: s.Why}, err
}

// suppressing finds the account of a request, which has to name one.
func (n *Node) suppressing(r api.SuppressRequest) (mailstore.AccountID, error) {
	if r.Account == "" {
		return 0, api.Errorf(api.CodeUsage, "cairn queue suppressed --help", "suppressing an address: name the account whose mail is meant")
	}
	return n.accountID(r.Account)
}

// Suppress puts an address on the list of an account.
func (n *Node) Suppress(ctx context.Context, r api.SuppressRequest) (*api.Suppressed, error) {
	id, err := n.suppressing(r)
	if err != nil {
		return nil, err
	}
	within, _ := n.cfg.Outbound.suppress()
	if within == 0 {
		within = defaultSuppress
	}
	if r.Seconds < 0 || r.Seconds > int64(maxSuppress/time.Second) {
		return nil, api.Errorf(api.CodeInvalid, "cairn queue suppressed add --help", "an address is suppressed for %d days at most, not for %d s", int(maxSuppress/(24*time.Hour)), r.Seconds)
	}
	if r.Seconds > 0 {
		within = time.Duration(r.Seconds) * time.Second
	}
	v := new(api.Suppressed)
	err = n.store.Update(ctx, func(tx *mailstore.Tx) error {
		s, err := n.submitter.Suppress(tx, id, r.Address, within)
		if err == nil {
			v.SuppressedAddress, err = viewSuppressed(&tx.Reader, s)
		}
		return err
	})
	return v, suppressError(err, r)
}

// Unsuppress takes an address off the list of an account.
func (n *Node) Unsuppress(ctx context.Context, r api.SuppressRequest) (*api.Suppressed, error) {
	id, err := n.suppressing(r)
	if err != nil {
		return nil, err
	}
	v := new(api.Suppressed)
	err = n.store.Update(ctx, func(tx *mailstore.Tx) error {
		s, err := n.submitter.Unsuppress(tx, id, r.Address)
		if err == nil {
			v.SuppressedAddress, err = viewSuppressed(&tx.Reader, s)
		}
		return err
	})
	return v, suppressError(err, r)
}

func suppressError(err error, r api.SuppressRequest) error {
	refusal, refused := errors.AsType[*refuse.Refusal](err)
	switch {
	case refused:
		return api.Errorf(api.CodeInvalid, "cairn queue suppressed ls", "%q is no address: %s", r.Address, refusal.Text)
	case errors.Is(err, mailstore.ErrNotFound):
		return api.Errorf(api.CodeNotFound, "cairn queue suppressed ls", "%s is not on the list of %s", r.Address, r.Account)
	case errors.Is(err, suppressed.ErrOwn):
		return api.Errorf(api.CodeInvalid, "cairn account ls", "%s: %v; remove the account, or the address from it", r.Address, err)
	case errors.Is(err, suppressed.ErrFull):
		return api.Errorf(api.CodeInvalid, "cairn queue suppressed ls", "%s is not put on the list: %v (%d)", r.Address, err, suppressed.Max)
	}
	return err
}
