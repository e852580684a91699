package testnet_test

import (
	"go/parser"
	"go/scanner"
	"go/token"
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

// TestSourceStyle holds what gofmt leaves open: the width of comments, and the order of imports:
// the standard library, other modules, this one, with a blank line in between.
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
