package testnet_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// commentWidth is how wide a line that is all comment may be, with tabs of four.
const commentWidth = 100

// TestSourceStyle holds what gofmt leaves open: the width of comments, the order of imports (the
// standard library, other modules, this one, with a blank line in between), and that no name hides
// one that Go has itself.
func TestSourceStyle(t *testing.T) {
	for _, path := range sources(t) {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at, text := range wideComments(src) {
			t.Errorf("%s:%d: a comment wider than %d: %s", path, at, commentWidth, text)
		}
		for at, imported := range misplacedImports(t, path, src) {
			t.Errorf("%s:%d: %s is imported out of order", path, at, imported)
		}
		for at, name := range hidingNames(t, path, src) {
			t.Errorf("%s:%d: %s hides what Go has by that name", path, at, name)
		}
	}
}

// TestSourceStyleSees shows that the checks can fail.
func TestSourceStyleSees(t *testing.T) {
	wide := "package x\n\n// " + strings.Repeat("word ", 20) + "\n\n//\t" + strings.Repeat("table ", 20) +
		"\n\nvar s = `\n// " + strings.Repeat("text ", 30) + "`\n// http://" + strings.Repeat("a", 100) + "\n"
	if got := wideComments([]byte(wide)); len(got) != 1 || got[3] == "" {
		t.Errorf("wide comments: %v", got)
	}
	mixed := "package x\n\nimport (\n\t\"os\"\n\n\t\"cairn/index\"\n\n\t\"golang.org/x/text\"\n\t\"strings\"\n)\n"
	if got := misplacedImports(t, "x.go", []byte(mixed)); len(got) != 2 || got[8] == "" || got[9] == "" {
		t.Errorf("misplaced imports: %v", got)
	}
	hiding := "package x\n\ntype t struct{ len int }\n\nfunc (t) close(n int) {}\n\nfunc f(max int) (any error) {\n\tnew := max\n\tfor cap := range new {\n\t\tvar min = cap\n\t\t_ = min\n\t}\n\treturn nil\n}\n"
	if got := hidingNames(t, "x.go", []byte(hiding)); len(got) != 4 || got[7] == "" || got[8] != "new" || got[9] != "cap" || got[10] != "min" {
		t.Errorf("hiding names: %v", got)
	}
}

// sources lists the Go files of the module.
func sources(t *testing.T) []string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var paths []string
	err = filepath.WalkDir(strings.TrimSpace(string(out)), func(path string, e os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" && !strings.Contains(path, "/.") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	return paths
}

// wideComments returns lines of text in comments that are too wide, by their numbers. Tables, which
// are indented, and what has no blank to break at are let be.
func wideComments(src []byte) map[int]string {
	wide := make(map[int]string)
	lines := strings.Split(string(src), "\n")
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	for pos, tok, lit := s.Scan(); tok != token.EOF; pos, tok, lit = s.Scan() {
		body, ok := strings.CutPrefix(lit, "// ")
		if tok != token.COMMENT || !ok || strings.TrimLeft(body, " \t") != body || !strings.Contains(body, " ") {
			continue
		}
		at := file.Line(pos)
		line := strings.TrimLeft(lines[at-1], "\t")
		indent := 4 * (len(lines[at-1]) - len(line))
		if strings.HasPrefix(line, "//") && indent+utf8.RuneCountInString(line) > commentWidth {
			wide[at] = lit
		}
	}
	return wide
}

// misplacedImports returns the imports of a file that stand in a group before theirs, or in one
// with others, by their lines.
func misplacedImports(t *testing.T, path string, src []byte) map[int]string {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, src, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	misplaced := make(map[int]string)
	lastKind, lastLine := 0, 0
	for _, i := range f.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		at := files.Position(i.Pos()).Line
		kind := importKind(name)
		if lastLine > 0 && (kind < lastKind || (kind == lastKind) != (at == lastLine+1)) {
			misplaced[at] = name
		}
		lastKind, lastLine = max(kind, lastKind), at
	}
	return misplaced
}

// importKind is 0 for the standard library, 1 for other modules, 2 for this one.
func importKind(name string) int {
	first, _, _ := strings.Cut(name, "/")
	switch {
	case first == "cairn":
		return 2
	case strings.Contains(first, "."):
		return 1
	}
	return 0
}

// hidingNames returns names of parameters, results, variables, constants, types and functions that
// Go has declared itself, by their lines. Fields and methods hide nothing.
func hidingNames(t *testing.T, path string, src []byte) map[int]string {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	hiding := make(map[int]string)
	declared := func(names ...ast.Expr) {
		for _, name := range names {
			if id, ok := name.(*ast.Ident); ok && types.Universe.Lookup(id.Name) != nil {
				hiding[files.Position(id.Pos()).Line] = id.Name
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil {
				declared(n.Name)
			} else {
				declared(fieldNames(n.Recv)...)
			}
		case *ast.FuncType:
			declared(fieldNames(n.Params)...)
			declared(fieldNames(n.Results)...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				declared(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				declared(n.Key, n.Value)
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				declared(name)
			}
		case *ast.TypeSpec:
			declared(n.Name)
		}
		return true
	})
	return hiding
}

func fieldNames(list *ast.FieldList) (names []ast.Expr) {
	if list == nil {
		return nil
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			names = append(names, name)
		}
	}
	return names
}
