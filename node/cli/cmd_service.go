package cli

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"

	"github.com/spf13/cobra"

	"cairn/node"
	"cairn/node/api"
)

//go:embed cairn.service.tmpl
var serviceText string

var serviceTemplate = template.Must(template.New("cairn.service").Parse(serviceText))

// service is what a unit of systemd is written with.
type service struct {
	Program, Dir, User string

	AtHome bool // the directory is below one that ProtectHome hides
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
its directory, may write there and nowhere else, and is started anew when it does not answer for two minutes.`,
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
	if _, err := node.LoadConfig(a.dir); err != nil {
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
	s := service{Program: program, Dir: dir, User: of}
	for _, home := range []string{"/home/", "/root/", "/run/user/"} {
		s.AtHome = s.AtHome || strings.HasPrefix(dir, home)
	}
	for _, path := range []string{s.Program, s.Dir} {
		if strings.ContainsAny(path, " \t\n\"'\\%$") {
			return "", api.Errorf(api.CodeInvalid, "move it to a path of letters, digits and / . _ -", "writing the unit: %q has characters that mean something in units", path)
		}
	}
	var b bytes.Buffer
	err = serviceTemplate.Execute(&b, s)
	return b.String(), err
}

// ownerOf is the name of the user who has a directory; its number if it has no name.
func ownerOf(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("writing the unit: whose the directory is cannot be told on this system; name the user with --user")
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username, nil
	}
	return id, nil
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
