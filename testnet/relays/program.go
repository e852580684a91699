package relays

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"cairn/mailstore/testenv"
)

// patience bounds each wait for a program.
const patience = 30 * time.Second

// Need ends a test at once that cannot run here, for want of a program or of
// rights.
func Need(t testing.TB) {
	t.Helper()
	for name := range packages {
		program(t, name)
	}
	if os.Getuid() != 0 {
		testenv.Lacking(t, "Postfix starts only for root")
	}
}

// packages are those of Debian that have the programs.
var packages = map[string]string{"postfix": "postfix", "mlmmj-receive": "mlmmj", "altermime": "altermime"}

// program finds an installed program by an absolute path, without which mlmmj
// does not run.
func program(t testing.TB, name string) string {
	t.Helper()
	return testenv.Program(t, name, packages[name])
}

// crlf and lf turn line ends into those of SMTP and those of local programs.
func crlf(b []byte) []byte { return bytes.ReplaceAll(lf(b), []byte("\n"), []byte("\r\n")) }
func lf(b []byte) []byte   { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// lines is the text of a file that has a line for each of s.
func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }
