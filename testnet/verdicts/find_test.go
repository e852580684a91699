package verdicts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name, table string
		where       string // of the table, below the folder
		want        error
		class       Class
	}{
		{"columns in another order", "class\tnew\treceived\toriginal\r\nbenign\tx\tmail/b.eml\tmail/a.eml\r\n", "", nil, Benign},
		{"no class", "original\treceived\nmail/a.eml\tmail/b.eml\n", "", nil, Unknown},
		{"in transit, paths from above", "original\treceived\tclass\nmail/a.eml\tmail/b.eml\ttampered", "transit", nil, Tamper},
		{"in transit, paths from there", "original\treceived\tclass\n../mail/a.eml\tmail/b.eml\ttamper", "transit", ErrTable, ""},
		{"short row", "pair\treceived\toriginal\nx\tmail/b.eml\n", "", ErrTable, ""},
		{"no such column", "sent\tarrived\nmail/a.eml\tmail/b.eml\n", "", ErrTable, ""},
		{"no such file", "original\treceived\nmail/a.eml\tmail/c.eml\n", "", ErrTable, ""},
		{"no file", "original\treceived\nmail/a.eml\tmail\n", "", ErrTable, ""},
		{"absolute", "original\treceived\nmail/a.eml\t/etc/hostname\n", "", ErrTable, ""},
		{"out of the folder", "original\treceived\nmail/a.eml\t../../b.eml\n", "", ErrTable, ""},
		{"no rows", "original\treceived\n", "", ErrNoPairs, ""},
		{"empty", "", "", ErrNoPairs, ""},
	} {
		dir := t.TempDir()
		for _, folder := range []string{"mail", c.where} {
			if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range map[string]string{
			"mail/a.eml": "Subject: a\n\na\n", "mail/b.eml": "Subject: b\n\nb\n", filepath.Join(c.where, Table): c.table,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := Find(dir)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want != nil {
			continue
		}
		if len(entries) != 1 || entries[0].Class != c.class {
			t.Errorf("%s: %+v", c.name, entries)
			continue
		}
		p, err := entries[0].Read()
		if err != nil || string(p.Original) != "Subject: a\n\na\n" || string(p.Received) != "Subject: b\n\nb\n" || p.Name == "" {
			t.Errorf("%s: %+v, %v", c.name, p, err)
		}
		if byName, err := Find(filepath.Join(dir, c.where, Table)); err != nil || len(byName) != 1 {
			t.Errorf("%s: named itself, the table has %d pairs, %v", c.name, len(byName), err)
		}
	}
	if _, err := Find(filepath.Join(t.TempDir(), "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no folder: %v", err)
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("pair\toriginal\treceived\tclass\thow\nx\ta.eml\tb.eml\tbenign\t\"a \"\"b\"\"\"\n"))
	f.Add([]byte("\ufefforiginal\treceived\r\n\ta\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := parseTable(text)
		if err != nil && !errors.Is(err, ErrTable) {
			t.Fatal(err)
		}
		for _, row := range rows {
			if err == nil && (row["original"] == "" || row["received"] == "") {
				t.Fatalf("a row without files: %v", row)
			}
		}
	})
}
