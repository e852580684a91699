package readers

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// munpack unpacks each mail into files.
type munpack struct{ dir string }

func openMunpack(dir string) (Reader, error) { return &munpack{dir}, nil }

func (m *munpack) Close() error { return nil }

func (m *munpack) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	return readFiles(ctx, m.dir, mails, m.read)
}

func (m *munpack) read(ctx context.Context, mail string) (Shown, error) {
	saved := filepath.Join(m.dir, "saved")
	if err := os.RemoveAll(saved); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(saved, 0o755); err != nil {
		return nil, err
	}
	out, err := run(ctx, saved, nil, "munpack", "-t", "-q", "-C", saved, mail)
	if err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(saved); err != nil || len(entries) == 0 {
		return Shown{}, err // it leaves alone what is not packed
	}
	shown := Shown{Text: {}, HTML: {}, Attachments: {}}
	for line := range strings.Lines(string(out)) { // "name (type)"
		name, kind, ok := strings.Cut(strings.TrimSpace(line), " (")
		if !ok {
			continue
		}
		content, err := os.ReadFile(filepath.Join(saved, filepath.Base(name)))
		if err != nil {
			continue // it says that it wrote something, and did not
		}
		switch kind = strings.TrimSuffix(kind, ")"); kind {
		case "text/plain":
			shown[Text] = append(shown[Text], string(content))
		case "text/html":
			shown[HTML] = append(shown[HTML], string(content))
		default:
			shown[Attachments] = append(shown[Attachments], kind+" "+name+" "+digest(content))
		}
	}
	return shown, nil
}
