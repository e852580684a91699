package home

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/mailstore"
	"cairn/node/api"
)

// Create writes a backup of the node in dir to w, whose mail store r reads. The caller says in m
// whose node it is and when this is; Journal and Parts are filled in. With orgKey the
// organisation's key is part of it, and its recovery key if that is there.
func Create(w io.Writer, dir string, r *mailstore.Reader, m Manifest, orgKey bool) error {
	last, err := r.ModSeq()
	if err != nil {
		return err
	}
	m.Journal = uint64(last)
	parts, err := partsOf(dir)
	if err != nil {
		return fmt.Errorf("making the backup: %w", err)
	}
	files, err := readFiles(dir, parts, orgKey)
	if err != nil {
		return err
	}
	m.Parts = nil
	for _, p := range parts {
		if _, found := files[p.name]; found || p.name == MailDir {
			m.Parts = append(m.Parts, p.name)
		}
	}
	c, err := newWriter(w, &m)
	if err != nil {
		return err
	}
	for _, name := range m.Parts {
		err := c.part(name, func(w io.Writer) error {
			if name == MailDir {
				return r.Dump(w)
			}
			_, err := w.Write(files[name])
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.close()
}

// readFiles reads the files of a node's directory that become parts, by name.
func readFiles(dir string, parts []part, orgKey bool) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, p := range parts {
		if p.name == MailDir || !orgKey && (p.name == OrgKey || p.name == RecoveryKey) {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(p.name))
		b, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && p.name == OrgKey:
			return nil, api.Errorf(api.CodeNotFound, "leave out --with-org-key", "making the backup: the organisation's key is not kept in %s", path)
		case errors.Is(err, fs.ErrNotExist) && !p.must:
			continue
		case err != nil:
			return nil, fmt.Errorf("making the backup: %w", err)
		case len(b) > maxFile:
			return nil, api.Errorf(api.CodeTooLarge, "move what does not belong there", "making the backup: %s has more than %d bytes", path, maxFile)
		}
		files[p.name] = b
	}
	return files, nil
}
