package testnet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDependencies holds that doc/dependencies.md has a line for each module that is imported
// directly, with its version.
func TestDependencies(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	reasons := read("doc/dependencies.md")
	for line := range strings.Lines(read("go.mod")) {
		words := strings.Fields(line)
		if len(words) != 2 || !strings.HasPrefix(words[1], "v") || strings.HasPrefix(words[0], "github.com/knadh/koanf/") { // which has one line
			continue
		}
		if !strings.Contains(reasons, "\n| "+words[0]+" | "+words[1]+" | ") {
			t.Errorf("doc/dependencies.md has no line for %s %s", words[0], words[1])
		}
	}
}
