package query

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Binding strength of the operators, loosest first.
const (
	bindOr = iota
	bindAnd
	bindNot
	bindNear
	bindAtom
)

func binding(q Q) int {
	switch q.(type) {
	case Or:
		return bindOr
	case And:
		return bindAnd
	case Not:
		return bindNot
	case Near:
		return bindNear
	}
	return bindAtom
}

// text returns q, in parentheses if it binds looser than least.
func text(q Q, least int) string {
	if binding(q) < least {
		return "(" + q.String() + ")"
	}
	return q.String()
}

func join(list []Q, separator string, least int) string {
	parts := make([]string, len(list))
	for i, q := range list {
		parts[i] = text(q, least)
	}
	return strings.Join(parts, separator)
}

func (q All) String() string  { return "*" }
func (q And) String() string  { return join(q.List, " ", bindNot) }
func (q Or) String() string   { return join(q.List, " or ", bindAnd) }
func (q Not) String() string  { return "not " + text(q.Q, bindNot) }
func (q Term) String() string { return q.Text }

func (q Near) String() string {
	operator := " near "
	if q.Distance != DefaultDistance {
		operator = " near/" + strconv.Itoa(q.Distance) + " "
	}
	return text(q.Left, bindAtom) + operator + text(q.Right, bindAtom)
}

func (q Prefix) String() string { return q.Text + "*" }

func (q Phrase) String() string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(q.Text) + `"`
}

func (q Field) String() string { return string(q.Name) + ":" + text(q.Q, bindAtom) }
func (q Named) String() string { return "query:" + q.Name }
func (q Has) String() string   { return "has:" + q.What }

func (q Label) String() string {
	if verdict, found := strings.CutPrefix(q.Name, VerdictPrefix); found && slices.Contains(verdicts, verdict) {
		return "verdict:" + verdict
	}
	return "label:" + q.Name
}

func (q Size) String() string {
	if q.Larger {
		return "larger:" + strconv.FormatInt(q.Bytes, 10)
	}
	return "smaller:" + strconv.FormatInt(q.Bytes, 10)
}

func (q Age) String() string {
	name := "older_than:"
	if q.Newer {
		name = "newer_than:"
	}
	return name + strconv.Itoa(q.Count) + string(q.Unit)
}

func (q Date) String() string {
	from, to := q.From.Format(time.RFC3339), q.To.Format(time.RFC3339)
	switch {
	case q.Received && q.To.IsZero():
		return "received:" + from + ".."
	case q.Received && q.From.IsZero():
		return "received:.." + to
	case q.Received:
		return "received:" + from + ".." + to
	case q.To.IsZero():
		return "after:" + from
	case q.From.IsZero():
		return "before:" + to
	}
	return "date:" + from + ".." + to
}
