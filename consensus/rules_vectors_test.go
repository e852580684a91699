package consensus

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// ruleVector is a value that breaks a rule, or none, in the form in which others check theirs by
// it.
type ruleVector struct {
	kind  string // block, network, header, signed header, batch or event
	value []byte
	chain *grownChain // that a block is for; nil if the value is to be decoded only
}

// vectorFolder has a file for each case, and those that they share.
const vectorFolder = "blocks"

// Where a value that breaks a rule has no bytes of its own.
var (
	// uncountable are cases with a list that is shorter or longer than any that is read.
	uncountable = []string{"17 domains", "nine nodes", "no micro-roots", "65 micro-roots"}
	// unwritable are cases whose value turns into a valid one when it is written, in whole
	// milliseconds.
	unwritable = []string{"part of a millisecond", "part of a millisecond at genesis"}
)

// ruleInBytes is the code that reading and validating the bytes of the case's value ends in.
func (c *ruleCase) ruleInBytes() string {
	switch {
	case slices.Contains(uncountable, c.name):
		return RuleEncoding
	case c.rule == "":
		return "valid"
	}
	return c.rule
}

// vectorFile is the name of the case's file in testdata; empty if it has none.
func (c *ruleCase) vectorFile() string {
	if slices.Contains(unwritable, c.name) {
		return ""
	}
	plain := strings.NewReplacer("'", "", ",", "").Replace(strings.ToLower(c.name))
	words := strings.FieldsFunc(plain, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return path.Join(vectorFolder, c.ruleInBytes()+"-"+strings.Join(words, "-")+".txtar")
}

// sharedChains are what the chains of all cases begin with, by name.
func sharedChains(tb testing.TB) map[string]*grownChain {
	changed, _ := aged()
	return map[string]*grownChain{
		"two-members": &newRuleFixture(tb).grownChain,
		"version-2":   &changed.grownChain,
		"attested":    &attestedWorld().grownChain,
	}
}

func sharedFile(name string) string { return path.Join(vectorFolder, "base", name+".txtar") }

func formatShared(c *grownChain) []byte {
	a := &txtar.Archive{
		Comment: []byte("A network and its first blocks, all valid.\n"),
		Files:   []txtar.File{{Name: "network", Data: hexLines(c.genesis.Encode())}},
	}
	return txtar.Format(withBlocks(a, c.blocks))
}

// format returns the file of the case that made v.
func (v *ruleVector) format(tb testing.TB, c *ruleCase, shared map[string]*grownChain) []byte {
	tb.Helper()
	a := &txtar.Archive{Comment: []byte(c.name + "\n")}
	if v.chain != nil {
		name := v.chain.beginsWith(shared)
		if name == "" {
			tb.Fatal("the case's chain begins with none of those that are shared")
		}
		a.Comment = fmt.Appendf(a.Comment, "base: base/%s.txtar\n", name)
		withBlocks(a, v.chain.blocks[len(shared[name].blocks):])
	}
	a.Files = append(a.Files,
		txtar.File{Name: v.kind, Data: hexLines(v.value)},
		txtar.File{Name: "rule", Data: []byte(c.ruleInBytes() + "\n")})
	return txtar.Format(a)
}

// beginsWith returns the name of the shared chain that c begins with.
func (c *grownChain) beginsWith(shared map[string]*grownChain) string {
	for name, s := range shared {
		if n := len(s.blocks); n <= len(c.blocks) && c.blocks[n-1].ID() == s.blocks[n-1].ID() {
			return name
		}
	}
	return ""
}

func withBlocks(a *txtar.Archive, blocks []*Block) *txtar.Archive {
	for _, b := range blocks {
		a.Files = append(a.Files, txtar.File{Name: fmt.Sprintf("block %d", b.Header.Height), Data: hexLines(b.Encode())})
	}
	return a
}

// hexLines writes b in lines of at most 50 bytes in hexadecimal. Where a byte comes 100 times or
// more in a row, a line has the number of times and the byte, as in "2048 * 00".
func hexLines(b []byte) []byte {
	const width, long = 50, 100
	var lines []byte
	for len(b) > 0 {
		if n := sameBytes(b); n >= long {
			lines = fmt.Appendf(lines, "%d * %02x\n", n, b[0])
			b = b[n:]
			continue
		}
		n := 1
		for n < min(width, len(b)) && sameBytes(b[n:]) < long {
			n++
		}
		lines = fmt.Appendf(lines, "%x\n", b[:n])
		b = b[n:]
	}
	return lines
}

// sameBytes returns how many bytes at the start of b are the same.
func sameBytes(b []byte) int {
	if n := slices.IndexFunc(b, func(x byte) bool { return x != b[0] }); n >= 0 {
		return n
	}
	return len(b)
}

// onlyVectors fails if the folder has a file that no case makes.
func onlyVectors(t *testing.T, made map[string]bool) {
	err := fs.WalkDir(os.DirFS("testdata"), vectorFolder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !made[name] {
			t.Errorf("testdata/%s is of no case: remove it", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
