package node

import (
	"context"
	"errors"

	"cairn/index"
	"cairn/index/namedquery"
	"cairn/index/query"
	"cairn/mailstore"
	"cairn/node/api"
)

// Queries lists the queries that an account gave names.
func (n *Node) Queries(ctx context.Context, r api.QueriesRequest) (*api.NamedQueries, error) {
	view := &api.NamedQueries{Account: r.Account, Queries: []api.NamedQuery{}}
	err := n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.AccountByName(r.Account)
		if err != nil {
			return err
		}
		view.Account = a.Name
		list, err := namedquery.List(rd, a.ID)
		for _, q := range list {
			view.Queries = append(view.Queries, viewQuery(q))
		}
		return err
	})
	if err != nil {
		return nil, notFound(err, "cairn account ls", "there is no account %q", r.Account)
	}
	for i := range view.Queries {
		if !r.Count {
			break
		}
		q := &view.Queries[i]
		found, err := n.find(ctx, view.Account, query.Named{Name: q.Name}.String(), index.Request{Limit: 1})
		if err != nil {
			return nil, err
		}
		q.Total, view.Behind = &found.Total, found.behind
	}
	return view, nil
}

func viewQuery(q namedquery.Query) api.NamedQuery {
	return api.NamedQuery{Name: q.Name, Query: q.Text, Means: q.Means, Since: q.Since}
}

// PutQuery gives a query a name, or changes the one of that name.
func (n *Node) PutQuery(ctx context.Context, r api.NamedQueryRequest) (*api.NamedQueries, error) {
	if err := mailstore.CheckLabel(r.Name); err != nil {
		return nil, api.Errorf(api.CodeUsage, "choose a name as of labels, such as unpaid", "naming a query: %q is no name for one", r.Name)
	}
	q, err := query.Parse(r.Query, n.now())
	if err != nil {
		return nil, api.Errorf(api.CodeUsage, "cairn search --help", "understanding the query: %v", err)
	}
	account, err := n.accountID(r.Account)
	if err != nil {
		return nil, err
	}
	if account == 0 {
		return nil, api.Errorf(api.CodeUsage, "cairn account ls", "naming a query: an account has to be named")
	}
	if _, err := n.awaitIndex(ctx); err != nil { // labels that were just given count
		return nil, err
	}
	means, err := n.index.Resolve(ctx, account, q)
	if err != nil {
		return nil, err
	}
	return n.changeQueries(ctx, r, func(tx *mailstore.Tx, a mailstore.Account) (namedquery.Query, error) {
		return namedquery.Put(tx, a.ID, r.Name, r.Query, means, n.now())
	})
}

// RemoveQuery takes a query and its name away.
func (n *Node) RemoveQuery(ctx context.Context, r api.NamedQueryRequest) (*api.NamedQueries, error) {
	return n.changeQueries(ctx, r, func(tx *mailstore.Tx, a mailstore.Account) (namedquery.Query, error) {
		return namedquery.Remove(tx, a.ID, r.Name)
	})
}

func (n *Node) changeQueries(ctx context.Context, r api.NamedQueryRequest, change func(*mailstore.Tx, mailstore.Account) (namedquery.Query, error)) (*api.NamedQueries, error) {
	var view *api.NamedQueries
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(r.Account)
		if err != nil {
			return notFound(err, "cairn account ls", "there is no account %q", r.Account)
		}
		q, err := change(tx, a)
		view = &api.NamedQueries{Account: a.Name, Queries: []api.NamedQuery{viewQuery(q)}}
		return err
	})
	if err != nil {
		return nil, queryError(err, r.Account)
	}
	return view, nil
}

// queryError is what is told of an error of package namedquery.
func queryError(err error, account string) error {
	ls := "cairn query ls " + account
	unknown, isUnknown := errors.AsType[*namedquery.UnknownError](err)
	switch {
	case isUnknown:
		return api.Errorf(api.CodeNotFound, ls, "looking up a query of %s: %v", account, unknown)
	case errors.Is(err, namedquery.ErrCycle), errors.Is(err, namedquery.ErrLarge), errors.Is(err, namedquery.ErrFull):
		return api.Errorf(api.CodeInvalid, ls, "naming a query of %s: %v", account, err)
	case errors.Is(err, namedquery.ErrUsed):
		return api.Errorf(api.CodeNotAllowed, ls, "removing a query of %s: %v", account, err)
	}
	return err
}

// expand puts the queries of an account in place of their names.
func (n *Node) expand(account string, id mailstore.AccountID, q query.Q) (out query.Q, err error) {
	names := false
	query.Walk(q, func(q query.Q) {
		_, is := q.(query.Named)
		names = names || is
	})
	switch {
	case !names:
		return q, nil
	case id == 0:
		return nil, api.Errorf(api.CodeUsage, "name the account with --account", "searching: the query names one that an account gave a name, and all accounts are searched")
	}
	err = n.store.View(func(rd *mailstore.Reader) error {
		out, err = namedquery.Expand(rd, id, q, n.now())
		return err
	})
	if err != nil {
		return nil, queryError(err, account)
	}
	return out, nil
}
