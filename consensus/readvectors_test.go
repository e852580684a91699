package consensus_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"cairn/consensus"
)

// TestRuleVectors checks testdata/blocks/*.txtar as another implementation would: it has the files
// and doc/protocol.md, which says what is in them. Every rule has to have one.
func TestRuleVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/blocks/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	unbroken := ruleCodes(t)
	for _, file := range files {
		v := readVector(t, file)
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			if got := verdict(t, v.check(t)); got != v.rule || !strings.HasPrefix(name, v.rule+"-") {
				t.Errorf("%q comes to %s, want %s", v.what, got, v.rule)
			}
		})
		delete(unbroken, v.rule)
	}
	for rule := range unbroken {
		t.Errorf("no vector breaks rule %s", rule)
	}
}

// vector is a file of testdata/blocks.
type vector struct {
	what    string   // in words
	network []byte   // of a block that is to be validated; else nil
	before  [][]byte // blocks on top of the network
	kind    string   // of value
	value   []byte
	rule    string // or "valid"
}

// decoders are the kinds of values.
var decoders = map[string]func([]byte) error{
	"block":         decoder(consensus.DecodeBlock),
	"network":       decoder(consensus.DecodeGenesis),
	"header":        decoder(consensus.DecodeHeader),
	"signed header": decoder(consensus.DecodeSignedHeader),
	"batch":         decoder(consensus.DecodeBatch),
	"event":         decoder(consensus.DecodeEvent),
}

func decoder[T any](decode func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error {
		_, err := decode(b)
		return err
	}
}

// check returns what is wrong with the value of v.
func (v *vector) check(t *testing.T) error {
	if v.network == nil {
		return decoders[v.kind](v.value)
	}
	genesis, err := consensus.DecodeGenesis(v.network)
	if err != nil {
		t.Fatal(err)
	}
	s := genesis.State()
	for i, b := range v.before {
		if s, err = next(s, b); err != nil {
			t.Fatalf("block %d before: %v", i+1, err)
		}
	}
	_, err = next(s, v.value)
	return err
}

// next is the state after an encoded block.
func next(s *consensus.State, encoded []byte) (*consensus.State, error) {
	b, err := consensus.DecodeBlock(encoded)
	if err != nil {
		return nil, err
	}
	if err := consensus.ValidateBlock(s, b); err != nil {
		return nil, err
	}
	s, _ = consensus.ApplyBlock(s, b)
	if s.Tip() != b.ID() {
		return nil, fmt.Errorf("the tip is %v after block %v", s.Tip(), b.ID())
	}
	return s, nil
}

// verdict is the code of the rule that an error is about.
func verdict(t *testing.T, err error) string {
	var broken *consensus.RuleError
	switch {
	case err == nil:
		return "valid"
	case !errors.As(err, &broken):
		t.Fatalf("%v breaks no rule", err)
	}
	return broken.Rule
}

// readVector reads a file and the one that it is based on.
func readVector(t *testing.T, file string) (v vector) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment := strings.Split(strings.TrimSpace(string(a.Comment)), "\n")
	v.what = comment[0]
	for _, line := range comment[1:] {
		base, ok := strings.CutPrefix(line, "base: ")
		if !ok {
			t.Fatalf("%s: comment %q", file, line)
		}
		of := readVector(t, filepath.Join(filepath.Dir(file), base))
		v.network, v.before = of.value, of.before
	}
	for _, f := range a.Files {
		_, isValue := decoders[f.Name]
		switch {
		case f.Name == "rule":
			v.rule = strings.TrimSpace(string(f.Data))
		case f.Name == fmt.Sprintf("block %d", len(v.before)+1):
			v.before = append(v.before, unhex(t, f.Data))
		case isValue && v.kind == "":
			v.kind, v.value = f.Name, unhex(t, f.Data)
		default:
			t.Fatalf("%s: part %q is unknown or out of order", file, f.Name)
		}
	}
	return v
}

// unhex reads lines of hexadecimal, and lines with a number of times and a byte, as in "2048 * 00".
func unhex(t *testing.T, lines []byte) []byte {
	var b []byte
	for line := range strings.Lines(string(lines)) {
		times, digits, repeated := strings.Cut(strings.TrimSpace(line), " * ")
		n, err := 1, error(nil)
		if !repeated {
			digits = times
		} else if n, err = strconv.Atoi(times); err != nil {
			t.Fatal(err)
		}
		some, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, bytes.Repeat(some, n)...)
	}
	return b
}
