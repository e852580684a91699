package record_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
)

// TestCases holds every pair under CAIRN_CASES to its right answer: what readers see differently is
// neither as recorded nor wanted, what relays do honestly is as recorded.
func TestCases(t *testing.T) {
	dir := testenv.Folder(t, "CAIRN_CASES")
	honest := []string{"r-flowed", "r-cte-param", "meta-charset-relay"}
	files, err := filepath.Glob(filepath.Join(dir, "verdict", "*.a.eml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".a.eml")
		read := func(file string) *message.Dissection {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return message.DissectFile(raw, nil)
		}
		sent, arrived := read(file), read(strings.TrimSuffix(file, ".a.eml")+".b.eml")
		for i, c := range bothWays(sent, arrived) {
			switch right := slices.Contains(honest, name); {
			case right && !c.AllSame():
				t.Errorf("%s (%d): honest, but\n%s", name, i, table(c))
			case !right && (c.AllSame() || c.MayBeWanted() || c.Forwarded()):
				t.Errorf("%s (%d): another message, but\n%s", name, i, table(c))
			}
			if c.AllSame() != (len(c.Differences()) == 0) {
				t.Errorf("%s (%d): all same %v, and it is said that %q", name, i, c.AllSame(), c.Differences())
			}
			if !c.Reaches(record.DefaultThreshold) {
				t.Logf("%s (%d): below the threshold", name, i)
			}
		}
	}
}
