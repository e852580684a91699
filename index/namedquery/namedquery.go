// Package namedquery keeps the queries that accounts gave names, and puts what they stand for in
// place of the names. A query is kept as it was typed and as it was understood then: the labels
// that an account makes later do not change what its queries find.
package namedquery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/index/query"
	"cairn/index/query/nearest"
	"cairn/mailstore"
)

// Space is the durable map in the mail store: account u32, big endian | name -> Query, JSON.
const Space = "queries"

const (
	version = 1
	// Most is how many queries an account has at most.
	Most = 1000
	// MaxParts bounds what a query comes to with all that it names: its words, conditions and
	// operators.
	MaxParts = 4096
)

// Query is one that has a name.
type Query struct {
	Version int       `json:"version"`
	Name    string    `json:"-"`
	Text    string    `json:"text"`  // as it was typed
	Means   string    `json:"means"` // as it was understood, with the names in it
	Since   time.Time `json:"since"` // UTC, whole seconds
}

// Errors that callers decide on with errors.Is.
var (
	// ErrFull: the account has Most queries.
	ErrFull = errors.New("the account has as many queries as there can be")
	// ErrCycle: a query would stand for itself.
	ErrCycle = errors.New("the query would stand for itself")
	// ErrLarge: with what it names a query has more than MaxParts parts.
	ErrLarge = fmt.Errorf("with what it names the query has more than %d parts", MaxParts)
	// ErrUsed: another query names it.
	ErrUsed = errors.New("another query names it")

	errStored = errors.New("a query that has a name is damaged or of a newer version: " + mailstore.NextCheck)
)

// UnknownError: an account has no query of a name.
type UnknownError struct {
	Name    string
	Nearest string // that it has; empty: none is near
}

// Error names it, and which was meant.
func (e *UnknownError) Error() string {
	meant := ""
	if e.Nearest != "" {
		meant = "; did you mean " + e.Nearest + "?"
	}
	return fmt.Sprintf("there is no query named %q%s", e.Name, meant)
}

// Is makes it a mailstore.ErrNotFound.
func (e *UnknownError) Is(target error) bool { return target == mailstore.ErrNotFound }

func accountKey(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(account))
}

func key(account mailstore.AccountID, name string) []byte {
	return append(accountKey(account), name...)
}

// List returns the queries of an account by their names.
func List(r *mailstore.Reader, account mailstore.AccountID) (list []Query, err error) {
	scanned := r.Space(Space).Scan(accountKey(account), nil, func(key, value []byte) bool {
		var q Query
		if q, err = decode(string(key[4:]), value); err == nil {
			list = append(list, q)
		}
		return err == nil
	})
	return list, errors.Join(err, scanned)
}

// Get returns one query; an *UnknownError where there is none.
func Get(r *mailstore.Reader, account mailstore.AccountID, name string) (Query, error) {
	value, err := r.Space(Space).Get(key(account, name))
	if err == nil {
		return decode(name, value)
	}
	if !errors.Is(err, mailstore.ErrNotFound) {
		return Query{}, err
	}
	var names []string
	err = r.Space(Space).Keys(accountKey(account), nil, func(key []byte) bool {
		names = append(names, string(key[4:]))
		return true
	})
	if err != nil {
		return Query{}, err
	}
	return Query{}, &UnknownError{Name: name, Nearest: nearest.Word(name, names)}
}

func decode(name string, value []byte) (q Query, err error) {
	if json.Unmarshal(value, &q) != nil || q.Version != version {
		return Query{}, errStored
	}
	q.Name = name
	return q, nil
}

