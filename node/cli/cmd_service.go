package cli

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
)

//go:embed cairn.service.tmpl
var serviceText string

var serviceTemplate = template.Must(template.New("cairn.service").Parse(serviceText))

// service is what a unit of systemd is written with.
type service struct {
	Program, Dir, User string

	Writes []string // folders besides Dir where the configuration has the node write
	AtHome bool     // one of the paths is below a folder that ProtectHome hides
	Binds  []string // settings that put those where PrivateTmp hides them
}

// serviceOf is the service of a node whose configuration is c.
func serviceOf(program, dir, owner string, c *node.Config) (*service, error) {
	s := &service{Program: program, Dir: dir, User: owner}
	for _, path := range c.Written() {
		if path == "/" || slices.Contains(temporary, path) {
			return nil, api.Errorf(api.CodeInvalid, "name a folder of the node's own in the configuration", "writing the unit: the node is to write to %s, which is everybody's", path)
		}
		if path != dir && !below(path, dir) {
			s.Writes = append(s.Writes, path)
		}
	}
	writes, reads := append([]string{dir}, s.Writes...), append([]string{program}, c.Read()...)
	s.bind("BindPaths=", writes)
	s.bind("BindReadOnlyPaths=", reads)
	for _, path := range slices.Concat(writes, reads) {
		s.AtHome = s.AtHome || below(path, "/home", "/root", "/run/user")
		if strings.ContainsAny(path, " \t\n\"'\\%$") {
			return nil, api.Errorf(api.CodeInvalid, "move it to a path of letters, digits and / . _ -", "writing the unit: %q has characters that mean something in units", path)
		}
	}
	return s, nil
}

// temporary are the folders that PrivateTmp replaces.
var temporary = []string{"/tmp", "/var/tmp"}

// bind adds a setting for each of these paths that is below one of them.
func (s *service) bind(setting string, paths []string) {
	for _, path := range paths {
		if below(path, temporary...) {
			s.Binds = append(s.Binds, setting+path)
		}
	}
}

// below reports whether a path is one of these folders, or in it.
func below(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// unit is a written unit.
type unit struct {
	api.Document
	File string `json:"file,omitempty"` // where it was written; empty: nowhere
	Unit string `json:"unit"`
}

func (a *app) cmdService() *cobra.Command {
	var of, folder string
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the unit by which systemd runs the node of --dir",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			text, err := a.unitOf(of)
			if err != nil {
				return err
			}
			return a.print(&unit{Unit: text}, func(b *bytes.Buffer) { b.WriteString(text) })
		},
	}
	install := &cobra.Command{
		Use:   "install",
		Short: "Have systemd run the node of --dir, hardened, from now on and after a reboot",
		Long: `Write the unit that "cairn service show" shows to /etc/systemd/system/cairn.service. The node runs as the user who has
its directory, may write there and where the configuration says (log.file, tls.webroot, a socket of milter.listen), and is started anew when it
does not answer for two minutes.`,
		Example: "  cairn service install --dir /var/lib/cairn",
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			text, err := a.unitOf(of)
			if err != nil {
				return err
			}
			file := filepath.Join(folder, "cairn.service")
			if err := writeUnit(file, text); err != nil {
				return err
			}
			return a.print(&unit{File: file, Unit: text}, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s is written; to start the node, now and after each reboot:\n  systemctl daemon-reload && systemctl enable --now cairn\n", file)
			})
		},
	}
	for _, sub := range []*cobra.Command{c, install} {
		sub.Flags().StringVar(&of, "user", "", "run the node as this user (default: who has the directory)")
	}
	install.Flags().StringVar(&folder, "unit-folder", "/etc/systemd/system", "write the unit into this folder")
	return group("service", "Have systemd run the node", c, install)
}

// unitOf writes the unit for the node of --dir.
func (a *app) unitOf(of string) (string, error) {
	config, err := node.LoadConfig(a.dir)
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(a.dir)
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	owner, err := ownerOf(dir)
	if err != nil {
		return "", err
	}
	if of == "" {
		of = owner
	}
	if of != owner {
		return "", api.Errorf(api.CodeInvalid, fmt.Sprintf("chown -R %s %s", of, api.ShellWord(dir)), "writing the unit: the directory is %s's, and %s could not write there", owner, of)
	}
	s, err := serviceOf(program, dir, of, config)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = serviceTemplate.Execute(&b, s)
	return b.String(), err
}

// ownerOf is the name of the user who has a directory; its number if it has no name.
func ownerOf(dir string) (string, error) {
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	uid, _, known := home.Owner(dir)
	if !known {
		return "", errors.New("writing the unit: whose the directory is cannot be told on this system; name the user with --user")
	}
	return home.UserName(uid), nil
}

// writeUnit replaces the file, whole.
func writeUnit(file, text string) error {
	next := file + ".new"
	err := os.WriteFile(next, []byte(text), 0o644)
	if err == nil {
		err = os.Rename(next, file)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.CodeNotAllowed, "run the command as root, or have it written elsewhere with --unit-folder", "writing the unit: %v", err)
	case err != nil:
		return api.Errorf(api.CodeInvalid, "on a machine with systemd that folder is there; without, run the node in another way: cairn run", "writing the unit: %v", err)
	}
	return nil
}
