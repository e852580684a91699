package verdicts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Table is the name of the file that says which pairs there are.
const Table = "PAIRS.tsv"

const maxFile = 64 << 20 // octets of a message, and of a table

// Errors of a folder or table that cannot be used.
var (
	ErrNoPairs = errors.New("no pairs of messages")
	ErrTable   = errors.New("the table of pairs cannot be used")
)

// Entry is a pair whose messages are not read yet.
type Entry struct {
	Name  string
	Class Class
	Said  string // the word for the class in a table, where that says none of ours
	How   string

	Original, Received string // paths of the files
}

// Read reads the messages of a pair.
func (e *Entry) Read() (*Pair, error) {
	original, err := readFile(e.Original)
	if err != nil {
		return nil, fmt.Errorf("read what was sent of pair %s: %w", e.Name, err)
	}
	received, err := readFile(e.Received)
	if err != nil {
		return nil, fmt.Errorf("read what was received of pair %s: %w", e.Name, err)
	}
	return &Pair{Name: e.Name, Class: e.Class, How: e.How, Original: original, Received: received}, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d octets; at most %d are read", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}

// Find tells the pairs of a folder, in the order of its table. It looks for transit/PAIRS.tsv and
// PAIRS.tsv in it; without a table, files NAME.a.eml and NAME.b.eml are a pair each, of which
// nobody says what happened on the way. An error wraps ErrNoPairs, ErrTable or one of the file
// system.
func Find(dir string) ([]Entry, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readTable(dir, filepath.Dir(dir))
	}
	for _, folder := range []string{filepath.Join(dir, "transit"), dir} {
		entries, err := readTable(filepath.Join(folder, Table), folder, dir)
		if !errors.Is(err, fs.ErrNotExist) {
			return entries, err
		}
	}
	return findFiles(dir)
}

// readTable reads a table; its paths are relative to one of roots or the folder above the first.
func readTable(path string, roots ...string) ([]Entry, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := parseTable(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	roots = slices.Compact(append(roots, filepath.Join(roots[0], "..")))
	entries := make([]Entry, 0, len(rows))
	for i, row := range rows {
		e := Entry{Name: row["pair"], Class: classOf(row["class"]), How: row["how"]}
		if e.Original, err = locate(roots, row["original"]); err == nil {
			e.Received, err = locate(roots, row["received"])
		}
		if err != nil {
			return nil, fmt.Errorf("%s, row %d: %w", path, i+1, err)
		}
		if e.Class == Unknown {
			e.Said = strings.TrimSpace(row["class"])
		}
		if e.Name == "" {
			e.Name = strings.TrimSuffix(filepath.Base(e.Received), ".eml")
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNoPairs, path)
	}
	return entries, nil
}

// parseTable reads rows of tab-separated fields under a header that names them, in whatever order.
func parseTable(text []byte) (rows []map[string]string, err error) {
	var header []string
	for line := range strings.SplitSeq(string(bytes.TrimPrefix(text, []byte("\ufeff"))), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		fields := strings.Split(line, "\t")
		if header == nil {
			for _, name := range fields {
				header = append(header, strings.ToLower(strings.TrimSpace(unquote(name))))
			}
			for _, name := range []string{"original", "received"} {
				if !slices.Contains(header, name) {
					return nil, fmt.Errorf("%w: its header has no column %s; it has %s", ErrTable, name, strings.Join(header, ", "))
				}
			}
			continue
		}
		row := make(map[string]string, len(header))
		for i, name := range header[:min(len(header), len(fields))] {
			row[name] = unquote(fields[i])
		}
		if row["original"] == "" || row["received"] == "" {
			return nil, fmt.Errorf("%w: row %d has no file under original or received",
				ErrTable, len(rows)+1)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// unquote takes off the quotes that some programs put around fields with quotes in them.
func unquote(field string) string {
	if len(field) >= 2 && field[0] == '"' && field[len(field)-1] == '"' {
		return strings.ReplaceAll(field[1:len(field)-1], `""`, `"`)
	}
	return field
}

// locate finds the file of a table that a relative path names.
func locate(roots []string, name string) (string, error) {
	local := filepath.FromSlash(strings.TrimSpace(name))
	if !filepath.IsLocal(local) {
		return "", fmt.Errorf("%w: %q leads out of its folder", ErrTable, name)
	}
	for _, root := range roots {
		path := filepath.Join(root, local)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s is in none of %s", ErrTable, name, strings.Join(roots, ", "))
}

// findFiles pairs the files of a folder and those below it by their names.
func findFiles(dir string) (entries []Entry, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		base, sent := strings.CutSuffix(path, ".a.eml")
		if err != nil || !sent || d.IsDir() {
			return err
		}
		if _, err := os.Stat(base + ".b.eml"); err != nil {
			return nil // a message of which nobody kept what arrived
		}
		name, err := filepath.Rel(dir, base)
		if err != nil {
			return err
		}
		entries = append(entries, Entry{
			Name: filepath.ToSlash(name), Class: Unknown, Original: path, Received: base + ".b.eml",
		})
		return nil
	})
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("%w in %s: neither a table %s or transit/%[3]s nor "+
			"files NAME.a.eml and NAME.b.eml", ErrNoPairs, dir, Table)
	}
	return entries, err
}
