package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

// TestHintsNameTheNode holds every text of this program that names a command to be one that
// a.typable makes so: with the directory of the node that was meant. Help is about any node.
func TestHintsNameTheNode(t *testing.T) {
	var names []string
	for _, c := range (&app{}).root().Commands() {
		names = append(names, c.Name())
	}
	command := regexp.MustCompile(`\bcairn (` + strings.Join(names, "|") + `)\b`)
	for f, parsed := range sources(t, "..", "../../consensus/recorder") {
		if !isTest(f, parsed) {
			hints, help := textsOf(parsed)
			ast.Inspect(parsed, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case !command.MatchString(text), help[lit], slices.Contains(ofAnyNode, text):
				case !hints[lit]:
					t.Errorf("%s: %q names a command, and is no hint that is made typable", f.Position(lit.Pos()), text)
				case !strings.HasPrefix(text, "cairn ") && !strings.Contains(text, ": cairn "):
					t.Errorf("%s: %q has its command neither alone nor behind a colon, and is not made typable", f.Position(lit.Pos()), text)
				case strings.Contains(text[strings.Index(text, "cairn "):], ", "):
					t.Errorf("%s: %q goes on behind its command, where the directory is put", f.Position(lit.Pos()), text)
				}
				return true
			})
		}
	}
}

// sources are the Go files in folders and in the folders below.
func sources(t *testing.T, dirs ...string) iter.Seq2[*token.FileSet, *ast.File] {
	t.Helper()
	return func(yield func(*token.FileSet, *ast.File) bool) {
		for _, dir := range dirs {
			err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
				if err != nil || filepath.Ext(file) != ".go" {
					return err
				}
				f := token.NewFileSet()
				parsed, err := parser.ParseFile(f, file, nil, 0)
				if err == nil && !yield(f, parsed) {
					return filepath.SkipAll
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func isTest(f *token.FileSet, parsed *ast.File) bool {
	return strings.HasSuffix(f.Position(parsed.Pos()).Filename, "_test.go")
}

// TestHintsHaveTheirArguments: a text that ends with a command which takes arguments names them
// too, as the command's help does, or goes on with them.
func TestHintsHaveTheirArguments(t *testing.T) {
	takes := regexp.MustCompile(`^[a-z-]+ [^\[]`)
	var bare []string
	var look func(c *cobra.Command, path string)
	look = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			if takes.MatchString(sub.Use) {
				bare = append(bare, path+sub.Name())
			}
			look(sub, path+sub.Name()+" ")
		}
	}
	look((&app{}).root(), "cairn ")
	for f, parsed := range sources(t, "..", "../../consensus/recorder") {
		if isTest(f, parsed) {
			continue
		}
		hints, _ := textsOf(parsed)
		for lit := range hints {
			text, _ := strconv.Unquote(lit.Value)
			for _, c := range bare {
				if text == c || strings.HasSuffix(text, ": "+c) {
					t.Errorf("%s: %q leaves out what the command takes", f.Position(lit.Pos()), text)
				}
			}
		}
	}
}

// TestHintsNameCommands: what a text tells to type is a command that there is.
func TestHintsNameCommands(t *testing.T) {
	root := (&app{dir: t.TempDir()}).root()
	root.InitDefaultHelpCmd()
	found := 0
	for f, parsed := range sources(t, "..", "../../consensus/recorder") {
		if isTest(f, parsed) {
			continue
		}
		hints, _ := textsOf(parsed)
		for lit := range hints {
			text, _ := strconv.Unquote(lit.Value)
			for _, command := range commandsIn(text) {
				found++
				if !isCommand(root, command) {
					t.Errorf("%s: %q: there is no %q", f.Position(lit.Pos()), text, command)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d commands were found", found)
	}
	for _, wrong := range []string{"cairn labels", "cairn label list alice", "cairn org", "cairn queue --all"} {
		if isCommand(root, commandsIn(wrong)[0]) {
			t.Errorf("%q is taken for one", wrong)
		}
	}
}

// commandsIn are the commands in a hint, which has one alone or behind a colon, without this
// program's name.
func commandsIn(hint string) (list []string) {
	for i, part := range strings.Split(hint, "cairn ") {
		if before := strings.Split(hint, "cairn ")[max(i-1, 0)]; i > 0 && (before == "" || strings.HasSuffix(before, ": ")) {
			list = append(list, part)
		}
	}
	return list
}

// isCommand walks down the command tree along the words of a command, and reports whether it ends
// where something is done.
func isCommand(root *cobra.Command, command string) bool {
	at, left := root, strings.Fields(command)
	for len(left) > 0 {
		i := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool { return c.Name() == left[0] })
		if i < 0 {
			break
		}
		at, left = at.Commands()[i], left[1:]
	}
	if at == root {
		return false
	}
	if !at.HasSubCommands() || strings.Contains(at.Use, " ") || slices.Contains(left, "--help") {
		return true
	}
	err := at.RunE(at, left) // which asks for one of its subcommands, or does what most want of it
	return err == nil || api.AsError(err).Code != api.CodeUsage
}

// TestErrorsSayWhatToDo: no error of the program is made without a next step.
func TestErrorsSayWhatToDo(t *testing.T) {
	for f, parsed := range sources(t, "..") {
		if !isTest(f, parsed) {
			ast.Inspect(parsed, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) < 3 {
					return true
				}
				if name, ok := call.Fun.(*ast.SelectorExpr); !ok || name.Sel.Name != "Errorf" {
					return true
				}
				if hint, ok := call.Args[1].(*ast.BasicLit); ok && hint.Value == `""` {
					t.Errorf("%s: an error without a next step", f.Position(call.Pos()))
				}
				return true
			})
		}
	}
}

// TestLogNamesTheNode holds every next step in the log to be made typable: whoever reads it sees no
// directory beside it. What is logged itself names no command, not even without this program's
// name.
func TestLogNamesTheNode(t *testing.T) {
	command := regexp.MustCompile(`\b(` + strings.Join(longCommands((&app{}).root(), ""), "|") + `)\b`)
	for f, parsed := range sources(t, "..") {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && strings.Contains(lit.Value, "--dir ") && parsed.Name.Name == "node" && !isTest(f, parsed) {
				t.Errorf("%s: %s has a directory that typable did not put there", f.Position(lit.Pos()), lit.Value)
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if of, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, of.Sel.Name) && len(call.Args) > 0 {
				if said, ok := call.Args[0].(*ast.BasicLit); ok && command.MatchString(said.Value) {
					t.Errorf("%s: %s names a command, which belongs into a next step", f.Position(said.Pos()), said.Value)
				}
			}
			for i, arg := range call.Args {
				if key, ok := arg.(*ast.BasicLit); !ok || i+1 == len(call.Args) || key.Value != `"try"` && key.Value != `"next"` {
					continue
				}
				made, ok := call.Args[i+1].(*ast.CallExpr)
				if ok {
					var by *ast.SelectorExpr
					by, ok = made.Fun.(*ast.SelectorExpr)
					ok = ok && by.Sel.Name == "typable"
				}
				if !ok {
					t.Errorf("%s: a next step that is not made typable", f.Position(arg.Pos()))
				}
			}
			return true
		})
	}
}

