// Package mailtest finds the collections of mail that tests read and that are not part of the
// source.
package mailtest

import (
	"os"
	"testing"
)

// Folder returns the folder that an environment variable names. Where it is not set, the test is
// left out, but in CI.
func Folder(t testing.TB, variable string) string {
	t.Helper()
	dir := os.Getenv(variable)
	switch {
	case dir == "" && os.Getenv("CI") == "true":
		t.Fatal(variable + " is not set")
	case dir == "":
		t.Skip(variable + " is not set")
	}
	return dir
}
