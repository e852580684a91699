package home

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"cairn/node/api"
)

// laidOut is a directory with a node's files, of a few octets each.
func laidOut(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{ConfigFile, NetworkFile, EnrolFile, PinsFile, KeysDir + "/" + RecorderKeyFile, MailDir + "/000001.sst", ChainDir + "/MANIFEST", IndexDir + "/000001.vlog"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUsable(t *testing.T) {
	replaced := func(name, with string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			err := os.RemoveAll(path)
			switch {
			case err != nil:
			case with == "folder":
				err = os.Mkdir(path, 0o700)
			case with == "file":
				err = os.WriteFile(path, nil, 0o600)
			case with == "link to nothing":
				err = os.Symlink(filepath.Join(dir, "none"), path)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string // in the error; empty: none
	}{
		{"as it is", func(*testing.T, string) {}, ""},
		{"without a database", replaced(ChainDir, ""), ""},
		{"without keys", replaced(KeysDir, ""), ""},
		{"a file moved elsewhere, with a link to it", func(t *testing.T, dir string) {
			path, away := filepath.Join(dir, MailDir, "000001.sst"), filepath.Join(t.TempDir(), "table")
			if err := os.Rename(path, away); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(away, path); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"an enrolment of 3 GB, most of it a hole", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, EnrolFile), 3<<30); err != nil {
				t.Fatal(err)
			}
		}, EnrolFile + " has 3221225472 bytes, and a file of that name has no more than 1048576"},
		{"a head of the mail store of 3 GB", func(t *testing.T, dir string) {
			path := filepath.Join(dir, MailHead)
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 3<<30)); err != nil {
				t.Fatal(err)
			}
		}, MailHead + " has 3221225472 bytes"},
		{"a folder as configuration", replaced(ConfigFile, "folder"), ConfigFile + " is not a file"},
		{"a key that leads nowhere", replaced(KeysDir+"/"+RecorderKeyFile, "link to nothing"), "leads to what is not there"},
		{"a file instead of keys", replaced(KeysDir, "file"), "keys is not a folder"},
		{"a file as mail store", replaced(MailDir, "file"), "mail is not a folder"},
		{"a chain that leads nowhere", replaced(ChainDir, "link to nothing"), "chain leads to what is not there"},
		{"a link to itself", func(t *testing.T, dir string) {
			path := filepath.Join(dir, MailHead)
			if err := errors.Join(os.RemoveAll(path), os.Symlink(MailHead, path)); err != nil {
				t.Fatal(err)
			}
		}, MailHead + " is a link that leads to itself"},
		{"a folder as table", replaced(MailDir+"/000001.sst", "folder"), "000001.sst is not a file"},
		{"a log that leads nowhere", replaced(IndexDir+"/000001.vlog", "link to nothing"), "000001.vlog leads to what is not there"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := laidOut(t)
			c.change(t, dir)
			holds(t, Usable(dir), c.want)
		})
	}
}

// What helps is told by what a backup has: of the mail store no single file, and of the
// organisation's keys none as a rule.
func TestUsableSaysWhatHelps(t *testing.T) {
	for name, want := range map[string]string{
		KeysDir + "/" + RecorderKeyFile: "move it away, and restore it from a backup of this node",
		OrgKey:                          "move it away, and put the organisation's key back from where it is kept",
		RecoveryKey:                     "move it away, and put the recovery key back from where it is kept",
		MailDir + "/MANIFEST":           "put back what was there, or restore a backup of this node into another directory",
		MailDir + "/CAIRN-STATE":        "move it away: the node writes it anew",
		ChainDir + "/CAIRN-STATE":       "move it away: the node writes it anew",
		ChainDir + "/MANIFEST":          "move the folder ",
	} {
		dir := laidOut(t)
		path := filepath.Join(dir, name)
		if err := errors.Join(os.RemoveAll(path), os.MkdirAll(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		if e := api.AsError(Usable(dir)); e == nil || !strings.HasPrefix(e.Hint, want) || !strings.HasSuffix(e.Message, "is not a file") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// No command restores a single file: the one that is named makes a directory to copy it out of, and
// nothing stands behind it.
func TestCureNamesACommand(t *testing.T) {
	const command = ": cairn backup restore FILE --dir OTHER"
	for _, cure := range []string{Cure(NetworkFile), CureDamaged(NetworkFile), CureDamaged(KeysDir + "/" + NodeKeyFile), instead(Cure(PinsFile))} {
		if !strings.HasSuffix(cure, command) || !strings.Contains(cure, "restore it from a backup of this node") {
			t.Errorf("%q", cure)
		}
	}
	for _, cure := range []string{Cure(OrgKey), CureDamaged(OrgKey), CureDamaged(KeysDir + "/org-old-7.pem")} {
		if strings.Contains(cure, command) {
			t.Errorf("%q", cure)
		}
	}
}

func holds(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("%v, want %q", err, want)
	}
}

// Keys are told that others can read: those to which a folder keeps nobody from coming.
func TestExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such rights there")
	}
	dir := t.TempDir()
	keys := filepath.Join(dir, KeysDir)
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"node.pem": 0o600, "org.pem": 0o644, "recorder.pem": 0o640} {
		path := filepath.Join(keys, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		dir, keys os.FileMode
		want      string
	}{{0o755, 0o700, ""}, {0o700, 0o755, ""}, {0o755, 0o755, "org.pem recorder.pem"}, {0o711, 0o711, "org.pem recorder.pem"}} {
		if err := errors.Join(os.Chmod(dir, tt.dir), os.Chmod(keys, tt.keys)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(Exposed(dir), " "); got != tt.want {
			t.Errorf("%o and %o: %q, want %q", tt.dir, tt.keys, got, tt.want)
		}
	}
}
