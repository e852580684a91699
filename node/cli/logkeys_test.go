package cli

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// otherKeys are words for what the log has another key for, so that who looks for one thing looks
// for one word.
var otherKeys = map[string]string{
	"error": "err", "cause": "err", "reason": "err", "failure": "err",
	"ref": "mail", "reference": "mail", "mail_id": "mail", "sender": "from", "author": "from",
	"recipient": "to", "recipients": "to", "rcpt": "to", "bytes": "size", "octets": "size", "length": "size",
	"module": "part", "component": "part", "duration": "took", "elapsed": "took", "path": "file",
}

// TestLogKeys holds the keys of all that is logged: a word for each thing, literal, and the same
// everywhere. A mail has its id under mail, its envelope under from and to; what went wrong is err.
// What the log is told beside the words has no error in it.
func TestLogKeys(t *testing.T) {
	calls := 0
	for f, parsed := range sources(t, "..", "../../consensus", "../../index", "../../mailstore", "../../smtpgw") {
		if isTest(f, parsed) {
			continue
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			pairs, ok := logged(call)
			if !ok {
				return true
			}
			calls++
			for i := 0; i < len(pairs); i += 2 {
				lit, ok := pairs[i].(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING || i+1 == len(pairs) {
					t.Errorf("%s: a key that is no literal, or has no value", f.Position(pairs[i].Pos()))
					return true
				}
				key, _ := strconv.Unquote(lit.Value)
				file := f.Position(lit.Pos()).Filename
				switch value, isName := pairs[i+1].(*ast.Ident); {
				case otherKeys[key] != "":
					t.Errorf("%s: the log calls that %q, not %q", f.Position(lit.Pos()), otherKeys[key], key)
				case isName && value.Name == "err" && key != "err":
					t.Errorf("%s: an error is %q, not %q", f.Position(lit.Pos()), "err", key)
				case (key == "from" || key == "to") && !strings.Contains(file, "/smtpgw/"):
					t.Errorf("%s: %q is an address of a mail's envelope", f.Position(lit.Pos()), key)
				case key != strings.ToLower(key) || strings.ContainsAny(key, " -."):
					t.Errorf("%s: %q is not in small letters with underscores", f.Position(lit.Pos()), key)
				}
			}
			return true
		})
	}
	if calls < 80 {
		t.Errorf("only %d calls were found", calls)
	}
}

// logged returns the keys and values of a call that logs, or that gives a logger some to log with
// each line.
func logged(call *ast.CallExpr) (pairs []ast.Expr, ok bool) {
	of, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, false
	}
	name := ""
	switch x := of.X.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.CallExpr:
		if by, ok := x.Fun.(*ast.SelectorExpr); ok {
			name = by.Sel.Name
		}
	}
	if !strings.EqualFold(name, "log") {
		return nil, false
	}
	switch {
	case of.Sel.Name == "With":
		return call.Args, true
	case slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, of.Sel.Name) && len(call.Args) > 0:
		return call.Args[1:], true
	}
	return nil, false
}
