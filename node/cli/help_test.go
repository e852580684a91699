package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cairn/index/query"
	"cairn/node/api"
)

// What is wrong with a query has the help of search as its next step: it names all there is.
func TestSearchHelpNamesWhatAQueryKnows(t *testing.T) {
	c := (&app{}).cmdSearch()
	for _, name := range query.Names() {
		if !strings.Contains(c.Long, " "+name+":") {
			t.Errorf("it does not name %s:", name)
		}
	}
	if want := fmt.Sprintf("1 to %d", api.MaxSearch); !strings.Contains(c.Flags().Lookup("limit").Usage, want) {
		t.Errorf("it does not say that --limit is %s", want)
	}
}

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
