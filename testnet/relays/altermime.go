package relays

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Banner puts text below a message, plain text and HTML alike, as gateways do
// that run alterMIME.
func Banner(t testing.TB, raw []byte, text string) []byte {
	t.Helper()
	path := program(t, "altermime")
	dir := t.TempDir()
	mail, banner := filepath.Join(dir, "mail"), filepath.Join(dir, "banner")
	for name, content := range map[string][]byte{mail: lf(raw), banner: []byte(text)} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "--input="+mail, "--disclaimer="+banner, "--htmltoo")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("altermime: %v\n%s", err, out)
	}
	changed, err := os.ReadFile(mail)
	if err != nil {
		t.Fatal(err)
	}
	return crlf(changed)
}
