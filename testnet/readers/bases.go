package readers

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

//go:embed bases
var baseFiles embed.FS

// Base is a mail as recorded, from which mutants are made.
type Base struct {
	Name string
	Raw  []byte
}

// Bases are our own mails: one for each way in which mail programs write. They lie as UTF-8 with
// LF; a first line "%charset NAME" tells in which charset their 8-bit text is sent.
func Bases() ([]Base, error) {
	var all []Base
	err := fs.WalkDir(baseFiles, "bases", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := baseFiles.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(file)
		if rest, ok := strings.CutPrefix(text, "%charset "); ok {
			label, body, _ := strings.Cut(rest, "\n")
			e, err := htmlindex.Get(label)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if text, err = e.NewEncoder().String(body); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		raw := []byte(strings.ReplaceAll(text, "\n", crlf))
		if _, err := parseMail(raw); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, Base{strings.TrimSuffix(d.Name(), ".eml"), raw})
		return nil
	})
	return all, err
}

// maxBase bounds a mail of a folder, in octets: each is read hundreds of times.
const maxBase = 256 << 10

// FolderBases are the mails of a folder and those below it (*.eml) that the generator can take
// apart, with CRLF. skipped counts the others.
func FolderBases(dir string) (bases []Base, skipped int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".eml") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(strings.ReplaceAll(string(raw), crlf, "\n"), "\n", crlf)
		if root, err := parseMail([]byte(text)); err != nil || len(root.fields) == 0 ||
			len(text) > maxBase {
			skipped++
			return nil
		}
		name, err := filepath.Rel(dir, path)
		bases = append(bases, Base{name, []byte(text)})
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading mails to make mutants of: %w", err)
	}
	return bases, skipped, nil
}
