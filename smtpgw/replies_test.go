package smtpgw

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	wholeReply = regexp.MustCompile(`^([245]\d\d) (\d\.\d\.\d) (.*\S)$`)
	formatVerb = regexp.MustCompile(`%[+#]?[a-z]`)
)

// TestRepliesAreInTheHandbook: each reply of the gateway's own has a row in doc/smtp.md with code,
// status and text.
func TestRepliesAreInTheHandbook(t *testing.T) {
	doc, err := os.ReadFile("../doc/smtp.md")
	if err != nil {
		t.Fatal(err)
	}
	replies := ownReplies(t)
	if len(replies) < 50 {
		t.Errorf("%d replies were found", len(replies))
	}
	for reply, where := range replies {
		parts := wholeReply.FindStringSubmatch(reply)
		row := "| " + parts[1] + " | " + parts[2] + " | `" + formatVerb.ReplaceAllString(parts[3], "…") + "` |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("%s: no row has %s", where, row)
		}
	}
}

// ownReplies finds the replies in this package and those below: what refuse.With is called with,
// and texts that begin with a code and a status.
func ownReplies(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, below...)
	files, consts, set := map[string]*ast.File{}, map[string]ast.Expr{}, token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "gatewaytest/") || strings.HasPrefix(name, "deliverytest/") {
			continue
		}
		if files[name], err = parser.ParseFile(set, name, nil, 0); err != nil {
			t.Fatal(err)
		}
		ast.Inspect(files[name], func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, name := range spec.Names {
					consts[name.Name] = spec.Values[i]
				}
			}
			return true
		})
	}
	found := map[string]string{}
	for name, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && isWith(f) {
					if reply := calledWith(n.Args, consts); wholeReply.MatchString(reply) {
						found[reply] = name
					}
					return false
				}
			case ast.Expr:
				if reply := textOf(n, consts); wholeReply.MatchString(reply) {
					found[reply] = name
					return false
				}
			}
			return true
		})
	}
	return found
}

// isWith reports whether what is called is refuse.With.
func isWith(f *ast.SelectorExpr) bool {
	of, ok := f.X.(*ast.Ident)
	return ok && of.Name == "refuse" && f.Sel.Name == "With"
}

// calledWith is the reply that refuse.With makes, with the verbs of its format; of a code that is
// not written there, nothing.
func calledWith(args []ast.Expr, consts map[string]ast.Expr) string {
	var b strings.Builder
	for i, arg := range args[:4] {
		number, ok := arg.(*ast.BasicLit)
		if !ok {
			return ""
		}
		b.WriteString(number.Value + [4]string{" ", ".", ".", " "}[i])
	}
	return b.String() + textOf(args[4], consts)
}

// textOf is the text that an expression is of constants alone.
func textOf(e ast.Expr, consts map[string]ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return constant.StringVal(constant.MakeFromLiteral(e.Value, e.Kind, 0))
		}
	case *ast.Ident:
		if of, ok := consts[e.Name]; ok {
			if lit, ok := of.(*ast.BasicLit); ok {
				return textOf(lit, consts)
			}
		}
	case *ast.BinaryExpr:
		if left, right := textOf(e.X, consts), textOf(e.Y, consts); e.Op == token.ADD && left != "" && right != "" {
			return left + right
		}
	}
	return ""
}
