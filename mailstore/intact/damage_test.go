package intact

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4/options"

	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
)

// damage does one thing to one file, and says what.
func damage(t testing.TB, dir string, r *rand.Rand) (name, what string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name = "LOCK"; name == "LOCK"; {
		name = entries[r.IntN(len(entries))].Name()
	}
	if what, err = scratch.Damage(filepath.Join(dir, name), r); err != nil {
		t.Fatal(err)
	}
	return name, what
}

// intactCases, in the environment, is how often TestDamage damages something. With it TestKilled
// makes more rounds too.
const intactCases = "CAIRN_INTACT_CASES"

// TestDamage cuts, flips and removes at random. Then the look refuses, or all is there and right.
// Of the last transaction in a memory log it is not known whether it was written to its end, so it
// may be gone, as a whole. intactCases is how many, else 60.
func TestDamage(t *testing.T) {
	cases := testenv.Number(t, intactCases, 60)
	refused, kept, lost := 0, 0, 0
	for _, compression := range []options.CompressionType{options.None, options.Snappy} {
		clean, unclean, m := stores(t, compression)
		for i := range cases / 2 {
			r := rand.New(rand.NewPCG(uint64(i), uint64(compression)))
			from := []string{clean, unclean}[i%2]
			dir := filepath.Join(t.TempDir(), "db")
			copyFolder(t, dir, from)
			name, what := damage(t, dir, r)
			about := fmt.Sprintf("%s, case %d, %s: %s %s", compressionName(compression), i, []string{"clean", "unclean"}[i%2], name, what)
			err := Before(dir, AllValues)
			if err == nil && strings.HasPrefix(what, "flipped") { // in blocks, which a quick look does not read
				err = Look(os.DirFS(dir), Shape{})
			}
			if err != nil {
				if refused++; !IsFault(err) {
					t.Errorf("%s: %v", about, err)
				}
				if testing.Verbose() {
					t.Log(about, "->", err)
				}
				os.RemoveAll(dir)
				continue
			}
			if m.opened(t, dir, compression, about, strings.HasSuffix(name, ".mem")) {
				kept++
			} else {
				lost++
			}
			os.RemoveAll(dir)
		}
	}
	t.Logf("%d refused, %d as before, %d without the last transaction", refused, kept, lost)
	if cases >= 60 && (refused == 0 || kept == 0) {
		t.Error("the cases are of one kind only")
	}
}

// opened opens what was not refused, and reports whether all is there.
func (m *model) opened(t *testing.T, dir string, c options.CompressionType, about string, lastMayMiss bool) bool {
	t.Helper()
	o := testOptions(dir)
	o.Compression = c
	db, err := openTest(dir, o)
	if err != nil {
		t.Errorf("%s: looked sound, and does not open: %v", about, err)
		return false
	}
	defer db.Close()
	all := m.wrong(db, false) == ""
	if wrong := m.wrong(db, lastMayMiss); wrong != "" {
		t.Errorf("%s: looked sound, and then %s", about, wrong)
	}
	return all
}

func compressionName(c options.CompressionType) string {
	return map[options.CompressionType]string{options.None: "plain", options.Snappy: "snappy"}[c]
}
