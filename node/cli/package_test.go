package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cairn/mailstore/testenv"
)

// TestDebianPackage: the package has the program, the unit that "cairn service show" prints and the
// user, all of root's. Its installation starts nothing, and an upgrade restarts a node that runs.
func TestDebianPackage(t *testing.T) {
	testenv.Program(t, "dpkg-deb", "dpkg")
	dir := t.TempDir()
	program := filepath.Join(dir, "built")
	const text = "#!/bin/sh\necho in place of the program\n"
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	const script = "../../doc/packaging/deb.sh"
	run(script, program, "0.1.0", "amd64", dir)
	file := filepath.Join(dir, "cairn_0.1.0_amd64.deb")
	if about := run("dpkg-deb", "--field", file, "Package", "Version", "Architecture"); about != "Package: cairn\nVersion: 0.1.0\nArchitecture: amd64\n" {
		t.Errorf("%s", about)
	}
	for line := range strings.Lines(run("dpkg-deb", "--contents", file)) {
		if fields := strings.Fields(line); fields[1] != "root/root" || fields[0][5] == 'w' || fields[0][8] == 'w' {
			t.Errorf("others may change %s", line)
		}
	}
	tree, control := filepath.Join(dir, "tree"), filepath.Join(dir, "control")
	run("dpkg-deb", "--extract", file, tree)
	run("dpkg-deb", "--control", file, control)
	var unit bytes.Buffer
	if err := serviceTemplate.Execute(&unit, service{Program: "/usr/bin/cairn", Dir: "/var/lib/cairn", User: "cairn"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"usr/bin/cairn": text, "usr/lib/systemd/system/cairn.service": unit.String(),
		"usr/lib/sysusers.d/cairn.conf": "u cairn - \"Cairn mail node\" /var/lib/cairn\n",
		"usr/lib/tmpfiles.d/cairn.conf": "d /var/lib/cairn 0700 cairn cairn -\n",
	} {
		if got, err := os.ReadFile(filepath.Join(tree, name)); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	post, err := os.ReadFile(filepath.Join(control, "postinst"))
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{
		"":      "systemd-sysusers cairn.conf\nsystemd-tmpfiles --create cairn.conf\nsystemctl daemon-reload\n",
		"0.0.9": "systemd-sysusers cairn.conf\nsystemd-tmpfiles --create cairn.conf\nsystemctl daemon-reload\ndeb-systemd-invoke try-restart cairn.service\n",
	} {
		if got := afterInstallation(t, string(post), version); got != want {
			t.Errorf("after an installation over %q runs\n%s", version, got)
		}
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		run("sh", "-n", filepath.Join(control, name))
	}
	if out, err := exec.Command(script, program).CombinedOutput(); err == nil || !strings.Contains(string(out), "usage:") {
		t.Errorf("without its arguments: %v, %s", err, out)
	}
}

// afterInstallation is what the script runs after an installation over a version, or "" for none,
// where systemd is at work.
func afterInstallation(t *testing.T, script, version string) string {
	t.Helper()
	dir := t.TempDir()
	done := filepath.Join(dir, "done")
	for _, name := range []string{"systemd-sysusers", "systemd-tmpfiles", "systemctl", "deb-systemd-invoke"} {
		text := "#!/bin/sh\necho " + name + " \"$@\" >>" + done + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(script, "/run/systemd/system", dir), "postinst", "configure", version)
	cmd.Env = []string{"PATH=" + dir}
	if sh, err := exec.LookPath("sh"); err == nil {
		cmd.Path = sh
	}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "not found") {
		t.Fatalf("%v: %s", err, out)
	}
	ran, err := os.ReadFile(done)
	if err != nil {
		t.Fatal(err)
	}
	return string(ran)
}

// TestContainerfile: what the image is said to be stands in the file.
func TestContainerfile(t *testing.T) {
	text, err := os.ReadFile("../../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0", "\nUSER 65532", "\nVOLUME /var/lib/cairn", "\nENV CAIRN_DIR=/var/lib/cairn", `CMD ["/usr/bin/cairn", "status"]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q", want)
		}
	}
}

// TestDocumentsJoin: where an operator is told how to make a node, he is told how it comes to a
// network too; without one it does not start.
func TestDocumentsJoin(t *testing.T) {
	for _, file := range []string{"../../doc/operations.md", "../../Containerfile", "../../README.md", "../../doc/handbook.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n\n") {
			if strings.Contains(part, "cairn init ") && strings.Contains(part, "--domain") && !strings.Contains(part, "--network ") && !strings.Contains(part, "cairn join ") {
				t.Errorf("%s: no network for\n%s", file, part)
			}
		}
	}
}
