package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

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
	run(1, "service", "install", "--dir", dir, "--unit-folder", filepath.Join(units, "missing"))
	if run(1, "service", "install", "--dir", dir, "--unit-folder", units, "--user", "nobody-else"); !strings.Contains(said.String(), "  try: chown -R nobody-else ") {
		t.Errorf("a user who may not write: %s", &said)
	}

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	file := filepath.Join(units, "cairn.service")
	if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || strings.Contains(string(out), file) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=25", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
