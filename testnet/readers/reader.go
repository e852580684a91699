package readers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Reader asks one program.
type Reader interface {
	// Read gives what the program shows of each mail, in their order. An error means that the
	// program cannot be asked, never that it does not understand a mail: that is Broken.
	// One call at a time.
	Read(ctx context.Context, mails [][]byte) ([]Shown, error)

	// Close ends the program.
	Close() error
}

// Kind is a program that can be asked.
type Kind struct {
	Name     string
	Programs []string // that have to be there
	Install  string   // what installs them
	Cannot   string   // what it is not asked for, and why
	open     func(dir string) (Reader, error)
}

// Kinds are all programs that can be asked, in the order in which they are told.
func Kinds() []Kind {
	python := func(policy string) func(string) (Reader, error) {
		return func(string) (Reader, error) { return openScript("python.py", "python3", policy) }
	}
	node := func(name string) func(string) (Reader, error) {
		return func(string) (Reader, error) {
			folder, err := nodeModules(name)
			if err != nil {
				return nil, err
			}
			return openScript("node.mjs", "node", name, folder)
		}
	}
	return []Kind{
		{Name: "python-compat32", Programs: []string{"python3"}, Install: "python3",
			open: python("compat32")},
		{Name: "python-default", Programs: []string{"python3"}, Install: "python3",
			open: python("default")},
		{Name: "gmime", Programs: []string{"mu"}, Install: "maildir-utils", open: openMu,
			Cannot: "mu shows no HTML source, nor Sender and Reply-To"},
		{Name: "munpack", Programs: []string{"munpack"}, Install: "mpack", open: openMunpack,
			Cannot: "munpack shows no fields, converts no charsets, and knows neither encoded words nor RFC 2231 in names"},
		{Name: "s-nail", Programs: []string{"s-nail"}, Install: "s-nail", open: openSnail,
			Cannot: "s-nail shows no HTML and opens no attachments; its date is a day"},
		{Name: "mutt", Programs: []string{"mutt", "script"}, Install: "mutt bsdutils",
			open:   openMutt,
			Cannot: "mutt shows no HTML without mailcap and opens no attachments"},
		{Name: "mblaze", Programs: []string{"mshow", "mhdr"}, Install: "mblaze", open: openMblaze,
			Cannot: "mblaze shows HTML as its source; of each field the first"},
		{Name: "dovecot", Programs: []string{dovecotIMAP}, Install: "dovecot-imapd",
			open:   openDovecot,
			Cannot: "Dovecot gives dates as written: they are not compared"},
		{Name: "perl", Programs: []string{"perl"}, Install: "libmime-tools-perl",
			open: func(string) (Reader, error) {
				return openScript("perl.pl", "perl")
			},
			Cannot: "MIME::Parser reads no dates"},
		{Name: "mailparser", Programs: []string{"node"}, Install: "nodejs, and " + nodeInstall,
			open: node("mailparser")},
		{Name: "postal-mime", Programs: []string{"node"}, Install: "nodejs, and " + nodeInstall,
			open: node("postal-mime")},
	}
}

// Find gives the kinds with those names; python stands for both of its policies. Without names:
// all.
func Find(names []string) ([]Kind, error) {
	all := Kinds()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []Kind
	for _, name := range names {
		n := len(chosen)
		for _, k := range all {
			if k.Name == name || name == "python" && strings.HasPrefix(k.Name, "python-") {
				chosen = append(chosen, k)
			}
		}
		if len(chosen) == n {
			var known []string
			for _, k := range all {
				known = append(known, k.Name)
			}
			return nil, fmt.Errorf("there is no reader %q, it is one of: %s", name,
				strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// ErrNotInstalled is the reason why a reader cannot be asked.
var ErrNotInstalled = errors.New("not installed")

// Open starts the program. dir is a folder of its own.
func (k Kind) Open(dir string) (Reader, error) {
	for _, p := range k.Programs {
		if _, err := exec.LookPath(p); err != nil {
			return nil, fmt.Errorf("starting %s: %s is %w; install the package %s", k.Name, p,
				ErrNotInstalled, k.Install)
		}
	}
	r, err := k.open(dir)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", k.Name, err)
	}
	return r, nil
}

// nodeInstall makes a folder with the readers of npm.
const nodeInstall = "npm install --prefix DIR mailparser@3.14.2 postal-mime@4.0.0 with CAIRN_NODE_MODULES=DIR/node_modules"

// nodeModules is the folder that holds node_modules with that package: as the environment says it,
// or the working directory's or one above.
func nodeModules(name string) (string, error) {
	var places []string
	if modules := os.Getenv("CAIRN_NODE_MODULES"); modules != "" {
		places = append(places, filepath.Dir(filepath.Clean(modules)))
	}
	if dir, err := os.Getwd(); err == nil {
		for ; !slices.Contains(places, dir); dir = filepath.Dir(dir) {
			places = append(places, dir)
		}
	}
	for _, p := range places {
		if _, err := os.Stat(filepath.Join(p, "node_modules", name)); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("the npm package %s is %w; run %s", name, ErrNotInstalled, nodeInstall)
}

// Installed names the readers whose programs are there, with commas between.
func Installed() string {
	var names []string
	for _, k := range Kinds() {
		missing := slices.ContainsFunc(k.Programs, func(p string) bool {
			_, err := exec.LookPath(p)
			return err != nil
		})
		if _, err := nodeModules(k.Name); !missing && (k.Programs[0] != "node" || err == nil) {
			names = append(names, k.Name)
		}
	}
	return strings.Join(names, ",")
}
