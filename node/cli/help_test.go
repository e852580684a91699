package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The reference lists the exit codes as help does.
func TestReferenceHasTheExitCodes(t *testing.T) {
	text, err := os.ReadFile("../../doc/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, e := range exitCodes {
		fmt.Fprintf(&table, "| %d | %s |\n", e.Code, e.Meaning)
	}
	if !strings.Contains(string(text), "| exit code | meaning |\n|---|---|\n"+table.String()+"\n") {
		t.Errorf("doc/reference.md does not have\n%s", &table)
	}
}
