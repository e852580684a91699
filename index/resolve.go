package index

import (
	"slices"
	"strings"

	"cairn/index/analysis"
	"cairn/index/query"
	"cairn/mailstore"
)

// resolve is what a query means to this account. A bare word that names a label of the system means
// that label; one that names a label of the account's own finds both, the label and the word. A
// word in which there is nothing to search for (a lone dash, say) is left out beside others.
//
// both are the words that were looked for as a label and as a word, sorted.
func (e *evaluator) resolve(q query.Q) (out query.Q, both []string, err error) {
	r := resolver{e: e}
	out, blank := r.rewrite(q)
	if _, not := out.(query.Not); blank && not { // else what has nothing to search for would find all
		out = nothing
	}
	slices.Sort(r.both)
	return query.Simplify(out), slices.Compact(r.both), r.err
}

// nothing is a query that finds nothing.
var nothing = query.Not{Q: query.All{}}

// resolver rewrites a query; err is the first error that it met.
type resolver struct {
	e    *evaluator
	both []string
	err  error
}

// rewrite returns q as it is meant; blank tells that there is nothing in it to search for.
func (r *resolver) rewrite(q query.Q) (out query.Q, blank bool) {
	switch q := q.(type) {
	case query.And:
		return together(q.List, r.rewrite)
	case query.Or:
		return either(q.List, r.rewrite)
	case query.Not:
		inner, blank := r.rewrite(q.Q)
		return query.Not{Q: inner}, blank
	case query.Field:
		inner, blank := words(q.Q)
		if _, not := inner.(query.Not); blank && not {
			return nothing, false
		}
		return query.Field{Name: q.Name, Q: inner}, false
	case query.Term:
		name := strings.ToLower(q.Text)
		if slices.Contains(mailstore.SystemLabels(), name) {
			return query.Label{Name: name}, false
		}
		known, err := r.e.isLabel(name)
		if err != nil && r.err == nil {
			r.err = err
		}
		if known {
			r.both = append(r.both, name)
			return query.Or{List: []query.Q{query.Label{Name: name}, query.Phrase(q)}}, false
		}
	}
	return words(q)
}

// words is rewrite for a part of a query that is not about labels.
func words(q query.Q) (out query.Q, blank bool) {
	switch q := q.(type) {
	case query.And:
		return together(q.List, words)
	case query.Or:
		return either(q.List, words)
	case query.Not:
		inner, blank := words(q.Q)
		return query.Not{Q: inner}, blank
	case query.Term:
		return q, len(analysis.Words(q.Text)) == 0
	case query.Phrase:
		return q, len(analysis.Words(q.Text)) == 0
	case query.Prefix:
		return q, len(analysis.Words(q.Text)) == 0
	case query.Near:
		left, blankLeft := words(q.Left)
		right, blankRight := words(q.Right)
		return query.Near{Left: left, Right: right, Distance: q.Distance}, blankLeft && blankRight
	}
	return q, false
}

// together leaves the blank parts of an And out, unless all are.
func together(list []query.Q, rewrite func(query.Q) (query.Q, bool)) (query.Q, bool) {
	var out, blanks []query.Q
	for _, q := range list {
		if q, blank := rewrite(q); !blank {
			out = append(out, q)
		} else if _, not := q.(query.Not); not {
			blanks = append(blanks, nothing)
		} else {
			blanks = append(blanks, q)
		}
	}
	switch len(out) {
	case 0:
		return query.And{List: blanks}, true
	case 1:
		return out[0], false
	}
	return query.And{List: out}, false
}

// either makes nothing of the blank parts of an Or that would find all.
func either(list []query.Q, rewrite func(query.Q) (query.Q, bool)) (query.Q, bool) {
	out := make([]query.Q, len(list))
	all := true
	for i, q := range list {
		var blank bool
		out[i], blank = rewrite(q)
		if _, not := out[i].(query.Not); blank && not {
			out[i] = nothing
		}
		all = all && blank
	}
	return query.Or{List: out}, all
}

// isLabel tells whether name is a label that a message of the account has.
func (e *evaluator) isLabel(name string) (found bool, err error) {
	if mailstore.CheckLabel(name) != nil {
		return false, nil
	}
	err = e.scan(labelPrefix(e.account, name), false, func([]byte, []byte) bool {
		found = true
		return false
	})
	return found, err
}
