package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// manyTags returns as many tags as a record may have.
func manyTags() []record.Tag {
	var hints []message.Hint
	for i := range record.MaxTags {
		hints = append(hints, message.Hint{Label: "many", Value: []byte{byte(i)}})
	}
	return record.TagsOf(secret, hints)
}

func TestTagsOf(t *testing.T) {
	hint := func(label, value string) message.Hint { return message.Hint{Label: label, Value: []byte(value)} }
	var many []message.Hint
	for i := range 100 {
		many = append(many, hint("many", fmt.Sprint(i)))
	}
	for _, c := range []struct {
		name  string
		hints []message.Hint
		want  []message.Hint // in whatever order
	}{
		{"none", nil, nil},
		{"one label, two values", []message.Hint{hint("to", "a"), hint("to", "b")}, []message.Hint{hint("to", "a"), hint("to", "b")}},
		{"one twice", []message.Hint{hint("to", "a"), hint("cc", "a"), hint("to", "a")}, []message.Hint{hint("to", "a"), hint("cc", "a")}},
		{"empty value", []message.Hint{hint("to", "")}, []message.Hint{{Label: "to"}}},
		{"too many", many, many[:record.MaxTags]},
	} {
		got := record.TagsOf(secret, c.hints)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d tags, want %d", c.name, len(got), len(c.want))
		}
		r := record.Record{Tags: got}
		for _, h := range c.want {
			if tag := record.TagOf(secret, h.Label, h.Value); !r.HasTag(tag) || !r.HasLabel(tag) {
				t.Errorf("%s: no tag of %q", c.name, h)
			}
		}
		if !slices.IsSortedFunc(got, func(a, b record.Tag) int { return bytes.Compare(a[:], b[:]) }) {
			t.Errorf("%s: not sorted", c.name)
		}
	}
}

// TestTagsAreApart: a tag tells label and value from each other, wherever one ends and the other
// begins, and nothing about another record.
func TestTagsAreApart(t *testing.T) {
	seen := map[record.Tag]string{}
	for _, s := range []record.Secret{{1}, {2}} {
		for _, h := range [][2]string{{"to", "a"}, {"to", "b"}, {"to", ""}, {"cc", "a"}, {"t", "oa"}, {"toa", ""}, {"", "toa"}} {
			tag := record.TagOf(s, h[0], []byte(h[1]))
			if other, ok := seen[tag]; ok {
				t.Errorf("%q and %s share a tag", h, other)
			}
			seen[tag] = fmt.Sprint(h)
		}
	}
	r := record.Record{Tags: record.TagsOf(secret, []message.Hint{{Label: "to", Value: []byte("a")}})}
	if changed := record.TagOf(secret, "to", []byte("b")); r.HasTag(changed) || !r.HasLabel(changed) {
		t.Error("another value under a label that was recorded is not told apart")
	}
	if added := record.TagOf(secret, "cc", []byte("a")); r.HasTag(added) || r.HasLabel(added) {
		t.Error("a label that was not recorded is there")
	}
}
