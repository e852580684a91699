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
		before  string
		want    string
	}{
		"first":          {[]string{"b", "a"}, "", "a b"},
		"alone":          {nil, "a\nb\n", "a b"},
		"one is away":    {[]string{"b"}, "a\nb\n", "b a"},
		"one came back":  {[]string{"b", "a"}, "b\na\n", "a b"},
		"too many":       {many, "a", strings.Join(many[:maxKnown], " ")},
		"some of before": {many[1:maxKnown], "a b", strings.Join(many[1:maxKnown], " ") + " a"},
	} {
		if got := strings.Join(strings.Fields(knownPeers(c.reached, c.before)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