// longCommands are the commands below one that have more words than one, as they are typed behind
// this program's name.
func longCommands(c *cobra.Command, path string) (list []string) {
	for _, sub := range c.Commands() {
		if path != "" {
			list = append(list, path+sub.Name())
		}
		list = append(list, longCommands(sub, path+sub.Name()+" ")...)
	}
	return list
}

// ofAnyNode are texts about another node, or about none.
var ofAnyNode = []string{
	"give the file that cairn backup create wrote",
	"ask for the invite again, as cairn org invite prints it",
	"an invite is for cairn join, or for cairn org node request on a machine that is to be one more node of an organisation",
	"a request is for cairn org node add, on a node of the organisation",
	"an admission is for cairn join, on the machine whose request was taken in",
	"the word of %s, %d given; on their nodes: cairn org attest %.8s",
	"look on the other node with cairn status whether it runs",
	`copy an address that "cairn status" shows on the other node`,
	"# Trust that this node started with: domain, org key, source. What \"cairn org trust\" and \"untrust\" decided since overrides it.\n",
	"copy it again, as cairn org node add printed it",
	"ask for the request again, as cairn org node request prints it on the new machine",
	"Next, on the new machine: cairn join %s\n",
	"a block that takes it up, and the last %d came without it, as %s: call who runs one and compare the key, shown here by cairn org show, there by: cairn org pins",
	"its organisation to add this node: cairn org node add on a node of it, with what cairn org node request printed here",
	// To senders, who have no directory.
	"compares it with what the command \"cairn org trust %s\" shows",
}

// textsOf finds the literals of a file that are hints, since they go into an error or are made
// typable, and those that are help of commands.
func textsOf(file *ast.File) (hints, help map[*ast.BasicLit]bool) {
	hints, help = make(map[*ast.BasicLit]bool), make(map[*ast.BasicLit]bool)
	add := func(to map[*ast.BasicLit]bool, nodes ...ast.Expr) {
		for _, n := range nodes {
			ast.Inspect(n, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok {
					to[lit] = true
				}
				return true
			})
		}
	}
	name := func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.SelectorExpr:
			return e.Sel.Name
		}
		return ""
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch name(n.Fun) {
			case "Errorf":
				add(hints, n.Args[min(1, len(n.Args)-1)])
			case "notFound", "typable":
				add(hints, n.Args...)
			case "BoolVar", "StringVar", "StringArrayVar", "IntVar":
				add(help, n.Args...)
			}
		case *ast.AssignStmt:
			switch name(n.Lhs[len(n.Lhs)-1]) {
			case "hint", "next", "ls", "Hint", "Next":
				add(hints, n.Rhs[len(n.Rhs)-1])
			case "Long":
				add(help, n.Rhs...)
			}
		case *ast.ValueSpec:
			if of := n.Names[0].Name; strings.HasSuffix(of, "Hints") || strings.HasPrefix(of, "Next") {
				add(hints, n.Values...)
			}
		case *ast.CompositeLit:
			if of := name(n.Type); of == "Halted" && len(n.Elts) > 1 {
				add(hints, n.Elts[1])
			}
		case *ast.KeyValueExpr:
			switch name(n.Key) {
			case "Long", "Short", "Example", "Use":
				add(help, n.Value)
			case "Next":
				add(hints, n.Value)
			}
		}
		return true
	})
	return hints, help
}
