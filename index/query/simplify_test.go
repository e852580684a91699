package query

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// tree draws a query over words a to d, labels and All, as the parser could make it.
func tree(t *rapid.T, depth int) Q {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 && kind > 3 {
		kind -= 4
	}
	word := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	list := func() []Q {
		l := make([]Q, rapid.IntRange(2, 4).Draw(t, "parts"))
		for i := range l {
			l[i] = tree(t, depth-1)
		}
		return l
	}
	switch kind {
	case 0, 1:
		return Term{word.Draw(t, "word")}
	case 2:
		return Label{word.Draw(t, "label")}
	case 3:
		return All{}
	case 4:
		return And{list()}
	case 5:
		return Or{list()}
	case 6:
		return Not{tree(t, depth-1)}
	}
	return Field{Subject, Or{[]Q{Phrase{word.Draw(t, "phrase") + ` "\`}, Prefix{word.Draw(t, "prefix")}, Near{Term{"x"}, Near{Term{"y"}, Term{"z"}, 3}, DefaultDistance}}}}
}

// matches evaluates a query on a message that has these words.
func matches(q Q, words []string) bool {
	in := func(q Q) bool { return matches(q, words) }
	switch q := q.(type) {
	case All:
		return true
	case And:
		return !slices.ContainsFunc(q.List, func(q Q) bool { return !in(q) })
	case Or:
		return slices.ContainsFunc(q.List, in)
	case Not:
		return !in(q.Q)
	}
	return slices.Contains(words, q.String())
}

func TestSimplifyKeepsTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := tree(t, 3)
		s := Simplify(q)
		words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "d", "label:a", "label:b"})).Draw(t, "message")
		if matches(q, words) != matches(s, words) {
			t.Fatalf("%s became %s, which differs on %q", q, s, words)
		}
		if again := Simplify(s); !reflect.DeepEqual(again, s) {
			t.Fatalf("%s simplifies to %s, then to %s", q, s, again)
		}
		for _, q := range []Q{q, s} {
			back, err := Parse(q.String(), now)
			if err != nil || !reflect.DeepEqual(back, q) {
				t.Fatalf("%s comes back as %v, %v", q, back, err)
			}
		}
	})
}
