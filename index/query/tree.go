package query

import "time"

// Q is a node of a query: All, And, Or, Not, Near, Term, Prefix, Phrase, Field, Label, Has, Size,
// Date, Age or Named.
type Q interface {
	// String returns text that [Parse] makes the same tree from.
	String() string
	node()
}

// All matches every message; it is the empty query.
type All struct{}

// And matches what all of List match; List has two nodes at least.
type And struct{ List []Q }

// Or matches what one of List matches; List has two nodes at least.
type Or struct{ List []Q }

// Not matches what Q does not match.
type Not struct{ Q Q }

// Near matches where Left and Right occur in the same field with at most Distance words from one to
// the other (1: side by side), in either order, and are made of other words of the text. They hold
// Term, Prefix, Phrase, Near, And and Or only; inside, And asks for all its parts near each other.
type Near struct {
	Left, Right Q
	Distance    int // 1 to MaxDistance
}

// Term matches a word. Text is as it was written; a word that the index takes apart ("foo-bar")
// matches as a phrase. Outside of a Field and a Near, a Term that is the name of a label stands for
// that label too, or for it alone: which, is found out for an account.
type Term struct{ Text string }

// Prefix matches words that begin with Text.
type Prefix struct{ Text string }

// Phrase matches the words of Text one after another.
type Phrase struct{ Text string }

// Field confines Q to one field. Q holds And, Or, Not, Near, Term, Prefix and Phrase only.
type Field struct {
	Name FieldName
	Q    Q
}

// Label matches messages that have the label.
type Label struct{ Name string }

// Has matches messages that have a thing; there is HasAttachment.
type Has struct{ What string }

// HasAttachment is the thing that has:attachment asks for.
const HasAttachment = "attachment"

// Size matches messages larger than Bytes, or smaller than Bytes.
type Size struct {
	Larger bool
	Bytes  int64
}

// Date matches messages dated at From or later and before To, or with Received those that came in
// then. A zero time leaves that side open; one is set. Times are UTC in whole seconds.
type Date struct {
	From, To time.Time
	Received bool
}

// Age matches messages that came in during the last Count units, or with Newer unset before that.
type Age struct {
	Newer bool
	Count int  // 0 to 100,000
	Unit  byte // h, d, w, m (months) or y
}

// Since is when the span of time began that is over at now.
func (q Age) Since(now time.Time) time.Time {
	switch q.Unit {
	case 'h':
		return now.Add(-time.Duration(q.Count) * time.Hour)
	case 'w':
		return now.AddDate(0, 0, -7*q.Count)
	case 'm':
		return now.AddDate(0, -q.Count, 0)
	case 'y':
		return now.AddDate(-q.Count, 0, 0)
	}
	return now.AddDate(0, 0, -q.Count)
}

// Named stands for the query that an account gave that name. It is put in its place before a
// search.
type Named struct{ Name string }

func (All) node()    {}
func (And) node()    {}
func (Or) node()     {}
func (Not) node()    {}
func (Near) node()   {}
func (Term) node()   {}
func (Prefix) node() {}
func (Phrase) node() {}
func (Field) node()  {}
func (Label) node()  {}
func (Has) node()    {}
func (Size) node()   {}
func (Date) node()   {}
func (Age) node()    {}
func (Named) node()  {}

// FieldName is a part of a message that words can be looked for in.
type FieldName string

// The fields of text.
const (
	From       FieldName = "from"
	To         FieldName = "to"
	Cc         FieldName = "cc"
	Subject    FieldName = "subject"
	Body       FieldName = "body"
	Attachment FieldName = "attachment" // text of attachments
	Filename   FieldName = "filename"   // names of attachments
	List       FieldName = "list"       // List-Id
	ID         FieldName = "id"         // Message-ID
)

// Fields returns all fields of text.
func Fields() []FieldName {
	return []FieldName{From, To, Cc, Subject, Body, Attachment, Filename, List, ID}
}

// DefaultDistance is the distance of a near without a number, MaxDistance the greatest.
const (
	DefaultDistance = 10
	MaxDistance     = 1000
)

// VerdictPrefix begins the labels that verdict:x stands for.
const VerdictPrefix = "verdict/"

// Walk calls fn for q and every node below it, parents first.
func Walk(q Q, fn func(Q)) {
	fn(q)
	switch q := q.(type) {
	case And:
		for _, c := range q.List {
			Walk(c, fn)
		}
	case Or:
		for _, c := range q.List {
			Walk(c, fn)
		}
	case Not:
		Walk(q.Q, fn)
	case Near:
		Walk(q.Left, fn)
		Walk(q.Right, fn)
	case Field:
		Walk(q.Q, fn)
	}
}
