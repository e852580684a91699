package nearest_test

import (
	"strings"
	"testing"

	"cairn/index/query/nearest"
)

func TestWord(t *testing.T) {
	words := []string{"changed", "missing", "references", "cc"}
	for text, want := range map[string]string{
		"changed": "changed", "chnaged": "changed", "refrences": "references", "mising ": "missing", "cx": "cc",
		"chosen": "", "everything": "", strings.Repeat("changed", 900): "",
	} {
		if got := nearest.Word(text, words); got != want {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}
