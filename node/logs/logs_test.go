package logs

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/mailstore/badgerlog"
)

// TestLevels: which lines are told is a matter of the level, and of the parts that are to say more.
func TestLevels(t *testing.T) {
	tests := []struct {
		name  string
		level slog.Level
		debug []string
		want  string // the messages, in the order in which they are written below
	}{
		{"usual", slog.LevelInfo, nil, "node smtp! badger!"},
		{"all but Badger's daily work", slog.LevelDebug, nil, "node. node smtp. smtp! badger!"},
		{"one part", slog.LevelInfo, []string{"smtp"}, "node smtp. smtp! badger!"},
		{"Badger", slog.LevelInfo, []string{"badger"}, "node smtp! badger. badger!"},
		{"little, and one part", slog.LevelError, []string{"smtp"}, "smtp. smtp!"},
		{"another part", slog.LevelWarn, []string{"p2p"}, "smtp! badger!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			l, err := Open(&out, false, Settings{Level: tt.level, Debug: tt.debug})
			if err != nil {
				t.Fatal(err)
			}
			log := l.Logger()
			log.Debug("node.")
			log.Info("node")
			smtp := log.With("part", "smtp", "peer", "a")
			smtp.Debug("smtp.")
			smtp.Warn("smtp!")
			b := badgerlog.New(log.With("part", "store"), "mail")
			b.Infof("badger.")
			b.Warningf("badger!")
			var got []string
			for line := range strings.Lines(out.String()) {
				_, msg, _ := strings.Cut(line, " msg=")
				msg, rest, _ := strings.Cut(strings.ReplaceAll(msg, `"`, ""), " ")
				if msg == "database:" {
					msg, rest, _ = strings.Cut(rest, " ")
					if strings.Count(rest, "part=") != 1 || !strings.HasSuffix(rest, " part=badger\n") {
						t.Errorf("of which part is %q", line)
					}
				}
				got = append(got, strings.TrimSpace(msg))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("told %q", got)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	l, err := Open(&out, true, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger().With("part", "queue").Info("said", "mail", "7")
	if !strings.Contains(out.String(), `"msg":"said","mail":"7","part":"queue"}`) {
		t.Errorf("got %s", &out)
	}
}

// TestFile: a file that was moved away is made anew; a setting that cannot be had changes nothing.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	var out bytes.Buffer
	l, err := Open(&out, false, Settings{File: path})
	if err != nil {
		t.Fatal(err)
	}
	log := l.Logger()
	log.Info("one")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Info("two")
	if err := l.Set(Settings{File: path, Level: slog.LevelWarn}); err != nil {
		t.Fatal(err)
	}
	log.Info("not told")
	log.Warn("three")
	if err := l.Set(Settings{File: filepath.Join(dir, "none", "log")}); err == nil {
		t.Error("a file in no folder was opened")
	}
	if err := l.Set(Settings{File: dir}); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder: %v", err)
	}
	log.Info("not told")
	log.Warn("four")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log.Warn("five")
	for name, want := range map[string]string{"log.1": "one two", "log": "three four"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := messages(string(text)); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if got := messages(out.String()); got != "five" {
		t.Errorf("the writer got %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func messages(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		_, msg, _ := strings.Cut(line, " msg=")
		all = append(all, strings.Trim(strings.TrimSpace(msg), `"`))
	}
	return strings.Join(all, " ")
}

func TestNames(t *testing.T) {
	if l, err := ParseLevel("warn"); l != slog.LevelWarn || err != nil {
		t.Errorf("warn is %v, %v", l, err)
	}
	for _, bad := range []string{"", "loud", "INFO", "info+1"} {
		if _, err := ParseLevel(bad); err == nil {
			t.Errorf("%q is a level", bad)
		}
	}
	if err := CheckParts(Parts); err != nil {
		t.Error(err)
	}
	if err := CheckParts([]string{"smtp", "imap"}); err == nil || !strings.Contains(err.Error(), `"imap"`) {
		t.Errorf("a part that is none: %v", err)
	}
}
