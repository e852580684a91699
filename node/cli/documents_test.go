package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cairn/node/api/apitest"
)

// documents are those that commands print and no node sends.
var documents = []any{
	backup{}, restored{}, checkup{}, benchDay{}, benchReaders{}, benchVerdicts{}, made{}, components{}, comparison{}, reportsIn{}, exported{}, savedPart{}, newOrgKey{}, takenKey{}, nodeRequest{},
	unit{}, version{}, verified{}, guide{},
}

// TestDocumentsKeepTheirFields holds them to testdata/version1.txt, and that list to be complete.
func TestDocumentsKeepTheirFields(t *testing.T) {
	apitest.KeepFields(t, "testdata/version1.txt", documents)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && isDocument(s) && !slices.ContainsFunc(documents, func(d any) bool { return reflect.TypeOf(d).Name() == spec.Name.Name }) {
				t.Errorf("%s: %s is a document, and its fields are in no list", file, spec.Name.Name)
			}
			return true
		})
	}
}

// isDocument reports whether a type embeds a document.
func isDocument(s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		if len(f.Names) > 0 {
			return false
		}
		switch e := f.Type.(type) {
		case *ast.SelectorExpr:
			pkg, ok := e.X.(*ast.Ident)
			return ok && pkg.Name == "api"
		case *ast.Ident:
			return slices.ContainsFunc(documents, func(d any) bool { return reflect.TypeOf(d).Name() == e.Name })
		}
		return false
	})
}
