package consensus_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// ruleCodes reads the codes off the source, so that none goes untested.
func ruleCodes(t *testing.T) map[string]bool {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Rule") {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil || codes[code] {
				t.Errorf("code %q of %s: %v, or in use twice", code, spec.Names[0].Name, err)
			}
			codes[code] = true
		}
		return true
	})
	if len(codes) < 30 {
		t.Fatalf("only %d codes found in errors.go", len(codes))
	}
	return codes
}

// TestProtocolDescribesRules keeps doc/protocol.md complete.
func TestProtocolDescribesRules(t *testing.T) {
	doc, err := os.ReadFile("../doc/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for code := range ruleCodes(t) {
		if !strings.Contains(string(doc), "`"+code+"`") {
			t.Errorf("doc/protocol.md does not mention %s", code)
		}
	}
}
