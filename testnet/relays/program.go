package relays

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience bounds each wait for a program.
const patience = 30 * time.Second

// program finds an installed program; Debian's package of it has the given
// name.
func program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		unavailable(t, name+" is not installed (Debian: "+debian+")")
	}
	return path
}

// unavailable ends a test that cannot run here.
func unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// crlf and lf turn line ends into those of SMTP and those of local programs.
func crlf(b []byte) []byte { return bytes.ReplaceAll(lf(b), []byte("\n"), []byte("\r\n")) }
func lf(b []byte) []byte   { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// lines is the text of a file that has a line for each of s.
func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }
