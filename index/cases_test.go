package index

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/mailstore"
)

// TestSearchCases holds that small mails, each of which was not found once, are found by what is in
// them, and by nothing that is not.
func TestSearchCases(t *testing.T) {
	finds := map[string][]string{
		"S-shyhtml": {"Donaudampfschifffahrt"},
		"S-emoji":   {"🎉"},
		"S-flow":    {"supercalifragilistic"},
		"S-fwd":     {"tapir", "okapi", "quokka", "innerfrom", "filename:deepname"},
		"S-korean":  {"이메일", "메일"},
		"S-metacs":  {"příliš", "žluťoučký"},
		"S-num":     {"1234567.89", "1,234,567.89", "1'234'567", `"+49 30 90182013"`, "DE89370400440532013000", "14.2.1.0"},
		"W-fname":   {"filename:invoice", "filename:2026", "filename:final"},
		"W-idn":     {"from:kontakt@münchen.example", "from:münchen"},
		"W-jpwrap":  {"請求書"},
		"W-jpquote": {"見積書"},
	}
	b := newBed(t)
	names := make(map[mailstore.MessageID]string)
	paths, err := filepath.Glob("testdata/search/*.eml")
	if err != nil || len(paths) != len(finds) {
		t.Fatalf("%d mails, %d are known, %v", len(paths), len(finds), err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		names[b.add(nil, string(raw))] = strings.TrimSuffix(filepath.Base(path), ".eml")
	}
	b.sync()
	for name, queries := range finds {
		for _, q := range queries {
			found := false
			for _, id := range strings.Fields(b.find(q)) {
				found = found || names[number(t, id)] == name
			}
			if !found {
				t.Errorf("%s does not find %s", q, name)
			}
		}
	}
	for _, q := range []string{"★", `"$$$"`, "🎂", "subject:🎉"} {
		if got := b.find(q); got != "" {
			t.Errorf("%s finds %s", q, got)
		}
	}
}
