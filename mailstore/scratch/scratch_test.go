package scratch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUse(t *testing.T) {
	disk := t.TempDir()
	fits := true
	use := func() func() { return use(disk, func(string) bool { return fits }) }
	t.Setenv("CI", "")
	t.Setenv("TMPDIR", "")
	done := use()
	dir := os.TempDir()
	if !strings.HasPrefix(dir, disk) {
		t.Fatalf("temporary files are in %s", dir)
	}
	if err := os.WriteFile(filepath.Join(dir, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	done()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is still there", dir)
	}

	for _, c := range []struct {
		tmpdir, ci string
		fits       bool
	}{{"/chosen", "", true}, {"", "true", true}, {"", "", false}} {
		t.Setenv("TMPDIR", c.tmpdir)
		t.Setenv("CI", c.ci)
		fits = c.fits
		use()()
		if dir := os.Getenv("TMPDIR"); dir != c.tmpdir {
			t.Errorf("%+v: temporary files are in %s", c, dir)
		}
	}
}
