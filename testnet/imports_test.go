package testnet_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what "go list -json" says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string // without tests
	Imports    []string
}

// pure packages do no I/O. They import the standard library without its ways
// to the outside, each other, and the modules listed here.
var (
	purePackages = []string{
		"cairn/consensus", "cairn/consensus/sorted", "cairn/consensus/record", "cairn/consensus/fingerprint", "cairn/mailstore/message", "cairn/mailstore/message/grammar", "cairn/mailstore/message/maildomain",
		"cairn/mailstore/message/derive", "cairn/mailstore/message/htmltext",
		"cairn/index/query", "cairn/index/query/nearest", "cairn/index/analysis", "cairn/index/postings",
		"cairn/smtpgw/screen", "cairn/smtpgw/refuse", "cairn/smtpgw/reply", "cairn/smtpgw/address", "cairn/smtpgw/rawheader", "cairn/mailstore/passwords/scram",
		"cairn/smtpgw/limits", "cairn/smtpgw/proxyproto", "cairn/smtpgw/dsn", "cairn/smtpgw/pace", "cairn/smtpgw/milter/wire", "cairn/smtpgw/dane", "cairn/smtpgw/smarthost", "cairn/smtpgw/srs", "cairn/smtpgw/reports", "cairn/smtpgw/reports/tally", "cairn/node/doctor",
	}
	pureModules = []string{
		"github.com/oasisprotocol/curve25519-voi", "github.com/emersion/go-message", "github.com/clipperhouse/uax29/v2",
		"golang.org/x/text", "golang.org/x/net/idna", "golang.org/x/net/html", "github.com/abadojack/whatlanggo",
	}
	// impure are parts of the standard library that reach outside of the
	// program, or make the outcome depend on chance or schedule.
	impure = []string{
		"net", "net/http", "os", "os/exec", "io/fs", "io/ioutil", "path/filepath", "syscall", "log", "log/slog", "database/sql",
		"crypto/rand", "math/rand", "math/rand/v2", "context", "plugin", "embed",
	}
)

// standardAlone import the standard library alone: parts of several kinds use them.
var standardAlone = []string{
	"cairn/mailstore/intact", "cairn/mailstore/badgerlog", "cairn/mailstore/logration", "cairn/mailstore/wake", "cairn/mailstore/closing", "cairn/smtpgw/readahead",
}

// clientOfStore is what the SMTP client may import of mailstore.
var clientOfStore = []string{"cairn/mailstore/message/maildomain", "cairn/mailstore/outbox", "cairn/mailstore/passwords/scram"}

const (
	libp2pPath = "github.com/libp2p/"
	badger     = "github.com/dgraph-io/badger/"
)

