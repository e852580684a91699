package record_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestCompareScripts runs testdata/compare/*.txtar: a message as sent, as received, and what the comparison says of the pair, once with both contents
// known and once with the record's commitments alone.
func TestCompareScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/compare/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			script, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string][]byte{}
			for _, f := range script.Files {
				part[f.Name] = f.Data
			}
			sent := message.Components(part["sent"], strings.Fields(string(part["sent to"])))
			received := message.Components(part["received"], strings.Fields(string(part["received by"])))
			got := map[string]string{
				"by contents":    table(record.CompareMessages(sent, received)),
				"by commitments": table(record.Compare(sealed(sent, 0, 1), received)),
			}
			for i, f := range script.Files {
				want, checked := got[f.Name]
				if checked && *update {
					script.Files[i].Data = []byte(want)
				} else if checked && string(f.Data) != want {
					t.Errorf("%s:\n%s\nwant\n%s", f.Name, want, f.Data)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(script), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func table(c record.Comparison) string {
	wanted := "may be wanted"
	switch {
	case c.AllSame():
		wanted = "all same"
	case !c.MayBeWanted():
		wanted = "not wanted by count"
	}
	return fmt.Sprintf("%d of %d same, %d extra: %s\n", c.Same, c.Recorded, c.Extra, wanted) + strings.Join(append(c.Differences(), ""), "\n")
}
