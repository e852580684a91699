// Package mailtest finds the collections of mail that tests read and that are not part of the
// source.
package mailtest

import (
	"os"
	"testing"

	"cairn/mailstore/testenv"
)

// Folder returns the folder that an environment variable names. Where it is not set, the test is
// left out, but in CI.
func Folder(t testing.TB, variable string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		testenv.Lacking(t, "%s is not set", variable)
	}
	return dir
}