// TestImports holds the layout: who may import whom.
func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		name := p.ImportPath
		imports := func(what string) bool {
			return slices.ContainsFunc(p.Imports, func(i string) bool {
				return i == what || strings.HasPrefix(i, what+"/") || strings.HasPrefix(i, what) && strings.HasSuffix(what, "/")
			})
		}
		forbid := func(what, why string) {
			if imports(what) {
				t.Errorf("%s imports %s: %s", name, what, why)
			}
		}
		if slices.Contains(purePackages, name) {
			for _, i := range p.Imports {
				if !pureImport(i) {
					t.Errorf("%s is pure but imports %s", name, i)
				}
			}
		}
		if strings.HasPrefix(name, "cairn/consensus") && !strings.HasPrefix(name, "cairn/consensus/chain") {
			forbid(badger, "of the consensus packages only chain stores on Badger")
		}
		if strings.HasPrefix(name, "cairn/mailstore") {
			forbid("cairn/index", "the index follows the mail store, never the other way round")
		}
		if name == "cairn/mailstore/outbox" {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, "cairn/") && !strings.HasPrefix(i, "cairn/mailstore") && i != "cairn/consensus/record" {
					t.Errorf("%s imports %s: the queue knows the store, and of a record the wish", name, i)
				}
			}
		}
		if slices.Contains(standardAlone, name) {
			for _, i := range p.Imports {
				if first, _, _ := strings.Cut(i, "/"); strings.Contains(first, ".") || first == "cairn" {
					t.Errorf("%s imports %s: parts of all kinds use it, and it needs the standard library alone", name, i)
				}
			}
		}
		if !strings.HasPrefix(name, "cairn/node/p2p") && !strings.HasPrefix(name, "cairn/testnet") {
			forbid(libp2pPath, "only node/p2p and testnet speak libp2p")
		}
		if strings.HasPrefix(name, "cairn/smtpgw") {
			forbid("cairn/node", "the gateway is given a listener and a dial function")
		}
		if name == "cairn/smtpgw" && slices.Contains(p.Imports, "cairn/smtpgw/courier") || name == "cairn/smtpgw/courier" && slices.Contains(p.Imports, "cairn/smtpgw") {
			t.Errorf("%s: who serves and who carries do not know each other", name)
		}
		if name == "cairn/smtpgw/client" {
			for _, i := range p.Imports {
				if i == "cairn/smtpgw" || i == "cairn/smtpgw/courier" || i == "cairn/mailstore" || strings.HasPrefix(i, "cairn/mailstore/") && !slices.Contains(clientOfStore, i) {
					t.Errorf("%s imports %s: it brings what it is given to where it is told", name, i)
				}
			}
		}
		if name == "cairn/node/api" {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, "cairn/") && i != "cairn/mailstore" && i != "cairn/index" {
					t.Errorf("%s imports %s: it declares the interfaces it needs itself", name, i)
				}
			}
		}
		if name == "cairn/node/home" {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, "cairn/") && i != "cairn/mailstore" && i != "cairn/node/api" {
					t.Errorf("%s imports %s: it saves a directory without knowing how the parts work", name, i)
				}
			}
		} else {
			forbid("filippo.io/age", "only node/home encrypts")
		}
		if name == "cairn/node/acme" {
			forbid("cairn", "it certifies names without knowing whose")
		} else {
			forbid("golang.org/x/crypto/acme", "only node/acme speaks to certificate authorities")
		}
		if name == "cairn/node/keyroll" {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, "cairn/") && i != "cairn/smtpgw/dane" {
					t.Errorf("%s imports %s: it decides by what it is told", name, i)
				}
			}
		}
		if name == "cairn/node/ldapauth" {
			forbid("cairn", "it asks a directory without knowing for whom")
		} else {
			forbid("github.com/go-ldap/", "only node/ldapauth asks directories")
			forbid("github.com/go-asn1-ber/", "only node/ldapauth asks directories")
		}
		if name == "cairn/node/logs" {
			for _, i := range p.Imports {
				if strings.HasPrefix(i, "cairn/") && i != "cairn/mailstore/badgerlog" {
					t.Errorf("%s imports %s: a log knows nothing of what is logged", name, i)
				}
			}
		}
		if name == "cairn/node/membership" {
			for _, i := range p.Imports {
				if (i == "cairn/node" || strings.HasPrefix(i, "cairn/node/")) && i != "cairn/node/api" && i != "cairn/node/home" {
					t.Errorf("%s imports %s: node/membership imports nothing of node but api and home", name, i)
				}
			}
		}
		if !strings.HasPrefix(name, "cairn/node") && !strings.HasPrefix(name, "cairn/testnet") && name != "cairn" {
			forbid("cairn/node", "only the node, its command line and the testnet know the whole")
		}
		if !strings.HasPrefix(name, "cairn/testnet") && name != "cairn/node/cli" {
			forbid("cairn/testnet", "only the command line runs the testnet")
		}
	}
}

func pureImport(path string) bool {
	if slices.Contains(purePackages, path) {
		return true
	}
	if strings.HasPrefix(path, "cairn/") {
		return false
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return !slices.Contains(impure, path)
	}
	return slices.ContainsFunc(pureModules, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

// TestTopFolders holds that there is no other top-level folder.
func TestTopFolders(t *testing.T) {
	allowed := []string{".ci", ".git", "consensus", "doc", "index", "mailstore", "node", "smtpgw", "testnet"}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(allowed, e.Name()) {
			t.Errorf("top-level folder %s", e.Name())
		}
	}
}

// TestPackageComments holds that each package begins with what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range listPackages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		ok := slices.ContainsFunc(files, func(f string) bool {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s := "\n" + string(text)
			return strings.Contains(s, "\n// Package ") || strings.Contains(s, "\n// Command ")
		})
		if !ok {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("go list knows only %d packages", len(list))
	}
	return list
}

// root is the module's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPureSources holds that pure packages start no goroutine and ask no clock.
func TestPureSources(t *testing.T) {
	for _, p := range listPackages(t) {
		if !slices.Contains(purePackages, p.ImportPath) {
			continue
		}
		for _, name := range p.GoFiles {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: a goroutine", set.Position(n.Pos()))
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker"}, n.Sel.Name) {
						t.Errorf("%s: time.%s", set.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}
