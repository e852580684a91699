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

// Need ends a test at once that cannot run here, for want of a program or of
// rights.
func Need(t testing.TB) {
	t.Helper()
	for name, debian := range packages {
		if _, err := exec.LookPath(name); err != nil {
			unavailable(t, name+" is not installed (Debian: "+debian+")")
		}
	}
	if os.Getuid() != 0 {
		unavailable(t, "Postfix starts only for root")
	}
}

// packages are those of Debian that have the programs.
var packages = map[string]string{"postfix": "postfix", "mlmmj-receive": "mlmmj", "altermime": "altermime"}

// program finds an installed program by an absolute path, without which mlmmj
// does not run.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
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