// Put gives a query a name, or changes the one of that name. means is what its text is understood
// as.
func Put(tx *mailstore.Tx, account mailstore.AccountID, name, text string, means query.Q, now time.Time) (Query, error) {
	if err := mailstore.CheckLabel(name); err != nil {
		return Query{}, err
	}
	list, err := List(&tx.Reader, account)
	if err != nil {
		return Query{}, err
	}
	known := slices.ContainsFunc(list, func(q Query) bool { return q.Name == name })
	if len(list) >= Most && !known {
		return Query{}, ErrFull
	}
	q := Query{Version: version, Name: name, Text: text, Means: Pinned(means).String(), Since: now.UTC().Truncate(time.Second)}
	if _, err := query.Parse(q.Means, now); err != nil { // it is longer than what was typed
		return Query{}, ErrLarge
	}
	if err := tx.Space(Space).PutJSON(key(account, name), q); err != nil {
		return Query{}, err
	}
	_, err = Expand(&tx.Reader, account, query.Named{Name: name}, now)
	return q, err
}

// Remove takes a query away, unless another one names it.
func Remove(tx *mailstore.Tx, account mailstore.AccountID, name string) (Query, error) {
	q, err := Get(&tx.Reader, account, name)
	if err != nil {
		return q, err
	}
	list, err := List(&tx.Reader, account)
	if err != nil {
		return q, err
	}
	for _, other := range list {
		means, err := query.Parse(other.Means, time.Unix(0, 0))
		if err != nil {
			return q, errStored
		}
		uses := false
		query.Walk(means, func(q query.Q) { uses = uses || q == query.Q(query.Named{Name: name}) })
		if uses && other.Name != name {
			return q, fmt.Errorf("%w: %s", ErrUsed, other.Name)
		}
	}
	return q, tx.Space(Space).Delete(key(account, name))
}

// RemoveAll drops the queries of an account, for when it is removed.
func RemoveAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	var keys [][]byte
	err := tx.Space(Space).Keys(accountKey(account), nil, func(key []byte) bool {
		keys = append(keys, slices.Clone(key))
		return true
	})
	for _, key := range keys {
		err = errors.Join(err, tx.Space(Space).Delete(key))
	}
	return err
}

// Expand puts what names stand for in their place. now is the moment that relative dates of the
// former versions of a query count from; ages stay as they are.
func Expand(r *mailstore.Reader, account mailstore.AccountID, q query.Q, now time.Time) (query.Q, error) {
	e := expansion{r: r, account: account, now: now}
	return e.of(q)
}

type expansion struct {
	r       *mailstore.Reader
	account mailstore.AccountID
	now     time.Time
	within  []string // names that are being put in place
	parts   int
}

func (e *expansion) of(q query.Q) (query.Q, error) {
	if e.parts++; e.parts > MaxParts {
		return nil, ErrLarge
	}
	switch q := q.(type) {
	case query.And:
		list, err := e.ofEach(q.List)
		return query.And{List: list}, err
	case query.Or:
		list, err := e.ofEach(q.List)
		return query.Or{List: list}, err
	case query.Not:
		inner, err := e.of(q.Q)
		return query.Not{Q: inner}, err
	case query.Named:
		if slices.Contains(e.within, q.Name) {
			return nil, fmt.Errorf("%w, by way of %s", ErrCycle, q.Name)
		}
		stored, err := Get(e.r, e.account, q.Name)
		if err != nil {
			return nil, err
		}
		means, err := query.Parse(stored.Means, e.now)
		if err != nil {
			return nil, errStored
		}
		e.within = append(e.within, q.Name)
		defer func() { e.within = e.within[:len(e.within)-1] }()
		return e.of(means)
	}
	return q, nil
}

func (e *expansion) ofEach(list []query.Q) ([]query.Q, error) {
	out := make([]query.Q, len(list))
	for i, q := range list {
		var err error
		if out[i], err = e.of(q); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Pinned makes words of all that could become labels: no name of a label means more than it does
// now.
func Pinned(q query.Q) query.Q {
	switch q := q.(type) {
	case query.And:
		return query.And{List: pinnedEach(q.List)}
	case query.Or:
		return query.Or{List: pinnedEach(q.List)}
	case query.Not:
		return query.Not{Q: Pinned(q.Q)}
	case query.Term:
		return query.Phrase(q)
	}
	return q
}

func pinnedEach(list []query.Q) []query.Q {
	out := make([]query.Q, len(list))
	for i, q := range list {
		out[i] = Pinned(q)
	}
	return out
}
