package smarthost

import (
	"errors"
	"slices"
	"testing"
)

var rules = []Rule{
	{To: []string{"far.example", ".far.example"}},
	{To: []string{".deep.far.example"}},
	{From: []string{"own.example"}},
	{To: []string{"far.example"}, From: []string{"own.example"}},
	{To: []string{".example"}, From: []string{".own.example"}},
}

func TestPick(t *testing.T) {
	table, err := New(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, to string
		want     int // -1: none
	}{
		{"a.example", "far.example", 0},
		{"", "far.example", 0},
		{"a.example", "x.far.example", 0},
		{"a.example", "x.deep.far.example", 1},
		{"a.example", "deep.far.example", 0},
		{"a.example", "nofar.example", -1},
		{"own.example", "far.example", 3},
		{"own.example", "x.far.example", 0}, // the recipient's match counts before the sender's
		{"own.example", "else.org", 2},
		{"x.own.example", "else.example", 4},
		{"x.own.example", "else.org", -1},
		{"", "else.org", -1},
		{"own.example", "[192.0.2.1]", 2},
		{"a.example", "[192.0.2.1]", -1},
	} {
		got, ok := table.Pick(tt.from, tt.to)
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("from %q to %q: %d, want %d", tt.from, tt.to, got, tt.want)
		}
	}
	if _, ok := (*Table)(nil).Pick("a.example", "b.example"); ok {
		t.Error("nil picks one")
	}
}

func TestPossible(t *testing.T) {
	table, err := New(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		to     string
		want   []int
		others bool
	}{
		{"far.example", []int{0, 3}, false},
		{"x.far.example", []int{0}, false},
		{"else.example", []int{2, 4}, true},
		{"else.org", []int{2}, true},
	} {
		if got, others := table.Possible(tt.to); !slices.Equal(got, tt.want) || others != tt.others {
			t.Errorf("%s: %v, %v", tt.to, got, others)
		}
	}
	if got, others := (*Table)(nil).Possible("a.example"); got != nil || !others {
		t.Errorf("nil: %v, %v", got, others)
	}
}

func TestDuplicate(t *testing.T) {
	_, err := New(append(slices.Clone(rules), Rule{To: []string{"b.example", "far.example"}}))
	dup, ok := errors.AsType[*DuplicateError](err)
	if !ok || *dup != (DuplicateError{0, 5, "far.example", ""}) || err.Error() != "entries 1 and 6 are both for mail to far.example from all domains" {
		t.Errorf("%v", err)
	}
}
