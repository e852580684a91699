package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
	"cairn/node"
)

// TestServicePaths: the unit lets the node do what its configuration says, and hides nothing of it.
func TestServicePaths(t *testing.T) {
	const program, dir = "/usr/bin/cairn", "/var/lib/cairn"
	for name, tt := range map[string]struct {
		program, dir string
		change       func(*node.Config)
		want         string // what is else than in the unit of a node that has all in its directory
	}{
		"as it is at first":     {program, dir, func(*node.Config) {}, ""},
		"a log file":            {program, dir, func(c *node.Config) { c.Log.File = "/var/log/cairn.log" }, "ReadWritePaths=/var/lib/cairn -/var/log"},
		"a log file here":       {program, dir, func(c *node.Config) { c.Log.File = "/var/lib/cairn/cairn.log" }, ""},
		"a web server's folder": {program, dir, func(c *node.Config) { c.TLS.Webroot = "/var/www/html/" }, "ReadWritePaths=/var/lib/cairn -/var/www/html"},
		"both": {program, dir, func(c *node.Config) { c.TLS.Webroot, c.Log.File = "/srv/web", "/var/log/cairn/log" },
			"ReadWritePaths=/var/lib/cairn -/var/log/cairn -/srv/web"},
		"a milter's socket":     {program, dir, func(c *node.Config) { c.Milter.Listen = "unix:/var/spool/postfix/cairn/milter" }, "ReadWritePaths=/var/lib/cairn -/var/spool/postfix/cairn"},
		"a directory at home":   {program, "/home/mail/alpha", func(*node.Config) {}, "ProtectHome=read-only"},
		"a program at home":     {"/root/bin/cairn", dir, func(*node.Config) {}, "ProtectHome=read-only"},
		"a log file at home":    {program, dir, func(c *node.Config) { c.Log.File = "/home/mail/log" }, "ProtectHome=read-only, ReadWritePaths=/var/lib/cairn -/home/mail"},
		"a key at home":         {program, dir, func(c *node.Config) { c.TLS.CertificateFile, c.TLS.KeyFile = "/etc/c.pem", "/home/mail/k.pem" }, "ProtectHome=read-only"},
		"a filter at home":      {program, dir, func(c *node.Config) { c.Inbound.Filter = []string{"/usr/bin/perl", "/root/filter.pl"} }, "ProtectHome=read-only"},
		"a folder of that name": {program, "/homes/alpha", func(*node.Config) {}, ""},
		"a directory in /tmp":   {program, "/tmp/alpha", func(*node.Config) {}, "BindPaths=/tmp/alpha"},
		"a password in /tmp":    {program, dir, func(c *node.Config) { c.Outbound.PasswordFile = "/var/tmp/password" }, "BindReadOnlyPaths=/var/tmp/password"},
	} {
		c := node.DefaultConfig("Alpha", []string{"alpha.example"})
		tt.change(c)
		s, err := serviceOf(tt.program, tt.dir, "cairn", c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		lines := func(s *service) (list []string) {
			var text bytes.Buffer
			if err := serviceTemplate.Execute(&text, s); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(text.String()) {
				if key, _, _ := strings.Cut(line, "="); key == "ReadWritePaths" || key == "ProtectHome" || key == "PrivateTmp" || strings.HasPrefix(key, "Bind") {
					list = append(list, strings.TrimSpace(line))
				}
			}
			slices.Sort(list)
			return list
		}
		plain := lines(&service{Dir: tt.dir})
		other := slices.DeleteFunc(lines(s), func(line string) bool { return slices.Contains(plain, line) })
		if len(plain) != 3 || strings.Join(other, ", ") != tt.want {
			t.Errorf("%s: %q", name, other)
		}
	}
	for _, path := range []string{"/log", "/tmp/log", "/var/my logs/log"} {
		c := node.DefaultConfig("Alpha", []string{"alpha.example"})
		c.Log.File = path
		if _, err := serviceOf(program, dir, "cairn", c); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
}

// TestService: systemd reads the unit that is written, and finds it hardened.
func TestService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alpha")
	var said bytes.Buffer
	run := func(want int, args ...string) string {
		t.Helper()
		var answer bytes.Buffer
		said.Reset()
		a := &app{getenv: func(string) string { return "" }, in: strings.NewReader(""), out: &output{Writer: &answer}, err: &said, command: "cairn"}
		if code := a.run(context.Background(), args); code != want {
			t.Fatalf("%q: exit code %d, %s", args, code, &said)
		}
		return answer.String()
	}
	run(0, "init", "--dir", dir, "--domain", "alpha.example", "--name", "Alpha", "--network", "local", "--submission", "127.0.0.1:0", "--inbound", "", "--p2p", "/ip4/127.0.0.1/tcp/0")
	run(1, "service", "show", "--dir", dir+"x")
	units := t.TempDir()
	var written unit
	if err := json.Unmarshal([]byte(run(0, "service", "install", "--dir", dir, "--unit-folder", units, "--json")), &written); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(units, "cairn.service"))
	if err != nil || string(text) != written.Unit || !strings.Contains(written.Unit, " run --dir "+dir+"\n") || run(0, "service", "show", "--dir", dir) != written.Unit {
		t.Errorf("%v: %+v", err, written)
	}
	for _, line := range []string{"Restart=on-failure", "RestartPreventExitStatus=78", "StartLimitIntervalSec=0"} {
		if !strings.Contains(written.Unit, "\n"+line+"\n") {
			t.Errorf("the unit has no %s", line)
		}
	}
	run(1, "service", "install", "--dir", dir, "--unit-folder", filepath.Join(units, "missing"))
	if run(1, "service", "install", "--dir", dir, "--unit-folder", units, "--user", "nobody-else"); !strings.Contains(said.String(), "  try: chown -R nobody-else ") {
		t.Errorf("a user who may not write: %s", &said)
	}

	analyze := testenv.Program(t, "systemd-analyze", "systemd")
	file := filepath.Join(units, "cairn.service")
	if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || strings.Contains(string(out), file) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=25", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
