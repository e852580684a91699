package node

import (
	"fmt"
	"strings"
	"testing"
)

func TestKnownPeers(t *testing.T) {
	var many []string
	for i := range 2 * maxKnown {
		many = append(many, fmt.Sprintf("n%02d", i))
	}
	for name, c := range map[string]struct {
		reached []string
		answer  []string
		before  string
		want    string
	}{
		"first":          {[]string{"b", "a"}, nil, "", "a b"},
		"alone":          {nil, nil, "a\nb\n", "a b"},
		"one is away":    {[]string{"b"}, nil, "a\nb\n", "b a"},
		"one came back":  {[]string{"b", "a"}, nil, "b\na\n", "a b"},
		"too many":       {many, nil, "a", strings.Join(many[:maxKnown], " ")},
		"some of before": {many[1:maxKnown], nil, "a b", strings.Join(many[1:maxKnown], " ") + " a"},
		"only dialled":   {nil, []string{"d", "c"}, "a d", "c d a"},
		"both":           {[]string{"b"}, []string{"b", "a"}, "", "b a"},
		"many dial it":   {[]string{"b"}, many, "a", "b " + strings.Join(many[:maxAnnounced], " ") + " a"},
	} {
		if got := strings.Join(strings.Fields(knownPeers(c.reached, c.answer, c.before)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
