// Package vectortest compares the protocol's test vectors, which stand in the testdata folder of
// the package that makes them, with what the code makes. Another implementation can be built
// against the same files.
package vectortest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the test vectors in testdata anew")

// Check fails unless testdata/name is made as JSON. With the flag -update it
// writes the file first.
func Check(t testing.TB, name string, made any) {
	t.Helper()
	got, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	CheckFile(t, name, append(got, '\n'))
}

// CheckFile is Check for a file that is no JSON.
func CheckFile(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what the code makes. A change of the protocol needs a new version; "+
			"if this is one, run go test -run %s -update in this folder.\nmade:\n%s", path, t.Name(), got)
	}
}
