package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cairn/index"
	"cairn/mailstore"
	"cairn/node/api"
)

// relabelAtOnce is how many messages get labels in one transaction.
const relabelAtOnce = 500

// Labels counts the messages under each label.
func (n *Node) Labels(_ context.Context, account string) (*api.LabelList, error) {
	id, err := n.accountID(account)
	if err != nil {
		return nil, err
	}
	sum := make(map[string]int)
	err = n.store.View(func(rd *mailstore.Reader) error {
		accounts, err := rd.Accounts()
		for _, a := range accounts {
			if id != 0 && a.ID != id {
				continue
			}
			counts, err := rd.LabelCounts(a.ID)
			if err != nil {
				return err
			}
			for label, count := range counts {
				sum[label] += count
			}
		}
		return err
	})
	list := &api.LabelList{Account: account, Labels: []api.LabelCount{}}
	for _, label := range slices.Sorted(maps.Keys(sum)) {
		list.Labels = append(list.Labels, api.LabelCount{Label: label, Messages: sum[label]})
	}
	return list, err
}

// SetLabels changes the labels of one message.
func (n *Node) SetLabels(ctx context.Context, r api.LabelRequest) (*api.MessageLabels, error) {
	all, err := n.Relabel(ctx, api.RelabelRequest{Refs: []string{r.Ref}, Add: r.Add, Remove: r.Remove})
	if err != nil {
		return nil, err
	}
	one := all.Messages[0]
	one.Absent = all.Absent
	return &one, nil
}

// Relabel changes the labels of several messages: those that are named, all or none, or those that
// a query finds.
func (n *Node) Relabel(ctx context.Context, r api.RelabelRequest) (*api.Relabelled, error) {
	switch {
	case (len(r.Refs) > 0) == (r.Query != ""):
		return nil, api.Errorf(api.CodeInvalid, "cairn label add --help", "changing labels: name messages or give a query, one of the two")
	case len(r.Refs) > relabelAtOnce:
		return nil, api.Errorf(api.CodeTooLarge, "name fewer, or give a query: cairn label add --query QUERY LABEL",
			"changing labels: %d messages at once, %d at most", len(r.Refs), relabelAtOnce)
	}
	var list []api.MessageLabels
	var found searched
	var err error
	borne := make(map[string]bool)
	if r.Query == "" {
		list, err = n.relabelNamed(ctx, r, borne)
	} else {
		list, found, err = n.relabelFound(ctx, r, borne)
	}
	absent := slices.DeleteFunc(slices.Clone(r.Remove), func(label string) bool { return borne[label] })
	return &api.Relabelled{Messages: list, Absent: absent, Both: found.Both, Behind: found.behind}, err
}

func (n *Node) relabelNamed(ctx context.Context, r api.RelabelRequest, borne map[string]bool) (list []api.MessageLabels, err error) {
	if err := checkLabels(r.Add, r.Remove); err != nil {
		return nil, err
	}
	err = n.store.Update(ctx, func(tx *mailstore.Tx) error {
		list = nil
		for _, ref := range r.Refs {
			account, id, err := parseRef(&tx.Reader, ref)
			if err != nil {
				return err
			}
			labels, err := n.relabel(tx, account, id, r, borne)
			if err != nil {
				return notFound(err, "cairn search", "there is no message %s", ref)
			}
			list = append(list, api.MessageLabels{Ref: ref, Labels: labels})
		}
		return nil
	})
	return list, err
}

// relabelFound changes what the query finds now, in transactions of bounded size. What is
// interrupted can be repeated.
func (n *Node) relabelFound(ctx context.Context, r api.RelabelRequest, borne map[string]bool) (list []api.MessageLabels, found searched, err error) {
	if err := checkLabels(r.Add, r.Remove); err != nil {
		return nil, found, err
	}
	if found, err = n.find(ctx, r.Account, r.Query, index.Request{}); err != nil {
		return nil, found, err
	}
	for hits := range slices.Chunk(found.Hits, relabelAtOnce) {
		var step []api.MessageLabels
		err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
			step = nil
			for _, hit := range hits {
				labels, err := n.relabel(tx, hit.Account, hit.Message, r, borne)
				if errors.Is(err, mailstore.ErrNotFound) {
					continue // removed since the index looked
				}
				if err != nil {
					return err
				}
				ref, err := refOf(&tx.Reader, hit.Account, hit.Message)
				if err != nil {
					return err
				}
				step = append(step, api.MessageLabels{Ref: ref, Labels: labels})
			}
			return nil
		})
		if err != nil {
			return nil, found, fmt.Errorf("changing labels: %d of %d messages are done: %w", len(list), len(found.Hits), err)
		}
		list = append(list, step...)
	}
	return list, found, nil
}

// relabel changes the labels of one message and returns those it has then; those that it had are
// noted as borne.
func (n *Node) relabel(tx *mailstore.Tx, account mailstore.AccountID, id mailstore.MessageID, r api.RelabelRequest, borne map[string]bool) ([]string, error) {
	had, err := tx.Labels(account, id)
	if err != nil {
		return nil, err
	}
	for _, label := range had {
		borne[label] = true
	}
	if slices.Contains(r.Remove, mailstore.LabelSpam) {
		if err := n.notSpam(tx, account, id); err != nil {
			return nil, err
		}
	}
	if err := tx.SetLabels(account, id, r.Add, r.Remove); err != nil {
		return nil, err
	}
	return tx.Labels(account, id)
}

// checkLabels tells which labels people cannot give or take.
func checkLabels(add, remove []string) error {
	for _, label := range slices.Concat(add, remove) {
		if err := mailstore.CheckLabel(label); err != nil {
			return api.Errorf(api.CodeUsage, "use 1 to 64 lower-case letters, digits and - _ . /", "%v", err)
		}
		if rest, verdict := strings.CutPrefix(label, mailstore.VerdictPrefix); verdict && rest != "" {
			return api.Errorf(api.CodeNotAllowed, "use a label of your own", "%s: verdicts are given by the node alone", label)
		}
	}
	for _, label := range add {
		if api.IsRef(label) {
			return api.Errorf(api.CodeUsage, "choose a label that does not end in a slash and a number", "the label %s would look like the name of a message", label)
		}
	}
	return nil
}
