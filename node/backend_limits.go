package node

import (
	"context"
	"errors"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/limits"
)

// limitList is how many networks and accounts are listed.
const limitList = 500

// Limits lists what counts against strangers and accounts at present.
func (n *Node) Limits(context.Context) (*api.LimitList, error) {
	list, total := n.throttle.List(limitList)
	return &api.LimitList{Limits: n.limited(list), Total: total}, nil
}

// Forgive forgets what counts against a network or an account.
func (n *Node) Forgive(_ context.Context, r api.ForgiveRequest) (*api.Forgiven, error) {
	switch {
	case (r.Prefix == "") == (r.Account == ""):
		return nil, api.Errorf(api.CodeUsage, "cairn limits forgive --help", "forgiving: name a network or an account, one of the two")
	case r.Account != "":
		return n.forgiveAccount(r.Account)
	}
	p, err := limits.ParsePrefix(r.Prefix)
	if err != nil {
		return nil, api.Errorf(api.CodeUsage, "cairn limits ls", "forgiving: %v", err)
	}
	gone := n.throttle.Forgive(p)
	n.log.Info("limits were forgiven", "prefix", p.String(), "entries", len(gone))
	return &api.Forgiven{Forgiven: n.limited(gone)}, nil
}

func (n *Node) forgiveAccount(name string) (*api.Forgiven, error) {
	asked := name
	err := n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.AccountByName(name)
		name = a.Name
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, api.Errorf(api.CodeNotFound, "cairn account ls", "there is no account %q", asked)
	} else if err != nil {
		return nil, err
	}
	gone := n.throttle.ForgiveAccount(name)
	n.log.Info("limits were forgiven", "account", name, "entries", len(gone))
	return &api.Forgiven{Forgiven: n.limited(gone)}, nil
}

// limited shows what counts.
func (n *Node) limited(list []limits.Standing) []api.Limited {
	now, out := n.now(), []api.Limited{}
	for _, s := range list {
		v := api.Limited{
			Account: s.Account, Times: s.Times,
			Connections: s.Connections, Messages: s.Messages, Recipients: s.Recipients, Failures: s.Failures, Large: s.Large, Strangers: s.Strangers,
		}
		if s.Account == "" {
			v.Prefix = s.Prefix.String()
		}
		if s.Answer != limits.Proceed {
			v.Kept, v.Until = keptWord(s.Answer), now.Add(s.Left).UTC()
			if v.Next = "cairn limits forgive " + v.Prefix; s.Account != "" {
				v.Next = "cairn limits forgive --account " + api.ShellWord(s.Account)
			}
		}
		out = append(out, v)
	}
	return out
}

func keptWord(a limits.Answer) string {
	if a == limits.Spammer {
		return api.KeptSpammer
	}
	return api.KeptBanned
}
